Feature: Attacks over HTTP/2

  What clients that speak HTTP/2 and mean no good do to the daemon: each attack ends its own connection, in bounded memory,
  while others are served.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: What no honest client does ends the connection

    @S-12.5
    Scenario Outline: <attack> ends the connection, and others are served meanwhile
      When the proxy is running
      And a client attacks "https://git.example.test" over HTTP/2 with "<attack>"
      And a client requests "https://git.example.test/" over "HTTP/2"
      Then the answer is 200 "app"
      And the attack ends with GOAWAY "<code>"
      And the log has a line "HTTP2_ABUSE" with:
        | level     | WARN      |
        | client_ip | ${client:} |
        | code      | <code>    |
        | error     | <error>   |
      When a client requests "https://git.example.test/" over "HTTP/2"
      Then the answer is 200 "app"
      And the proxy uses at most 500 ms of processor time within 1000 ms
      And the proxy has used at most 256 MiB of memory

      Examples:
        | attack                               | code              | error                               |
        | rapid reset                          | ENHANCE_YOUR_CALM | streams reset in bulk               |
        | rapid reset while the upstream sends | ENHANCE_YOUR_CALM | streams reset in bulk               |
        | CONTINUATION without end             | ENHANCE_YOUR_CALM | endless CONTINUATION                |
        | an HPACK bomb                        | ENHANCE_YOUR_CALM | a header block inflates             |
        | empty DATA                           | ENHANCE_YOUR_CALM | a flood of empty frames             |
        | empty HEADERS                        | ENHANCE_YOUR_CALM | a flood of malformed requests       |
        | PING                                 | ENHANCE_YOUR_CALM | a flood of frames without a request |
        | SETTINGS                             | ENHANCE_YOUR_CALM | a flood of SETTINGS                 |
        | PRIORITY churn                       | ENHANCE_YOUR_CALM | a flood of frames without a request |
        | WINDOW_UPDATE                        | ENHANCE_YOUR_CALM | a flood of frames without a request |

    @S-12.5
    Scenario: A window that overflows ends the connection
      When the proxy is running
      And a client attacks "https://git.example.test" over HTTP/2 with "a window that overflows"
      Then the attack ends with GOAWAY "FLOW_CONTROL_ERROR"
      When a client requests "https://git.example.test/" over "HTTP/2"
      Then the answer is 200 "app"

    @S-12.5
    Scenario Outline: <attack> is ended in bounded memory, and others are served meanwhile
      Given the setting "body_idle_timeout_secs" is 1
      And the setting "connection_idle_timeout_secs" is 1
      When the proxy is running
      And a client attacks "https://git.example.test" over HTTP/2 with "<attack>"
      And a client requests "https://git.example.test/" over "HTTP/2"
      Then the answer is 200 "app"
      And the attacking connection is closed
      And the proxy has used at most 256 MiB of memory

      Examples:
        | attack                   |
        | PING without reading     |
        | requests without reading |

  Rule: A connection is idle without a request in flight, and PINGs are no activity

    @S-12.1
    Scenario Outline: A download over <protocol> is in flight to its last byte, however long it takes
      Given the setting "connection_idle_timeout_secs" is 1
      And an upstream "slow" that sends 10 bytes, one every 300 ms
      And the site "slow.example.test" is served from the upstream "slow"
      When the proxy is running
      And a client requests "https://slow.example.test/" over "<protocol>"
      Then the answer is 200
      And the answer has a body of 10 bytes

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.1
    Scenario: A connection over HTTP/1.1 without a request is closed
      Given the setting "connection_idle_timeout_secs" is 1
      When the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the connection is not closed before 900 ms
      And the connection is closed within 8000 ms

    @S-12.1
    Scenario: A connection without a request is closed although its client sends PINGs
      Given the setting "connection_idle_timeout_secs" is 1
      When the proxy is running
      And a client attacks "https://git.example.test" over HTTP/2 with "a PING every 100 ms"
      Then the attack ends with GOAWAY "NO_ERROR"

  Rule: A stream on which nothing moves ends after body_idle_timeout_secs

    @S-12.5 @S-6.9
    Scenario: A window that is never opened ends the stream, and not the connection
      Given the setting "body_idle_timeout_secs" is 1
      When the proxy is running
      And a client attacks "https://git.example.test" over HTTP/2 with "a window that is never opened"
      Then the attacked stream is reset with "CANCEL"

    @S-12.5 @S-6.9
    Scenario: A body that stands still ends the stream, and not the connection
      Given the setting "body_idle_timeout_secs" is 1
      When the proxy is running
      And a client attacks "https://git.example.test" over HTTP/2 with "a body that stands still"
      Then the attacked stream is reset with "NO_ERROR"

Feature: Connections

  What clients that are slow, and a shortage of descriptors, do to the daemon.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: Errors of accept back off

    @S-12.3 @S-8.6
    Scenario Outline: Without a descriptor left, a connection to <port> waits, costs next to nothing and is served in the end
      When the proxy is running
      And a client requests "https://git.example.test/"
      Then the answer is 200
      When the proxy can open no more files
      And the client "alice" begins to request "<url>"
      Then the log has a line "ACCEPT_ERROR" with:
        | level    | ERROR |
        | listener | *     |
        | error    | ~too many open files |
      And the proxy uses at most 400 ms of processor time within 1500 ms
      And the log has 1 line "ACCEPT_ERROR"
      And the client "alice" has no answer yet
      When the proxy can open files again
      Then the client "alice" is answered <status>

      Examples:
        | port              | url                                | status |
        | the HTTPS port    | https://git.example.test/          | 200    |
        | the redirect port | http://git.example.test/           | 301    |
        | the health port   | http://127.0.0.1:${health}/health  | 200    |

    @S-12.3
    Scenario: A connection that is open is served while no other can be accepted
      When the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      When the proxy can open no more files
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      When the proxy can open files again
      And a client requests "https://git.example.test/"
      Then the answer is 200

  Rule: A request head that does not come to its end is cut

    @S-12.4
    Scenario Outline: Half a request head on <port> is cut after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      When the proxy is running
      And a client opens a connection to "<url>"
      And the client sends "GET / HTTP/1.1\r\nHost: git.exa"
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms
      And the upstream "app" received nothing

      Examples:
        | port              | url                      |
        | the HTTPS port    | https://git.example.test |
        | the redirect port | http://git.example.test  |
        | the health port   | tcp://127.0.0.1:${health} |

    @S-12.4
    Scenario: A whole head in time is not cut
      Given the setting "header_timeout_secs" is 1
      When the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.exa"
      Then the connection stays open
      When the client sends "mple.test\r\n\r\n"
      Then the client receives the answer 200

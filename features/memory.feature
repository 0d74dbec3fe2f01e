@heavy
Feature: Memory

  A request costs memory only while it has an upstream connection, or room among the answers that clients have not read
  yet.

  Background:
    Given an upstream "small" that answers with 1024 bytes
    And the site "small.example.test" is served from the upstream "small"
    And an upstream "stuck" that never answers
    And the site "stuck.example.test" is served from the upstream "stuck"
    And an upstream "large" that answers with 2000000 bytes
    And the site "large.example.test" is served from the upstream "large"
    And an upstream "endless" that switches to "websocket" and sends without end
    And the site "endless.example.test" is served from the upstream "endless"
    And an HTTPS upstream "quiet" that waits
    And the site "quiet.example.test" is served from the upstream "quiet"
    And the setting "listeners[0].sites[4].upstream_scheme" is "https"
    And an upstream "shared" that speaks only HTTP/2
    And the site "shared.example.test" is served from the upstream "shared"
    And the setting "listeners[0].sites[5].upstream_protocol" is "http2"
    And the setting "max_connections" is 256
    And the setting "rate_limit.requests_per_second" is 1000000
    And the setting "rate_limit.burst" is 1000000

  Rule: Answers that their client does not read give way, and others are answered within a second

    @S-12.8
    Scenario: A client that reads no answer to many requests of a few bytes
      Given the proxy is running
      When the client "mallory", which opens no window, makes 30 HTTP/2 connections to "https://small.example.test", with 250 requests each of "a few bytes"
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the log has a line "ANSWER_SHARE" with:
        | level     | WARN              |
        | client_ip | ${client:mallory} |
        | share     | 4194304           |
      And the log has no line "ANSWER_SHARE" with:
        | client_ip | ${client:alice} |
      And the metrics have:
        | reverse_proxy_answers_over_share_total | >0 |

    @S-12.8
    Scenario: A client that reads a few answers late loses none
      Given the proxy is running
      When the client "bob", which opens no window, makes 1 HTTP/2 connections to "https://small.example.test", with 3 requests each of "a few bytes"
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the log has no line "ANSWER_SHARE"
      And the metrics have:
        | reverse_proxy_answers_over_share_total | 0 |

  Rule: 1 MiB from clients costs at most 64 MiB

    # Each row sends about 1 MiB. HPACK makes a field of a byte, so that most are a few hundred bytes in the memory of a proxy
    # that takes them literally. 1024 is the default of max_connections. The last two rows have about as many long answers, or
    # tunnels, as there are connections to upstreams; with 1250 long answers the growth was 55 to 63 MiB, too near the bound
    # for a test.
    @S-12.8
    Scenario Outline: <requests> requests on each of <connections> connections, each of "<what>", to the upstream "<upstream>" with max_connections = <bound>
      Given the setting "max_connections" is <bound>
      And the proxy will be started from a release build
      And the proxy is running
      And the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy is remembered
      When the client "mallory", which opens no window, makes <connections> HTTP/2 connections to "https://<upstream>.example.test", with <requests> requests each of "<what>"
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy has grown by at most 64 MiB

      Examples:
        | bound | upstream | connections | requests | what                                                   |
        | 256   | small    | 29          | 250      | 127 times a field of 400                               |
        | 256   | small    | 29          | 250      | 127 times a cookie of 400                              |
        | 256   | small    | 240         | 250      | a few bytes                                            |
        | 1024  | stuck    | 29          | 250      | 127 times a field of 400                               |
        | 1024  | stuck    | 29          | 250      | 127 times a cookie of 400                              |
        | 1024  | stuck    | 240         | 250      | a few bytes                                            |
        | 896   | quiet    | 240         | 250      | a few bytes                                            |
        | 1024  | stuck    | 120         | 250      | a body of one byte, and more                           |
        | 1024  | stuck    | 27          | 250      | 127 times a field of 400, a body of one byte, and more |
        | 1024  | stuck    | 26          | 250      | a body of one byte, and 127 times a trailer of 400     |
        | 1024  | large    | 4           | 250      | a few bytes                                            |
        | 1024  | large    | 900         | 1        | a few bytes                                            |
        | 1024  | large    | 900         | 10       | a few bytes                                            |
        | 1024  | large    | 600         | 60       | a few bytes, and then only for heads                   |
        | 1250  | endless  | 5           | 250      | a WebSocket                                            |

    # The requests of all connections arrive before the proxy has answered the first.
    @S-12.8 @S-12.6
    Scenario Outline: 250 requests on each of 240 connections at once, to the upstream "<upstream>" with max_connections = <bound>
      Given the setting "max_connections" is <bound>
      And the proxy will be started from a release build
      And the proxy is running
      And the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy is remembered
      When the client "mallory", which opens no window, makes 240 HTTP/2 connections to "https://<upstream>.example.test", with 250 requests each of "a few bytes", all at once
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy has grown by at most 64 MiB

      Examples:
        | bound | upstream |
        | 256   | small    |
        | 1024  | stuck    |

    # No client has more than eight connections, so none has to take turns. Before the streams of all clients together had a
    # bound, the growth was 310 to 390 MiB; now it is 30 to 90, of which the garbage of a busy machine is a large part.
    @S-12.8
    Scenario Outline: 250 requests on each of 8 connections of each of 30 clients at once, to the upstream "<upstream>" with max_connections = <bound>
      Given the setting "max_connections" is <bound>
      And the proxy will be started from a release build
      And the proxy is running
      And the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy is remembered
      When 30 clients, which open no window, make 8 HTTP/2 connections each to "https://<upstream>.example.test", with 250 requests each of "a few bytes", all at once
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy has grown by at most 128 MiB

      Examples:
        | bound | upstream |
        | 256   | small    |
        | 1024  | stuck    |

    @S-12.8
    Scenario: With twice the connections, 1 MiB costs at most twice as much
      Given the setting "max_connections" is 2048
      And the proxy will be started from a release build
      And the proxy is running
      And the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy is remembered
      When the client "mallory", which opens no window, makes 13 HTTP/2 connections to "https://stuck.example.test", with 250 requests each of "a few bytes"
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy has grown by at most 128 MiB

    # What a proxy has read of a long answer waits in its buffers, twice if it was also encrypted. With buffers for each of these
    # answers, the growth was 70 to 110 MiB.
    @S-12.8
    Scenario Outline: 800 clients over HTTP/1.1 read nothing of what the upstream "<upstream>" sends
      Given the setting "max_connections" is 1024
      And the proxy will be started from a release build
      And the proxy is running
      And the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the memory of the proxy is remembered
      When the client "mallory", which reads nothing, sends "<request>" over each of 800 connections to "https://<upstream>.example.test"
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the metrics have:
        | reverse_proxy_connections{protocol="HTTP/1",state="active"} | >799 |
      And the memory of the proxy has grown by at most 64 MiB

      Examples:
        | upstream | request                                                                                                                                                                                |
        | large    | GET / HTTP/1.1\r\nHost: large.example.test\r\n\r\n                                                                                                                                     |
        | shared   | GET /bytes/2000000 HTTP/1.1\r\nHost: shared.example.test\r\n\r\n                                                                                                                       |
        | endless  | GET / HTTP/1.1\r\nHost: endless.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n |

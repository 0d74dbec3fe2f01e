Feature: Attacks over HTTP/2

  Attacks by clients that speak HTTP/2: floods of frames that cost a server more than they cost the client, windows that
  are never opened, and streams kept open by a byte now and then. Each ends only its own connection or stream, with
  bounded memory and processor time, while others are served.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And the setting "rate_limit.requests_per_second" is 1000000
    And the setting "rate_limit.burst" is 1000000

  Rule: Floods end the connection, with bounded memory, while others are served

    @S-12.5 @S-12.11
    Scenario Outline: A flood of <count> of <what> ends the connection
      Given the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory" speaks HTTP/2 with "https://git.example.test"
      When it floods the proxy with <count> of "<what>"
      Then it is ended with "<codes>"
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request
      And the proxy uses at most 400 ms of processor time within 1500 ms
      And the log has 1 line "HTTP2_ABUSE" with:
        | level     | WARN              |
        | client_ip | ${client:mallory} |
        | error     | <error>           |

      Examples:
        | count  | what                                  | codes                             | error                               |
        | 10000  | streams that it resets                | ENHANCE_YOUR_CALM                 | streams reset in bulk               |
        | 10000  | streams that it makes the proxy reset | ENHANCE_YOUR_CALM\|PROTOCOL_ERROR | *                                   |
        | 10000  | HEADERS without a byte                | ENHANCE_YOUR_CALM\|PROTOCOL_ERROR | a flood of malformed requests       |
        | 100000 | HEADERS on a stream that was reset    | ENHANCE_YOUR_CALM                 | a flood of HEADERS on closed streams |
        | 100000 | PING                                  | ENHANCE_YOUR_CALM                 | a flood of frames without a request |
        | 100000 | SETTINGS                              | ENHANCE_YOUR_CALM                 | a flood of SETTINGS                 |
        | 100000 | SETTINGS without a setting            | ENHANCE_YOUR_CALM                 | a flood of SETTINGS                 |
        | 100000 | PRIORITY                              | ENHANCE_YOUR_CALM                 | a flood of frames without a request |
        | 100000 | PRIORITY_UPDATE                       | ENHANCE_YOUR_CALM                 | a flood of frames without a request |
        | 100000 | WINDOW_UPDATE                         | ENHANCE_YOUR_CALM                 | a flood of frames without a request |
        | 100000 | frames of an unknown type             | ENHANCE_YOUR_CALM                 | a flood of frames without a request |
        | 4000   | CONTINUATION                          | ENHANCE_YOUR_CALM                 | a header block is too large         |
        | 100000 | CONTINUATION without a byte           | ENHANCE_YOUR_CALM                 | endless CONTINUATION                |
        | 100    | HPACK bombs                           | ENHANCE_YOUR_CALM                 | a header block inflates             |

    @S-12.5
    Scenario: A flood of streams over the bound ends the connection
      Given an upstream "slow" that never answers
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory" speaks HTTP/2 with "https://slow.example.test"
      When it opens 250 streams for "/"
      Then the upstream "slow" received 250 requests
      When it floods the proxy with 100000 of "requests"
      Then it is ended with "ENHANCE_YOUR_CALM"
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request
      And the proxy uses at most 400 ms of processor time within 1500 ms
      And the log has 1 line "HTTP2_ABUSE" with:
        | level     | WARN                              |
        | client_ip | ${client:mallory}                 |
        | error     | a flood of streams over the bound |
      And the upstream "slow" received 250 requests

    @S-12.5
    Scenario: A flood of DATA without a byte ends the connection
      Given the site "upload.example.test" is served from the upstream "upload"
      And the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory" speaks HTTP/2 with "https://upload.example.test"
      And it begins a stream for "/"
      When it floods the proxy with 100000 of "DATA without a byte"
      Then it is ended with "ENHANCE_YOUR_CALM"
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request
      And the proxy uses at most 400 ms of processor time within 1500 ms
      And the log has 1 line "HTTP2_ABUSE" with:
        | level     | WARN              |
        | client_ip | ${client:mallory} |
        | error     | a flood of empty frames |
      And the upstream "upload" received no complete request

    @S-12.5
    Scenario Outline: A flood of <what> by a client that reads nothing ends the connection
      Given the setting "body_idle_timeout_secs" is 1
      And the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory", which reads nothing, speaks HTTP/2 with "https://git.example.test"
      When it floods the proxy with 1000000 of "<what>"
      Then it is closed
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request
      And the proxy uses at most 400 ms of processor time within 1500 ms

      Examples:
        | what                   |
        | PING                   |
        | SETTINGS               |
        | streams that it resets |
        | requests               |

    @S-12.5 @S-6.9
    Scenario: Answers whose window is never opened wait with bounded memory, and not forever
      Given an upstream "big" that answers with 50000000 bytes
      And the site "big.example.test" is served from the upstream "big"
      And the setting "body_idle_timeout_secs" is 2
      And the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory", which opens no window, speaks HTTP/2 with "https://big.example.test"
      When it opens 100 streams for "/"
      Then 100 of its streams are reset with "CANCEL|INTERNAL_ERROR|ENHANCE_YOUR_CALM"
      And the upstream "big" has 0 connections open
      And it is still served
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request
      And the proxy uses at most 400 ms of processor time within 1500 ms

    @S-12.5 @S-6.9
    Scenario: Answers whose windows are opened once wait with bounded memory, and not forever
      Given an upstream "big" that answers with 50000000 bytes
      And the site "big.example.test" is served from the upstream "big"
      And the setting "body_idle_timeout_secs" is 2
      And the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory", which opens no window beyond 600 bytes, speaks HTTP/2 with "https://big.example.test"
      When it opens 100 streams for "/"
      Then 100 of its streams have received something
      And 100 of its streams are reset with "CANCEL|INTERNAL_ERROR|ENHANCE_YOUR_CALM"
      And the upstream "big" has 0 connections open
      And it is still served
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request
      And the proxy uses at most 400 ms of processor time within 1500 ms

    @S-12.5 @S-6.10
    Scenario: Streams that are reset while the upstream sends release it
      Given an upstream "big" that answers with 50000000 bytes
      And the site "big.example.test" is served from the upstream "big"
      And the proxy will be started from a release build
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And the load has made 20 requests
      And the memory of the proxy is remembered
      And the client "mallory", which opens no window beyond 300 bytes, speaks HTTP/2 with "https://big.example.test"
      When it opens 100 streams for "/"
      Then 100 of its streams have received something
      When it resets all its streams
      Then the upstream "big" has 0 connections open
      When it opens 100 streams for "/"
      Then 200 of its streams have received something
      When it resets all its streams
      Then the upstream "big" has 0 connections open
      And it is still served
      And the memory of the proxy has grown by at most 64 MiB
      And the steady load has lost no request

  Rule: A client that reads nothing is disconnected after body_idle_timeout_secs, whatever TLS and HTTP/2 wait for

    @S-12.9
    Scenario Outline: More data in transit than the kernel accepts, and then <what>
      Given an upstream "big" that answers with 20000000 bytes
      And the site "big.example.test" is served from the upstream "big"
      And the setting "max_connections" is 8
      And the setting "body_idle_timeout_secs" is 4
      And the setting "connection_idle_timeout_secs" is 4
      And the setting "health_check_port" is 0
      And the proxy is running
      And 4 clients "mallory", which read nothing and have opened their windows, ask for "https://big.example.test/" twice
      When they send "<what>"
      Then the proxy has closed all connections
      And the kernel holds nothing for the clients "mallory"
      When a client requests "https://git.example.test/"
      Then the answer is 200

      Examples:
        | what                  |
        | nothing               |
        | a record of garbage   |
        | a PING every 50 ms    |
        | a request every 50 ms |

  Rule: A client that changes its mind is not an attacker

    @S-12.11
    Scenario: A map that is zoomed cancels 30 requests three times a second, and is still served
      Given an upstream "tiles" that never answers
      And the site "map.example.test" is served from the upstream "tiles"
      And the proxy is running
      And a client speaks HTTP/2 with "https://map.example.test"
      When it opens 30 streams for "/tile" and resets them, 20 times, once every 330 ms
      Then it is still served
      And it received no RST_STREAM
      And the log has no line "HTTP2_ABUSE"

  Rule: Slow clients are cut off

    @S-12.4 @S-12.5
    Scenario: A header block that arrives byte by byte is cut off after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      # Few enough frames that the bound on CONTINUATION does not end it before its time.
      When it sends "a byte of a header block" every 300 ms
      Then it is ended with "none|NO_ERROR|PROTOCOL_ERROR" within 8000 ms
      And the log has no line "HTTP2_ABUSE"
      And the upstream "app" received nothing

    @S-6.9 @S-12.5
    Scenario: A body that arrives slower than body_idle_timeout_secs ends only its own stream
      Given the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/"
      When it sends "a byte of DATA" every 4000 ms
      Then its last stream is refused
      And the upstream "app" received no complete body
      And a further stream on it is answered 200

    @S-6.9 @S-12.5
    Scenario: A body that arrives byte by byte in time is not cut off, and others are served
      Given the setting "body_idle_timeout_secs" is 2
      And the setting "header_timeout_secs" is 1
      And the setting "connection_idle_timeout_secs" is 1
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/slow"
      And it sends "x" on its last stream 16 times, once every 250 ms
      When it ends its last stream
      Then its last stream is answered 200
      And the upstream "app" received the body "xxxxxxxxxxxxxxxx"

    @S-12.1
    Scenario: PINGs do not keep a connection without a stream open
      Given the setting "connection_idle_timeout_secs" is 1
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it sends "a PING" every 200 ms
      Then it is ended with "NO_ERROR" within 9000 ms

    @S-12.1
    Scenario: PINGs do not keep a connection open that has had a request
      Given the setting "connection_idle_timeout_secs" is 1
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And a further stream on it is answered 200
      When it sends "a PING" every 200 ms
      Then it is ended with "NO_ERROR" within 15000 ms

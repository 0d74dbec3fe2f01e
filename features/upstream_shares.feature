Feature: Fair shares of the connections to upstreams

  Whatever one client requests, and whatever one upstream does, no request of another client to another upstream waits
  for longer than a second.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And an upstream "stuck" that never answers
    And the site "stuck.example.test" is served from the upstream "stuck"
    And an upstream "events" that streams "data: 1\n\n"
    And the site "events.example.test" is served from the upstream "events"
    And an upstream "large" that answers with 10000000 bytes
    And the site "large.example.test" is served from the upstream "large"
    And an upstream "tunnel" that switches to "websocket"
    And the site "tunnel.example.test" is served from the upstream "tunnel"
    And an upstream "slow" that sends its head one byte every 100 ms
    And the site "slow.example.test" is served from the upstream "slow"
    And an upstream "deaf" that does not accept connections
    And the site "deaf.example.test" is served from the upstream "deaf"
    # On a busy machine the handshakes of a crowd take longer than the 10 seconds of the default.
    And the setting "header_timeout_secs" is 60

  Rule: While one client keeps connections to upstreams busy, another one is answered within a second

    @S-12.6
    Scenario Outline: <what>, over HTTP/2
      Given the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" asks "https://<site>.example.test" for "/" over 1 HTTP/2 connections with windows of <window> bytes, 70 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | what                              | site   | window |
        | Event streams                     | events | 100000 |
        | Requests that are never answered  | stuck  | 100000 |
        | Heads that trickle                | slow   | 100000 |
        | Large responses that nobody takes | large  | 0      |

    @S-12.6
    Scenario Outline: <what>, over HTTP/1.1
      Given the settings:
        | max_connections            | 64 |
        | max_connections_per_client | 60 |
      And the proxy is running
      And the client "mallory" keeps 60 connections to "https://<site>.example.test" open, which send "GET / HTTP/1.1\r\nHost: <site>.example.test\r\n<fields>\r\n"
      When the client "mallet" asks "https://<site>.example.test" for "/" over 1 HTTP/2 connections with windows of 0 bytes, 70 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | what                             | site   | fields                                          |
        | Event streams                    | events |                                                 |
        | Requests that are never answered | stuck  |                                                 |
        | WebSockets                       | tunnel | Connection: Upgrade\r\nUpgrade: websocket\r\n |

    @S-12.6 @S-12.7
    Scenario: Small responses that no client reads
      Given the setting "max_connections" is 64
      And an upstream "app" that answers with 1024 bytes
      And the proxy is running
      When the client "mallory" asks "https://git.example.test" for "/" over 5 HTTP/2 connections with windows of 0 bytes, 240 requests each, 95 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 15 new connections, most of them within a second

    @S-12.6 @S-12.7
    Scenario Outline: Responses of <bytes> bytes that are read byte by byte
      Given the setting "max_connections" is 64
      And an upstream "app" that answers with <bytes> bytes
      And the proxy is running
      When the client "mallory" asks "https://git.example.test" for "/" over 5 HTTP/2 connections with windows of 0 bytes, 240 requests each, 500 a second, and takes a byte of each response every 2000 ms
      Then the client "alice" is answered 200 by "https://git.example.test/" over 15 new connections, most of them within a second

      Examples:
        | bytes   |
        | 1024    |
        | 1000000 |

    @S-12.6 @heavy
    Scenario: Event streams, within the default bounds
      Given the proxy is running
      When the client "mallory" asks "https://events.example.test" for "/" over 5 HTTP/2 connections with windows of 100000 bytes, 240 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

    @S-12.6
    Scenario: All connections of an upstream with a bound of its own
      Given the setting "listeners[0].sites[2].upstream_max_connections" is 8
      And the proxy is running
      When the client "mallory" asks "https://events.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 70 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the log has no line "UPSTREAM_SHARE" with:
        | client_ip | ${client:alice} |

  Rule: While one upstream does not answer, requests to another one are answered within a second

    @S-12.6
    Scenario Outline: An upstream that <what>
      Given the setting "max_connections" is 64
      And the proxy is running
      And the client "ann" asks "https://<site>.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 30 requests each, 1000 a second
      And the client "bob" asks "https://<site>.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 30 requests each, 1000 a second
      When the client "carol" asks "https://<site>.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 30 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | what                  | site   |
        | is silent             | stuck  |
        | trickles              | slow   |
        | accepts no connection | deaf   |
        | streams               | events |

    @S-12.6
    Scenario: Two upstreams that hang, each with its share
      Given the setting "max_connections" is 64
      And the proxy is running
      And the client "ann" asks "https://stuck.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 16 requests each, 1000 a second
      And the client "bob" asks "https://stuck.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 16 requests each, 1000 a second
      And the client "carol" asks "https://deaf.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 16 requests each, 1000 a second
      When the client "dave" asks "https://deaf.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 16 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the log has a line "UPSTREAM_SHARE" with:
        | limit | reserve |
        | held  | 32      |
        | share | 4       |
      And the metrics have:
        | reverse_proxy_upstream_connections_over_share_total{limit="reserve"} | >0 |

    @S-12.6
    Scenario Outline: A client whose own requests to an upstream that hangs <what>
      Given the setting "max_connections" is 64
      And the proxy is running
      And the client "alice" asks "https://stuck.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, <own> requests each, 1000 a second
      When the client "bob" asks "https://events.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, <others> requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | what                          | own | others |
        | use all connections           | 70  | 1      |
        | use the share of one client   | 16  | 70     |

  Rule: While clients within their shares leave long responses of an upstream unread, another one is answered by it within a second

    @S-12.6 @S-12.7
    Scenario Outline: Four clients, with <requests> requests each
      Given the setting "max_connections" is 64
      And an upstream "app" that answers with 1000000 bytes
      And the proxy is running
      And the client "ann" asks "https://git.example.test" for "/" over 1 HTTP/2 connections with windows of 0 bytes, <requests> requests each, 1000 a second
      And the client "bob" asks "https://git.example.test" for "/" over 1 HTTP/2 connections with windows of 0 bytes, <requests> requests each, 1000 a second
      And the client "carol" asks "https://git.example.test" for "/" over 1 HTTP/2 connections with windows of 0 bytes, <requests> requests each, 1000 a second
      When the client "dave" asks "https://git.example.test" for "/" over 1 HTTP/2 connections with windows of 0 bytes, <requests> requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

      Examples: together they hold all connections
        | requests |
        | 16       |
        | 90       |

  Rule: An upload whose client sends nothing for two seconds gives way to another client

    @S-12.6
    Scenario: Clients within their shares begin uploads and send no more
      Given the setting "max_connections" is 64
      And the proxy is running
      And the client "ann" keeps 16 connections to "https://git.example.test" open, which send "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 1000\r\n\r\nx"
      And the client "bob" keeps 16 connections to "https://git.example.test" open, which send "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 1000\r\n\r\nx"
      And the client "carol" keeps 16 connections to "https://git.example.test" open, which send "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 1000\r\n\r\nx"
      And the client "dave" asks "https://stuck.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 16 requests each, 1000 a second
      And the upstream "app" has 48 connections open
      And the upstream "stuck" received 16 requests
      When a client sends the request:
        | client | alice                     |
        | url    | https://git.example.test/ |
      Then the answer is 200
      And the log has a line "UPSTREAM_SHARE" with:
        | limit    | stalled          |
        | host     | git.example.test |
        | upstream | ${upstream:app}  |
      And the log has a line "REQUEST" with:
        | method | POST |
        | status | 408  |

  Rule: A share is enforced only while others wait, and says so

    @S-12.6
    Scenario: One client may use all connections
      Given the setting "max_connections" is 32
      And the proxy is running
      When the client "mallory" asks "https://events.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 32 requests each, 1000 a second
      Then the upstream "events" received 32 requests
      And the log has no line "UPSTREAM_SHARE"
      And the metrics have:
        | reverse_proxy_upstream_connections_over_share_total{limit="client"}   | 0 |
        | reverse_proxy_upstream_connections_over_share_total{limit="upstream"} | 0 |

    @S-12.6 @S-8.6
    Scenario: A client that gives way is told so, and the log and the metrics show who held what
      Given the setting "max_connections" is 16
      And the proxy is running
      When the client "mallory" asks "https://stuck.example.test" for "/" over 1 HTTP/2 connections with windows of 100000 bytes, 16 requests each, 1000 a second
      Then the upstream "stuck" received 16 requests
      And the client "alice" is answered 200 by "https://git.example.test/" over 1 new connections, most of them within a second
      And the log has a line "UPSTREAM_SHARE" with:
        | level     | WARN               |
        | client_ip | ${client:mallory}  |
        | host      | stuck.example.test |
        | upstream  | ${upstream:stuck}  |
        | limit     | client             |
        | held      | 16                 |
        | share     | 4                  |
      And the log has a line "REQUEST" with:
        | client_ip | ${client:mallory} |
        | status    | 429               |
      And the metrics have:
        | reverse_proxy_upstream_connections_over_share_total{limit="client"} | >0 |

Feature: Fair shares of the connections

  Whatever one client does with its connections, on any port, no other client waits for longer than a second.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And an upstream "stuck" that never answers
    And the site "stuck.example.test" is served from the upstream "stuck"

  Rule: While one client crowds, another one is answered within a second

    @S-12.6 @S-12.10
    Scenario Outline: Silent connections to the <port> port
      Given the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" keeps 100 connections to "tcp://${addr}:${<port>}" open, which send ""
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | port  |
        | https |
        | http  |

    @S-12.6 @S-13.4
    Scenario Outline: <what>
      Given the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" keeps 100 connections to "<url>" open, which send "<bytes>"
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | what                              | url                        | bytes                                                                                             |
        | Half a handshake                  | tcp://${addr}:${https}     | \x16\x03\x01\x02\x00\x01\x00\x01\xfc                                                              |
        | Handshakes and then nothing       | https://git.example.test   |                                                                                                   |
        | Half a head                       | https://git.example.test   | GET / HTTP/1.1\r\nHost: git.exa                                                                   |
        | Requests that are never answered  | https://stuck.example.test | GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n                                                |
        | Uploads that do not come          | https://git.example.test   | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\n                          |
        | Idle connections                  | https://git.example.test   | GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                  |
        | Redirects of half a head          | http://git.example.test    | GET / HTTP/1.1\r\nHost: git.exa                                                                   |
        | Redirects with no body            | http://git.example.test    | POST /x HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\n                         |
        | Redirects with half a chunk       | http://git.example.test    | POST /x HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf        |

    @S-12.6
    Scenario: Clients within their shares that all wait for an upstream that never answers
      Given the setting "max_connections" is 16
      And the proxy is running
      And the client "bob" keeps 4 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      And the client "carol" keeps 4 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      And the client "dave" keeps 4 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      When the client "eve" keeps 4 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second
      And the log has a line "UPSTREAM_SHARE" with:
        | limit    | reserve           |
        | upstream | ${upstream:stuck} |

    @S-12.6 @S-13.4
    Scenario Outline: A body that trickles, to <url>
      Given the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" keeps 100 connections to "<url>" open, which send "POST /x HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100000\r\n\r\n" and then "x" every 200 ms
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | url                      |
        | https://git.example.test |
        | http://git.example.test  |

    @S-12.6
    Scenario: Requests in flight over HTTP/2
      Given the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" keeps 100 HTTP/2 connections to "https://stuck.example.test" open, each with a request for "/"
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second

    @S-12.6 @S-13.4 @heavy
    Scenario: Redirects with no body, within the default bounds
      Given the proxy is running
      When the client "mallory" keeps 1100 connections to "http://git.example.test" open, which send "POST /x HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\n"
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second

    @S-12.6 @heavy
    Scenario: Half a handshake, within the default bounds
      Given the proxy is running
      When the client "mallory" keeps 1100 connections to "tcp://${addr}:${https}" open, which send "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

    @S-12.6 @network
    Scenario: An IPv6 client with all addresses of its /64
      Given a separate network with the addresses "2001:db8:1::1,2001:db8:2::a,2001:db8:2::b,2001:db8:3::1"
      And the settings:
        | listeners[0].bind_addr | "2001:db8:1::1" |
        | max_connections        | 64              |
      And the client "mallory" has the address "2001:db8:2::a"
      And the client "mallet" has the address "2001:db8:2::b"
      And the client "alice" has the address "2001:db8:3::1"
      And the site "six.example.test" is served from the upstream "six"
      And the proxy is running
      And the client "mallory" keeps 40 connections to "tcp://[2001:db8:1::1]:${https}" open, which send "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
      When the client "mallet" keeps 60 connections to "tcp://[2001:db8:1::1]:${https}" open, which send "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
      Then the client "alice" is answered 200 by "https://six.example.test/" over 7 new connections, most of them within a second

  Rule: While one client is as fast as it can, another one is answered within a second

    @S-12.6
    Scenario: Handshakes that cost their client nothing
      Given an RSA certificate "rsa" for "git.example.test"
      And listener 1 has the certificate "rsa"
      And the proxy is running
      When the client "mallory" begins handshakes with "https://git.example.test" as fast as it can, 250 at a time
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

    @S-12.6
    Scenario: Heads that cost their client nothing
      Given the proxy is running
      When the client "mallory" floods "https://git.example.test" with requests of "127 times a field of 400" for "nobody.example.test", over 200 HTTP/2 connections
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

    @S-12.6
    Scenario Outline: Requests without a gap over 200 connections to <url>
      Given the proxy is running
      When the client "mallory" sends "GET /health HTTP/1.1\r\nHost: git.example.test\r\n\r\n" without end over 200 connections to "<url>"
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second
      And the client "alice" is answered 301 by "http://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | url                      |
        | https://git.example.test |
        | http://git.example.test  |

    @S-12.6 @h2load @network @heavy
    Scenario: Hundreds of fast downloads
      Given a separate network whose sockets buffer at most 128 KiB
      And the sample upstream "large"
      And the site "large.example.test" is served from the upstream "large"
      And an upstream "small"
      And the site "small.example.test" is served from the upstream "small"
      And the proxy will be started from a release build
      And the proxy is running
      When h2load downloads "https://large.example.test/bytes/1000000000" over 900 connections
      And the metrics have:
        | reverse_proxy_connections{protocol="HTTP/1",state="active"} | >600 |
      Then the client "alice" is answered 200 by "https://small.example.test/" over 21 new connections, most of them before the proxy has written 32 MiB

  Rule: A connection in use stays while another client is above its share

    @S-12.2 @S-12.6
    Scenario Outline: Handshakes that last, beside a connection over <protocol> that is used again and again
      Given clients speak <protocol>
      And the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" keeps 100 connections to "tcp://${addr}:${https}" open, which send "\x16\x03\x01\x02\x00\x01\x00\x01\xfc" and then "\x00" every 200 ms
      Then the client "alice" keeps its connection to "https://git.example.test/" over 10 requests, while the client "bob" opens another one before each
      And the log has a line "CONNECTION_CUT" with:
        | client_ip | ${client:mallory} |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.2 @S-12.6
    Scenario Outline: Hundreds of handshakes, over and over, beside a connection over <protocol> that is used again and again
      Given clients speak <protocol>
      And the setting "max_connections" is 64
      And the proxy is running
      When the client "mallory" begins handshakes with "https://git.example.test" as fast as it can, 250 at a time
      Then the client "alice" keeps its connection to "https://git.example.test/" over 20 requests, while the client "bob" opens another one before each

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A silent connection gives way after a second

    @S-12.10
    Scenario Outline: Four silent clients within their shares hold the <port> port, and a fifth one is served
      Given the settings:
        | max_connections            | 4   |
        | max_connections_per_client | 4   |
        | header_timeout_secs        | 300 |
      And the proxy is running
      And the client "one" opens a connection to "tcp://${addr}:${<port>}"
      And the client "two" opens a connection to "tcp://${addr}:${<port>}"
      And the client "three" opens a connection to "tcp://${addr}:${<port>}"
      And the client "four" opens a connection to "tcp://${addr}:${<port>}"
      When the client "five" requests "https://git.example.test/"
      Then the answer is 200
      And the log has no line "CONNECTION_CUT"

      Examples:
        | port  |
        | https |
        | http  |

  Rule: A share is enforced only while others wait

    @S-12.6
    Scenario: One client may use all connections
      Given the setting "max_connections" is 32
      And the proxy is running
      When the client "alice" keeps 32 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      Then the upstream "stuck" received 32 requests
      And the metrics have:
        | reverse_proxy_connections{protocol="HTTP/1",state="active"}          | 32 |
        | reverse_proxy_connections_over_share_total{action="refused"}         | 0  |
        | reverse_proxy_connections_over_share_total{action="cut"}             | 0  |
      And the log has no line "CONNECTION_REFUSED"
      And the log has no line "CONNECTION_CUT"

    @S-12.6 @S-8.6
    Scenario: The log and the metrics say who holds what
      Given the settings:
        | max_connections            | 8 |
        | max_connections_per_client | 3 |
      And the proxy is running
      When the client "mallory" keeps 12 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      Then the log has a line "CONNECTION_REFUSED" with:
        | level     | WARN                       |
        | client_ip | ${client:mallory}          |
        | limit     | max_connections_per_client |
        | held      | 8                          |
        | share     | 3                          |
      When the client "alice" begins to request "https://stuck.example.test/"
      Then the log has a line "CONNECTION_CUT" with:
        | level     | WARN                       |
        | client_ip | ${client:mallory}          |
        | limit     | max_connections_per_client |
        | held      | 8                          |
        | share     | 3                          |
      And the metrics have:
        | reverse_proxy_connections_over_share_total{action="refused"} | >0 |
        | reverse_proxy_connections_over_share_total{action="cut"}     | >0 |
      And the runbook shows under "New connections hang" what was written

    @S-12.6
    Scenario: Within its share a client's requests in flight are not touched
      Given the settings:
        | max_connections            | 8 |
        | max_connections_per_client | 3 |
      And an upstream "app" that waits
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/"
      And the upstream "app" received 1 request
      And the client "mallory" keeps 12 connections to "https://stuck.example.test" open, which send "GET / HTTP/1.1\r\nHost: stuck.example.test\r\n\r\n"
      And the client "bob" begins to request "https://git.example.test/"
      And the upstream "app" received 2 requests
      And the upstream "app" is released
      When the upstream "app" is released
      Then the client "alice" is answered 200
      And the client "bob" is answered 200

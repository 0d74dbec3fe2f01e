Feature: Upgrade

  A connection that the upstream has switched to another protocol, WebSocket above all, carries bytes in both directions
  until one side ends it, or nothing has moved for body_idle_timeout_secs.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: 101 passes, and from then on bytes pass both ways

    @S-6.11
    Scenario Outline: An upgrade to <protocol> passes
      Given an upstream "app" that switches to "<protocol>"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET /chat?room=1 HTTP/1.1
        Host: git.example.test
        Connection: keep-alive, Upgrade
        Upgrade: <protocol>
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        Sec-WebSocket-Version: 13

        """
      Then the client receives "HTTP/1.1 101 Switching Protocols\r\n"
      And the client receives "\r\nConnection: Upgrade\r\nUpgrade: <protocol>\r\n\r\n"
      And the client receives "\r\nX-Kept: yes\r\n"
      And the upstream "app" received the bytes:
        """
        GET /chat?room=1 HTTP/1.1
        Host: git.example.test
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        Sec-WebSocket-Version: 13
        X-Real-IP: ${client:}
        X-Forwarded-For: ${client:}
        X-Forwarded-Proto: https
        X-Forwarded-Host: git.example.test
        X-Forwarded-Port: ${https}
        Connection: Upgrade
        Upgrade: <protocol>
        """
      When the client sends "\x81\x85\x00\x00\x00\x00hello"
      Then the upstream "app" received "\x81\x85\x00\x00\x00\x00hello" after the switch
      And the client receives "\r\n\r\n\x81\x85\x00\x00\x00\x00hello"
      When the client sends "GET / HTTP/1.1\r\n\r\n"
      Then the client receives "helloGET / HTTP/1.1\r\n\r\n"
      And the upstream "app" received 1 request

      Examples:
        | protocol    |
        | websocket   |
        | WebSocket   |
        | my-proto/42 |

    @S-6.11
    Scenario Outline: What the upstream sends right after its head belongs to the new protocol over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket" and says "HTTP/1.1 200 OK\r\n\r\n"
      And the proxy is running
      When a client opens a WebSocket to "https://git.example.test/"
      Then the client receives "HTTP/1.1 200 OK\r\n\r\n"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11
    Scenario: What the client sends right after its head belongs to the new protocol
      Given an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /early HTTP/1.1\r\n\r\n"
      Then the upstream "app" received "GET /early HTTP/1.1\r\n\r\n" after the switch
      And the client receives "\r\nUpgrade: websocket\r\n\r\nGET /early HTTP/1.1\r\n\r\n"
      And the upstream "app" received 1 request

    @S-6.11 @S-6.7
    Scenario Outline: Megabytes pass both ways, and do not stay in memory, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the proxy will be started from a release build
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      And the client sends 20000000 bytes
      When the client closes its half of the connection
      Then the client receives "xxxxxxxx end"
      And the connection is closed
      And the proxy has used at most 64 MiB of memory

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11
    Scenario Outline: An upgrade over a kept connection, to an HTTPS upstream, over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "www.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is 200 "secure"
      And the log has a line "REQUEST"
      Given an upstream "secure" that switches to "websocket"
      And a client opens a WebSocket to "https://www.example.test/"
      When the client sends "hello"
      Then the client receives "hello"
      And the upstream "secure" accepted 1 connection
      When the client closes its half of the connection
      Then the client receives "hello end"
      And the connection is closed

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Each half is closed by itself

    @S-6.11
    Scenario Outline: A client of <protocol> that has closed its half <which> still gets what the upstream sends, however late
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket" and delays its end
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      And the client sends "hello"
      And the client receives "hello"
      When <close>
      Then the connection stays open for 500 ms
      When the upstream "app" is released
      Then the client receives "hello end"
      And the connection is closed
      And the log has a line "REQUEST" with:
        | status   | 101             |
        | method   | GET             |
        | upstream | ${upstream:app} |

      Examples:
        | which             | close                                                   | protocol |
        | of TLS            | the client closes its half of the connection            | HTTP/1.1 |
        | of TLS and of TCP | the client closes its half of the connection and of TCP | HTTP/1.1 |
        | of TLS            | the client closes its half of the connection            | HTTP/2   |

    @S-6.11
    Scenario Outline: An upstream that has closed its half still gets what the client sends over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket", says "bye" and closes its half
      And the proxy is running
      When a client opens a WebSocket to "https://git.example.test/"
      Then the client receives "bye"
      And the connection is closed
      Given the client sends "still "
      When the client sends "here"
      Then the upstream "app" received "still here" after the switch
      And the switched connection to the upstream "app" stays open for 300 ms
      When the client closes its half of the connection
      Then the switched connection to the upstream "app" is closed
      And the log has a line "REQUEST" with:
        | status | 101 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11 @S-6.10
    Scenario Outline: A client that disconnects ends the upstream's connection over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      When the client closes the connection
      Then the switched connection to the upstream "app" is closed
      And the upstream "app" has 0 connections open

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11 @S-6.10
    Scenario Outline: An upstream that disconnects ends the client's connection over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      When the upstream "app" closes its connections
      Then the connection is closed

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Only stalled tunnels are ended by a deadline

    @S-6.11 @S-6.9 @S-8.7
    Scenario Outline: Silence in both directions for body_idle_timeout_secs ends it over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      When a client opens a WebSocket to "https://git.example.test/"
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms
      And the switched connection to the upstream "app" is closed
      And the log has a line "REQUEST" with:
        | status | 101                    |
        | ended  | body_idle_timeout_secs |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11 @S-6.9 @S-12.1
    Scenario Outline: Moving bytes keep it open, whatever the other timeouts, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the settings:
        | body_idle_timeout_secs                                | 2 |
        | connection_idle_timeout_secs                          | 2 |
        | header_timeout_secs                                   | 2 |
        | listeners[0].sites[0].upstream_request_timeout_secs   | 2 |
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      When the client sends "012345678901234567890123456789", one byte every 100 ms
      Then the client receives "012345678901234567890123456789"
      And the connection stays open

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11 @S-3.6
    Scenario Outline: It survives a reload that <what> over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      And <change>
      And the configuration is reloaded
      When the client sends "still here"
      Then the client receives "still here"
      And the connection stays open

      Examples:
        | what                | change                                                     | protocol |
        | moves the site      | the site "git.example.test" is moved to the upstream "new" | HTTP/1.1 |
        | takes the site out  | the site "git.example.test" is removed                     | HTTP/1.1 |
        | changes another key | the setting "body.limit_bytes" is 1                        | HTTP/1.1 |
        | moves the site      | the site "git.example.test" is moved to the upstream "new" | HTTP/2   |
        | takes the site out  | the site "git.example.test" is removed                     | HTTP/2   |
        | changes another key | the setting "body.limit_bytes" is 1                        | HTTP/2   |

  Rule: A side that ends abruptly does not seem to have ended cleanly

    @S-6.11 @S-6.16
    Scenario Outline: A client of <protocol> sees the end of an upstream's bytes, <how>: it <ends>
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "www.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And an upstream "<upstream>" that switches to "websocket", says "bye" and <does>
      And the proxy is running
      When a client opens a WebSocket to "https://<site>.example.test/"
      Then the client receives "bye"
      When the client closes its half of the connection
      Then the connection <ends>

      Examples:
        | how                   | ends          | upstream | site | does                         | protocol |
        | by a FIN of plain TCP | ends cleanly  | app      | git  | closes its half              | HTTP/1.1 |
        | by a FIN of plain TCP | ends cleanly  | app      | git  | closes its half              | HTTP/2   |
        | by close_notify       | ends cleanly  | secure   | www  | closes its half              | HTTP/1.1 |
        | by close_notify       | ends cleanly  | secure   | www  | closes its half              | HTTP/2   |
        | by a FIN under TLS    | ends abruptly | secure   | www  | ends the connection abruptly | HTTP/1.1 |
        | by a FIN under TLS    | ends abruptly | secure   | www  | ends the connection abruptly | HTTP/2   |

  Rule: It is a request in flight

    @S-6.11 @S-10.1
    Scenario Outline: status counts it to its end over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections        | 1 |
        | requests_in_flight | 1 |
      When the client closes its half of the connection
      Then the connection is closed
      And the log has a line "REQUEST" with:
        | status | 101 |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | requests_in_flight | 0 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11 @S-11.2
    Scenario Outline: A shutdown waits for it over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      And the proxy is sent SIGTERM
      And the log has a line "SHUTDOWN" with:
        | phase              | drain |
        | requests_in_flight | 1     |
      When the client sends "still here"
      Then the client receives "still here"
      And the connection stays open
      When the client closes its half of the connection
      Then the client receives "still here end"
      And the connection is closed
      And the proxy exits with 0 within 10 seconds
      And the log has a line "SHUTDOWN" with:
        | phase        | done     |
        | status       | complete |
        | requests_cut | 0        |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.11 @S-11.1 @S-8.1
    Scenario Outline: What is still there after shutdown_timeout_secs is cut over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that switches to "websocket"
      And the setting "shutdown_timeout_secs" is 1
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/"
      When the proxy is sent SIGTERM
      Then the connection is not closed before 900 ms
      And the proxy exits with 0 within 10 seconds
      And the switched connection to the upstream "app" is closed
      And the log has a line "SHUTDOWN" with:
        | phase        | done |
        | status       | cut  |
        | requests_cut | 1    |
      And the log has a line "REQUEST" with:
        | host   | git.example.test |
        | status | 101              |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Without a 101 nothing changes

    @S-6.11
    Scenario Outline: An upstream that answers <status> instead is treated like any other upstream
      Given an upstream "app" that answers <status> with the body "no chat"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /chat HTTP/1.1\r\nHost: git.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has the body "no chat"
      And the answer has no field "Upgrade"
      When the client sends "GET /next HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer <status>
      And the upstream "app" received "GET /next"
      And the upstream "app" accepted 1 connection

      Examples:
        | status |
        | 200    |
        | 400    |
        | 403    |
        | 426    |
        | 503    |

    @S-6.11
    Scenario Outline: An unrequested 101, <how>, is answered 502
      Given an upstream "app" that switches to "websocket"
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | <protocol>                |
        | header   | <field>                   |
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~101 |
      And the upstream "app" has 0 connections open

      Examples:
        | how                            | protocol | field              |
        | with a plain request           | HTTP/1.1 | X-Nothing: x       |
        | without Upgrade in Connection  | HTTP/1.1 | Upgrade: websocket |
        | over HTTP/2                    | HTTP/2   | X-Nothing: x       |

    @S-6.11
    Scenario: A 101 to a client of HTTP/1.0, which cannot ask, is answered 502
      Given an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.0\r\nHost: git.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      Then the client receives the answer 502
      And the upstream "app" received no field "Upgrade"

    @S-6.11
    Scenario Outline: A WebSocket over <protocol> that the upstream answers with <status> is answered <answer>
      Given clients speak <protocol>
      And an upstream "app" that answers <status> with the body "no chat"
      And the proxy is running
      When a client requests a WebSocket from "https://git.example.test/"
      Then the answer is <answer> "<body>"
      And the answer has no field "Upgrade"
      And the upstream "app" received the field "Upgrade" with "websocket"

      # Over HTTP/2 a success would mean that the WebSocket is open (RFC 8441, section 5).
      Examples:
        | protocol | status | answer | body    |
        | HTTP/1.1 | 200    | 200    | no chat |
        | HTTP/1.1 | 403    | 403    | no chat |
        | HTTP/2   | 200    | 502    |         |
        | HTTP/2   | 403    | 403    | no chat |

    @S-6.11 @S-6.14
    Scenario: An extended CONNECT to another protocol than WebSocket is answered 501
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields ":method=CONNECT; :protocol=connect-udp; :scheme=https; :path=/; :authority=git.example.test"
      Then its last stream is answered 501
      And the upstream "app" received nothing
      And it is still served

    @S-6.11
    Scenario Outline: A 101 that names <what> is answered 502 over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 101 Switching Protocols
        <fields>

        """
      And the proxy is running
      When a client requests a WebSocket from "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~<error> |

      Examples:
        | what                    | fields                                                           | protocol | error                |
        | no protocol             | Connection: Upgrade                                              | HTTP/1.1 | 101                  |
        | none in Connection      | Upgrade: websocket                                               | HTTP/1.1 | 101                  |
        | one that was not wanted | Connection: Upgrade\nUpgrade: h2c                                | HTTP/1.1 | 101                  |
        | no protocol             | Connection: Upgrade                                              | HTTP/2   | 101                  |
        | none in Connection      | Upgrade: websocket                                               | HTTP/2   | 101                  |
        | one that was not wanted | Connection: Upgrade\nUpgrade: h2c                                | HTTP/2   | 101                  |
        | no key                  | Connection: Upgrade\nUpgrade: websocket                          | HTTP/2   | Sec-WebSocket-Accept |
        | another key             | Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: x | HTTP/2   | Sec-WebSocket-Accept |

    @S-6.11 @S-6.14
    Scenario Outline: <upgrade> is not passed on unchanged, because it would hide requests from the proxy
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test
        Connection: Upgrade, HTTP2-Settings
        Upgrade: <upgrade>
        HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA

        """
      Then the client receives the answer 200
      And the upstream "app" received no field "Upgrade"
      And the upstream "app" received no field "Connection"
      And the upstream "app" received no field "HTTP2-Settings"

      Examples:
        | upgrade        |
        | h2c            |
        | H2C            |
        | h2c, websocket |
        | websocket, h2c |
        | websocket,h2c  |

    @S-6.11 @S-6.13
    Scenario: A request with a body is not upgraded
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello"
      Then the client receives the answer 200
      And the upstream "app" received the body "hello"
      And the upstream "app" received no field "Upgrade"

Feature: Headers and forwarding

  What reaches the upstream, and what comes back from it.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: Only the proxy says who the client is

    @S-6.3
    Scenario Outline: The upstream gets the client's address, the protocol and the host, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      And the upstream "app" received the field "Host" with "git.example.test"
      And the upstream "app" received the field "X-Real-IP" with "${client:}"
      And the upstream "app" received the field "X-Forwarded-For" with "${client:}"
      And the upstream "app" received the field "X-Forwarded-Proto" with "https"
      And the upstream "app" received the field "X-Forwarded-Host" with "git.example.test"
      And the upstream "app" received the field "X-Forwarded-Port" with "${https}"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.3
    Scenario Outline: The Host reaches the upstream as the client sent it over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/     |
        | protocol | <protocol>                    |
        | header   | Host: GIT.example.test:8443   |
      Then the answer is 200
      And the upstream "app" received the field "Host" with "GIT.example.test:8443"
      And the upstream "app" received the field "X-Forwarded-Host" with "GIT.example.test:8443"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.3
    Scenario Outline: A client's own <field> is replaced over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | <protocol>                |
        | header   | <field>: <forged>         |
        | header   | <field>: second           |
      Then the answer is 200
      And the upstream "app" received the field "<field>" with "<value>"

      Examples:
        | field             | forged       | value            | protocol |
        | X-Real-IP         | 203.0.113.7  | ${client:}       | HTTP/1.1 |
        | X-Forwarded-For   | 203.0.113.7  | ${client:}       | HTTP/1.1 |
        | X-Forwarded-Proto | http         | https            | HTTP/1.1 |
        | X-Forwarded-Host  | evil.example | git.example.test | HTTP/1.1 |
        | X-Forwarded-Port  | 80           | ${https}         | HTTP/1.1 |
        | x-real-ip         | 203.0.113.7  | ${client:}       | HTTP/2   |
        | x-forwarded-for   | 203.0.113.7  | ${client:}       | HTTP/2   |
        | x-forwarded-proto | http         | https            | HTTP/2   |
        | x-forwarded-host  | evil.example | git.example.test | HTTP/2   |
        | x-forwarded-port  | 80           | ${https}         | HTTP/2   |

    @S-6.3
    Scenario Outline: A client's Forwarded is removed over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/             |
        | header | Forwarded: for=203.0.113.7;proto=http |
      Then the answer is 200
      And the upstream "app" received no field "Forwarded"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.12
    Scenario Outline: <field> could be mistaken for a field of the proxy, and is dropped, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | <field>: 203.0.113.7      |
        | header | X_Harmless: kept          |
      Then the answer is 200
      And the upstream "app" received no field "<field>"
      And the upstream "app" received the field "X_Harmless" with "kept"

      Examples:
        | field                | protocol |
        | Proxy                | HTTP/1.1 |
        | X_Real_IP            | HTTP/1.1 |
        | x_forwarded_for      | HTTP/1.1 |
        | X-Forwarded_For      | HTTP/1.1 |
        | X_Forwarded_Proto    | HTTP/1.1 |
        | X_Forwarded-Host     | HTTP/1.1 |
        | x_forwarded_port     | HTTP/1.1 |
        | X-Forwarded-Prefix   | HTTP/1.1 |
        | X-Forwarded-Ssl      | HTTP/1.1 |
        | X_Forwarded-Server   | HTTP/1.1 |
        | X-Forwarded-Anything | HTTP/1.1 |
        | X-Original-URL       | HTTP/1.1 |
        | x-original_url       | HTTP/1.1 |
        | X-Rewrite-URL        | HTTP/1.1 |
        | X-Client-IP          | HTTP/1.1 |
        | True-Client-IP       | HTTP/1.1 |
        | TRUE_CLIENT_IP       | HTTP/1.1 |
        | Front-End-Https      | HTTP/1.1 |
        | X.Real.IP            | HTTP/1.1 |
        | X~Forwarded~For      | HTTP/1.1 |
        | Content_Length       | HTTP/1.1 |
        | Transfer_Encoding    | HTTP/1.1 |
        | Proxy                | HTTP/2   |
        | X_Real_IP            | HTTP/2   |
        | x_forwarded_for      | HTTP/2   |
        | X-Forwarded_For      | HTTP/2   |
        | X_Forwarded_Proto    | HTTP/2   |
        | X_Forwarded-Host     | HTTP/2   |
        | x_forwarded_port     | HTTP/2   |
        | X-Forwarded-Prefix   | HTTP/2   |
        | X-Forwarded-Ssl      | HTTP/2   |
        | X_Forwarded-Server   | HTTP/2   |
        | X-Forwarded-Anything | HTTP/2   |
        | X-Original-URL       | HTTP/2   |
        | x-original_url       | HTTP/2   |
        | X-Rewrite-URL        | HTTP/2   |
        | X-Client-IP          | HTTP/2   |
        | True-Client-IP       | HTTP/2   |
        | TRUE_CLIENT_IP       | HTTP/2   |
        | Front-End-Https      | HTTP/2   |
        | X.Real.IP            | HTTP/2   |
        | X~Forwarded~For      | HTTP/2   |
        | Content_Length       | HTTP/2   |
        | Transfer_Encoding    | HTTP/2   |

    @S-6.12
    Scenario Outline: A name that only resembles that of a dropped field passes over <protocol>: <field>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | <field>: kept             |
      Then the answer is 200
      And the upstream "app" received the field "<field>" with "kept"

      Examples:
        | field           | protocol |
        | X-Forward       | HTTP/1.1 |
        | X-Original-URLs | HTTP/1.1 |
        | Proxy-Status    | HTTP/1.1 |
        | X-Forward       | HTTP/2   |
        | X-Original-URLs | HTTP/2   |
        | Proxy-Status    | HTTP/2   |

  Rule: Hop-by-hop fields end here, in both directions

    @S-6.4
    Scenario Outline: <field> is not passed to the upstream over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | <field>: <value>          |
      Then the answer is 200
      And the upstream "app" received no field "<field>"

      Examples:
        | field               | value      | protocol |
        | Keep-Alive          | timeout=5  | HTTP/1.1 |
        | Proxy-Authenticate  | Basic      | HTTP/1.1 |
        | Proxy-Authorization | Basic QQ== | HTTP/1.1 |
        | Proxy-Connection    | keep-alive | HTTP/1.1 |
        | TE                  | gzip       | HTTP/1.1 |
        | Trailers            | X-A        | HTTP/1.1 |
        | Connection          | X-Nothing  | HTTP/1.1 |
        | Proxy-Authenticate  | Basic      | HTTP/2   |
        | Proxy-Authorization | Basic QQ== | HTTP/2   |
        | Trailers            | X-A        | HTTP/2   |

    @S-6.4
    Scenario: What Connection names is not passed to the upstream
      Given the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/        |
        | header | Connection: X-Hop, close , x-two |
        | header | X-Hop: one                       |
        | header | X-Two: two                       |
        | header | X-Three: three                   |
      Then the answer is 200
      And the upstream "app" received no field "X-Hop"
      And the upstream "app" received no field "X-Two"
      And the upstream "app" received the field "X-Three" with "three"

    @S-6.4
    Scenario: Every Connection line of a request counts, and every name in it
      Given the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/         |
        | header | Connection: X-First               |
        | header | Connection: X-A, X-B, X-C, X-D    |
        | header | Connection: keep-alive, X-Last    |
        | header | X-First: 1                        |
        | header | X-Last: 2                         |
        | header | X-D: 3                            |
        | header | X-Kept: 4                         |
      Then the answer is 200
      And the upstream "app" received no field "X-First"
      And the upstream "app" received no field "X-D"
      And the upstream "app" received no field "X-Last"
      And the upstream "app" received the field "X-Kept" with "4"

    @S-6.4
    Scenario Outline: Every Connection line of an answer counts over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Connection: X-First
        X-First: 1
        Connection: keep-alive
        X-Last: 2
        Connection: X-A, X-Last
        X-Kept: 3
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has no field "X-First"
      And the answer has no field "X-Last"
      And the answer has the field "X-Kept" with "3"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.4
    Scenario Outline: Naming <field> in Connection does not remove it
      Given the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | Connection: <field>       |
      Then the answer is 200
      And the upstream "app" received the field "<field>" with "<value>"

      Examples:
        | field             | value            |
        | X-Real-IP         | ${client:}       |
        | X-Forwarded-For   | ${client:}       |
        | X-Forwarded-Proto | https            |
        | X-Forwarded-Host  | git.example.test |
        | Host              | git.example.test |

    @S-6.4 @S-6.18
    Scenario Outline: TE passes as trailers only, with Connection to say that it ends at the upstream, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | TE: <te>                  |
      Then the answer is 200
      And the upstream "app" received the field "TE" with "trailers"
      And the upstream "app" received the field "Connection" with "TE"

      Examples:
        | te             | protocol |
        | gzip, trailers | HTTP/1.1 |
        | trailers       | HTTP/1.1 |
        | trailers       | HTTP/2   |

    @S-6.18
    Scenario: A WebSocket handshake with TE has one Connection field
      Given an upstream "app" that switches to "websocket"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET /chat HTTP/1.1
        Host: git.example.test
        Connection: Upgrade, TE
        Upgrade: websocket
        TE: trailers

        """
      Then the client receives "HTTP/1.1 101 Switching Protocols\r\n"
      And the upstream "app" received the field "Connection" with "Upgrade, TE"
      And the upstream "app" received the field "TE" with "trailers"

    @S-6.18
    Scenario Outline: Only tokens of <announced> are in the Trailer field over HTTP/1.1
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Transfer-Encoding: chunked
        Trailer: <announced>
        Trailer: X-Sum

        5
        hello
        0
        X-Sum: 42

        """
      Then the client receives the answer 200
      And the upstream "app" received the field "Trailer" with "<passed>"
      And the upstream "app" received the trailer "X-Sum" with "42"

      Examples:
        | announced                 | passed         |
        | a b:c, "x"                | X-Sum          |
        | "a, b", (c), d;e, X-Other | X-Other, X-Sum |
        | Host, X-Forwarded-For, TE | X-Sum          |
        | Authorization, Cookie     | X-Sum          |

    @S-6.18
    Scenario Outline: Only tokens of <announced> are in the Trailer field over HTTP/2
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | HTTP/2                    |
        | body     | hello                     |
        | chunked  | yes                       |
        | header   | Trailer: <announced>      |
        | trailer  | X-Sum: 42                 |
      Then the answer is 200
      And the upstream "app" received the field "Trailer" with "<passed>"
      And the upstream "app" received the trailer "X-Sum" with "42"

      # The client announces X-Sum by itself.
      Examples:
        | announced                 | passed         |
        | a b:c, "x"                | X-Sum          |
        | "a, b", (c), d;e, X-Other | X-Sum, X-Other |
        | Host, X-Forwarded-For, TE | X-Sum          |
        | Authorization, Cookie     | X-Sum          |

    @S-6.7
    Scenario Outline: Credentials in the trailers of a request do not reach an upstream that speaks HTTP/1.1, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url     | https://git.example.test/     |
        | method  | POST                          |
        | body    | hello                         |
        | chunked | yes                           |
        | header  | Authorization: Basic bWU6eA== |
        | trailer | Authorization: Basic eW91Ong= |
        | trailer | Cookie: session=yours         |
        | trailer | X-Sum: 42                     |
      Then the answer is 200
      And the upstream "app" received the field "Authorization" with "Basic bWU6eA=="
      And the upstream "app" received no field "Cookie"
      And the upstream "app" received only the trailer "X-Sum" with "42"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7 @S-18.7
    Scenario Outline: Credentials in the trailers of a request do not reach an upstream that speaks HTTP/2, over <protocol>
      Given clients speak <protocol>
      And an upstream "h2" that speaks only HTTP/2
      And the site "h2.example.test" is served from the upstream "h2"
      And the setting "listeners[0].sites[1].upstream_protocol" is "http2"
      And the proxy is running
      When a client sends the request:
        | url     | https://h2.example.test/received-trailers |
        | method  | POST                                      |
        | body    | hello                                     |
        | chunked | yes                                       |
        | header  | Authorization: Basic bWU6eA==             |
        | trailer | Authorization: Basic eW91Ong=             |
        | trailer | Cookie: session=yours                     |
        | trailer | X-Sum: 42                                 |
      Then the answer is 200 "X-Sum: 42\r\n"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.4
    Scenario Outline: Hop-by-hop fields of an answer are not passed to the client over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Connection: keep-alive, X-Hop
        Keep-Alive: timeout=5
        Proxy-Authenticate: Basic
        Proxy-Connection: keep-alive
        Upgrade: h2c
        X-Hop: one
        X-Kept: two
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has no field "Keep-Alive"
      And the answer has no field "Proxy-Authenticate"
      And the answer has no field "Proxy-Connection"
      And the answer has no field "Upgrade"
      And the answer has no field "X-Hop"
      And the answer has the field "X-Kept" with "two"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.4
    Scenario Outline: An answer's connection-close does not close the client's connection over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers and closes:
        """
        HTTP/1.1 200 OK
        Connection: close
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has no field "Connection"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer came over the connection of the one before

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: All other fields pass unchanged

    @S-6.5
    Scenario Outline: Server is removed from answers, and no Server and no Via is added, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Server: secret/1.0
        Alt-Svc: h3=":4433"; ma=86400
        X-Powered-By: magic
        Set-Cookie: a=1
        Set-Cookie: b=2; Path=/
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has no field "Server"
      And the answer has no field "Alt-Svc"
      And the answer has no field "Via"
      And the answer has the field "X-Powered-By" with "magic"
      And the answer has the fields "Set-Cookie" with "a=1|b=2; Path=/"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.5
    Scenario Outline: What is removed from a head is removed from interim answers and trailers too, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 103 Early Hints
        Server: secret/1.0
        Alt-Svc: h3=":4433"
        Keep-Alive: timeout=5
        Connection: X-Hop
        X-Hop: 1
        Link: </style.css>

        HTTP/1.1 200 OK
        Transfer-Encoding: chunked

        2
        ok
        0
        Server: secret/1.0
        Alt-Svc: h3=":4433"
        Keep-Alive: timeout=5
        Connection: X-Hop
        X-Hop: 1
        X-Forwarded-Kept: 2
        X-Sum: 42

        """
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | TE: trailers              |
      Then the answer is 200 "ok"
      And the answer was preceded only by "103 Link: </style.css>"
      And the answer has the trailer "X-Sum" with "42"
      And the answer has the trailer "X-Forwarded-Kept" with "2"
      And the answer has no trailer "Server"
      And the answer has no trailer "Alt-Svc"
      And the answer has no trailer "Keep-Alive"
      And the answer has no trailer "X-Hop"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.5
    Scenario Outline: A missing Date is added, and the upstream's own passes, over <protocol>: <upstream>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        <upstream>
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has <date>

      Examples:
        | upstream                            | date                                              | protocol |
        | X-No: date                          | a current Date                                     | HTTP/1.1 |
        | Date: Tue, 01 Nov 1994 08:12:31 GMT | the field "Date" with "Tue, 01 Nov 1994 08:12:31 GMT" | HTTP/1.1 |
        | X-No: date                          | a current Date                                     | HTTP/2   |
        | date: Tue, 01 Nov 1994 08:12:31 GMT | the field "Date" with "Tue, 01 Nov 1994 08:12:31 GMT" | HTTP/2   |

    @S-6.5
    Scenario Outline: The proxy's own answers have a Date over <protocol>: <url>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "<url>"
      Then the answer is <status>
      And the answer has a current Date

      Examples:
        | url                            | status | protocol |
        | https://git.example.test/health | 200   | HTTP/1.1 |
        | https://no.example.test/       | 404    | HTTP/1.1 |
        | https://git.example.test/health | 200   | HTTP/2   |
        | https://no.example.test/       | 404    | HTTP/2   |

    @S-6.5
    Scenario Outline: The reason phrase "<sent>" reaches a client over HTTP/1.1 as "<received>"
      Given an upstream "app" that answers:
        """
        HTTP/1.1 <status><sent>
        Content-Length: 2

        ok\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives "HTTP/1.1 <status> <received>\r\n"

      Examples:
        | status | sent               | received        |
        | 200    | \x20Fine           | Fine            |
        | 299    | \x20All well   | All well        |
        | 404    | \x20           | Not Found       |
        | 404    |                    | Not Found       |
        | 299    | \x20           |                 |
        | 503    | \x20Caf\xc3\xa9 | Caf\xc3\xa9     |
        | 200    | \x20${x*200}   | OK              |

    @S-6.5
    Scenario Outline: A Via of the upstream passes, and Content-Type is not invented, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Via: 1.1 inner
        Content-Length: 6

        <html>\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "<html>"
      And the answer has the field "Via" with "1.1 inner"
      And the answer has no field "Content-Type"
      And the upstream "app" received no field "Via"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.5
    Scenario Outline: The status <status> passes with its fields over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 <status> Whatever
        Location: https://elsewhere.example/
        ETag: "x"
        Content-Length: 0

        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is <status> ""
      And the answer has the field "Location" with "https://elsewhere.example/"
      And the answer has the field "ETag" with "\"x\""

      Examples:
        | status | protocol |
        | 201    | HTTP/1.1 |
        | 302    | HTTP/1.1 |
        | 307    | HTTP/1.1 |
        | 404    | HTTP/1.1 |
        | 418    | HTTP/1.1 |
        | 500    | HTTP/1.1 |
        | 503    | HTTP/1.1 |
        | 599    | HTTP/1.1 |
        | 201    | HTTP/2   |
        | 302    | HTTP/2   |
        | 307    | HTTP/2   |
        | 404    | HTTP/2   |
        | 418    | HTTP/2   |
        | 500    | HTTP/2   |
        | 503    | HTTP/2   |
        | 599    | HTTP/2   |

    @S-6.5
    Scenario Outline: The fields of a request pass, and none is added but the proxy's own, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/a |
        | header | Accept: text/html          |
        | header | Cookie: a=1; b=2           |
        | header | Authorization: Bearer x    |
      Then the answer is 200
      And the upstream "app" received the field "Accept" with "text/html"
      And the upstream "app" received the field "Cookie" with "a=1; b=2"
      And the upstream "app" received the field "Authorization" with "Bearer x"
      And the upstream "app" received no field "Accept-Encoding"
      And the upstream "app" received no field "User-Agent"
      And the upstream "app" received no field "Connection"
      And the upstream "app" received no field "Content-Length"
      And the upstream "app" received no field "Transfer-Encoding"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.5
    Scenario Outline: HEAD returns the length of the body and no body over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Content-Length: 1234

        """
      And the proxy is running
      When a client sends "HEAD" to "https://git.example.test/"
      Then the answer is 200 ""
      And the answer has the field "Content-Length" with "1234"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.5
    Scenario Outline: <status> passes without a body over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 <status> Whatever
        ETag: "x"

        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is <status> ""
      And the answer has the field "ETag" with "\"x\""

      Examples:
        | status | protocol |
        | 204    | HTTP/1.1 |
        | 304    | HTTP/1.1 |
        | 204    | HTTP/2   |
        | 304    | HTTP/2   |

  Rule: Path and query reach the upstream byte for byte

    @S-6.6
    Scenario Outline: <target> passes over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<target> |
        | method   | <method>                         |
        | protocol | <protocol>                       |
      Then the answer is 200
      And the upstream "app" received "<method> <target>"

      Examples:
        | target                | method | protocol |
        | /                     | GET    | HTTP/1.1 |
        | /a%20b                | GET    | HTTP/1.1 |
        | /a%2Fb%2fc            | GET    | HTTP/1.1 |
        | /a/../b/./c           | GET    | HTTP/1.1 |
        | /a//b///              | GET    | HTTP/1.1 |
        | /?                    | GET    | HTTP/1.1 |
        | /?a=1&a=2;b           | GET    | HTTP/1.1 |
        | /?q=%zz               | GET    | HTTP/1.1 |
        | /a?b?c=/../d          | GET    | HTTP/1.1 |
        | /%41%7e~!$&'()*+,;=:@ | GET    | HTTP/1.1 |
        | /a%20b/../c//?q=%2f&& | GET    | HTTP/2   |
        | /a%2Fb%2fc            | GET    | HTTP/2   |
        | /                     | GET    | HTTP/2   |
        | /a%20b                | GET    | HTTP/2   |
        | /a/../b/./c           | GET    | HTTP/2   |
        | /a//b///              | GET    | HTTP/2   |
        | /?                    | GET    | HTTP/2   |
        | /?a=1&a=2;b           | GET    | HTTP/2   |
        | /?q=%zz               | GET    | HTTP/2   |
        | /a?b?c=/../d          | GET    | HTTP/2   |
        | /%41%7e~!$&'()*+,;=:@ | GET    | HTTP/2   |
        | /a^b{c}               | GET    | HTTP/1.1 |
        | /a                    | PURGE  | HTTP/1.1 |
        | /${x*8000}            | GET    | HTTP/1.1 |
        | /a^b{c}               | GET    | HTTP/2   |
        | /a                    | PURGE  | HTTP/2   |
        | /${x*8000}            | GET    | HTTP/2   |

    @S-6.6
    Scenario Outline: The target <target> on the wire passes unchanged
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<method> <target> HTTP/1.1\r\nHost: git.example.test\r\nConnection: close\r\n\r\n"
      Then the client receives the answer 200
      And the upstream "app" received "<method> <target>"

      Examples:
        | method  | target        |
        | GET     | //a//b        |
        | OPTIONS | *             |

    @S-6.6
    Scenario Outline: The :path <target> passes unchanged
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test" the fields:
        | :method    | <method>         |
        | :scheme    | https            |
        | :path      | <target>         |
        | :authority | git.example.test |
      Then the answer is 200
      And the upstream "app" received "<method> <target>"

      Examples:
        | method  | target |
        | GET     | //a//b |
        | OPTIONS | *      |

  Rule: Bodies stream in both directions

    @S-6.7
    Scenario Outline: An event that the upstream sends reaches the client immediately over <protocol>
      Given an upstream "app" that streams "data: one|data: two|data: three"
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/" over "<protocol>"
      Then the client "alice" has received "data: one"
      When the upstream "app" is released
      Then the client "alice" has received "data: two"
      When the upstream "app" is released
      Then the client "alice" is answered 200
      And the answer has the body "data: onedata: twodata: three"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario Outline: The head of an answer reaches the client before its body over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that stops in the middle of its answer
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/"
      Then the client "alice" has received "only half"
      When the upstream "app" closes its connections
      Then the request of the client "alice" fails

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario Outline: A body of <bytes> bytes reaches the client completely over <protocol>
      Given an upstream "app" that answers with <bytes> bytes
      And the proxy is running
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is 200
      And the answer has a body of <bytes> bytes
      And the answer has the field "Content-Length" with "<bytes>"

      Examples:
        | bytes    | protocol |
        | 0        | HTTP/1.1 |
        | 1        | HTTP/1.1 |
        | 50000000 | HTTP/1.1 |
        | 50000000 | HTTP/2   |
        | 0        | HTTP/2   |
        | 1        | HTTP/2   |

    @S-6.7
    Scenario Outline: A body of <bytes> bytes reaches the upstream completely, <framing>, over <protocol>
      Given the setting "body.limit_bytes" is 104857600
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | bytes    | <bytes>                   |
        | chunked  | <chunked>                 |
      Then the answer is 200
      And the upstream "app" received a body of <bytes> bytes

      Examples:
        | bytes    | framing       | chunked | protocol |
        | 50000000 | with a length | no      | HTTP/1.1 |
        | 50000000 | in chunks     | yes     | HTTP/1.1 |
        | 50000000 | with a length | no      | HTTP/2   |
        | 50000000 | in chunks     | yes     | HTTP/2   |

    @S-6.7
    Scenario Outline: Megabytes in transit do not stay in memory over <protocol>
      Given clients speak <protocol>
      And the setting "body.limit_bytes" is 1073741824
      And an upstream "app" that answers with 60000000 bytes
      And the proxy will be started from a release build
      And the proxy is running
      When a client sends "POST" to "https://git.example.test/" with 60000000 bytes in chunks
      Then the answer is 200
      And the answer has a body of 60000000 bytes
      And the proxy has used at most 64 MiB of memory

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario Outline: Trailers of an answer reach the client over <protocol>
      Given the sample upstream "sample"
      And the site "www.example.test" is served from the upstream "sample"
      And the proxy is running
      When a client requests "https://www.example.test/trailers" over "<protocol>"
      Then the answer is 200 "body with a trailer\n"
      And the answer has the trailer "X-Checksum" with "42"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario Outline: Trailers of a request reach the upstream over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | body     | hello                     |
        | chunked  | yes                       |
        | trailer  | X-Checksum: 42            |
      Then the answer is 200
      And the upstream "app" received the body "hello"
      And the upstream "app" received the trailer "X-Checksum" with "42"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario Outline: 103 Early Hints reach the client over <protocol>
      Given the sample upstream "sample"
      And the site "www.example.test" is served from the upstream "sample"
      And the proxy is running
      When a client requests "https://www.example.test/hints" over "<protocol>"
      Then the answer is 200 "after the hints\n"
      And the answer was preceded by "103 Link: </style.css>; rel=preload; as=style"
      And the answer has no field "Link"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario: A client that waits for 100 Continue is told to continue
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Content-Length: 5
        Expect: 100-continue
        Connection: close

        """
      Then the client receives "HTTP/1.1 100 Continue\r\n\r\n"
      When the client sends "hello"
      Then the client receives "\r\n\r\nhello"
      And the connection is closed

  Rule: Requests to upstreams use kept connections

    @S-6.8
    Scenario Outline: One connection serves many requests over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/" 20 times
      Then 20 of the answers are 200
      # Over HTTP/2 the next request may come while the connection is on its way back into the pool.
      And the upstream "app" accepted at most <connections> connections

      Examples:
        | protocol | connections |
        | HTTP/1.1 | 1           |
        | HTTP/2   | 5           |

    @S-6.8
    Scenario Outline: The upstream gets HTTP/1.1 whatever the client speaks over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      And the upstream "app" received the bytes:
        """
        GET / HTTP/1.1
        Host: git.example.test
        X-Real-IP: ${client:}
        X-Forwarded-For: ${client:}
        X-Forwarded-Proto: https
        X-Forwarded-Host: git.example.test
        X-Forwarded-Port: ${https}
        """

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: Redirects are passed to the client over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 302 Found
        Location: /elsewhere
        Content-Length: 0

        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 302
      And the answer has the field "Location" with "/elsewhere"
      And the upstream "app" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: A compressed body passes unchanged, and the proxy requests none, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Content-Encoding: gzip
        Content-Length: 4

        \x1f\x8b\x08\x00\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "\x1f\x8b\x08\x00"
      And the answer has the field "Content-Encoding" with "gzip"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: A kept connection that the upstream has closed is replaced unnoticed for <method> over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers once on each connection and closes it
      And the proxy is running
      When a client sends "<method>" to "https://git.example.test/"
      Then the answer is 200
      When a client sends "<method>" to "https://git.example.test/"
      Then the answer is 200
      When a client sends "<method>" to "https://git.example.test/"
      Then the answer is 200
      And the upstream "app" received 3 requests

      Examples:
        | method | protocol |
        | GET    | HTTP/1.1 |
        | HEAD   | HTTP/1.1 |
        | DELETE | HTTP/1.1 |
        | GET    | HTTP/2   |
        | HEAD   | HTTP/2   |
        | DELETE | HTTP/2   |

    @S-6.8
    Scenario Outline: An upstream that was restarted is found again over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      Given the upstream "app" closes its connections
      When a client requests "https://git.example.test/"
      Then the answer is 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An HTTPS upstream is verified and used over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "www.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is 200 "secure"
      And the upstream "secure" received the field "Host" with "www.example.test"
      And the upstream "secure" received the field "X-Forwarded-Proto" with "https"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: A gRPC-like exchange keeps its trailers over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Trailer: Grpc-Status

        2
        ok
        0
        Grpc-Status: 0

        """
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | TE: trailers              |
      Then the answer is 200 "ok"
      And the answer has the trailer "Grpc-Status" with "0"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: When one side disconnects, the other side learns of it

    @S-6.10 @S-12.9
    Scenario Outline: A client that disconnects before the answer cancels the upstream's request, over <protocol>
      Given an upstream "app" that never answers
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/" over "<protocol>"
      Then the upstream "app" received 1 request
      When the client "alice" disconnects
      Then the request to the upstream "app" is cancelled
      And the log has a line "CLIENT_GONE" with:
        | level | DEBUG |
      And the log has no line "UPSTREAM_ERROR"
      And the kernel holds nothing of the proxy's connections to the upstream "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.10 @S-12.9
    Scenario Outline: A client that disconnects in the middle of the answer cancels the upstream's request, over <protocol>
      Given an upstream "app" that streams "one|two"
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/" over "<protocol>"
      Then the client "alice" has received "one"
      When the client "alice" disconnects
      Then the request to the upstream "app" is cancelled
      And the log has a line "CLIENT_GONE" with:
        | level | DEBUG |
      And the kernel holds nothing of the proxy's connections to the upstream "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.10
    Scenario Outline: A client that disconnects in the middle of its body sends the upstream no complete request over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the client "alice" begins to upload to "https://git.example.test/"
      When the client "alice" uploads "half"
      Then the upstream "app" received 1 request
      When the client "alice" disconnects
      Then the upstream "app" received no complete body
      And the log has a line "CLIENT_GONE"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.10
    Scenario Outline: An upstream that disconnects in the middle of a body leaves no clean end, over <protocol>
      Given an upstream "app" that sends half of its answer and closes
      And the proxy is running
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is 200 and cut short after "only half\n"
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.10
    Scenario Outline: A truncated chunked answer does not end cleanly over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers and closes:
        """
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked

        4
        half
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 and cut short after "half"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.10
    Scenario Outline: What arrived before an upstream broke the framing of its answer is delivered over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers and closes:
        """
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked

        4
        half
        zz

        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 and cut short after "half"
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Unusual methods and old clients

    @S-6.14
    Scenario Outline: <method> over <protocol> is answered 405
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | <method>                  |
        | protocol | <protocol>                |
      Then the answer is 405
      And the upstream "app" received nothing

      Examples:
        | method  | protocol |
        | TRACE   | HTTP/1.1 |
        | TRACE   | HTTP/2   |

    @S-6.18
    Scenario Outline: OPTIONS with Max-Forwards <value> is answered by the proxy over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | method | OPTIONS                   |
        | header | Max-Forwards: <value>     |
      Then the answer is 200 ""
      And the answer has the field "Allow" with "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
      And the upstream "app" received nothing

      Examples:
        | value | protocol |
        | 0     | HTTP/1.1 |
        | 000   | HTTP/1.1 |
        | 0     | HTTP/2   |

    @S-6.18
    Scenario Outline: Max-Forwards <value> of <method> reaches the upstream as <passed> over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | method | <method>                  |
        | header | Max-Forwards: <value>     |
      Then the answer is 200 "app"
      And the upstream "app" received the field "Max-Forwards" with "<passed>"

      Examples:
        | method  | value                   | passed     | protocol |
        | OPTIONS | 1                       | 0          | HTTP/1.1 |
        | OPTIONS | 10                      | 9          | HTTP/1.1 |
        | OPTIONS | 99999999999999999999999 | 2147483647 | HTTP/1.1 |
        | OPTIONS | -1                      | -1         | HTTP/1.1 |
        | OPTIONS | none                    | none       | HTTP/1.1 |
        | OPTIONS | 0, 1                    | 0, 1       | HTTP/1.1 |
        | GET     | 0                       | 0          | HTTP/1.1 |
        | OPTIONS | 1                       | 0          | HTTP/2   |
        | OPTIONS | none                    | none       | HTTP/2   |
        | GET     | 0                       | 0          | HTTP/2   |

    @S-6.18
    Scenario: OPTIONS with Max-Forwards 0 for an unknown host is answered 404
      Given the proxy is running
      When a client sends the request:
        | url    | https://no.example.test/ |
        | method | OPTIONS                  |
        | header | Max-Forwards: 0          |
      Then the answer is 404

    @S-6.14
    Scenario: CONNECT over HTTP/1.1 is answered 405
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "CONNECT git.example.test:443 HTTP/1.1\r\nHost: git.example.test:443\r\n\r\n"
      Then the client receives the answer 405
      And the upstream "app" received nothing

    @S-6.14
    Scenario: CONNECT over HTTP/2 is answered 405
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test" the fields:
        | :method    | CONNECT              |
        | :authority | git.example.test:443 |
      Then the answer is 405
      And the upstream "app" received nothing

    @S-6.14 @S-6.18
    Scenario Outline: Upgrade to h2c is not passed on: <upgrade>
      Given the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/           |
        | header | Connection: Upgrade, HTTP2-Settings |
        | header | Upgrade: <upgrade>                  |
        | header | HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA |
      Then the answer is 200 "app"
      And the upstream "app" received no field "Upgrade"
      And the upstream "app" received no field "HTTP2-Settings"

      Examples:
        | upgrade          |
        | h2c              |
        | H2C              |
        | h2c/2.0          |
        | h2c-14           |
        | websocket, h2c/2 |
        | x, h2c ,y        |
        | HTTP/2.0         |

    @S-6.14
    Scenario: HTTP/1.0 works, without keep-alive
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /a HTTP/1.0\r\nHost: git.example.test\r\nConnection: keep-alive\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "app"
      And the connection is closed with nothing more
      And the upstream "app" received "GET /a"

    @S-6.14
    Scenario: HTTP/1.0 gets a chunked answer without chunks
      Given an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked

        2
        ok
        0

        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /a HTTP/1.0\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "ok"
      And the answer has no field "Transfer-Encoding"
      And the connection is closed with nothing more

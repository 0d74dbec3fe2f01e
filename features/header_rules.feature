Feature: Header rules

  The configuration sets, defaults and removes header fields of requests and responses, for all sites, for a site or for
  a route.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A rule is checked when the configuration is loaded

    @S-19.1
    Scenario: Rules that would break framing, or say who the client is, are refused with the reason
      Given the configuration file ends with:
        """
        [listeners.sites.request_headers]
        set = { "Content-Length" = "5", "X-Forwarded-For" = "10.0.0.1", "X_Real_IP" = "10.0.0.1" }
        remove = ["Transfer-Encoding", "Host"]
        [listeners.sites.response_headers]
        set = { "Connection" = "close", "Set-Cookie" = "a=b" }
        remove = ["Date"]
        """
      When the configuration is validated
      Then the command exits with 1
      And the command prints 8 lines on stderr
      And the command names each of:
        | request_headers.set.Content-Length:  | it describes how the body is framed     | leave it out        |
        | request_headers.set.X-Forwarded-For: | the proxy sets it itself                | leave it out        |
        | request_headers.set.X_Real_IP:       | the proxy sets it itself                | leave it out        |
        | request_headers.remove[0]:           | it concerns a single connection         | leave it out        |
        | request_headers.remove[1]:           | can only be set                         | write it in set     |
        | response_headers.set.Connection:     | it concerns a single connection         | leave it out        |
        | response_headers.set.Set-Cookie:     | replace every cookie                    | write it in default |
        | response_headers.remove[0]:          | the time of the response                | leave it out        |

    @S-19.1
    Scenario Outline: A value that no field can have is refused: <value>
      Given the setting "response_headers.set" is { "X-A" = <value> }
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | response_headers.set.X-A: | <wrong> | <right> |

      Examples:
        | value               | wrong                                           | right                                                              |
        | "a\\nX-Evil: 1"     | has a line break                                | on one line                                                        |
        | "a\u0000b"          | has a control character                         | leave it out                                                       |
        | " a"                | begins or ends with a blank                     | remove                                                             |
        | ""                  | is empty                                        | or the name in remove                                              |
        | "{remote_addr}"     | has "{remote_addr}", which is not a placeholder | write one of {client_ip}, {host}, {request_id} and {scheme}, or {{ |
        | "{host"             | has a { that does not begin a placeholder       | {{                                                                 |

  Rule: Rules for requests change what the upstream gets

    @S-19.1
    Scenario Outline: Fields are set, defaulted and removed over <protocol>
      Given clients speak <protocol>
      And the configuration file ends with:
        """
        [listeners.sites.request_headers]
        set = { "Host" = "app.internal:8080", "X-Site" = "git", "X-From" = "{client_ip} {scheme}://{host} {{}}" }
        default = { "X-New" = "rule", "X-Own" = "rule" }
        remove = ["X-Debug", "Cookie"]
        """
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | X-Site: forged            |
        | header | X_Site: forged            |
        | header | X-Own: client             |
        | header | X-Debug: 1                |
        | header | Cookie: a=1               |
        | header | Cookie: b=2               |
        | header | Accept-Language: de       |
      Then the answer is 200
      And the upstream "app" received the field "Host" with "app.internal:8080"
      And the upstream "app" received the field "X-Site" with "git"
      And the upstream "app" received no field "X_Site"
      And the upstream "app" received the field "X-From" with "${client:} https://git.example.test {}"
      And the upstream "app" received the field "X-New" with "rule"
      And the upstream "app" received the field "X-Own" with "client"
      And the upstream "app" received no field "X-Debug"
      And the upstream "app" received no field "Cookie"
      And the upstream "app" received the field "Accept-Language" with "de"
      And the upstream "app" received the field "X-Forwarded-Host" with "git.example.test"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-19.1
    Scenario Outline: No client can undo or forge what a rule sets over <protocol>
      Given clients speak <protocol>
      And the setting "listeners[0].sites[0].request_headers" is { set = { "X-User" = "nobody" }, remove = ["X-Admin"] }
      And the proxy is running
      When a client sends the request:
        | url     | https://git.example.test/ |
        | method  | POST                      |
        | body    | x                         |
        | chunked | yes                       |
        | header  | <header>                  |
        | trailer | X-User: root              |
        | trailer | X_Admin: yes              |
        | trailer | X-Sum: 42                 |
      Then the answer is 200
      And the upstream "app" received the field "X-User" with "nobody"
      And the upstream "app" received no field "X-Admin"
      And the upstream "app" received only the trailer "X-Sum" with "42"

      Examples:
        | protocol | header             |
        | HTTP/1.1 | Connection: X-User |
        | HTTP/1.1 | x-admin: 1         |
        | HTTP/2   | x-admin: 1         |

    @S-19.1
    Scenario Outline: An invalid host cannot end a header field: <authority>
      Given the setting "response_headers.set" is { "X-Host" = "for {host}" }
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET / HTTP/1.1
        Host: <authority>


        """
      Then the client receives the answer 400
      And the answer has the field "X-Host" with "for"
      And the answer has no field "X-Evil"

      Examples:
        | authority                            |
        | git.example.test%0d%0aX-Evil: 1      |
        | git.example.test\x00X-Evil: 1        |
        | git.example.test\rX-Evil: 1          |
        | git.example.test\x85X-Evil           |

  Rule: The most specific rule for a field counts

    @S-19.2
    Scenario Outline: Rules of the file, the site and the route are merged over <protocol>
      Given clients speak <protocol>
      And the settings:
        | request_headers                      | { set = { "X-A" = "file", "X-B" = "file" }, remove = ["X-C"] }                |
        | response_headers                     | { set = { "X-A" = "file", "X-B" = "file", "X-C" = "file" } }                  |
        | listeners[0].sites[0].request_headers  | { set = { "x-b" = "site", "X_C" = "site" }, default = { "X-D" = "site" } }  |
        | listeners[0].sites[0].response_headers | { set = { "x-b" = "site" }, remove = ["x-c"] }                              |
        | listeners[0].sites[0].routes           | [{ path = "/api", upstream = "${upstream:app}", request_headers = { set = { "X-D" = "route" }, remove = ["X-A"] }, response_headers = { default = { "X-B" = "route" }, set = { "X-C" = "route" } } }] |
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      And the upstream "app" received the field "X-A" with "file"
      And the upstream "app" received the field "X-B" with "site"
      And the upstream "app" received the field "X_C" with "site"
      And the upstream "app" received the field "X-D" with "site"
      And the answer has the field "X-A" with "file"
      And the answer has the field "X-B" with "site"
      And the answer has no field "X-C"
      When a client requests "https://git.example.test/api/x"
      Then the answer is 200
      And the upstream "app" received no field "X-A"
      And the upstream "app" received the field "X-B" with "site"
      And the upstream "app" received the field "X-D" with "route"
      And the answer has the field "X-A" with "file"
      And the answer has the field "X-B" with "route"
      And the answer has the field "X-C" with "route"
      When a client requests "https://other.example.test/"
      Then the answer is 404
      And the answer has the field "X-B" with "file"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-19.2
    Scenario: A reload changes the rules, and diff shows at which place
      Given the setting "response_headers.set" is { "X-A" = "1" }
      And the proxy is running
      And the setting "response_headers.set" is { "X-A" = "2" }
      And the setting "listeners[0].sites[0].response_headers.remove" is ["X-B"]
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command names each of:
        | ${config}: 2 changes                                                 |                                    |
        | setting changed: response_headers                                    | set X-A: 1 -> set X-A: 2           |
        | site changed: git.example.test on ${addr}:${https}: response_headers | remove X-B                         |
      Given the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer has the field "X-A" with "2"

  Rule: Rules for responses apply to every final response over TLS

    @S-19.3
    Scenario Outline: What the upstream sends is set, defaulted and removed over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        X-frame-options: ALLOWALL
        Set-Cookie: a=1
        X-Powered-By: PHP/5
        Set-Cookie: b=2
        X-Frame-Options: SAMEORIGIN
        Cache-Control: private
        Server: secret
        Content-Length: 2

        ok\
        """
      And the configuration file ends with:
        """
        [listeners.sites.response_headers]
        set = { "X-Frame-Options" = "DENY", "Strict-Transport-Security" = "max-age=31536000", "Server" = "front" }
        default = { "Cache-Control" = "no-store", "Referrer-Policy" = "no-referrer" }
        remove = ["X-Powered-By"]
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has the field "X-Frame-Options" with "DENY"
      And the answer has the field "Strict-Transport-Security" with "max-age=31536000"
      And the answer has the field "Cache-Control" with "private"
      And the answer has the field "Referrer-Policy" with "no-referrer"
      And the answer has the field "Server" with "front"
      And the answer has the fields "Set-Cookie" with "a=1|b=2"
      And the answer has no field "X-Powered-By"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-19.3
    Scenario Outline: The proxy's own answer <status> to <target> has the fields too, over <protocol>
      Given clients speak <protocol>
      And an upstream "silent" that never answers
      And no upstream "gone"
      And the settings:
        | response_headers.set                         | { "X-By" = "file", "X-Frame-Options" = "DENY" }  |
        | body.limit_bytes                             | 3                                                |
        | listeners[0].sites[0].aliases                | ["www.example.test"]                             |
        | listeners[0].sites[0].redirect_aliases       | true                                             |
        | listeners[0].sites[0].response_headers.set   | { "X-By" = "site" }                              |
        | listeners[0].sites[0].routes                 | [{ path = "/gone", upstream = "${upstream:gone}", response_headers = { set = { "X-By" = "route" } } }, { path = "/silent", upstream = "${upstream:silent}", upstream_request_timeout_secs = 1, response_headers = { set = { "X-By" = "route" } } }, { path = "/text", respond = 403, response_headers = { set = { "X-By" = "route" } } }, { path = "/old", redirect = "/new", response_headers = { set = { "X-By" = "route" } } }] |
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test<target> |
        | method | <method>                         |
        | header | Host: <host>                     |
        | body   | <body>                           |
      Then the answer is <status>
      And the answer has the field "X-By" with "<by>"
      And the answer has the field "X-Frame-Options" with "DENY"

      Examples:
        | protocol | target      | method | host              | body | status | by    |
        | HTTP/1.1 | /           | GET    | other.test        |      | 404    | file  |
        | HTTP/2   | /           | GET    | other.test        |      | 404    | file  |
        | HTTP/1.1 | /           | GET    | a..b              |      | 400    | file  |
        | HTTP/1.1 | /health     | GET    | git.example.test  |      | 200    | file  |
        | HTTP/1.1 | /           | TRACE  | git.example.test  |      | 405    | file  |
        | HTTP/1.1 | /           | POST   | git.example.test  | long | 413    | site  |
        | HTTP/2   | /           | POST   | git.example.test  | long | 413    | site  |
        | HTTP/1.1 | /a          | GET    | www.example.test  |      | 308    | site  |
        | HTTP/1.1 | /a/..%2fold | GET    | git.example.test  |      | 400    | site  |
        | HTTP/1.1 | /gone       | GET    | git.example.test  |      | 502    | route |
        | HTTP/2   | /gone       | GET    | git.example.test  |      | 502    | route |
        | HTTP/1.1 | /silent     | GET    | git.example.test  |      | 504    | route |
        | HTTP/1.1 | /text       | GET    | git.example.test  |      | 403    | route |
        | HTTP/2   | /old        | GET    | git.example.test  |      | 308    | route |

    @S-19.3
    Scenario Outline: A refusal by the rate limit has the fields of the site over <protocol>
      Given clients speak <protocol>
      And the settings:
        | rate_limit.burst                           | 1                   |
        | rate_limit.requests_per_second             | 0.001               |
        | response_headers.set                       | { "X-By" = "file" } |
        | listeners[0].sites[0].response_headers.set | { "X-By" = "site" } |
      And the proxy is running
      When a client requests "https://git.example.test/" 2 times
      Then the answer is 429
      And the answer has the field "X-By" with "site"
      And the answer has a field "Retry-After"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-19.3
    Scenario: The answer to a malformed request has the fields of the file
      Given the setting "response_headers.set" is { "X-By" = "file" }
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the answer has the field "X-By" with "file"

    @S-19.3
    Scenario: Fields without a rule keep their order and their bytes
      Given an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        x-LOWER: a  b
        Set-Cookie: one=1;  Path=/
        X-Gone: 1
        X-empty:
        sEt-CoOkIe: two=2, 3
        X-Kept: (quoted)
        Date: Sat, 28 Nov 2026 20:00:00 GMT
        Content-Length: 2

        ok\
        """
      And the configuration file ends with:
        """
        [listeners.sites.response_headers]
        set = { "X-New" = "1" }
        remove = ["X-Gone"]
        [listeners.sites.request_headers]
        remove = ["X-Debug"]
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test
        x-ONE: a  b
        X-Debug: 1
        Cookie: a=1;  b=2
        X-empty:
        x-one: c

        """
      Then the client receives "HTTP/1.1 200 OK\r\nx-LOWER: a  b\r\nSet-Cookie: one=1;  Path=/\r\nX-empty: \r\nsEt-CoOkIe: two=2, 3\r\nX-Kept: (quoted)\r\nDate: Sat, 28 Nov 2026 20:00:00 GMT\r\nX-New: 1\r\nContent-Length: 2\r\n\r\nok"
      And the upstream "app" received the bytes:
        """
        GET / HTTP/1.1
        Host: git.example.test
        x-ONE: a  b
        Cookie: a=1;  b=2
        X-empty: 
        x-one: c
        X-Real-IP: ${client:}
        X-Forwarded-For: ${client:}
        X-Forwarded-Proto: https
        X-Forwarded-Host: git.example.test
        X-Forwarded-Port: ${https}
        """

    @S-19.3
    Scenario Outline: Interim responses and trailers are not changed over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 103 Early Hints
        X-Own: hint

        HTTP/1.1 200 OK
        X-Own: head
        Transfer-Encoding: chunked

        2
        ok
        0
        X-Own: trailer

        """
      And the setting "response_headers" is { set = { "X-New" = "1" }, remove = ["X-Own"] }
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | TE: trailers              |
      Then the answer is 200 "ok"
      And the answer has the field "X-New" with "1"
      And the answer has no field "X-Own"
      And the answer was preceded only by "103 X-Own: hint"
      And the answer has the trailer "X-Own" with "trailer"
      And the answer has no trailer "X-New"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-19.3
    Scenario Outline: A refused WebSocket has the fields, and one that begins is not changed, over <protocol>
      Given clients speak <protocol>
      And an upstream "chat" that switches to "websocket"
      And the settings:
        | response_headers.set         | { "X-By" = "file" }                                      |
        | listeners[0].sites[0].routes | [{ path = "/chat", upstream = "${upstream:chat}" }]      |
      And the proxy is running
      When a client requests a WebSocket from "https://git.example.test/"
      Then the answer is <refused>
      And the answer has the field "X-By" with "file"
      When a client requests a WebSocket from "https://git.example.test/chat"
      Then the answer has no field "X-By"

      Examples:
        | protocol | refused |
        | HTTP/1.1 | 200     |
        | HTTP/2   | 502     |

    @S-19.3
    Scenario: Nothing is added over plain HTTP, where Strict-Transport-Security must not be
      Given the setting "response_headers.set" is { "Strict-Transport-Security" = "max-age=31536000" }
      And the proxy is running
      When a client requests "http://git.example.test/"
      Then the answer is 301
      And the answer has no field "Strict-Transport-Security"
      Given a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the answer has no field "Strict-Transport-Security"

  Rule: A request that a rule names has one ID

    @S-19.4
    Scenario Outline: The ID is the same at the upstream, at the client and in the log, over <protocol>
      Given clients speak <protocol>
      And the settings:
        | request_headers.set  | { "X-Request-Id" = "{request_id}", "X-Trace" = "id={request_id}" } |
        | response_headers.set | { "X-Request-Id" = "{request_id}" }                                |
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | X-Request-Id: forged      |
      Then the answer is 200
      And the answer has the field "X-Request-Id" with a new request ID, remembered as "first"
      And the upstream "app" received the field "X-Request-Id" with "${remembered:first}"
      And the upstream "app" received the field "X-Trace" with "id=${remembered:first}"
      And the log has a line "REQUEST" with:
        | status     | 200                 |
        | request_id | ${remembered:first} |
      When a client requests "https://other.example.test/"
      Then the answer is 404
      And the answer has the field "X-Request-Id" with a new request ID, remembered as "second"
      And the log has a line "REQUEST" with:
        | status     | 404                  |
        | request_id | ${remembered:second} |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-19.4
    Scenario: The lines of refusals and of malformed requests have the ID of their answer
      Given the settings:
        | rate_limit.burst               | 2                                   |
        | rate_limit.requests_per_second | 0.001                               |
        | response_headers.set           | { "X-Request-Id" = "{request_id}" } |
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the answer has the field "X-Request-Id" with a new request ID, remembered as "bad"
      And the log has a line "BAD_REQUEST" with:
        | request_id | ${remembered:bad} |
      When a client requests "https://git.example.test/" 2 times
      Then the answer is 429
      And the answer has the field "X-Request-Id" with a new request ID, remembered as "limited"
      And the log has a line "RATE_LIMIT" with:
        | request_id | ${remembered:limited} |

    @S-19.4
    Scenario: A request whose rules name no ID has none, and the client's own is passed on
      Given the setting "request_headers.set" is { "X-Site" = "{host}" }
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | X-Request-Id: abc         |
      Then the answer is 200
      And the upstream "app" received the field "X-Request-Id" with "abc"
      And the log has a line "REQUEST"
      And the log has no line that contains "request_id"

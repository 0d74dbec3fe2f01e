Feature: Routes
  A route takes some of the requests for a site by their path and method, and forwards, redirects or answers them.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And an upstream "api"
    And an upstream "admin"

  Rule: The most specific route is chosen, whatever the order in the file

    @S-14.2
    Scenario Outline: <method> of <path> over <protocol> is answered by <by>
      Given an upstream "deep"
      And an upstream "posts"
      And an upstream "exact"
      And the settings:
        | listeners[0].sites[0].routes[0] | { path = "/api", upstream = "${upstream:api}" }                         |
        | listeners[0].sites[0].routes[1] | { path = "/api", methods = ["POST"], upstream = "${upstream:posts}" }   |
        | listeners[0].sites[0].routes[2] | { path = "/api/v1/x", upstream = "${upstream:deep}" }                   |
        | listeners[0].sites[0].routes[3] | { path_exact = "/api", upstream = "${upstream:exact}" }                 |
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | method   | <method>                       |
        | protocol | <protocol>                     |
      Then the answer is 200 "<by>"
      And the upstream "<by>" received "<method> <path>"

      Examples:
        | method | path           | protocol | by    |
        | GET    | /api           | HTTP/1.1 | exact |
        | POST   | /api           | HTTP/2   | exact |
        | GET    | /api/          | HTTP/2   | api   |
        | GET    | /api/v1        | HTTP/1.1 | api   |
        | POST   | /api/v1        | HTTP/1.1 | posts |
        | GET    | /api/v1/x?/api | HTTP/1.1 | deep  |
        | POST   | /api/v1/x/y    | HTTP/2   | deep  |
        | GET    | /api/v1/xy     | HTTP/2   | api   |
        | GET    | /apix          | HTTP/1.1 | app   |
        | GET    | /API           | HTTP/2   | app   |
        | GET    | /x/api         | HTTP/1.1 | app   |
        | GET    | /?x=/api       | HTTP/2   | app   |

    @S-14.2 @S-2.6
    Scenario Outline: What no route takes is 404 at a site without an upstream, over <protocol>
      Given the settings:
        | listeners[0].sites[0].upstream  | left out                                                              |
        | listeners[0].sites[0].routes[0] | { path = "/api", methods = ["GET"], upstream = "${upstream:api}" }    |
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/apix |
        | protocol | <protocol>                    |
      Then the answer is the plain error 404 "Not Found"
      When a client sends the request:
        | url      | https://git.example.test/api |
        | method   | PUT                          |
        | protocol | <protocol>                   |
      Then the answer is the plain error 404 "Not Found"
      When a client sends the request:
        | url      | https://git.example.test/api |
        | protocol | <protocol>                   |
      Then the answer is 200 "api"
      And the upstream "api" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-14.2 @S-6.9
    Scenario: A route has its own time-outs, and the log names its upstream
      Given an upstream "api" that never answers
      And no upstream "absent"
      And the settings:
        | listeners[0].sites[0].routes[0] | { path = "/slow", upstream = "${upstream:api}", upstream_request_timeout_secs = 1 } |
        | listeners[0].sites[0].routes[1] | { path = "/gone", upstream = "${upstream:absent}" }                                 |
      And the proxy is running
      When a client requests "https://git.example.test/slow/x"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the log has a line "REQUEST" with:
        | path     | /slow/x         |
        | upstream | ${upstream:api} |
        | route    | /slow           |
      When a client requests "https://git.example.test/gone"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | host     | git.example.test   |
        | upstream | ${upstream:absent} |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

    @S-14.2 @S-6.8
    Scenario: A dead connection to a route's upstream is replaced like any other
      Given an upstream "api" that answers once on each connection and closes it
      And the setting "listeners[0].sites[0].routes[0]" is { path = "/api", upstream = "${upstream:api}", strip_prefix = true }
      And the proxy is running
      When a client requests "https://git.example.test/api/x" 5 times
      Then the answer is 200 "api"
      And the upstream "api" received 5 requests
      And the upstream "api" received "GET /x"

  Rule: No spelling of a path passes a route that its plain spelling would not (S-14.3)

    @S-14.3
    Scenario Outline: <what> over <protocol>
      Given the settings:
        | listeners[0].sites[0].routes[0] | { path = "/public", upstream = "${upstream:api}" }        |
        | listeners[0].sites[0].routes[1] | { path = "/admin", upstream = "${upstream:admin}" }       |
        | listeners[0].sites[0].routes[2] | { path_exact = "/token", upstream = "${upstream:admin}" } |
        | listeners[0].sites[0].routes[3] | { path = "/service", upstream = "${upstream:api}", strip_prefix = true } |
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | protocol | HTTP/1.1                       |
      Then the answer is the plain error 400 "Bad Request"
      And the log has a line "REQUEST" with:
        | status   | 400            |
        | upstream | -              |
        | error    | ambiguous path |
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | protocol | HTTP/2                         |
      Then the answer is the plain error 400 "Bad Request"
      And the log has 2 lines "REQUEST" with:
        | error | ambiguous path |
      And the upstream "app" received nothing
      And the upstream "api" received nothing
      And the upstream "admin" received nothing

      Examples: What was published of other proxies from 2024 to 2026
        | what                                                          | path                          |
        | Traefik CVE-2025-32431, dot segments                          | /public/../admin/secret       |
        | Traefik issue 11746, dot segments that are encoded            | /public/%2e%2e/admin/secret   |
        | Traefik CVE-2025-66490, an encoded slash                      | /public%2f..%2fadmin          |
        | Traefik CVE-2025-66490, an encoded slash behind the name      | /admin%2Fsecret               |
        | Traefik CVE-2025-66490, an encoded backslash                  | /admin%5csecret               |
        | Traefik CVE-2025-66490, an encoded NUL                        | /admin%00                     |
        | Traefik CVE-2025-66490, an encoded semicolon                  | /admin%3bx                    |
        | Traefik CVE-2025-66490, an encoded question mark              | /token%3fx                    |
        | Traefik CVE-2025-66490, an encoded number sign                | /admin%23x                    |
        | Traefik CVE-2026-48020, dot segments behind a stripped prefix | /service/../admin             |
        | Traefik CVE-2026-48020, the same encoded                      | /service/%2E%2E/admin         |
        | Traefik CVE-2026-65600, dot segments of what is replaced      | /service/x/../../admin        |
        | Caddy CVE-2026-27587, an escaped slash in another case        | /admin%2Fpanel                |
        | Caddy GHSA-qrp7-cvwr-j2c6, a backslash of Windows             | /admin%5Csecret.txt           |
        | Caddy GHSA-m8m5-v4jf-3wcm, an encoded slash and dots          | /public/..%2fadmin/secret     |
        | Envoy CVE-2026-73551, dots with a parameter                   | /public/..;foo=bar/admin      |
        | Envoy CVE-2021-29492, encoded slashes                         | /public%2F..%2Fadmin          |
        | nginx and Spring, dots with an empty parameter                | /public/..;/admin             |
        | nginx and Spring, a parameter behind the name                 | /admin;a=b/secret             |
        | nginx and Tomcat, a parameter that hides a slash              | /admin;x%2f/secret            |
        | Keycloak CVE-2026-74909, an encoded parameter                 | /admin%3Ba=b/secret           |
        | slashes that an upstream merges                               | //admin/secret                |
        | slashes that an upstream merges, behind dots                  | /.//admin                     |
        | an encoded letter                                             | /%61dmin                      |
        | a backslash                                                   | /public\\..\\admin            |
        | dots that an upstream resolves before it merges slashes       | /admin//../x                  |
        | a dot behind an exact path                                    | /token/.                      |
        | dots behind an exact path                                     | /token/x/..                   |

    @S-14.3 @S-6.6
    Scenario Outline: <path> over <protocol> is one route's in every reading, and passes byte for byte
      Given the settings:
        | listeners[0].sites[0].routes[0] | { path = "/api", upstream = "${upstream:api}" }           |
        | listeners[0].sites[0].routes[1] | { path = "/admin", upstream = "${upstream:admin}" }       |
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | protocol | <protocol>                     |
      Then the answer is 200 "<by>"
      And the upstream "<by>" received "GET <path>"

      Examples:
        | path                                | protocol | by  |
        | /api/projects/group%2Fproject       | HTTP/1.1 | api |
        | /api/projects/group%2Fproject       | HTTP/2   | api |
        | /api/x;v=1//y/./z/../%7e            | HTTP/1.1 | api |
        | /api/What%3F                        | HTTP/2   | api |
        | /api/50%25                          | HTTP/1.1 | api |
        | /api/x/%2e%2e/y                     | HTTP/2   | api |
        | /a%20b/caf%C3%A9?x=/../admin        | HTTP/1.1 | app |
        | /.well-known/x                      | HTTP/2   | app |
        | /x/../y                             | HTTP/1.1 | app |
        | /service../admin                    | HTTP/2   | app |
        | /ADMIN%2fpanel                      | HTTP/1.1 | app |
        | /%252e%252e/admin                   | HTTP/2   | app |

    @S-14.3
    Scenario Outline: A site without routes forwards every spelling, over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/a/..%2f;x//./%5c..?y |
        | protocol | <protocol>                                    |
      Then the answer is 200 "app"
      And the upstream "app" received "GET /a/..%2f;x//./%5c..?y"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: strip_prefix takes whole segments, and leaves the rest as it came

    @S-14.4
    Scenario Outline: <path> of <route> reaches the upstream as <rest> over <protocol>
      Given the setting "listeners[0].sites[0].routes[0]" is { path = "<route>", upstream = "${upstream:api}", strip_prefix = true }
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path>    |
        | protocol | <protocol>                        |
        | header   | X-Forwarded-Prefix: /forged       |
        | header   | X_Forwarded_Prefix: /forged       |
      Then the answer is 200 "api"
      And the upstream "api" received "GET <rest>"
      And the upstream "api" received the field "X-Forwarded-Prefix" with "<route>"
      And the upstream "api" received no field "X_Forwarded_Prefix"
      And the log has a line "REQUEST" with:
        | route | <route> |

      Examples:
        | route | path                      | rest                   | protocol |
        | /api  | /api/x                    | /x                     | HTTP/1.1 |
        | /api  | /api/x                    | /x                     | HTTP/2   |
        | /api  | /api                      | /                      | HTTP/1.1 |
        | /api  | /api/                     | /                      | HTTP/2   |
        | /api  | /api?x=/api               | /?x=/api               | HTTP/1.1 |
        | /api  | /api?x=/api               | /?x=/api               | HTTP/2   |
        | /api  | /api//x/%2F;a/%7a?a?b=%20 | //x/%2F;a/%7a?a?b=%20  | HTTP/1.1 |
        | /api  | /api/api                  | /api                   | HTTP/2   |
        | /a/b  | /a/b/c                    | /c                     | HTTP/1.1 |

    @S-14.4
    Scenario: A route that strips nothing sets no field for it
      Given the setting "listeners[0].sites[0].routes[0]" is { path = "/api", upstream = "${upstream:api}" }
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/api/x |
        | header | X-Forwarded-Prefix: /forged    |
      Then the answer is 200 "api"
      And the upstream "api" received "GET /api/x"
      And the upstream "api" received no field "X-Forwarded-Prefix"

    @S-14.4 @S-6.11
    Scenario Outline: A WebSocket goes through a route that strips its prefix, over <protocol>
      Given clients speak <protocol>
      And an upstream "api" that switches to "websocket"
      And the setting "listeners[0].sites[0].routes[0]" is { path = "/socket", upstream = "${upstream:api}", strip_prefix = true }
      And the proxy is running
      And a client opens a WebSocket to "https://git.example.test/socket/chat?room=1"
      When the client sends "\x81\x85\x00\x00\x00\x00hello"
      Then the upstream "api" received "\x81\x85\x00\x00\x00\x00hello" after the switch
      And the upstream "api" received "GET /chat?room=1"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: The decision comes before the first stage, and the order of effects stays

    @S-14.5
    Scenario Outline: A body over the limit is 413 before <what> is <status>, over <protocol>
      Given the setting "body.limit_bytes" is 10
      And the settings:
        | listeners[0].sites[0].routes[0] | { path = "/old", redirect = "/new" }                |
        | listeners[0].sites[0].routes[1] | { path = "/page", respond = 200 }                   |
        | listeners[0].sites[0].routes[2] | { path = "/admin", upstream = "${upstream:admin}" } |
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | protocol | <protocol>                     |
        | method   | POST                           |
        | bytes    | 11                             |
      Then the answer is the plain error 413 "Payload Too Large"
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | protocol | <protocol>                     |
        | method   | POST                           |
        | bytes    | 10                             |
      Then the answer is <status>
      And the upstream "admin" received nothing

      Examples:
        | what              | path       | status | protocol |
        | a redirect        | /old       | 308    | HTTP/1.1 |
        | a redirect        | /old       | 308    | HTTP/2   |
        | a fixed answer    | /page      | 200    | HTTP/2   |
        | an ambiguous path | //admin    | 400    | HTTP/1.1 |
        | an ambiguous path | //admin    | 400    | HTTP/2   |

    @S-14.5 @S-7.1
    Scenario: A client without a token is answered 429 before its path is judged
      Given the settings:
        | rate_limit.requests_per_second  | 0.001                                               |
        | rate_limit.burst                | 1                                                   |
        | listeners[0].sites[0].routes[0] | { path = "/admin", upstream = "${upstream:admin}" } |
        | listeners[0].sites[0].routes[1] | { path = "/page", respond = 200 }                   |
      And the proxy is running
      When a client requests "https://git.example.test/page"
      Then the answer is 200
      When a client requests "https://git.example.test//admin"
      Then the answer is 429
      When a client requests "https://git.example.test/page"
      Then the answer is 429
      And the upstream "admin" received nothing
      And the log has no line "REQUEST" with:
        | error | ambiguous path |

  Rule: Redirects and fixed answers are made by the proxy

    @S-14.6
    Scenario Outline: <method> of <path> is redirected to <location> over <protocol>
      Given the settings:
        | listeners[0].sites[0].routes[0] | { path = "/old", redirect = "https://example.com/new{path}{query}" }    |
        | listeners[0].sites[0].routes[1] | { path = "/temp", redirect = "/here{path}", redirect_status = 302 }     |
        | listeners[0].sites[0].routes[2] | { path = "/host", redirect = "https://{host}/there", redirect_status = 307 } |
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | method   | <method>                       |
        | protocol | <protocol>                     |
      Then the answer is <status>
      And the answer has the field "Location" with "<location>"
      And the upstream "app" received nothing
      And the log has a line "REQUEST" with:
        | status   | <status> |
        | upstream | -        |

      Examples:
        | method | path                    | status | location                                        | protocol |
        | GET    | /old/x?y=1              | 308    | https://example.com/new/old/x?y=1               | HTTP/1.1 |
        | HEAD   | /old/x?y=1              | 308    | https://example.com/new/old/x?y=1               | HTTP/2   |
        | POST   | /old//evil.test/%2f..?? | 308    | https://example.com/new/old//evil.test/%2f..??  | HTTP/1.1 |
        | GET    | /temp/x?y               | 302    | /here/temp/x                                    | HTTP/2   |
        | GET    | /host/x                 | 307    | https://git.example.test/there                  | HTTP/1.1 |
        | GET    | /host/x                 | 307    | https://git.example.test/there                  | HTTP/2   |

    @S-14.6
    Scenario: A part of the request that cannot be in a Location is 400
      Given the setting "listeners[0].sites[0].routes[0]" is { path = "/old", redirect = "/new{path}" }
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /old/\xff HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the answer has no field "Location"

    @S-14.6
    Scenario Outline: <method> of a fixed answer over <protocol>
      Given the setting "listeners[0].sites[0].routes[0]" is { path_exact = "/.well-known/matrix/server", respond = 200, respond_type = "application/json", respond_body = '{"m.server":"example.com:443"}' }
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/.well-known/matrix/server |
        | method   | <method>                                           |
        | protocol | <protocol>                                         |
      Then the answer is 200
      And the answer has the body "<body>"
      And the answer has the field "Content-Type" with "application/json"
      And the answer has the field "Content-Length" with "30"
      And the answer has a current Date
      And the upstream "app" received nothing
      And the log has a line "REQUEST" with:
        | status   | 200                        |
        | upstream | -                          |
        | route    | /.well-known/matrix/server |

      Examples:
        | method | protocol | body                             |
        | GET    | HTTP/1.1 | {\"m.server\":\"example.com:443\"} |
        | GET    | HTTP/2   | {\"m.server\":\"example.com:443\"} |
        | HEAD   | HTTP/1.1 |                                  |
        | HEAD   | HTTP/2   |                                  |

    @S-14.6 @S-6.13
    Scenario: A fixed answer over HTTP/1.0, and to a body that is not read
      Given the setting "listeners[0].sites[0].routes[0]" is { path = "/page", respond = 403 }
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /page HTTP/1.0\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 403
      And the answer has the body "Forbidden"
      And the connection is closed with nothing more
      Given a client opens a connection to "https://git.example.test"
      When the client sends "POST /page HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\nGET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 403
      And the answer has the field "Connection" with "close"
      And the upstream "app" received nothing

    @S-14.6
    Scenario Outline: A fixed answer <status> has no body over <protocol>
      Given the setting "listeners[0].sites[0].routes[0]" is { path = "/page", respond = <status> }
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/page |
        | protocol | <protocol>                    |
      Then the answer is <status>
      And the answer has an empty body
      And the answer has no field "Content-Length"
      And the answer has no field "Content-Type"

      Examples:
        | status | protocol |
        | 204    | HTTP/1.1 |
        | 204    | HTTP/2   |
        | 304    | HTTP/1.1 |
        | 304    | HTTP/2   |

    @S-14.6 @S-6.18
    Scenario: OPTIONS with Max-Forwards 0 is answered by the proxy where it would forward, and by the route where that answers
      Given the settings:
        | listeners[0].sites[0].routes[0] | { path = "/api", upstream = "${upstream:api}" } |
        | listeners[0].sites[0].routes[1] | { path = "/page", respond = 204 }               |
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/api/x |
        | method | OPTIONS                        |
        | header | Max-Forwards: 0                |
      Then the answer is 200
      And the answer has a field "Allow"
      And the upstream "api" received nothing
      When a client sends the request:
        | url    | https://git.example.test/api/x |
        | method | OPTIONS                        |
        | header | Max-Forwards: 1                |
      Then the upstream "api" received the field "Max-Forwards" with "0"
      When a client sends the request:
        | url    | https://git.example.test/page |
        | method | OPTIONS                       |
        | header | Max-Forwards: 0               |
      Then the answer is 204

  Rule: The cost of a decision does not grow with the number of routes

    @S-14.7 @heavy
    Scenario Outline: A site with <count> routes finds each of them, over <protocol>
      Given the site "git.example.test" has <count> routes to the upstream "api"
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/route-<last>/x |
        | protocol | <protocol>                              |
      Then the answer is 200 "api"
      And the log has a line "REQUEST" with:
        | route | /route-<last> |
      When a client sends the request:
        | url      | https://git.example.test/x/../route-<last>/x |
        | protocol | <protocol>                                   |
      Then the answer is 400
      When a client sends the request:
        | url      | https://git.example.test/route-<count>/x |
        | protocol | <protocol>                               |
      Then the answer is 200 "app"

      Examples:
        | count | last | protocol |
        | 2     | 1    | HTTP/1.1 |
        | 10000 | 9999 | HTTP/1.1 |
        | 10000 | 9999 | HTTP/2   |

  Rule: A route is its path as configured, in the log, the metrics, status and diff

    @S-14.8
    Scenario Outline: Requests of a route are counted and listed under its path over <protocol>
      Given clients speak <protocol>
      And no upstream "absent"
      And the settings:
        | listeners[0].sites[0].routes[0] | { path = "/api", upstream = "${upstream:api}" }     |
        | listeners[0].sites[0].routes[1] | { path = "/gone", upstream = "${upstream:absent}" } |
        | listeners[0].sites[0].routes[2] | { path = "/idle", respond = 200 }                   |
      And the proxy is running
      And a client requests "https://git.example.test/api/x" 2 times
      And a client requests "https://git.example.test/gone"
      When a client requests "https://git.example.test/x"
      Then the metrics have:
        | reverse_proxy_requests_total{site="git.example.test",method="GET",status="2xx"}                | 3    |
        | reverse_proxy_route_requests_total{site="git.example.test",route="/api",status="2xx"}          | 2    |
        | reverse_proxy_route_requests_total{site="git.example.test",route="/api",status="5xx"}          | 0    |
        | reverse_proxy_route_requests_total{site="git.example.test",route="/gone",status="5xx"}         | 1    |
        | reverse_proxy_route_upstream_errors_total{site="git.example.test",route="/gone"}               | 1    |
        | reverse_proxy_route_request_duration_seconds_count{site="git.example.test",route="/api"}       | 2    |
        | reverse_proxy_route_upstream_response_duration_seconds_count{site="git.example.test",route="/api"} | 2 |
        | reverse_proxy_route_requests_total{site="git.example.test",route="/idle",status="2xx"}         | none |
      And the log has 2 lines "REQUEST" with:
        | route    | /api            |
        | upstream | ${upstream:api} |
      And the line "REQUEST" has the keys "client_ip host method path status upstream duration_ms route"
      When the admin command "status" is sent
      Then the admin socket answers with:
        | site_traffic[0].routes#                               | 3     |
        | site_traffic[0].counts.requests                       | 4     |
        | site_traffic[0].route_traffic[0].route                | /api  |
        | site_traffic[0].route_traffic[0].upstream             | http://${upstream:api} |
        | site_traffic[0].route_traffic[0].counts.requests      | 2     |
        | site_traffic[0].route_traffic[1].counts.server_errors | 1     |
        | site_traffic[0].route_traffic[2].route                | /idle |
        | site_traffic[0].route_traffic[2].counts.requests      | 0     |
      Given the setting "listeners[0].sites[0].routes[0].strip_prefix" is true
      And the command "reverse-proxy reload --config ${config}" is run
      When a client requests "https://git.example.test/api/x"
      Then the metrics have:
        | reverse_proxy_route_requests_total{site="git.example.test",route="/api",status="2xx"} | 3 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-14.8
    Scenario: The difference shows routes by their paths
      Given the settings:
        | listeners[0].sites[0].routes[0] | { path = "/api", upstream = "${upstream:api}" } |
        | listeners[0].sites[0].routes[1] | { path = "/old", redirect = "/new{path}" }      |
      And the proxy is running
      And the settings:
        | listeners[0].sites[0].routes[0] | { path_exact = "/page", methods = ["GET"], respond = 200 }                                       |
        | listeners[0].sites[0].routes[1] | { path = "/api", upstream = "${upstream:api}", strip_prefix = true, upstream_request_timeout_secs = 7 } |
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command names each of:
        | route added: git.example.test/page (exact) for GET on ${addr}:${https}: respond 200                                       |
        | route removed: git.example.test/old on ${addr}:${https}: redirect 308 to /new{path}                                       |
        | route changed: git.example.test/api on ${addr}:${https}: upstream_request_timeout_secs 60 -> 7, strip_prefix false -> true |
      And the command does not print "site changed"

    @S-14.8
    Scenario: The line of a route in JSON
      Given the setting "logging.format" is "json"
      And the setting "listeners[0].sites[0].routes[0]" is { path = "/api", upstream = "${upstream:api}" }
      And the proxy is running
      When a client requests "https://git.example.test/api/x"
      Then the log has a line that contains "\"upstream\":\"${upstream:api}\",\"duration_ms\":"
      And the log has a line that contains ",\"route\":\"/api\"}"
      And every line of the log is well-formed

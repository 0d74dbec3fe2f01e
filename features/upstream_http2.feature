Feature: Upstreams that speak HTTP/2
  Requests share connections, and requests and responses stream at the same time, as gRPC needs.

  Rule: Trailers pass whatever the client speaks

    @S-6.7 @S-18.7
    Scenario Outline: <what> keeps its trailers over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that speaks only HTTP/2
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test<path> |
        | method | POST                           |
        | body   | some text                      |
      Then the answer is 200 "<body>"
      And the answer has the trailer "<trailer>" with "<value>"

      Examples:
        | what                     | path      | body      | trailer     | value | protocol |
        | A response               | /echo     | some text | Echo-Bytes  | 9     | HTTP/1.1 |
        | A response               | /echo     | some text | Echo-Bytes  | 9     | HTTP/2   |
        | A response without bytes | /trailers |           | Grpc-Status | 5     | HTTP/1.1 |
        | A response without bytes | /trailers |           | Grpc-Status | 5     | HTTP/2   |

  Rule: Requests share connections

    @S-18.7
    Scenario Outline: Requests over <protocol> share one connection <how>
      Given clients speak <protocol>
      And an upstream "app" that speaks only HTTP/2<how>
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "<scheme>"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      When a client requests "https://git.example.test/a"
      Then the answer is 200 "app"
      When a client requests "https://git.example.test/fields/X-Forwarded-Proto"
      Then the answer is 200 "https"
      When a client sends the request:
        | url    | https://git.example.test/echo |
        | method | POST                          |
        | body   | some text                     |
      Then the answer is 200 "some text"
      When a client sends the request:
        | url   | https://git.example.test/echo |
        | method | POST                         |
        | bytes | 300000                        |
      Then the answer is 200
      And the upstream "app" accepted 1 connection

      Examples:
        | protocol | how        | scheme |
        | HTTP/1.1 |            | http   |
        | HTTP/2   |            | http   |
        | HTTP/1.1 | , over TLS | https  |
        | HTTP/2   | , over TLS | https  |

    @S-18.7
    Scenario: A client that leaves cancels only its own stream
      Given an upstream "app" that speaks only HTTP/2
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/wait"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" accepted 1 connection

    @S-18.7
    Scenario Outline: A request and its response stream at the same time, <how>
      Given an upstream "app" that speaks only HTTP/2<how>
      And the site "git.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[0].upstream_protocol | "http2"    |
        | listeners[0].sites[0].upstream_scheme   | "<scheme>" |
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/echo"
      When it sends "one, " on its last stream
      Then its last stream has received "one, "
      When it sends "two, " on its last stream
      Then its last stream has received "one, two, "
      Given it sends 100000 bytes on its last stream
      When it sends "three" on its last stream
      Then its last stream has received "three"
      When it ends its last stream
      Then its last stream is answered 200
      And the answer has the trailer "Echo-Bytes" with "100015"

      Examples:
        | how        | scheme |
        |            | http   |
        | , over TLS | https  |

    @S-12.6 @S-18.7
    Scenario Outline: While one client holds streams with <what>, another one is answered within a second
      Given an upstream "app" that speaks only HTTP/2, with <streams> streams on a connection
      And the site "git.example.test" is served from the upstream "app"
      And the settings:
        | max_connections                                | 64      |
        | listeners[0].sites[0].upstream_protocol        | "http2" |
        | listeners[0].sites[0].upstream_max_connections | <most>  |
      And the proxy is running
      When the client "mallory" asks "https://git.example.test" for "<path>" over 1 HTTP/2 connections with windows of <window> bytes, 70 requests each, 1000 a second
      Then the client "alice" is answered 200 by "https://git.example.test/" over 7 new connections, most of them within a second

      Examples:
        | what                                       | path            | window | streams | most |
        | requests that wait                         | /wait           | 100000 | 100     | 32   |
        | requests that wait, two on each connection | /wait           | 100000 | 2       | 32   |
        | requests that wait, within eight           | /wait           | 100000 | 100     | 8    |
        | large responses that it does not take      | /bytes/10000000 | 0      | 100     | 32   |

    @S-18.2 @S-18.7
    Scenario Outline: A POST that is refused with <refusal> gets <answer> if there is another upstream
      Given an upstream "a" that speaks only HTTP/2 and refuses each request with "<refusal>"
      And an upstream "b" that speaks only HTTP/2
      And the site "git.example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].upstream_protocol | "http2"                                      |
        | listeners[0].sites[0].upstreams[1]      | { address = "${upstream:b}", backup = true } |
      And the proxy is running
      When a client sends "POST" to "https://git.example.test/echo" with the body "hello"
      Then the answer is <answer>
      And the upstream "b" accepted <times> connections

      Examples:
        | refusal        | answer      | times |
        | REFUSED_STREAM | 200 "hello" | 1     |
        | GOAWAY         | 200 "hello" | 1     |
        | INTERNAL_ERROR | 502         | 0     |

    @S-18.7 @nginx
    Scenario: nginx, which ends a connection after every third request
      Given a certificate "upstream" for "127.0.0.1"
      And the site "git.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[0].upstream          | "127.0.0.1:${port:nginx}" |
        | listeners[0].sites[0].upstream_scheme   | "https"                   |
        | listeners[0].sites[0].upstream_protocol | "http2"                   |
      And nginx runs with:
        """
        http {
            access_log off;
            server {
                listen 127.0.0.1:${port:nginx} ssl http2;
                ssl_certificate ${cert:upstream};
                ssl_certificate_key ${key:upstream};
                keepalive_requests 3;
                location / { return 200 "$server_protocol $request_method $host $http_x_real_ip"; }
            }
        }
        """
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | client | alice                     |
      Then the answer is 200 "HTTP/2.0 GET git.example.test ${client:alice}"
      When a client sends the request:
        | url    | https://git.example.test/ |
        | method | POST                      |
        | bytes  | 300000                    |
        | client | alice                     |
      Then the answer is 200 "HTTP/2.0 POST git.example.test ${client:alice}"
      When a client requests "https://git.example.test/" 20 times
      Then 20 of the answers are 200
      When a client requests "https://git.example.test/" 60 times in parallel
      Then 60 of the answers are 200
      And the log has no line "UPSTREAM_ERROR"

    # nginx ends a connection, with all its requests, for a head of more than 32 KiB.
    @S-12.6 @S-18.7
    Scenario: A request with a large head cannot end the connection of others
      Given an upstream "app" that speaks only HTTP/2
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      Given a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream for "/" with 300 cookies and 0 other fields
      Then its last stream is answered 200
      And the upstream "app" accepted 2 connections
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" accepted 2 connections

    # A map that is zoomed. Netty ends a connection that gets 200 resets in 30 seconds, whoever's requests they were.
    @S-12.6 @S-18.7
    Scenario: While one client cancels many requests, another one gets its answer
      Given an upstream "app" that speaks only HTTP/2 and ends a connection after 199 resets
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      And the client "alice" begins the request:
        | url    | https://git.example.test/later |
        | method | POST                           |
      And the client "mallory" speaks HTTP/2 with "https://git.example.test"
      And it opens 40 streams for "/wait" and resets them, 10 times, once every 200 ms
      When the upstream "app" is released
      Then the client "alice" is answered 200
      And the answer is 200 "app"

    # Most servers give the window of a connection back only as they read what it was used for.
    @S-12.6 @S-18.7
    Scenario Outline: While the <length> body of one client is not read, another one's is sent over <protocol><how>
      Given clients speak <protocol>
      And an upstream "app" that speaks only HTTP/2<how> and leaves some bodies unread
      And the site "git.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[0].upstream_protocol | "http2"    |
        | listeners[0].sites[0].upstream_scheme   | "<scheme>" |
      And the proxy is running
      And the client "mallory" begins the request:
        | url     | https://git.example.test/unread |
        | method  | POST                            |
        | bytes   | <bytes>                         |
        | chunked | <chunked>                       |
      And the upstream "app" has 1 connection open
      When a client sends the request:
        | url    | https://git.example.test/read |
        | method | POST                          |
        | bytes  | 300000                        |
        | client | alice                         |
      Then the answer is 200 "app"
      And the answer came within 5000 ms
      When a client sends the request:
        | url    | https://git.example.test/ |
        | client | alice                     |
      Then the answer is 200 "app"
      And the upstream "app" accepted 2 connections

      Examples:
        | length  | bytes  | chunked | protocol | how         | scheme |
        | short   | 64000  | no      | HTTP/1.1 |             | http   |
        | short   | 64000  | no      | HTTP/2   | , over TLS, | https  |
        | long    | 500000 | no      | HTTP/1.1 | , over TLS, | https  |
        | long    | 500000 | no      | HTTP/2   |             | http   |
        | unknown | 500000 | yes     | HTTP/1.1 |             | http   |
        | unknown | 500000 | yes     | HTTP/2   | , over TLS, | https  |

    @S-12.6 @S-18.7
    Scenario Outline: A body that one client has begun to send goes on while another one's is not read, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that speaks only HTTP/2 and leaves some bodies unread
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      And the client "alice" begins to upload to "https://git.example.test/read"
      And the client "alice" uploads "one"
      And the upstream "app" has 1 connection open
      When the client "mallory" begins the request:
        | url     | https://git.example.test/unread |
        | method  | POST                            |
        | bytes   | 500000                          |
        | chunked | yes                             |
      Then the upstream "app" has 2 connections open
      Given the client "alice" uploads "${x*300000}"
      When the client "alice" ends its upload
      Then the client "alice" is answered 200
      And the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: What is not possible is named in the log

    @S-18.7
    Scenario: An upstream that speaks HTTP/2 where HTTP/1.1 is configured
      Given an upstream "app" that greets with "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~the upstream speaks HTTP/2, and upstream_protocol is |
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"

    @S-18.7
    Scenario: An upstream that speaks HTTP/1.1 where HTTP/2 is configured
      Given an upstream "app" that greets with "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~the upstream answers in HTTP/1.1 |
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"

    @S-18.7
    Scenario: An upstream that does not agree to HTTP/2 over TLS
      Given an HTTPS upstream "app"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~does not agree to HTTP/2 |
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"

    @S-18.7 @S-6.15
    Scenario Outline: <what> is refused, because connections are shared
      Given an upstream "app" that speaks only HTTP/2
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_protocol" is "http2"
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | HTTP/1.1                  |
        | header   | <header>                  |
        | header   | <other>                   |
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~<error> |
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"

      Examples:
        | what         | header                   | other               | error                           |
        | NTLM         | Authorization: NTLM abc= | X-A: b              | authenticates its connection    |
        | A WebSocket  | Upgrade: websocket       | Connection: Upgrade | asks for an upgrade             |

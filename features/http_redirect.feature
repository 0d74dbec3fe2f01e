Feature: HTTP redirect

  The redirect port sends every client to HTTPS, and nothing from it ever reaches an upstream.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: Every request is answered 301 to the same host, path and query

    @S-13.1
    Scenario Outline: <method> <target> is answered 301 to the same target
      Given the proxy is running
      When a client sends "<method>" to "http://git.example.test<target>"
      Then the answer is 301
      And the answer has the field "Location" with "https://git.example.test:${https}<target>"
      And the upstream "app" received nothing

      Examples:
        | method | target                 |
        | GET    | /                      |
        | HEAD   | /                      |
        | GET    | /user/repo             |
        | GET    | /a%20b/%2f%2F/../c//   |
        | GET    | /?                     |
        | GET    | /x?a=1&b=%zz;c?d       |
        | GET    | /!$&'()*+,;=:@~        |
        | DELETE | /a                     |
        | PURGE  | /a                     |
        | GET    | /health                |

    @S-13.1
    Scenario: A request with a body is answered 301, and its body is not read as a request
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends:
        """
        POST /upload HTTP/1.1
        Host: git.example.test
        Content-Length: 50

        GET /smuggled HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 301
      And the answer has the field "Location" with "https://git.example.test:${https}/upload"
      And the connection is closed with nothing more
      And the upstream "app" received nothing

    @S-13.1
    Scenario Outline: The host <host> leads to <location>
      Given the proxy is running
      When a client sends the request:
        | url    | http://git.example.test/a |
        | header | Host: <host>              |
      Then the answer is 301
      And the answer has the field "Location" with "<location>"

      Examples:
        | host                  | location                                  |
        | GIT.Example.TEST      | https://git.example.test:${https}/a       |
        | git.example.test:80   | https://git.example.test:${https}/a       |
        | git.example.test:8080 | https://git.example.test:${https}/a       |
        | git.example.test.     | https://git.example.test:${https}/a       |
        | unknown.example.test  | https://unknown.example.test:${https}/a   |
        | 127.0.0.1:80          | https://127.0.0.1:${https}/a              |
        | [::1]:80              | https://[::1]:${https}/a                  |

    @S-13.1 @privileged-ports
    Scenario: The port is omitted when it is 443
      Given the setting "listeners[0].https_port" is 443
      And the proxy is running
      When a client requests "http://git.example.test/a?b=c"
      Then the answer is 301
      And the answer has the field "Location" with "https://git.example.test/a?b=c"
      When a client requests "https://git.example.test/a?b=c"
      Then the answer is 200 "app"

    @S-13.1
    Scenario: An absolute-form target is redirected to its own host
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends:
        """
        GET http://www.example.test/a?b=c HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 301
      And the answer has the field "Location" with "https://www.example.test:${https}/a?b=c"

    @S-13.1
    Scenario: Each listener's redirect leads to its own HTTPS port
      Given another listener
      And the site "www.example.test" is served from the upstream "web"
      And the proxy is running
      When a client requests "http://git.example.test/a"
      Then the answer has the field "Location" with "https://git.example.test:${https}/a"
      When a client requests "http://www.example.test/a"
      Then the answer has the field "Location" with "https://www.example.test:${https2}/a"

    @S-13.1
    Scenario: With http_port 0 there is no redirect port
      Given the setting "listeners[0].http_port" is 0
      When the proxy is running
      Then "${addr}:${http}" refuses connections
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

  Rule: A missing or invalid host is answered 400

    @S-13.1
    Scenario Outline: <what> is answered 400
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends "<bytes>"
      Then the client receives the answer 400
      And the answer has no field "Location"
      And the connection is closed with nothing more
      And the upstream "app" received nothing

      Examples:
        | what                          | bytes                                                                                |
        | No host                       | GET / HTTP/1.1\r\n\r\n                                                               |
        | No host in HTTP/1.0           | GET / HTTP/1.0\r\n\r\n                                                               |
        | An empty host                 | GET / HTTP/1.1\r\nHost:\r\n\r\n                                                      |
        | Two hosts                     | GET / HTTP/1.1\r\nHost: git.example.test\r\nHost: www.example.test\r\n\r\n           |
        | A path in the host            | GET / HTTP/1.1\r\nHost: git.example.test/evil\r\n\r\n                                |
        | User information in the host  | GET / HTTP/1.1\r\nHost: git.example.test@evil.example\r\n\r\n                        |
        | An invalid port               | GET / HTTP/1.1\r\nHost: git.example.test:8o\r\n\r\n                                  |
        | A space in the host           | GET / HTTP/1.1\r\nHost: git.example.test evil\r\n\r\n                                |
        | Markup in the host            | GET / HTTP/1.1\r\nHost: <script>\r\n\r\n                                             |
        | Bytes that are no ASCII       | GET / HTTP/1.1\r\nHost: git\xff.example.test\r\n\r\n                                 |
        | Garbage                       | \x16\x03\x01\x02\x00\x01\r\n\r\n                                                     |

    @S-13.1
    Scenario: HTTP/1.0 with a host is redirected
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends "GET /a HTTP/1.0\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 301
      And the connection is closed with nothing more

  Rule: The answer contains only a valid host and target of the request

    @S-13.3
    Scenario: The answer contains nothing of the request but the Location
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends:
        """
        GET /<script>alert(1)</script> HTTP/1.1
        Host: git.example.test
        X-Marker: marker-of-a-field
        Cookie: marker-of-a-cookie

        """
      Then the client receives the answer 301
      And the answer has the body "Moved Permanently"
      And the answer has the field "Content-Type" with "text/plain; charset=utf-8"
      And the answer has no field "X-Marker"
      And the answer has no field "Set-Cookie"
      And the answer has no field "Server"

    @S-13.3
    Scenario Outline: <what> in the target adds no field
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends "GET <target> HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has no field "X-Evil"

      Examples:
        | what                 | target                   | status |
        | An encoded line end  | /%0d%0aX-Evil:%201       | 301    |
        | A bare carriage return | /a\rX-Evil: 1          | 400    |
        | A control character  | /a\x01b                  | 400    |
        | A raw byte           | /a\xffb                  | 400    |

    @S-13.3
    Scenario: CONNECT opens nothing
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends "CONNECT git.example.test:443 HTTP/1.1\r\nHost: git.example.test:443\r\n\r\n"
      Then the client receives the answer 405
      And the connection is closed with nothing more

    @S-13.3
    Scenario: A head of more than 64 KiB is answered 431
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nX-Long: ${x*80000}\r\n\r\n"
      Then the client receives the answer 431
      And the connection is closed with nothing more

    @S-13.3 @S-12.4
    Scenario: A client that sends nothing is cut after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      When a client opens a connection to "http://git.example.test"
      Then the connection is closed within 8000 ms

  Rule: Challenges are answered only on ACME listeners

    @S-13.2
    Scenario: On a listener without ACME the challenge's path is redirected like any other
      Given the proxy is running
      When a client requests "http://git.example.test/.well-known/acme-challenge/token"
      Then the answer is 301
      And the answer has the field "Location" with "https://git.example.test:${https}/.well-known/acme-challenge/token"

    @S-13.2
    Scenario: While the CA works, an unknown token is answered 404 and other requests wait
      Given an HTTPS upstream "ca" that waits
      And listener 1 orders a certificate for "git.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the upstream "ca" received 1 request
      When a client requests "http://git.example.test/.well-known/acme-challenge/unknown"
      Then the answer is the plain error 404 "Not Found"
      When the upstream "ca" is released
      Then the proxy exits with 1

Feature: HTTP/1.1 connections

  What a client of HTTP/1 may do on its connection: one request after the other, pipelined, with and without bodies,
  until one side ends it.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: Pipelined requests are answered in their order

    @S-6.7
    Scenario: Requests in one piece
      Given an upstream "app" that echoes bodies
      And an upstream "www" that answers 200 with the body "second"
      And the site "www.example.test" is served from the upstream "www"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST /1 HTTP/1.1
        Host: git.example.test
        Content-Length: 5

        first\
        GET /2 HTTP/1.1
        Host: www.example.test

        POST /3 HTTP/1.1
        Host: git.example.test
        Transfer-Encoding: chunked

        2
        th
        3
        ird
        0

        POST /4 HTTP/1.1
        Host: unknown.example.test
        Content-Length: 0

        GET /5 HTTP/1.1
        Host: www.example.test


        """
      Then the client receives the answer 200
      And the answer has the body "first"
      And the client receives the answer 200
      And the answer has the body "second"
      And the client receives the answer 200
      And the answer has the body "third"
      And the client receives the answer 404
      And the client receives the answer 200
      And the answer has the body "second"
      And the connection stays open

    @S-6.7
    Scenario: A slow answer is not overtaken
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /1 HTTP/1.1\r\nHost: slow.example.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the upstream "slow" received 1 request
      And the connection stays open
      And the upstream "app" received nothing
      When the upstream "slow" is released
      Then the client receives the answer 200
      And the answer has the body "slow"
      And the client receives the answer 200
      And the answer has the body "app"

    @S-6.7
    Scenario: Many more requests than fit into one buffer
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "${POST /chunked HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nPOST /sized HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\n\r\nhello*300}"
      When the client sends "GET /last HTTP/1.1\r\nHost: unknown.example.test\r\n\r\n"
      Then the client receives "HTTP/1.1 404 Not Found"
      And the upstream "app" received 600 requests
      And the upstream "app" accepted 1 connection

    @S-6.7
    Scenario: A body that is longer than the buffer, followed by a request
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST /1 HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      When the client sends "${40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n*3000}0\r\n\r\nGET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has a body of 192000 bytes
      And the client receives the answer 200
      And the answer has an empty body
      And the upstream "app" received "GET /2"

    @S-6.7
    Scenario: Heads that arrive one byte at a time
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST /1 HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n", one byte every 1 ms
      Then the client receives the answer 200
      And the answer has the body "hello"
      And the client receives the answer 200
      And the upstream "app" received "GET /2"

    @S-6.13
    Scenario: What follows a request that ends the connection is not answered
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /1 HTTP/1.1\r\nHost: git.example.test\r\nConnection: x, Close\r\n\r\nGET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" received 1 request

  Rule: Answers without a body keep the connection in step

    @S-6.5
    Scenario Outline: <what> with <fields>, and the next answer is the next one's
      Given an upstream "bare" that answers:
        """
        HTTP/1.1 <status> Whatever
        Date: Thu, 01 Jan 1970 00:00:00 GMT
        <fields>

        """
      And the site "bare.example.test" is served from the upstream "bare"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<method> /1 HTTP/1.1\r\nHost: bare.example.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives "HTTP/1.1 <status> "
      And the client receives "<passes>"
      And the client receives "\r\n\r\nHTTP/1.1 200 OK\r\n"
      And the client receives "\r\n\r\napp"
      And the connection stays open

      Examples:
        | what | method | status | fields                     | passes                       |
        | HEAD | HEAD   | 200    | Content-Length: 1234       | \r\nContent-Length: 1234\r\n |
        | HEAD | HEAD   | 200    | Transfer-Encoding: chunked | HTTP/1.1 200 Whatever\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n |
        | HEAD | HEAD   | 404    | X-A: b                     | \r\nX-A: b\r\n               |
        | 204  | GET    | 204    | X-A: b                     | \r\nX-A: b\r\n               |
        | 204  | GET    | 204    | Content-Length: 0          | HTTP/1.1 204 Whatever\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n |
        | 304  | GET    | 304    | Content-Length: 1234       | \r\nContent-Length: 1234\r\n |
        | 304  | GET    | 304    | ETag: a                    | \r\nETag: a\r\n              |

    @S-6.5
    Scenario Outline: The proxy's own <status> to HEAD has no body
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "HEAD <target> HTTP/1.1\r\nHost: <host>\r\n\r\nGET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives "HTTP/1.1 <status> "
      And the client receives "\r\n\r\nHTTP/1.1 200 OK\r\n"
      And the client receives "\r\n\r\napp"

      Examples:
        | status | target  | host                 |
        | 200    | /health | git.example.test     |
        | 404    | /       | unknown.example.test |

    @S-6.5
    Scenario: An answer that ends with the upstream's connection does not end the client's
      Given an upstream "app" that answers and closes:
        """
        HTTP/1.1 200 OK

        all of it\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /1 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "all of it"
      And the answer has the field "Transfer-Encoding" with "chunked"
      When the client sends "GET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200

    @S-6.7
    Scenario: Interim answers pass in their order
      Given an upstream "app" that answers:
        """
        HTTP/1.1 102 Processing

        HTTP/1.1 103 Early Hints
        Link: </a.css>
        Connection: X-Hop
        X-Hop: b

        HTTP/1.1 103 Early Hints
        Link: </b.css>

        HTTP/1.1 200 OK
        Content-Length: 2

        ok\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\nHTTP/1.1 200 OK\r\n"
      And the client receives "\r\n\r\nok"

    @S-6.7
    Scenario: A 100 that the client has not asked for does not pass
      Given an upstream "app" that sends 100 and then echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\n\r\nhello"
      Then the client receives the answer 200
      And the answer has the body "hello"

  Rule: HTTP/1.0 clients get what they understand

    @S-6.14
    Scenario: A body of HTTP/1.0 passes, and the upstream gets it over HTTP/1.1
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST /a HTTP/1.0\r\nHost: git.example.test\r\nContent-Length: 5\r\n\r\nhello"
      Then the client receives the answer 200
      And the answer has the body "hello"
      And the connection is closed with nothing more
      And the upstream "app" received the field "Content-Length" with "5"

    @S-6.14
    Scenario: HTTP/1.0 gets no interim answers
      Given an upstream "app" that answers:
        """
        HTTP/1.1 103 Early Hints
        Link: </a.css>

        HTTP/1.1 200 OK
        Content-Length: 2

        ok\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.0\r\nHost: git.example.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
      Then the client receives the answer 200
      And the answer has the body "ok"
      And the connection is closed with nothing more

    @S-6.14
    Scenario: HTTP/1.0 requests cannot be pipelined
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /1 HTTP/1.0\r\nHost: git.example.test\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the connection is closed with nothing more
      And the upstream "app" received 1 request

  Rule: A client that waits for 100 Continue is invited by its upstream

    @S-6.7
    Scenario: Expect is passed on, and the upstream's invitation comes once
      Given an upstream "app" that sends 100 and then echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
      Then the client receives the answer 100
      And the upstream "app" received the field "Expect" with "100-continue"
      When the client sends "hello"
      Then the client receives the answer 200
      And the answer has the body "hello"
      When the client sends "GET /next HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200

    @S-6.7
    Scenario: A client that does not wait for the invitation is served
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
      Then the client receives the answer 200
      And the answer has the body "hello"
      When the client sends "GET /next HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200

    @S-6.13
    Scenario Outline: An upstream that answers <status> instead is not overruled
      Given an upstream "app" that answers before the body:
        """
        HTTP/1.1 <status> No
        Content-Length: 3

        no!\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has the body "no!"
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more

      Examples:
        | status |
        | 401    |
        | 417    |
        | 200    |

    @S-6.13 @S-6.1
    Scenario Outline: No client is invited to send a body that is answered <status>
      Given the setting "rate_limit.requests_per_second" is 0.1
      And the setting "rate_limit.burst" is 2
      And the proxy is running
      And a client requests "https://git.example.test/" <before> times
      And a client opens a connection to "https://git.example.test"
      When the client sends "<method> /upload HTTP/1.1\r\nHost: <host>\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" received no "<method> /upload"

      Examples:
        | status | method | host                 | before |
        | 404    | POST   | unknown.example.test | 1      |
        | 405    | TRACE  | git.example.test     | 1      |
        | 429    | POST   | git.example.test     | 2      |

    @S-6.8
    Scenario: No client is invited to send a body to an upstream that is down
      Given no upstream "gone"
      And the site "gone.example.test" is served from the upstream "gone"
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: gone.example.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
      Then the client receives the answer 502
      And the connection is closed with nothing more

  Rule: An answer that comes while the body is still sent can be read

    @S-6.13
    Scenario Outline: <status> to a client that keeps sending megabytes
      Given the setting "body.limit_bytes" is 1000000
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST / HTTP/1.1\r\nHost: <host>\r\nContent-Length: <length>\r\n\r\n"
      When the client sends 4000000 bytes
      Then the client receives the answer <status>
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections

      Examples:
        | status | host                 | length  |
        | 413    | git.example.test     | 8000000 |
        | 404    | unknown.example.test | 900000  |
        | 400    | a b                  | 900000  |

    @S-6.13 @S-6.10
    Scenario: An upstream's early answer to a client that keeps sending megabytes
      Given an upstream "app" that answers before the body:
        """
        HTTP/1.1 507 Insufficient Storage
        Content-Length: 5

        full!\
        """
      And the setting "body.limit_bytes" is 100000000
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 20000000\r\n\r\n"
      When the client sends 4000000 bytes
      Then the client receives the answer 507
      And the answer has the body "full!"
      And the connection is closed with nothing more
      And the upstream "app" received no complete body

    @S-6.13
    Scenario: A client that never ends its body is not read from forever
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: unknown.example.test\r\nContent-Length: 900000\r\n\r\n"
      Then the client receives the answer 404
      And the connection is closed with nothing more
      And the proxy has closed all connections

  Rule: A client that has closed its half is answered

    @S-6.7
    Scenario: Requests that were sent before are answered
      Given an upstream "app" that echoes bodies
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST /1 HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\n\r\nfirstPOST /2 HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 6\r\n\r\nsecond"
      When the client closes its half of the connection
      Then the client receives the answer 200
      And the answer has the body "first"
      And the client receives the answer 200
      And the answer has the body "second"
      And the connection is closed with nothing more

    @S-6.10
    Scenario Outline: Half <what> does not count as a request
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "<bytes>"
      When the client closes its half of the connection
      Then the connection is closed with nothing more
      And the upstream "app" received no complete request

      Examples:
        | what                   | bytes                                                                                               |
        | a head                 | GET / HTTP/1.1\r\nHost: git.example.test\r\n                                                        |
        | a body with a length   | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 10\r\n\r\nhalf                         |
        | a body in chunks       | POST / HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n        |
        | a last chunk           | POST / HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n   |

    @S-6.7
    Scenario: A connection without a request is closed
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client closes its half of the connection
      Then the connection is closed with nothing more

  Rule: Forms of a target

    @S-6.6 @S-6.1
    Scenario Outline: <target> reaches the upstream as <received>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<method> <target> HTTP/1.1\r\nHost: other.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the upstream "app" received "<method> <received>"
      And the upstream "app" received the field "Host" with "<host>"

      Examples:
        | method  | target                             | received | host                  |
        | GET     | https://git.example.test/a?b       | /a?b     | git.example.test      |
        | GET     | HTTPS://git.example.test:443/a//b  | /a//b    | git.example.test:443  |
        | GET     | http://GIT.example.test/%41        | /%41     | GIT.example.test      |
        | GET     | https://git.example.test?a=/b      | /?a=/b   | git.example.test      |
        | GET     | https://git.example.test           | /        | git.example.test      |
        | OPTIONS | https://git.example.test           | *        | git.example.test      |
        | OPTIONS | https://git.example.test/          | /        | git.example.test      |
        | POST    | https://git.example.test/a         | /a       | git.example.test      |

    @S-6.14
    Scenario Outline: <method> is answered 405 and nothing is tunnelled
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<method> <target> HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 405
      And the upstream "app" accepted 0 connections

      Examples:
        | method  | target               |
        | CONNECT | git.example.test:443 |
        | CONNECT | [::1]:22             |
        | TRACE   | /                    |
        | TRACE   | /a?b                 |

    @S-6.14
    Scenario Outline: What follows a refused CONNECT is not read as a request, as its sender may mean it for a tunnel: <status>
      Given the setting "rate_limit.burst" is <burst>
      And the setting "rate_limit.requests_per_second" is 0.01
      And the proxy is running
      And a client requests "https://git.example.test/first"
      And a client opens a connection to "https://git.example.test"
      When the client sends "CONNECT git.example.test:443 HTTP/1.1\r\nHost: git.example.test\r\n\r\nGET /inner HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" received 1 request

      Examples:
        | burst | status |
        | 9     | 405    |
        | 1     | 429    |

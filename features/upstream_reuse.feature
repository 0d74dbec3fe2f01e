Feature: What is left on connections to upstreams

  All clients share the connections to upstreams. A connection on which something of a client may be left, its identity
  or bytes of its request, stays with that client's own connection, or is closed.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And the site "www.example.test" is served from the upstream "app"

  Rule: An identity that belongs to a connection stays with its client

    @S-6.15
    Scenario Outline: No client is mistaken for the one that has authenticated a connection before, <who>
      Given an upstream "app" that authenticates connections
      And the proxy is running
      And the client "alice" opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 401
      And the answer has the body "who?"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n<Authorization>: <scheme> hello\r\n\r\n"
      Then the client receives the answer 401
      And the answer has the body "challenge"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n<Authorization>: <scheme> 1 alice\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "alice"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "alice"
      And the upstream "app" accepted 1 connection
      Given <between>
      When a client requests "https://<site>.example.test/public" over "<protocol>"
      Then the answer is 200 "nobody"

      Examples:
        | who                       | Authorization | scheme | between                          | site | protocol |
        | over HTTP/1.1             | Authorization | NTLM   | the log has 4 lines "REQUEST"    | git  | HTTP/1.1 |
        | over HTTP/2               | Authorization | NTLM   | the log has 4 lines "REQUEST"    | git  | HTTP/2   |
        | at another site           | authorization | ntlm   | the log has 4 lines "REQUEST"    | www  | HTTP/1.1 |
        | after a reload            | Authorization | NTLM   | the configuration is reloaded    | git  | HTTP/1.1 |
        | after the client has left | AUTHORIZATION | Ntlm   | the client closes the connection | git  | HTTP/1.1 |

    @S-6.15
    Scenario: It lasts as long as the client's connection, and no longer
      Given an upstream "app" that authenticates connections
      And the proxy is running
      And the client "alice" opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nAuthorization: NTLM hello\r\n\r\n"
      Then the client receives the answer 401
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nAuthorization: NTLM 1 alice\r\n\r\n"
      Then the client receives the answer 200
      Given the configuration is reloaded
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "alice"
      When the client sends "GET /public HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "nobody"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "alice"
      And the upstream "app" has 2 connections open
      When the client closes the connection
      Then the upstream "app" has 1 connection open

    @S-6.15
    Scenario: Two clients keep their own identities
      Given an upstream "app" that authenticates connections
      And the proxy is running
      And the client "alice" opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nAuthorization: NTLM hello\r\n\r\n"
      Then the client receives the answer 401
      Given the client "bob" opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nAuthorization: NTLM hello\r\n\r\n"
      Then the client receives the answer 401
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nAuthorization: NTLM 2 bob\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "bob"
      Given the next steps use the connection of the client "alice"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nAuthorization: NTLM 1 alice\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "alice"
      Given the next steps use the connection of the client "bob"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "bob"

    @S-6.15
    Scenario: An identity that only the upstream mentions counts too
      Given an upstream "app" that authenticates connections
      And the proxy is running
      And the client "alice" opens a connection to "https://git.example.test"
      When the client sends "GET /negotiate HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      When a client requests "https://git.example.test/public"
      Then the answer is 200 "nobody"

    @S-6.15
    Scenario Outline: Over HTTP/2 the connection is closed after <what>
      Given clients speak HTTP/2
      And an upstream "app" that authenticates connections
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test<path> |
        | protocol | HTTP/2                         |
        | header   | <header>                       |
      Then the answer is <status> "<body>"
      And the upstream "app" has 0 connections open

      Examples:
        | what                         | path       | header                    | status | body      |
        | credentials for a connection | /          | Authorization: NTLM hello | 401    | challenge |
        | an offer of such             | /          | X-A: b                    | 401    | who?      |
        | a word that it was used      | /negotiate | X-A: b                    | 200    | alice     |

    @S-6.15
    Scenario Outline: Credentials that belong to a request cost no connection over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 401 Unauthorized
        WWW-Authenticate: Basic realm="NTLM"
        WWW-Authenticate: Bearer
        Content-Length: 0

        \
        """
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/         |
        | header | Authorization: Basic TlRMTTpOVExN |
      Then the answer is 401
      And the log has 1 line "REQUEST"
      When a client requests "https://git.example.test/" 3 times
      Then the upstream "app" accepted 1 connection

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Bytes of one request are never the beginning of the next

    @S-6.15
    Scenario Outline: The body of a <method> that the upstream does not read is not read as a request over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that reads bodies of POST and PUT only
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/first                           |
        | method | <method>                                                 |
        | body   | GET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n |
      Then the answer is 200
      And the log has 1 line "REQUEST"
      When a client requests "https://git.example.test/second"
      Then the answer is 200 "/second"
      And the upstream "app" accepted 2 connections

      Examples:
        | method  | protocol |
        | GET     | HTTP/1.1 |
        | HEAD    | HTTP/1.1 |
        | DELETE  | HTTP/1.1 |
        | OPTIONS | HTTP/1.1 |
        | GET     | HTTP/2   |
        | HEAD    | HTTP/2   |
        | DELETE  | HTTP/2   |
        | OPTIONS | HTTP/2   |

    @S-6.15
    Scenario: Nor is one in chunks
      Given an upstream "app" that reads bodies of POST and PUT only
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /first HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      Then the client receives the answer 200
      And the upstream "app" has 0 connections open

    @S-6.15
    Scenario Outline: After a body of <method> the connection is reused for others over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that reads bodies of POST and PUT only
      And the proxy is running
      When a client sends "<method>" to "https://git.example.test/first" with the body "hello"
      Then the answer is 200 "/first"
      And the log has 1 line "REQUEST"
      When a client requests "https://git.example.test/second"
      Then the answer is 200 "/second"
      And the upstream "app" accepted 1 connection

      Examples:
        | method | protocol |
        | POST   | HTTP/1.1 |
        | PUT    | HTTP/2   |

    @S-6.15
    Scenario: An Expect is not passed on when the whole body has come
      Given an upstream "app" that answers an Expect and reads no body
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST /first HTTP/1.1\r\nHost: git.example.test\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "/first"
      And the upstream "app" received no field "Expect"
      And the upstream "app" received a body of 50 bytes
      When a client requests "https://git.example.test/second"
      Then the answer is 200 "/second"
      And the upstream "app" accepted 1 connection

    @S-6.15
    Scenario: After an Expect that was answered without 100 the connection is closed
      Given an upstream "app" that answers an Expect and reads no body
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST /first HTTP/1.1\r\nHost: git.example.test\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\nGET /smuggled HTTP/1.1\r\n"
      Then the client receives the answer 200
      And the answer has the body "/first"
      And the upstream "app" received the field "Expect" with "100-continue"
      And the upstream "app" has 0 connections open
      When a client requests "https://git.example.test/second"
      Then the answer is 200 "/second"

    @S-6.15
    Scenario Outline: An Expect <what> <leaves> to others
      Given <upstream>
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
      Then the client receives the answer 100
      When the client sends "app"
      Then the client receives the answer 200
      And the answer has the body "app"
      And the upstream "app" has <open> connections open

      Examples:
        | what                              | leaves                | upstream                                                | open |
        | to which the upstream says 100    | leaves the connection | an upstream "app" that sends 100 and then echoes bodies | 1    |
        | to which the upstream says no 100 | leaves no connection  | an upstream "app"                                       | 0    |

    @S-6.15
    Scenario Outline: After an answer that has begun before the whole request was sent the connection is closed over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that begins its answer before the body
      And the proxy is running
      And the client "alice" begins to upload to "https://git.example.test/"
      And the client "alice" has received "begun"
      And the client "alice" uploads "all of it"
      When the client "alice" ends its upload
      Then the client "alice" is answered 200
      And the answer has the body "begun and ended"
      And the upstream "app" has 0 connections open

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

Feature: Upstreams and clients at fault

  An upstream that breaks the rules, or a client that does not read its answer, can only make its own request fail, in
  bounded time and memory. Above all, no client gets what was meant for another one.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And the site "www.example.test" is served from the upstream "www"

  Rule: A head that is not a response's is answered 502

    @S-6.8
    Scenario Outline: <what> is answered 502
      Given an upstream "app" that answers:
        """
        <answer>\
        """
      And the proxy is running
      When a client requests "https://git.example.test/" over "HTTP/1.1"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | level    | WARN             |
        | host     | git.example.test |
        | upstream | ${upstream:app}  |
        | error    | <error>          |
      And the upstream "app" has 0 connections open
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | HTTP/1.1                  |
        | header   | Host: www.example.test    |
      Then the answer is 200 "www"
      And the answer came over the connection of the one before
      When a client requests "https://git.example.test/" over "HTTP/2"
      Then the answer is the plain error 502 "Bad Gateway"
      And the upstream "app" has 0 connections open
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | HTTP/2                    |
        | header   | Host: www.example.test    |
      Then the answer is 200 "www"
      And the answer came over the connection of the one before

      Examples:
        | what                                | error                                 | answer                                                                                        |
        | HTTP/2.0                            | HTTP version not supported            | HTTP/2.0 200 OK\nContent-Length: 2\n\nok                                                      |
        | HTTP/1.2                            | HTTP version not supported            | HTTP/1.2 200 OK\nContent-Length: 2\n\nok                                                      |
        | Another protocol                    | malformed HTTP version                | ICY 200 OK\nContent-Length: 2\n\nok                                                           |
        | No version                          | malformed HTTP version                | 200 OK\nContent-Length: 2\n\nok                                                               |
        | An empty line in front              | malformed HTTP version                | \nHTTP/1.1 200 OK\nContent-Length: 2\n\nok                                                    |
        | A status of two digits              | malformed status line                 | HTTP/1.1 20 OK\nContent-Length: 2\n\nok                                                       |
        | A status of four digits             | malformed status line                 | HTTP/1.1 2000 OK\nContent-Length: 2\n\nok                                                     |
        | A status below 100                  | malformed status line                 | HTTP/1.1 099 OK\nContent-Length: 2\n\nok                                                      |
        | A status of 600                     | ~600                                  | HTTP/1.1 600 OK\nContent-Length: 2\n\nok                                                      |
        | Two spaces before the status        | malformed status line                 | HTTP/1.1  200 OK\nContent-Length: 2\n\nok                                                     |
        | NUL in the reason                   | malformed status line                 | HTTP/1.1 200 O\x00K\nContent-Length: 2\n\nok                                                  |
        | A bare LF behind the status line    | malformed status line                 | HTTP/1.1 200 OK\x0aContent-Length: 2\n\nok                                                    |
        | A bare LF at a line's end           | bare CR or LF in the head             | HTTP/1.1 200 OK\nX-A: b\x0aContent-Length: 2\n\nok                                            |
        | A bare CR in a value                | bare CR or LF in the head             | HTTP/1.1 200 OK\nX-A: b\rX-C: d\nContent-Length: 2\n\nok                                      |
        | NUL in a value                      | control character in a field value    | HTTP/1.1 200 OK\nX-A: b\x00c\nContent-Length: 2\n\nok                                         |
        | A folded line                       | folded field line                     | HTTP/1.1 200 OK\nX-A: b\n c\nContent-Length: 2\n\nok                                          |
        | A space before the colon            | white space in a field name           | HTTP/1.1 200 OK\nX-A : b\nContent-Length: 2\n\nok                                             |
        | A name with a bad character         | malformed field name                  | HTTP/1.1 200 OK\nX(A): b\nContent-Length: 2\n\nok                                             |
        | The same length twice               | several Content-Length                | HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nok                                   |
        | A list of lengths                   | malformed Content-Length              | HTTP/1.1 200 OK\nContent-Length: 2, 2\n\nok                                                   |
        | A length with a sign                | malformed Content-Length              | HTTP/1.1 200 OK\nContent-Length: +2\n\nok                                                     |
        | A length that overflows             | malformed Content-Length              | HTTP/1.1 200 OK\nContent-Length: 18446744073709551618\n\nok                                   |
        | A length with a coding              | Content-Length with Transfer-Encoding | HTTP/1.1 200 OK\nContent-Length: 2\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n                 |
        | Two codings                         | several Transfer-Encoding             | HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n              |
        | chunked twice                       | malformed Transfer-Encoding           | HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked\n\n0\n\n                                 |
        | chunked not last                    | malformed Transfer-Encoding           | HTTP/1.1 200 OK\nTransfer-Encoding: chunked, gzip\n\n0\n\n                                    |
        | A coding before chunked             | unknown transfer coding               | HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n0\n\n                                    |
        | A coding in HTTP/1.0                | Transfer-Encoding in HTTP/1.0         | HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n0\n\n                                          |
        | A 103 with a body                   | body declared in a 1xx response       | HTTP/1.1 103 Early Hints\nContent-Length: 2\n\nok                                             |
        | 257 fields                          | more than 256 field lines             | HTTP/1.1 200 OK\n${X-A: b\n*257}\n                                                            |
        | A head of more than 64 KiB          | response head over 64 KiB             | HTTP/1.1 200 OK\nX-A: ${x*66000}\n\n                                                          |

    @S-6.17
    Scenario Outline: An answer with 256 field lines passes over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Content-Length: 2
        ${Set-Cookie: a=1\r\n*254}X-Last: yes

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the answer has the field "X-Last" with "yes"
      And the answer has the fields "Set-Cookie" with "${a=1|*253}a=1"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: A 101 before the answer is answered 502 over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 101 Switching Protocols

        HTTP/1.1 200 OK
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8 @S-6.10
    Scenario Outline: An upstream that closes <where> is answered 502 over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers and closes:
        """
        <answer>\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the upstream "app" received 1 request
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | where                    | answer                                       | protocol |
        | before its head          |                                              | HTTP/1.1 |
        | in its status line       | HTTP/1.1 2                                   | HTTP/1.1 |
        | in a field               | HTTP/1.1 200 OK\nContent-                    | HTTP/1.1 |
        | before the empty line    | HTTP/1.1 200 OK\nContent-Length: 2\n         | HTTP/1.1 |
        | behind an interim answer | HTTP/1.1 103 Early Hints\nLink: </a.css>\n\n | HTTP/1.1 |
        | before its head          |                                              | HTTP/2   |
        | in its status line       | HTTP/1.1 2                                   | HTTP/2   |
        | in a field               | HTTP/1.1 200 OK\nContent-                    | HTTP/2   |
        | before the empty line    | HTTP/1.1 200 OK\nContent-Length: 2\n         | HTTP/2   |
        | behind an interim answer | HTTP/1.1 103 Early Hints\nLink: </a.css>\n\n | HTTP/2   |

    @S-6.8 @S-6.9
    Scenario Outline: A head that arrives one byte at a time is not awaited for longer than upstream_request_timeout_secs over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that sends its head one byte every 50 ms
      And the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 900 ms
      And the answer came within 8000 ms
      And the request to the upstream "app" is cancelled
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A body that is not what its head says never ends cleanly, or not later than it says

    @S-6.10
    Scenario Outline: An answer that <what> is cut short over <protocol>
      Given an upstream "app" that answers and closes:
        """
        HTTP/1.1 200 OK
        <fields>

        <body>\
        """
      And the proxy is running
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is 200 and cut short
      And the log has a line "UPSTREAM_ERROR" with:
        | level    | WARN             |
        | host     | git.example.test |
        | upstream | ${upstream:app}  |
        | error    | *                |

      Examples:
        | what                            | protocol | fields                     | body                              |
        | has only its head               | HTTP/1.1 | Content-Length: 20         |                                   |
        | is shorter than its length      | HTTP/1.1 | Content-Length: 20         | only half                         |
        | is shorter than its length      | HTTP/2   | Content-Length: 20         | only half                         |
        | has no chunk                    | HTTP/1.1 | Transfer-Encoding: chunked |                                   |
        | ends in a chunk                 | HTTP/1.1 | Transfer-Encoding: chunked | a\nhalf                           |
        | ends in a chunk                 | HTTP/2   | Transfer-Encoding: chunked | a\nhalf                           |
        | ends before the last chunk      | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf\n                         |
        | ends before the last empty line | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf\n0\n                      |
        | has an invalid chunk size       | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf\nzz\nhalf\n0\n\n          |
        | has a chunk that is too long    | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf!\n0\n\n                   |
        | has a bare LF behind a size     | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf\n4\x0ahalf\n0\n\n         |
        | has a folded trailer            | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf\n0\nX-A: b\n c\n\n        |
        | has a trailer that is a length  | HTTP/1.1 | Transfer-Encoding: chunked | 4\nhalf\n0\nContent-Length: 4\n\n |
        | has only its head               | HTTP/2   | Content-Length: 20         |                                   |
        | has no chunk                    | HTTP/2   | Transfer-Encoding: chunked |                                   |
        | ends before the last chunk      | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf\n                         |
        | ends before the last empty line | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf\n0\n                      |
        | has an invalid chunk size       | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf\nzz\nhalf\n0\n\n          |
        | has a chunk that is too long    | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf!\n0\n\n                   |
        | has a bare LF behind a size     | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf\n4\x0ahalf\n0\n\n         |
        | has a folded trailer            | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf\n0\nX-A: b\n c\n\n        |
        | has a trailer that is a length  | HTTP/2   | Transfer-Encoding: chunked | 4\nhalf\n0\nContent-Length: 4\n\n |

    @S-6.16
    Scenario Outline: A body without a length that <how> is <what> over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "secure.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[2].upstream_scheme" is "https"
      And an upstream "<upstream>" that answers and <ends>:
        """
        HTTP/1.1 200 OK

        hello\
        """
      And the proxy is running
      When a client requests "https://<site>.example.test/"
      Then the answer is 200 <what>
      And the log has <errors> lines "UPSTREAM_ERROR" with:
        | error | the TLS connection ended without close_notify |

      Examples:
        | how                      | ends                         | what                        | errors | upstream | site   | protocol |
        | ends with the connection | closes                       | "hello"                     | 0      | app      | git    | HTTP/1.1 |
        | ends with the connection | closes                       | "hello"                     | 0      | app      | git    | HTTP/2   |
        | ends with close_notify   | closes                       | "hello"                     | 0      | secure   | secure | HTTP/1.1 |
        | ends with close_notify   | closes                       | "hello"                     | 0      | secure   | secure | HTTP/2   |
        | ends with TCP only       | ends the connection abruptly | and cut short after "hello" | 1      | secure   | secure | HTTP/1.1 |
        | ends with TCP only       | ends the connection abruptly | and cut short after "hello" | 1      | secure   | secure | HTTP/2   |

    @S-6.16 @S-6.10
    Scenario Outline: A body without a length that ends in a reset <how> is cut short over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "secure.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[2].upstream_scheme" is "https"
      And an upstream "<upstream>" that answers and resets the connection when it is released:
        """
        HTTP/1.1 200 OK

        hello\
        """
      And the proxy is running
      When the client "alice" begins to request "https://<site>.example.test/"
      Then the client "alice" has received "hello"
      When the upstream "<upstream>" is released
      Then the request of the client "alice" fails
      And the log has a line "UPSTREAM_ERROR" with:
        | error | connection reset by peer |
      And the runbook has a row under "A download or an upload is cut short" for the error of the line "UPSTREAM_ERROR"

      Examples:
        | how      | upstream | site   | protocol |
        |          | app      | git    | HTTP/1.1 |
        |          | app      | git    | HTTP/2   |
        | over TLS | secure   | secure | HTTP/1.1 |
        | over TLS | secure   | secure | HTTP/2   |

    @S-6.10
    Scenario Outline: What follows <what> belongs to no client over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/1.1 <status> OK
        <fields>

        <body>HTTP/1.1 200 OK
        Content-Length: 6

        forged\
        """
      And the proxy is running
      # The suite's client takes a 304 with a length over HTTP/2 for one that was cut.
      When a client sends "<method>" to "https://git.example.test/"
      Then the answer is <status> "<answer>"
      And the upstream "app" has 0 connections open
      Given an upstream "app"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

      Examples:
        | what              | protocol | method | status | fields                     | body         | answer |
        | a length          | HTTP/1.1 | GET    | 200    | Content-Length: 2          | ok           | ok     |
        | a length of 0     | HTTP/1.1 | GET    | 200    | Content-Length: 0          |              |        |
        | the last chunk    | HTTP/1.1 | GET    | 200    | Transfer-Encoding: chunked | 2\nok\n0\n\n | ok     |
        | an answer to HEAD | HTTP/1.1 | HEAD   | 200    | Content-Length: 2          | ok           |        |
        | a 204             | HTTP/1.1 | GET    | 204    | X-A: b                     | ok           |        |
        | a 304             | HTTP/1.1 | GET    | 304    | Content-Length: 2          | ok           |        |
        | a length          | HTTP/2   | GET    | 200    | Content-Length: 2          | ok           | ok     |
        | a length of 0     | HTTP/2   | GET    | 200    | Content-Length: 0          |              |        |
        | the last chunk    | HTTP/2   | GET    | 200    | Transfer-Encoding: chunked | 2\nok\n0\n\n | ok     |
        | an answer to HEAD | HTTP/2   | HEAD   | 200    | Content-Length: 2          | ok           |        |
        | a 204             | HTTP/2   | GET    | 204    | X-A: b                     | ok           |        |
        | a 304             | HTTP/2   | GET    | 304    | X-A: b                     | ok           |        |

    @S-6.10
    Scenario Outline: The second of two answers that arrive together for a client of <protocol> <how> is discarded
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "secure.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[2].upstream_scheme" is "https"
      And an upstream "<upstream>" that answers twice
      And the proxy is running
      When a client requests "https://<site>.example.test/" 5 times
      Then 5 of the answers are 200
      And the upstream "<upstream>" received 5 requests
      And the upstream "<upstream>" accepted 5 connections
      When a client requests "https://<site>.example.test/"
      Then the answer is 200 "first"

      Examples:
        | how      | upstream | site   | protocol |
        |          | app      | git    | HTTP/1.1 |
        | over TLS | secure   | secure | HTTP/1.1 |
        |          | app      | git    | HTTP/2   |
        | over TLS | secure   | secure | HTTP/2   |

    @S-6.8 @S-6.10
    Scenario Outline: An unrequested answer on a kept connection <how> is discarded, over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "secure"
      And the site "secure.example.test" is served from the upstream "secure"
      And the setting "listeners[0].sites[2].upstream_scheme" is "https"
      And an upstream "<upstream>" that answers and then sends "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
      And the proxy is running
      When a client requests "https://<site>.example.test/"
      Then the answer is 200 "<upstream>"
      And the upstream "<upstream>" has 1 connection open
      When the upstream "<upstream>" is released
      Then the upstream "<upstream>" has 0 connections open
      When a client requests "https://<site>.example.test/"
      Then the answer is 200 "<upstream>"
      And the upstream "<upstream>" accepted 2 connections

      Examples:
        | how      | upstream | site   | protocol |
        |          | app      | git    | HTTP/1.1 |
        | over TLS | secure   | secure | HTTP/1.1 |
        |          | app      | git    | HTTP/2   |
        | over TLS | secure   | secure | HTTP/2   |

    @S-6.8 @S-6.10
    Scenario Outline: An upstream that answers before it is asked keeps no connection over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that does not wait for requests
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" has 0 connections open
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.10
    Scenario: An answer to half of a body does not make the other half a request
      Given an upstream "app" that answers before the body:
        """
        HTTP/1.1 200 OK
        Content-Length: 5

        early\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 80\r\n\r\nhalf"
      Then the client receives the answer 200
      And the answer has the body "early"
      When the client sends "GET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the connection is closed with nothing more
      And the upstream "app" received no "GET /smuggled"
      And the upstream "app" has 0 connections open

  Rule: A dead kept connection is replaced where that is safe

    @S-6.8
    Scenario Outline: An upstream that closes a kept connection when it gets <what> is asked again, unnoticed by the client
      Given an upstream "app" that closes a kept connection at its next request
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the log has a line "REQUEST"
      Given a client opens a connection to "https://git.example.test"
      When the client sends "<request>"
      Then the client receives the answer 200
      And the upstream "app" received 3 requests
      And the upstream "app" accepted 2 connections
      And the log has no line "UPSTREAM_ERROR"

      Examples:
        | what                     | request                                                                               |
        | a GET                    | GET /a HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                     |
        | a HEAD                   | HEAD /a HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                    |
        | an OPTIONS               | OPTIONS * HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                  |
        | a DELETE                 | DELETE /a HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                  |
        | a PUT that is complete    | PUT /a HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\n\r\nhello           |

    @S-6.8
    Scenario Outline: A <method> that <what> is not sent twice
      Given an upstream "app" that closes a kept connection at its next request
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the log has a line "REQUEST"
      Given a client opens a connection to "https://git.example.test"
      When the client sends "<method> /a HTTP/1.1\r\nHost: git.example.test\r\n<fields>\r\n\r\n<body>"
      Then the client receives the answer 502
      And the upstream "app" received 2 requests
      And the upstream "app" accepted 1 connection
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | what                       | method | fields                     | body              |
        | has arrived completely     | POST   | Content-Length: 5          | hello             |
        | has no body                | POST   | Content-Length: 0          |                   |
        | has come by half           | POST   | Content-Length: 10         | hello             |
        | has come by half in chunks | POST   | Transfer-Encoding: chunked | 5\r\nhello\r\n    |
        | has arrived completely     | PATCH  | Content-Length: 5          | hello             |

    @S-6.8
    Scenario Outline: A new connection that fails is not tried again over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that closes without answering
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 502
      And the upstream "app" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Peers that do not read or send end at a deadline, and cost little

    @S-6.9
    Scenario Outline: An upstream that reads no body is abandoned after body_idle_timeout_secs, over <protocol>
      Given an upstream "app" that reads no body
      And the settings:
        | body.limit_bytes       | 1000000000 |
        | body_idle_timeout_secs | 1          |
      And the proxy will be started from a release build
      And the proxy is running
      And the client "busy" begins the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | bytes    | 200000000                 |
      And the upstream "app" received 1 request
      When a client requests "https://www.example.test/"
      Then the answer is 200 "www"
      And the log has a line "UPSTREAM_ERROR" with:
        | upstream | ${upstream:app} |
        | error    | ~moved          |
      And the log has a line "REQUEST" with:
        | method | POST |
        | status | 504  |
      And the proxy has used at most 64 MiB of memory

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.9 @S-6.10 @S-6.7 @S-8.7
    Scenario: A client that reads nothing is abandoned after body_idle_timeout_secs, and disturbs no other
      Given an upstream "app" that answers with 300000000 bytes
      And the setting "body_idle_timeout_secs" is 1
      And the proxy will be started from a release build
      And the proxy is running
      And a client that reads nothing opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      And the upstream "app" received 1 request
      When a client requests "https://www.example.test/" 20 times
      Then 20 of the answers are 200
      And the log has a line "CLIENT_GONE" with:
        | level     | DEBUG      |
        | client_ip | ${client:} |
        | error     | ~moved     |
      And the log has a line "REQUEST" with:
        | host     | git.example.test       |
        | status   | 200                    |
        | ended    | body_idle_timeout_secs |
      And the upstream "app" has 0 connections open
      And the log has no line "UPSTREAM_ERROR"
      And the proxy has used at most 64 MiB of memory
      When the client reads what has come
      Then the connection is closed
      And the answer had no end

    @S-6.9 @S-6.10
    Scenario: A client that reads nothing of an upgraded connection is abandoned as well
      Given an upstream "app" that switches to "websocket"
      And the setting "body_idle_timeout_secs" is 1
      And the proxy will be started from a release build
      And the proxy is running
      And a client that reads nothing opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      When the client sends 100000000 bytes
      Then the switched connection to the upstream "app" is closed
      And the proxy has used at most 64 MiB of memory

    @S-6.9 @S-6.7
    Scenario: Many clients that read nothing cost bounded memory
      Given an upstream "app" that answers with 300000000 bytes
      And the proxy will be started from a release build
      And the proxy is running
      When 50 clients that read nothing request "https://git.example.test/"
      Then the upstream "app" received 50 requests
      When a client requests "https://www.example.test/"
      Then the answer is 200 "www"
      And the proxy has used at most 64 MiB of memory

    @S-6.9
    Scenario Outline: A body that arrives one byte at a time is not cut off <framing>
      Given an upstream "app" that echoes bodies
      And the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\n<field>\r\n\r\n"
      When the client sends "<body>", one byte every 100 ms
      Then the client receives the answer 200
      And the answer has the body "0123456789012345"

      Examples:
        | framing       | field                      | body                                  |
        | with a length | Content-Length: 16         | 0123456789012345                      |
        | in chunks     | Transfer-Encoding: chunked | 10\r\n0123456789012345\r\n0\r\n\r\n   |

    @S-6.9
    Scenario Outline: A chunked body that stalls <where> ends after body_idle_timeout_secs
      Given the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n<chunks>"
      Then the client receives the answer 408
      And the connection is closed within 8000 ms
      And the upstream "app" received no complete request

      Examples:
        | where                      | chunks                    |
        | before the first chunk     |                           |
        | in a size                  | 5                         |
        | in a chunk                 | 5\r\nhal                  |
        | behind a chunk             | 5\r\nhello\r\n            |
        | before the last empty line | 5\r\nhello\r\n0\r\n       |

    @S-6.10
    Scenario: A client that drops its connection while its upstream works cancels the request
      Given an upstream "app" that never answers
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      And the upstream "app" received 1 request
      When the client closes the connection
      Then the request to the upstream "app" is cancelled
      And the log has a line "CLIENT_GONE" with:
        | level     | DEBUG            |
        | client_ip | ${client:}       |
        | host      | git.example.test |
      And the log has a line "REQUEST" with:
        | status | 499 |
      And the log has no line "UPSTREAM_ERROR"

    @S-6.10
    Scenario: A client that leaves while its upstream does not accept connections ends the wait
      Given an upstream "hole" that does not accept connections
      And the site "hole.example.test" is served from the upstream "hole"
      And the setting "listeners[0].sites[2].upstream_connect_timeout_secs" is 300
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: hole.example.test\r\n\r\n"
      When the client closes the connection
      Then the log has a line "CLIENT_GONE"
      And the proxy has closed all connections

  Rule: The pool is bounded, newest first, and kept over reloads

    @S-6.8
    Scenario: The connection that was used last is used next
      Given an upstream "app" that answers once 3 requests wait
      And the proxy is running
      When a client requests "https://git.example.test/" 3 times in parallel
      Then 3 of the answers are 200
      And the upstream "app" has 3 connections open
      When a client requests "https://git.example.test/" 6 times
      Then 6 of the answers are 200
      And the last 6 requests to the upstream "app" came over 1 connection
      And the upstream "app" accepted 3 connections

    @S-6.8
    Scenario: No more than 512 idle connections are kept
      # As streams of few connections, which are made faster than as many connections. On a busy machine they take longer
      # than the 10 seconds of the default nevertheless.
      Given clients speak HTTP/2
      And the setting "header_timeout_secs" is 60
      And an upstream "app" that answers once 550 requests wait
      And the proxy is running
      When a client requests "https://git.example.test/" 550 times in parallel
      Then 550 of the answers are 200
      And the upstream "app" has 512 connections open

    @S-6.8 @S-3.6
    Scenario Outline: Sites with the same upstream share its connections, and a reload keeps them as long as one site stays, over <protocol>
      Given clients speak <protocol>
      And the site "git2.example.test" is served from the upstream "app"
      And the proxy is running
      And a client requests "https://git.example.test/"
      And the log has 1 line "REQUEST"
      When a client requests "https://git2.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" accepted 1 connection
      And the log has 2 lines "REQUEST"
      Given the site "git.example.test" is removed
      And the configuration is reloaded
      When a client requests "https://git2.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" accepted 1 connection

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8 @S-3.6
    Scenario Outline: A reload that drops an upstream closes its idle connections, including those that come back later, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that waits
      And the proxy is running
      And a client requests "https://www.example.test/"
      And the client "alice" begins to request "https://git.example.test/"
      And the upstream "app" received 1 request
      And the site "git.example.test" is moved to the upstream "new"
      And the site "www.example.test" is removed
      When the configuration is reloaded
      Then the upstream "www" has 0 connections open
      When the upstream "app" is released
      Then the client "alice" is answered 200
      And the answer has the body "app"
      And the upstream "app" has 0 connections open

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An answer that ends the connection, <how>, leaves none in the pool, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers:
        """
        HTTP/<version> 200 OK
        <field>
        Content-Length: 2

        ok\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the log has 1 line "REQUEST"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the log has 2 lines "REQUEST"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "ok"
      And the upstream "app" accepted <times> connections
      And the upstream "app" has <open> connections open

      Examples:
        | how                         | version | field                  | times | open | protocol |
        | by close                    | 1.1     | Connection: x, close   | 3     | 0    | HTTP/1.1 |
        | in HTTP/1.0                 | 1.0     | X-A: b                 | 3     | 0    | HTTP/1.1 |
        | in HTTP/1.0 with keep-alive | 1.0     | Connection: Keep-Alive | 1     | 1    | HTTP/1.1 |
        | by close                    | 1.1     | Connection: x, close   | 3     | 0    | HTTP/2   |
        | in HTTP/1.0                 | 1.0     | X-A: b                 | 3     | 0    | HTTP/2   |
        | in HTTP/1.0 with keep-alive | 1.0     | Connection: Keep-Alive | 1     | 1    | HTTP/2   |

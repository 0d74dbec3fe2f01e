Feature: Error responses

  Each of the proxy's own answers is text/plain with its status text as the body, and reveals nothing about version,
  upstream or cause.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: An upstream that fails is answered 502

    @S-6.8
    Scenario Outline: An upstream that refuses connections is answered 502 over <protocol>
      Given no upstream "gone"
      And the site "gone.example.test" is served from the upstream "gone"
      And the proxy is running
      When a client requests "https://gone.example.test/secret" over "<protocol>"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | level    | WARN               |
        | host     | gone.example.test  |
        | upstream | ${upstream:gone}   |
        | error    | connection refused |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An upstream whose name cannot be resolved is answered 502, and takes no other site down, over <protocol>
      Given clients speak <protocol>
      And the site "lost.example.test" is served from the upstream "lost"
      And the setting "listeners[0].sites[1].upstream" is "no-such-host.invalid:80"
      And the proxy is running
      When a client requests "https://lost.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An HTTPS upstream with an untrusted certificate is answered 502 over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "shady" with a certificate that nobody trusts
      And the site "www.example.test" is served from the upstream "shady"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the upstream "shady" received nothing
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~certificate |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An HTTPS upstream with a certificate for another name is answered 502 over <protocol>
      Given clients speak <protocol>
      And an HTTPS upstream "other" with a certificate for "other.example.test"
      And the site "www.example.test" is served from the upstream "other"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the upstream "other" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An upstream that does not speak TLS where it should is answered 502 over <protocol>
      Given clients speak <protocol>
      And an upstream "mail" that greets with "220 mail.example.test ESMTP\r\n"
      And the site "www.example.test" is served from the upstream "mail"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.8
    Scenario Outline: An upstream that answers <what> is answered 502 over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers and closes:
        """
        <answer>\
        """
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | what                    | answer                                                       | protocol |
        | garbage                 | \x00\x01 this is not HTTP\n\n                                | HTTP/1.1 |
        | nothing                 |                                                              | HTTP/1.1 |
        | half a head             | HTTP/1.1 200 OK\nContent-Le                                  | HTTP/1.1 |
        | an invalid status       | HTTP/1.1 2x0 OK\n\n                                          | HTTP/1.1 |
        | two lengths             | HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nabc | HTTP/1.1 |
        | an invalid length       | HTTP/1.1 200 OK\nContent-Length: 2x\n\nab                    | HTTP/1.1 |
        | an unknown coding       | HTTP/1.1 200 OK\nTransfer-Encoding: magic\n\nab              | HTTP/1.1 |
        | a field without a colon | HTTP/1.1 200 OK\nbroken field\nContent-Length: 0\n\n         | HTTP/1.1 |
        | an endless head         | HTTP/1.1 200 OK\nX-Long: ${x*2000000}\nContent-Length: 0\n\n | HTTP/1.1 |
        | garbage                 | \x00\x01 this is not HTTP\n\n                                | HTTP/2   |
        | nothing                 |                                                              | HTTP/2   |
        | half a head             | HTTP/1.1 200 OK\nContent-Le                                  | HTTP/2   |
        | an invalid status       | HTTP/1.1 2x0 OK\n\n                                          | HTTP/2   |
        | two lengths             | HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nabc | HTTP/2   |
        | an invalid length       | HTTP/1.1 200 OK\nContent-Length: 2x\n\nab                    | HTTP/2   |
        | an unknown coding       | HTTP/1.1 200 OK\nTransfer-Encoding: magic\n\nab              | HTTP/2   |
        | a field without a colon | HTTP/1.1 200 OK\nbroken field\nContent-Length: 0\n\n         | HTTP/2   |
        | an endless head         | HTTP/1.1 200 OK\nX-Long: ${x*2000000}\nContent-Length: 0\n\n | HTTP/2   |

    @S-6.8
    Scenario Outline: An upstream that closes without an answer is answered 502 over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that closes without answering
      And the proxy is running
      When a client sends "POST" to "https://git.example.test/" with the body "x"
      Then the answer is the plain error 502 "Bad Gateway"
      And the upstream "app" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A timeout is answered 504

    @S-6.9
    Scenario Outline: An upstream that cannot be connected to in time is answered 504 over <protocol>
      Given clients speak <protocol>
      And an upstream "hole" that does not accept connections
      And the site "www.example.test" is served from the upstream "hole"
      And the setting "listeners[0].sites[1].upstream_connect_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 900 ms
      And the answer came within 5000 ms

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.9
    Scenario: Without a configured time to connect it is 5 s
      Given an upstream "hole" that does not accept connections
      And the site "www.example.test" is served from the upstream "hole"
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 4900 ms
      And the answer came within 15000 ms

    @S-6.9
    Scenario Outline: An upstream that does not complete the handshake in time is answered 504 over <protocol>
      Given clients speak <protocol>
      And an upstream "mute" that never speaks
      And the site "www.example.test" is served from the upstream "mute"
      And the setting "listeners[0].sites[1].upstream_scheme" is "https"
      And the setting "listeners[0].sites[1].upstream_connect_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 900 ms
      And the answer came within 5000 ms

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.9
    Scenario Outline: An upstream that does not answer in time is answered 504 over <protocol>
      Given an upstream "app" that never answers
      And the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 900 ms
      And the answer came within 15000 ms
      And the request to the upstream "app" is cancelled
      And the log has a line "UPSTREAM_ERROR"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.9
    Scenario: The time for an answer runs from the request's last byte
      Given the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 4\r\n\r\nab"
      Then the connection stays open for 1500 ms
      When the client sends "cd"
      Then the client receives the answer 200

    @S-6.9
    Scenario Outline: A body that keeps moving is not cut off by the time for an answer over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that sends 40 bytes, one every 100 ms
      And the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 1
      And the setting "body_idle_timeout_secs" is 3
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "........................................"
      And the answer came after 3900 ms

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.9 @S-8.7
    Scenario Outline: An answer that stalls ends after body_idle_timeout_secs, and not cleanly, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that stops in the middle of its answer
      And the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 and cut short after "only half\n"
      And the answer came after 900 ms
      And the answer came within 15000 ms
      And the request to the upstream "app" is cancelled
      And the log has a line "REQUEST" with:
        | status | 200                    |
        | ended  | body_idle_timeout_secs |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.9
    Scenario: A request body that stalls ends after body_idle_timeout_secs
      Given the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\nhalf"
      Then the client receives the answer 408
      And the connection is closed within 8000 ms
      And the upstream "app" received no complete body

  Rule: An answer before the end of the body ends the connection

    @S-6.13
    Scenario: The rest of a body is never read as a request
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: unknown.example.test
        Content-Length: 60

        GET /smuggled HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 404
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" received nothing

    @S-6.13
    Scenario: Bytes after a bad chunk are never read as a request
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Transfer-Encoding: chunked

        zz
        GET /smuggled HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 400
      And the connection is closed with nothing more
      And the upstream "app" received no "GET /smuggled"

    @S-6.13
    Scenario: Content-Length with Transfer-Encoding is refused, and nothing of it reaches the upstream
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST /a HTTP/1.1
        Host: git.example.test
        Content-Length: 50
        Transfer-Encoding: chunked

        5
        hello
        0

        """
      Then the client receives the answer 400
      And the connection is closed with nothing more
      And the upstream "app" received nothing

    @S-6.13
    Scenario: HTTP/1.0 with Transfer-Encoding smuggles nothing
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.0
        Host: git.example.test
        Connection: keep-alive
        Content-Length: 5
        Transfer-Encoding: chunked

        0

        GET /smuggled HTTP/1.0
        Host: git.example.test

        """
      Then the connection is closed
      And the upstream "app" received no "GET /smuggled"

    @S-6.13
    Scenario: Over HTTP/2 the stream is reset after the answer
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test", with 10 bytes of a body that does not end, the fields:
        | :method    | POST                 |
        | :scheme    | https                |
        | :path      | /                    |
        | :authority | unknown.example.test |
      Then the answer is 404
      And the stream is reset with "NO_ERROR"

    @S-6.13
    Scenario: An upstream's early answer reaches the client while it still sends, and ends the connection
      Given an upstream "app" that answers before the body:
        """
        HTTP/1.1 401 Unauthorized
        Content-Length: 3

        no!\
        """
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\nhalf"
      Then the client receives the answer 401
      And the answer has the body "no!"
      And the connection is closed with nothing more

    @S-6.13
    Scenario: An answer after the whole body keeps the connection
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: unknown.example.test\r\nContent-Length: 0\r\n\r\n"
      Then the client receives the answer 404
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200

  Rule: A client's mistake is answered

    @S-6.1
    Scenario Outline: <what> is answered 400, and ends the connection
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<bytes>"
      Then the client receives the answer 400
      And the connection is closed with nothing more
      And the upstream "app" received nothing

      Examples:
        | what                        | bytes                                                                                                   |
        | Garbage                     | \x00\x01\x02garbage\r\n\r\n                                                                             |
        | A request line of two words | GET /\r\nHost: git.example.test\r\n\r\n                                                                 |
        | A space before a colon      | GET / HTTP/1.1\r\nHost : git.example.test\r\n\r\n                                                       |
        | A name with a space         | GET / HTTP/1.1\r\nHost: git.example.test\r\nX Y: z\r\n\r\n                                              |
        | Lengths that differ         | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab           |
        | A negative length           | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: -1\r\n\r\n                                 |
        | A length with a sign        | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: +1\r\n\r\na                                |

    @S-6.1
    Scenario: An unknown transfer coding is answered with an error, and ends the connection
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: magic\r\n\r\n"
      Then the client receives the answer 501
      And the connection is closed with nothing more
      And the upstream "app" received nothing

    @S-6.1
    Scenario: A request head of more than 64 KiB is answered 431
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nX-Long: ${x*80000}\r\n\r\n"
      Then the client receives the answer 431
      And the connection is closed with nothing more
      And the upstream "app" received nothing

    @S-6.1
    Scenario Outline: A request head of a little under 64 KiB passes over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | X-Long: ${x*65000}        |
      Then the answer is 200
      And the upstream "app" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.1
    Scenario: A request head of more than 64 KiB over HTTP/2 reaches no upstream
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | HTTP/2                    |
        | header   | X-Long: ${x*80000}        |
      Then the upstream "app" received nothing

  Rule: The rate limit is answered 429

    @S-7.1
    Scenario Outline: A client over its limit is told when to retry, over <protocol>
      Given the setting "rate_limit.requests_per_second" is 0.1
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is 200
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is the plain error 429 "Too Many Requests"
      And the answer has the field "Retry-After" with a number from 1 to 10

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

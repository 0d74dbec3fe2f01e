Feature: Body size limit

  A body over body.limit_bytes is answered 413: immediately if its declared length is over it, else at the byte that
  crosses the limit.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And the setting "body.limit_bytes" is 100000

  Rule: A body up to the limit passes

    @S-6.7
    Scenario Outline: <bytes> bytes pass <framing> over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | bytes    | <bytes>                   |
        | chunked  | <chunked>                 |
      Then the answer is 200 "app"
      And the upstream "app" received a body of <bytes> bytes

      Examples:
        | bytes  | framing       | chunked | protocol |
        | 0      | with a length | no      | HTTP/1.1 |
        | 1      | with a length | no      | HTTP/1.1 |
        | 100000 | with a length | no      | HTTP/1.1 |
        | 100000 | in chunks     | yes     | HTTP/1.1 |
        | 100000 | with a length | no      | HTTP/2   |
        | 100000 | in chunks     | yes     | HTTP/2   |
        | 0      | with a length | no      | HTTP/2   |
        | 1      | with a length | no      | HTTP/2   |

  Rule: The limit may be left out or disabled

    @S-2.9
    Scenario Outline: Without a limit 200000 bytes pass over <protocol>
      Given the setting "body.limit_bytes" is 0
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | bytes    | 200000                    |
        | chunked  | <chunked>                 |
      Then the answer is 200 "app"
      And the upstream "app" received a body of 200000 bytes
      And the metrics have:
        | reverse_proxy_request_body_bytes_total{site="git.example.test"} | 200000 |

      Examples:
        | protocol | chunked |
        | HTTP/1.1 | no      |
        | HTTP/1.1 | yes     |
        | HTTP/2   | yes     |

    @S-2.9
    Scenario: A file that has no limit allows 100 MiB
      Given the setting "body" is left out
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Content-Length: 104857601

        """
      Then the client receives the answer 413

  Rule: A length over the limit is answered 413 before the upstream is contacted

    @S-6.13
    Scenario Outline: <bytes> bytes are answered 413 immediately over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | bytes    | <bytes>                   |
      Then the answer is the plain error 413 "Payload Too Large"
      And the upstream "app" received nothing
      And the upstream "app" accepted 0 connections

      Examples:
        | bytes   | protocol |
        | 100001  | HTTP/1.1 |
        | 5000000 | HTTP/1.1 |
        | 100001  | HTTP/2   |
        | 5000000 | HTTP/2   |

    @S-6.13
    Scenario: The answer comes before any byte of the body, and the connection ends
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Content-Length: 100001

        """
      Then the client receives the answer 413
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections

    @S-6.13
    Scenario: A client that waits for 100 Continue is not told to send
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Content-Length: 100001
        Expect: 100-continue

        """
      Then the client receives the answer 413
      And the connection is closed with nothing more

    @S-6.13
    Scenario: What follows an answered request is never read as another
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Content-Length: 100001

        GET /smuggled HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 413
      And the connection is closed with nothing more
      And the upstream "app" received nothing

    @S-6.13
    Scenario Outline: The length <length> is answered <status>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: <length>\r\n\r\n"
      Then the client receives the answer <status>
      And the connection is closed with nothing more
      And the upstream "app" received nothing

      Examples:
        | length                   | status |
        | 9223372036854775807      | 413    |
        | 9223372036854775808      | 400    |
        | 99999999999999999999999  | 400    |

    @S-6.13
    Scenario: Over HTTP/2 the stream is reset after the answer
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test", with 10 bytes of a body that does not end, the fields:
        | :method        | POST             |
        | :scheme        | https            |
        | :path          | /                |
        | :authority     | git.example.test |
        | content-length | 100001           |
      Then the answer is 413
      And the stream is reset with "NO_ERROR"
      And the upstream "app" accepted 0 connections

  Rule: Without a length the byte that crosses the limit is answered 413

    @S-6.13 @S-6.10
    Scenario Outline: <bytes> bytes in chunks are answered 413 over <protocol>, and the upstream gets no complete body
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | method   | POST                      |
        | protocol | <protocol>                |
        | bytes    | <bytes>                   |
        | chunked  | yes                       |
      Then the answer is the plain error 413 "Payload Too Large"
      And the upstream "app" received no complete request

      Examples:
        | bytes   | protocol |
        | 100001  | HTTP/1.1 |
        | 1000000 | HTTP/1.1 |
        | 100001  | HTTP/2   |
        | 1000000 | HTTP/2   |

    @S-6.13
    Scenario: After the crossing byte nothing more is read as a request, and the connection ends
      Given the setting "body.limit_bytes" is 10
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Transfer-Encoding: chunked

        b
        12345678901
        0

        GET /smuggled HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 413
      And the connection is closed with nothing more
      And the upstream "app" received no "GET /smuggled"

    @S-6.13
    Scenario: Only the body counts, not the lines around its chunks
      Given the setting "body.limit_bytes" is 4
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        POST / HTTP/1.1
        Host: git.example.test
        Transfer-Encoding: chunked

        1
        a
        1
        b
        1
        c
        1
        d
        0

        """
      Then the client receives the answer 200
      And the upstream "app" received the body "abcd"

    @S-6.13
    Scenario: Over HTTP/2 the stream is reset after the answer to the crossing byte
      Given the setting "body.limit_bytes" is 10
      And the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test", with 11 bytes of a body that does not end, the fields:
        | :method    | POST             |
        | :scheme    | https            |
        | :path      | /                |
        | :authority | git.example.test |
      Then the answer is 413
      And the stream is reset with "NO_ERROR"

  Rule: The limit belongs to the dynamic configuration

    @S-3.1 @S-3.2
    Scenario Outline: A reload changes the limit for new requests over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends "POST" to "https://git.example.test/" with 100001 bytes
      Then the answer is 413
      Given the setting "body.limit_bytes" is 100001
      And the configuration is reloaded
      When a client sends "POST" to "https://git.example.test/" with 100001 bytes
      Then the answer is 200
      Given the setting "body.limit_bytes" is 10
      And the configuration is reloaded
      When a client sends "POST" to "https://git.example.test/" with 11 bytes
      Then the answer is 413

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.1
    Scenario Outline: A request that began before a reload ends on the old limit over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the client "alice" begins to upload to "https://git.example.test/"
      When the client "alice" uploads "1234567890"
      Then the upstream "app" received 1 request
      Given the setting "body.limit_bytes" is 10
      And the configuration is reloaded
      And the client "alice" uploads "1234567890"
      When the client "alice" ends its upload
      Then the client "alice" is answered 200
      And the upstream "app" received a body of 20 bytes

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.7
    Scenario Outline: The limit is for requests, not for answers, over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that answers with 200000 bytes
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      And the answer has a body of 200000 bytes

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

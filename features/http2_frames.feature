Feature: HTTP/2, frame by frame

  What a client may send over HTTP/2, and what it may not: streams, malformed requests, and windows.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    And the setting "rate_limit.requests_per_second" is 1000000
    And the setting "rate_limit.burst" is 1000000

  Rule: Streams of one connection run in parallel

    @S-12.5
    Scenario: At most 250 streams are open at a time, and only the one beyond is refused
      Given an upstream "slow" that never answers
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      When a client speaks HTTP/2 with "https://slow.example.test"
      Then it receives the setting MAX_CONCURRENT_STREAMS with 250
      When it opens 250 streams for "/"
      Then the upstream "slow" received 250 requests
      When it opens 1 stream for "/more"
      Then its last stream is reset with "REFUSED_STREAM|PROTOCOL_ERROR"
      And it is still served
      And the upstream "slow" received 250 requests

    @S-12.5
    Scenario: A stream that has ended makes room for another one
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens 250 streams for "/"
      Then 250 of its streams are answered 200
      When it opens 250 streams for "/"
      Then 500 of its streams are answered 200
      And 0 of its streams are reset with "REFUSED_STREAM"

    @S-6.10
    Scenario: A stream that is reset cancels its upstream request, and does not affect the others
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client speaks HTTP/2 with "https://slow.example.test"
      When it opens 2 streams for "/"
      Then the upstream "slow" received 2 requests
      When it resets its last stream
      Then the log has a line "CLIENT_GONE"
      Given the upstream "slow" is released
      When the upstream "slow" is released
      Then 1 of its streams are answered 200
      Given it opens 1 stream for "/again"
      When the upstream "slow" is released
      Then its last stream is answered 200

    @S-6.7
    Scenario: Trailers pass both ways within one exchange
      Given an upstream "app" that answers:
        """
        HTTP/1.1 200 OK
        Content-Type: application/grpc
        Transfer-Encoding: chunked
        Trailer: Grpc-Status

        2
        ok
        0
        Grpc-Status: 0

        """
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/rpc"
      And it sends "question" on its last stream
      When it ends its last stream with the trailer fields "x-checksum=42; x-other=43"
      Then its last stream is answered 200
      And the answer has the body "ok"
      And the answer has the trailer "Grpc-Status" with "0"
      And the upstream "app" received the body "question"
      And the upstream "app" received the trailer "X-Checksum" with "42"
      And the upstream "app" received the trailer "X-Other" with "43"

    @S-6.13
    Scenario: An upstream's early answer is followed by a reset without an error, and the connection goes on
      Given an upstream "app" that answers before the body:
        """
        HTTP/1.1 401 Unauthorized
        Content-Length: 3

        no!\
        """
      And the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/upload"
      When it sends "half" on its last stream
      Then its last stream is answered 401
      And the answer has the body "no!"
      And its last stream is reset with "NO_ERROR"
      And it is still served

    @S-11.1 @S-11.2
    Scenario: At shutdown the client receives GOAWAY, and its streams are answered before the end
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client speaks HTTP/2 with "https://slow.example.test"
      And it opens 2 streams for "/"
      And the upstream "slow" received 2 requests
      When the proxy is sent SIGTERM
      Then it receives GOAWAY with "NO_ERROR"
      Given the upstream "slow" is released
      When the upstream "slow" is released
      Then 2 of its streams are answered 200
      And it is ended with "NO_ERROR"
      And the proxy exits with 0 within 10 seconds

    @S-11.1 @S-11.2
    Scenario: At shutdown GOAWAY comes twice: first for no stream, and then with the last one, after which none is processed
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client speaks HTTP/2 with "https://slow.example.test"
      And it opens 2 streams for "/"
      And the upstream "slow" received 2 requests
      When the proxy is sent SIGTERM
      Then its GOAWAY frames are "NO_ERROR all; NO_ERROR 3"
      Given it opens 1 stream for "/"
      And it is still served
      And the upstream "slow" is released
      When the upstream "slow" is released
      Then 2 of its streams are answered 200
      And it is ended with "NO_ERROR"
      And the upstream "slow" received 2 requests
      And the proxy exits with 0 within 10 seconds

    @S-12.12 @S-11.2
    Scenario: A request that comes in one piece with the answer to the PING of a shutdown is answered
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens 1 stream for "/"
      Then its last stream is answered 200
      Given the proxy is sent SIGTERM
      When it opens 3 streams for "/more" and answers the proxy's PING, in one piece
      Then 4 of its streams are answered 200
      And its GOAWAY frames are "NO_ERROR all; NO_ERROR 7"
      And it is ended with "NO_ERROR"
      And the proxy exits with 0 within 10 seconds

    @S-12.12 @S-11.2
    Scenario: So is one in flight, and those that come after it
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client speaks HTTP/2 with "https://slow.example.test"
      And it opens 1 stream for "/"
      And the upstream "slow" received 1 request
      And the proxy is sent SIGTERM
      And "${addr}:${https}" refuses connections
      When it opens 1 stream for "/" and answers the proxy's PING, in one piece
      Then its GOAWAY frames are "NO_ERROR all; NO_ERROR 3"
      Given the upstream "slow" is released
      When the upstream "slow" is released
      Then 2 of its streams are answered 200
      And it is ended with "NO_ERROR"
      And the proxy exits with 0 within 10 seconds

    @S-11.1
    Scenario: A body that is still in transit at shutdown arrives completely
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/upload"
      And it sends "one " on its last stream
      And the upstream "app" received 1 request
      When the proxy is sent SIGTERM
      Then it receives GOAWAY with "NO_ERROR"
      Given it sends "two" on its last stream
      When it ends its last stream
      Then its last stream is answered 200
      And the upstream "app" received the body "one two"
      And it is ended with "NO_ERROR"
      And the proxy exits with 0 within 10 seconds

  Rule: A malformed request ends its stream, reaches no upstream and does not affect the connection

    @S-6.1
    Scenario Outline: <what> is an error of the stream
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields "<fields>"
      Then its last stream is reset with "PROTOCOL_ERROR"
      And a further stream on it is answered 200
      And the upstream "app" received 1 request

      Examples:
        | what                         | fields                                                                                                 |
        | No method                    | :scheme=https; :path=/; :authority=git.example.test                                                    |
        | No scheme                    | :method=GET; :path=/; :authority=git.example.test                                                      |
        | No path                      | :method=GET; :scheme=https; :authority=git.example.test                                                |
        | An empty path                | :method=GET; :scheme=https; :path=; :authority=git.example.test                                        |
        | An empty method              | :method=; :scheme=https; :path=/; :authority=git.example.test                                          |
        | A method twice               | :method=GET; :method=POST; :scheme=https; :path=/; :authority=git.example.test                         |
        | A path twice                 | :method=GET; :scheme=https; :path=/; :path=/b; :authority=git.example.test                             |
        | A scheme twice               | :method=GET; :scheme=https; :scheme=https; :path=/; :authority=git.example.test                        |
        | An authority twice           | :method=GET; :scheme=https; :path=/; :authority=git.example.test; :authority=git.example.test          |
        | An unknown pseudo-field      | :method=GET; :scheme=https; :path=/; :authority=git.example.test; :what=1                              |
        | A pseudo-field of answers    | :method=GET; :scheme=https; :path=/; :authority=git.example.test; :status=200                          |
        | A pseudo-field after a field | :method=GET; :scheme=https; :path=/; accept=*/*; :authority=git.example.test                           |
        | An upper-case name           | :method=GET; :scheme=https; :path=/; :authority=git.example.test; Accept=*/*                           |
        | A name with a space          | :method=GET; :scheme=https; :path=/; :authority=git.example.test; x y=z                                |
        | A name with a colon          | :method=GET; :scheme=https; :path=/; :authority=git.example.test; x:y=z                                |
        | A name with a line end       | :method=GET; :scheme=https; :path=/; :authority=git.example.test; x\r\ny=z                             |
        | A value with CR and LF       | :method=GET; :scheme=https; :path=/; :authority=git.example.test; x=a\r\nb: c                          |
        | A value with LF              | :method=GET; :scheme=https; :path=/; :authority=git.example.test; x=a\nb                               |
        | A value with NUL             | :method=GET; :scheme=https; :path=/; :authority=git.example.test; x=a\0b                               |
        | connection                   | :method=GET; :scheme=https; :path=/; :authority=git.example.test; connection=close                     |
        | keep-alive                   | :method=GET; :scheme=https; :path=/; :authority=git.example.test; keep-alive=timeout=5                 |
        | proxy-connection             | :method=GET; :scheme=https; :path=/; :authority=git.example.test; proxy-connection=keep-alive          |
        | transfer-encoding            | :method=GET; :scheme=https; :path=/; :authority=git.example.test; transfer-encoding=chunked            |
        | upgrade                      | :method=GET; :scheme=https; :path=/; :authority=git.example.test; upgrade=websocket                    |
        | te that is not trailers      | :method=GET; :scheme=https; :path=/; :authority=git.example.test; te=gzip                              |
        | A length without a body      | :method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=5                    |
        | Two lengths that disagree    | :method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=0; content-length=5  |
        | A length that is no number   | :method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=five                 |
        | A negative length            | :method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=-1                   |
        | A length beyond all numbers  | :method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=99999999999999999999 |

    @S-6.1
    Scenario Outline: <what> is malformed
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields "<fields>"
      Then its last stream is malformed
      And a further stream on it is answered 200
      And the upstream "app" received 1 request

      Examples:
        | what                          | fields                                                                              |
        | A method that is no token     | :method=G ET; :scheme=https; :path=/; :authority=git.example.test                   |
        | A method that splits the line | :method=GET / HTTP/1.1\r\nx: y; :scheme=https; :path=/; :authority=git.example.test |
        | A path that splits the line   | :method=GET; :scheme=https; :path=/ HTTP/1.1\r\nx: y; :authority=git.example.test   |
        | A space in the path           | :method=GET; :scheme=https; :path=/a b; :authority=git.example.test                 |
        | A path without a slash        | :method=GET; :scheme=https; :path=a; :authority=git.example.test                    |

    @S-6.1
    Scenario Outline: DATA <what> is an error of the stream
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields ":method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=5" and the body "<body>"
      Then its last stream is reset with "PROTOCOL_ERROR"
      And the upstream "app" received no complete request
      And a further stream on it is answered 200

      Examples:
        | what                                  | body       |
        | short of the length                   | abc        |
        | beyond the length                     | abcdefgh   |
        | beyond the length in the second frame | abcd\|efgh |
        | that is empty                         |            |

    @S-6.7
    Scenario: DATA of the declared length is a normal request
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields ":method=POST; :scheme=https; :path=/; :authority=git.example.test; content-length=5" and the body "ab|cd|e"
      Then its last stream is answered 200
      And the upstream "app" received the body "abcde"
      And the upstream "app" received the field "Content-Length" with "5"

    @S-6.7
    Scenario Outline: <what> in the trailers is an error of the stream
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      And it begins a stream for "/"
      And it sends "half" on its last stream
      When it ends its last stream with the trailer fields "<fields>"
      Then its last stream is reset with "PROTOCOL_ERROR"
      And the upstream "app" received no complete request
      And a further stream on it is answered 200

      Examples:
        | what                | fields              |
        | A pseudo-field      | x-a=1; :path=/other |
        | An upper-case name  | X-A=1               |
        | A value with CR, LF | x-a=1\r\nx-b: 2     |

    @S-6.4
    Scenario: te with trailers passes
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields ":method=GET; :scheme=https; :path=/; :authority=git.example.test; te=trailers"
      Then its last stream is answered 200
      And the upstream "app" received the field "Te" with "trailers"

    @S-6.7
    Scenario: Cookies that a client has split reach the upstream as one field
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields ":method=GET; :scheme=https; :path=/; :authority=git.example.test; cookie=a=1; cookie=b=2; cookie=c=3"
      Then its last stream is answered 200
      And the upstream "app" received the field "Cookie" with "a=1; b=2; c=3"

    @S-6.17
    Scenario Outline: Cookies do not count against the fields of a request: <cookies> and <others> others
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream for "/" with <cookies> cookies and <others> other fields
      Then its last stream is answered 200
      And the upstream "app" received <cookies> cookies in one field

      Examples:
        | cookies | others |
        | 120     | 20     |
        | 180     | 20     |
        | 1000    | 128    |

    @S-6.17
    Scenario Outline: The log names the bound that a head has met: <cookies> cookies and <others> other fields
      Given the proxy is running
      And the client "mallory" speaks HTTP/2 with "https://git.example.test"
      When it opens a stream for "/" with <cookies> cookies and <others> other fields
      Then its last stream is answered 431
      And the upstream "app" received nothing
      And the log has a line "BAD_REQUEST" with:
        | client_ip | ${client:mallory} |
        | status    | 431               |
        | error     | <error>           |
      And a further stream on it is answered 200

      Examples:
        | cookies | others | error                  |
        | 0       | 129    | more than 128 field lines |
        | 10      | 129    | more than 128 field lines |
        | 1600    | 0      | request head over 64 KiB  |

    @S-6.18
    Scenario Outline: A <method> whose end comes in an empty DATA frame is not sent chunked
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it opens a stream with the fields ":method=<method>; :scheme=https; :path=/; :authority=git.example.test" and the body "<body>"
      Then its last stream is answered 200
      And the upstream "app" received no field "Transfer-Encoding"
      And the upstream "app" received the body "<received>"

      Examples:
        | method | body     | received |
        | GET    |          |          |
        | DELETE |          |          |
        | POST   |          |          |
        | POST   | name=one | name=one |
        | POST   | ab\|cd\| | abcd     |

  Rule: RST_STREAM answers only streams that are open

    @S-12.5
    Scenario Outline: A bad PRIORITY frame for an idle stream is ignored: <what>
      Given the proxy is running
      And a client speaks HTTP/2 with "https://git.example.test"
      When it sends a PRIORITY frame <what>
      Then it is still served
      And it received no RST_STREAM
      And a further stream on it is answered 200

      Examples:
        | what                                        |
        | of 4 bytes for the stream 1                 |
        | of 0 bytes for the stream 7                 |
        | by which the stream 1 depends on itself     |
        | by which the stream 1001 depends on itself  |

  Rule: A client that violates a window loses its stream or its connection

    @S-12.5
    Scenario Outline: The window of the <what> beyond its maximum
      Given an upstream "slow" that never answers
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client speaks HTTP/2 with "https://slow.example.test"
      And it opens 1 stream for "/"
      When it opens the window of <what> by 2147483647
      Then <end> with "FLOW_CONTROL_ERROR"

      Examples:
        | what       | end                      |
        | connection | it is ended              |
        | stream     | its last stream is reset |

    @S-12.5
    Scenario: Initial windows that carry a stream's window beyond its maximum
      Given an upstream "slow" that never answers
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client speaks HTTP/2 with "https://slow.example.test"
      And it opens 1 stream for "/"
      And it opens the window of stream by 1000000000
      When it sets INITIAL_WINDOW_SIZE to 2147483647
      Then it is ended with "FLOW_CONTROL_ERROR"

    @S-12.5
    Scenario: DATA beyond the window of a stream is discarded
      Given an upstream "full" that does not accept connections
      And the site "full.example.test" is served from the upstream "full"
      And the setting "body.limit_bytes" is 1073741824
      And the proxy will be started from a release build
      And the proxy is running
      And the memory of the proxy is remembered
      And a client speaks HTTP/2 with "https://full.example.test"
      And it begins a stream for "/"
      When it sends 100000000 bytes on its last stream
      Then its last stream is reset with "FLOW_CONTROL_ERROR"
      And the memory of the proxy has grown by at most 48 MiB

    @S-12.5
    Scenario: DATA beyond the window of the connection ends it
      Given an upstream "full" that does not accept connections
      And the site "full.example.test" is served from the upstream "full"
      And the proxy is running
      And a client speaks HTTP/2 with "https://full.example.test"
      And it begins a stream for "/1"
      And it sends 120000 bytes on its last stream
      And it begins a stream for "/2"
      And it sends 120000 bytes on its last stream
      And it begins a stream for "/3"
      When it sends 120000 bytes on its last stream
      Then it is ended with "FLOW_CONTROL_ERROR"

Feature: HTTP/1.1

  What is not a valid request is answered with an error and ends the connection, and nothing of it reaches an upstream:
  a proxy that is more tolerant than the server after it makes request smuggling possible.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A head that is not a request's is refused

    @S-6.1 @S-6.13
    Scenario Outline: <what> in the request line is answered <status>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<line>\r\nHost: git.example.test\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has the field "Connection" with "close"
      And the answer has the field "Content-Type" with "text/plain; charset=utf-8"
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections
      And the log has a line "BAD_REQUEST" with:
        | level     | INFO       |
        | client_ip | ${client:} |
        | status    | <status>   |
        | error     | <error>    |
      And the log has no line "REQUEST"

      Examples:
        | what                                | status | error                              | line                                         |
        | Garbage                             | 400    | malformed request line             | \x00\x01\x02garbage                          |
        | A space in front                    | 400    | malformed request line             | \x20GET / HTTP/1.1                           |
        | A bare LF in front                  | 400    | malformed request line             | \x0aGET / HTTP/1.1                           |
        | A bare CR in front                  | 400    | malformed request line             | \rGET / HTTP/1.1                             |
        | More than four empty lines in front | 400    | malformed request line             | ${\r\n*5}GET / HTTP/1.1                      |
        | A method with a parenthesis         | 400    | malformed request line             | G(T / HTTP/1.1                               |
        | A method with NUL                   | 400    | malformed request line             | GET\x00 / HTTP/1.1                           |
        | A method of 33 letters              | 501    | method too long                    | ${A*33} / HTTP/1.1                           |
        | No target                           | 400    | malformed request line             | GET HTTP/1.1                                 |
        | No version                          | 400    | malformed request line             | GET /                                        |
        | Two spaces behind the method        | 400    | malformed request line             | GET  / HTTP/1.1                              |
        | A tab behind the method             | 400    | malformed request line             | GET\t/ HTTP/1.1                              |
        | A space in the target               | 400    | malformed HTTP version             | GET /a b HTTP/1.1                            |
        | NUL in the target                   | 400    | malformed request line             | GET /a\x00b HTTP/1.1                         |
        | A bare CR in the target             | 400    | malformed request line             | GET /a\rb HTTP/1.1                           |
        | A bare LF in the target             | 400    | malformed request line             | GET /a\x0ab HTTP/1.1                         |
        | A fragment in the target            | 400    | malformed target                   | GET /a#b HTTP/1.1                            |
        | Half an encoded byte in the path    | 400    | malformed target                   | GET /a%2 HTTP/1.1                            |
        | A bad encoded byte in the path      | 400    | malformed target                   | GET /%zz HTTP/1.1                            |
        | A relative target                   | 400    | malformed target                   | GET a/b HTTP/1.1                             |
        | A query as the target               | 400    | malformed target                   | GET ?a=b HTTP/1.1                            |
        | A target of another scheme          | 400    | malformed target                   | GET ftp://git.example.test/ HTTP/1.1         |
        | Only a scheme                       | 400    | malformed target                   | GET https:// HTTP/1.1                        |
        | User information in the target      | 400    | malformed authority in target      | GET https://me@git.example.test/ HTTP/1.1    |
        | A port above 65535 in the target    | 400    | malformed authority in target      | GET https://git.example.test:65536/ HTTP/1.1 |
        | The asterisk without OPTIONS        | 400    | target * without OPTIONS           | GET * HTTP/1.1                               |
        | An authority without CONNECT        | 400    | malformed target                   | GET git.example.test:443 HTTP/1.1            |
        | A path with CONNECT                 | 400    | target of CONNECT is not host:port | CONNECT /a HTTP/1.1                          |
        | A target of more than 32 KiB        | 414    | target too long                    | GET /${x*32768} HTTP/1.1                     |
        | A version in small letters          | 400    | malformed HTTP version             | GET / http/1.1                               |
        | A version without its minor one     | 400    | malformed HTTP version             | GET / HTTP/1                                 |
        | A version of two digits             | 400    | malformed request line             | GET / HTTP/1.11                              |
        | Another protocol                    | 400    | malformed HTTP version             | GET / ICAP/1.0                               |
        | HTTP/1.2                            | 505    | HTTP version not supported         | GET / HTTP/1.2                               |
        | HTTP/2.0                            | 505    | HTTP version not supported         | GET / HTTP/2.0                               |
        | HTTP/0.9                            | 505    | HTTP version not supported         | GET / HTTP/0.9                               |
        | A space behind the version          | 400    | malformed request line             | GET / HTTP/1.1\x20                           |
        | A bare LF behind the version        | 400    | malformed request line             | GET / HTTP/1.1\x0aX-A: b                     |
        | A bare CR behind the version        | 400    | malformed request line             | GET / HTTP/1.1\rX-A: b                       |

    @S-6.18
    Scenario Outline: What no head can contain is refused immediately, however it arrives: <what>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "<first>"
      When the client sends "<second>"
      Then the client receives the answer <status>
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections
      And the log has a line "BAD_REQUEST" with:
        | client_ip | ${client:} |
        | status    | <status>   |
        | error     | <error>    |

      Examples: the client waits for the answer to what it takes for a whole head
        | what                              | status | error                          | first                                             | second     |
        | Two CRs for the empty line        | 400    | bare CR or LF in the head      | GET / HTTP/1.1\r\nHost: git.example.test\r\n      | \r\r\n     |
        | Two CRs, one of them sent before  | 400    | bare CR or LF in the head      | GET / HTTP/1.1\r\nHost: git.example.test\r\n\r    | \r\n       |
        | Two CRs at a line's end           | 400    | bare CR or LF in the head      | GET / HTTP/1.1\r\nHost: git.example.test          | \r\r\n     |
        | Two CRs at the first line's end   | 400    | malformed request line         | GET / HTTP/1.1                                    | \r\r\n     |
        | Two CRs in an empty line before   | 400    | malformed request line         | \r                                                | \r\n       |
        | A bare CR in a value              | 400    | bare CR or LF in the head      | GET / HTTP/1.1\r\nHost: git.example.test\r\nX: a  | \rb        |
        | A bare CR in a name               | 400    | field line without a colon     | GET / HTTP/1.1\r\nHost: git.example.test\r\nX     | \rY: b     |
        | A bare CR before a line's end     | 400    | bare CR or LF in the head      | GET / HTTP/1.1\r\nHost: git.example.test\r\nX: a\r | b          |
        | An escape in a value              | 400    | control character in a field value | GET / HTTP/1.1\r\nHost: git.example.test\r\nX: | a\x1b      |
        | A name with a space               | 400    | white space in a field name    | GET / HTTP/1.1\r\nHost: git.example.test\r\nX     | \x20Y      |
        | A folded line                     | 400    | folded field line              | GET / HTTP/1.1\r\nHost: git.example.test\r\n      | \x20a      |
        | Another protocol                  | 400    | malformed HTTP version         | GET / HT                                          | CP         |
        | A version that is not spoken      | 505    | HTTP version not supported     | GET / HTTP/                                       | 3.0        |
        | A method that is too long         | 501    | method too long                | ${X*30}                                           | XXX        |
        | More field lines than are allowed | 431    | more than 128 field lines      | GET / HTTP/1.1\r\nHost: git.example.test\r\n${X: a\r\n*127} | X: a\r\n |
        | Two CRs, the second one sent later | 400    | bare CR or LF in the head      | GET / HTTP/1.1\r\nHost: git.example.test\r\n\r    | \r         |

    @S-6.18
    Scenario Outline: What no trailer section can contain is refused immediately: <what>
      Given an upstream "app" that reads no body
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
      And the client sends "<first>"
      When the client sends "<second>"
      Then the client receives the answer 400
      And the connection is closed with nothing more

      Examples:
        | what                          | first    | second   |
        | Two CRs for the empty line    | X: a\r\n | \r\r\n   |
        | Two CRs at a line's end       | X: a     | \r\r\n   |
        | A bare CR in a value          | X: a\r   | b        |
        | A name with a space           | X        | \x20Y   |

    @S-6.17
    Scenario Outline: A request with <count> field lines is answered <status>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n<fields>\r\n"
      Then the client receives the answer <status>
      And the log has <lines> lines "BAD_REQUEST" with:
        | status | 431                       |
        | error  | more than 128 field lines |

      Examples:
        | count | status | lines | fields                     |
        | 128   | 200    | 0     | ${Cookie: a=b\r\n*127}     |
        | 129   | 431    | 1     | ${Cookie: a=b\r\n*128}     |

    @S-6.17
    Scenario Outline: A request head of <size> bytes is answered <status>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nX: ${x*30000}\r\nX: ${x*30000}\r\nX: ${x*<rest>}\r\n\r\n"
      Then the client receives the answer <status>
      And the log has <lines> lines "BAD_REQUEST" with:
        | status | 431                      |
        | error  | request head over 64 KiB |

      # The first two lines have 40 bytes, the next two 30,005 each, and the last two 7 around what is left.
      Examples:
        | size  | rest | status | lines |
        | 65536 | 5479 | 200    | 0     |
        | 65537 | 5480 | 431    | 1     |

    @S-6.1 @S-6.13 @S-6.17
    Scenario Outline: <what> among the fields is answered <status>
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\n<fields>\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer <status>
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections
      And the log has a line "BAD_REQUEST" with:
        | client_ip | ${client:} |
        | status    | <status>   |
        | error     | <error>    |
      And the log has no line "REQUEST"

      Examples:
        | what                                   | status | error                                 | fields                                                     |
        | A bare CR in a value                   | 400    | bare CR or LF in the head             | X-A: b\rc                                                  |
        | A bare CR at a line's end              | 400    | bare CR or LF in the head             | X-A: b\rX-C: d                                             |
        | A bare LF at a line's end              | 400    | bare CR or LF in the head             | X-A: b\x0aX-C: d                                           |
        | Two CRs at a line's end                | 400    | bare CR or LF in the head             | X-A: b\r\r\nX-C: d                                         |
        | A bare LF for the empty line           | 400    | bare CR or LF in the head             | X-A: b\r\n\x0aX-C: d                                       |
        | A bare CR for the empty line           | 400    | bare CR or LF in the head             | X-A: b\r\n\rX-C: d                                         |
        | NUL in a value                         | 400    | control character in a field value    | X-A: b\x00c                                                |
        | An escape in a value                   | 400    | control character in a field value    | X-A: b\x1bc                                                |
        | DEL in a value                         | 400    | control character in a field value    | X-A: b\x7fc                                                |
        | A line that is folded                  | 400    | folded field line                     | X-A: b\r\n c                                               |
        | A line that is folded by a tab         | 400    | folded field line                     | X-A: b\r\n\tTransfer-Encoding: chunked                     |
        | A space before the colon               | 400    | white space in a field name           | X-A : b                                                    |
        | A tab before the colon                 | 400    | white space in a field name           | X-A\t: b                                                   |
        | A space before the colon of a length   | 400    | white space in a field name           | Content-Length : 5                                         |
        | A name with a space                    | 400    | white space in a field name           | X A: b                                                     |
        | A name with a parenthesis              | 400    | malformed field name                  | X(A): b                                                    |
        | A name with NUL                        | 400    | malformed field name                  | X-A\x00: b                                                 |
        | A name beyond ASCII                    | 400    | malformed field name                  | X-\xc3\xa4: b                                              |
        | An empty name                          | 400    | malformed field name                  | : b                                                        |
        | A line without a colon                 | 400    | field line without a colon            | broken                                                     |
        | 129 fields with Host                   | 431    | more than 128 field lines             | ${X-A: b\r\n*127}X-A: b                                    |
        | More than 64 KiB in three fields       | 431    | request head over 64 KiB              | X-A: ${x*30000}\r\nX-B: ${x*30000}\r\nX-C: ${x*6000}       |
        | A second Host                          | 400    | several Host                          | Host: www.example.test                                     |
        | The same Host again                    | 400    | several Host                          | Host: git.example.test                                     |
        | A second Host in capitals              | 400    | several Host                          | HOST: git.example.test                                     |
        | Two lengths                            | 400    | several Content-Length                | Content-Length: 0\r\nContent-Length: 31                    |
        | The same length twice                  | 400    | several Content-Length                | Content-Length: 31\r\nContent-Length: 31                   |
        | A list of lengths                      | 400    | malformed Content-Length              | Content-Length: 31, 31                                     |
        | An empty length                        | 400    | malformed Content-Length              | Content-Length:                                            |
        | A length with a plus sign              | 400    | malformed Content-Length              | Content-Length: +31                                        |
        | A negative length                      | 400    | malformed Content-Length              | Content-Length: -31                                        |
        | A length with an underscore            | 400    | malformed Content-Length              | Content-Length: 3_1                                        |
        | A length in hex                        | 400    | malformed Content-Length              | Content-Length: 0x1f                                       |
        | A length with hex digits               | 400    | malformed Content-Length              | Content-Length: 1f                                         |
        | A length with a fraction               | 400    | malformed Content-Length              | Content-Length: 31.0                                       |
        | A length with a space in it            | 400    | malformed Content-Length              | Content-Length: 3 1                                        |
        | A length that overflows                | 400    | malformed Content-Length              | Content-Length: 9223372036854775808                        |
        | A length that overflows to a small one | 400    | malformed Content-Length              | Content-Length: 18446744073709551647                       |
        | A length with a coding                 | 400    | Content-Length with Transfer-Encoding | Content-Length: 31\r\nTransfer-Encoding: chunked           |
        | A coding with a length                 | 400    | Content-Length with Transfer-Encoding | Transfer-Encoding: chunked\r\nContent-Length: 31           |
        | Two codings in two lines               | 400    | several Transfer-Encoding             | Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked   |
        | chunked twice                          | 400    | malformed Transfer-Encoding           | Transfer-Encoding: chunked, chunked                        |
        | chunked not last                       | 400    | malformed Transfer-Encoding           | Transfer-Encoding: chunked, gzip                           |
        | chunked with a parameter               | 400    | malformed Transfer-Encoding           | Transfer-Encoding: chunked;a=b                             |
        | chunked and an empty element           | 400    | malformed Transfer-Encoding           | Transfer-Encoding: chunked,                                |
        | An empty coding                        | 400    | malformed Transfer-Encoding           | Transfer-Encoding:                                         |
        | chunked in quotes                      | 400    | malformed Transfer-Encoding           | Transfer-Encoding: \x22chunked\x22                         |
        | chunked behind a vertical tab          | 400    | control character in a field value    | Transfer-Encoding: \x0bchunked                             |
        | A coding before chunked                | 501    | unknown transfer coding               | Transfer-Encoding: gzip, chunked                           |
        | A coding that is not chunked           | 501    | unknown transfer coding               | Transfer-Encoding: gzip                                    |
        | identity                               | 501    | unknown transfer coding               | Transfer-Encoding: identity                                |
        | A coding that only looks like chunked  | 501    | unknown transfer coding               | Transfer-Encoding: xchunked                                |
        | A trailer that would be a length       | 400    | forbidden name in Trailer             | Trailer: X-A, Content-Length\r\nTransfer-Encoding: chunked |

    @S-6.1 @S-6.13
    Scenario Outline: <what> is answered 400
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<head>\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections
      And the log has a line "BAD_REQUEST" with:
        | client_ip | ${client:} |
        | status    | 400        |
        | error     | <error>    |

      Examples:
        | what                                 | error                                 | head                                                                                          |
        | No Host                              | no Host                               | GET / HTTP/1.1\r\nX-A: b                                                                      |
        | No Host beside an absolute target    | no Host                               | GET https://git.example.test/ HTTP/1.1\r\nX-A: b                                              |
        | A Host with user information         | malformed Host                        | GET / HTTP/1.1\r\nHost: me@git.example.test                                                   |
        | A Host with a path                   | malformed Host                        | GET / HTTP/1.1\r\nHost: git.example.test/a                                                    |
        | A list of Hosts                      | malformed Host                        | GET / HTTP/1.1\r\nHost: git.example.test, www.example.test                                    |
        | A Host with an encoded byte          | malformed Host                        | GET / HTTP/1.1\r\nHost: git%2eexample.test                                                    |
        | A Host with a port above 65535       | malformed Host                        | GET / HTTP/1.1\r\nHost: git.example.test:65536                                                |
        | A Host that is half an IPv6 address  | malformed Host                        | GET / HTTP/1.1\r\nHost: [::1                                                                  |
        | A bad Host beside an absolute target | malformed Host                        | GET https://git.example.test/ HTTP/1.1\r\nHost: a b                                           |
        | A coding in HTTP/1.0                 | Transfer-Encoding in HTTP/1.0         | POST / HTTP/1.0\r\nHost: git.example.test\r\nTransfer-Encoding: chunked                       |
        | A coding and a length in HTTP/1.0    | Content-Length with Transfer-Encoding | POST / HTTP/1.0\r\nHost: git.example.test\r\nContent-Length: 31\r\nTransfer-Encoding: chunked |
        | Two lengths in HTTP/1.0              | several Content-Length                | POST / HTTP/1.0\r\nHost: git.example.test\r\nContent-Length: 0\r\nContent-Length: 31          |

    @S-6.1 @S-6.13
    Scenario Outline: <what> is refused after a request that was answered, and ends the connection
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "POST /first HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 5\r\n\r\nhello<bytes>\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the client receives the answer 400
      And the connection is closed with nothing more
      And the upstream "app" received 1 request
      And the upstream "app" received the body "hello"

      Examples:
        | what                        | bytes                                  |
        | More body than was declared | !                                      |
        | A request line of two words | GET /                                  |
        | A request without a Host    | GET / HTTP/1.1\r\nX-A: b               |

    @S-6.1
    Scenario: A bad head is reported as such even if it arrives one byte at a time
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nX-A : b\r\n\r\nGET /smuggled HTTP/1.1\r\n", one byte every 1 ms
      Then the client receives the answer 400
      And the connection is closed with nothing more
      And the upstream "app" accepted 0 connections
      And the log has a line "BAD_REQUEST" with:
        | error | white space in a field name |

    @S-6.1 @S-7.1
    Scenario: Bad heads use up the client's requests like good ones
      Given the setting "rate_limit.requests_per_second" is 0.1
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "bad\r\n\r\n"
      Then the client receives the answer 400
      Given a client opens a connection to "https://git.example.test"
      When the client sends "bad\r\n\r\n"
      Then the client receives the answer 429
      And the connection is closed with nothing more
      And the log has 1 line "BAD_REQUEST"
      And the log has 1 line "RATE_LIMIT"

  Rule: A body with invalid chunks is refused

    @S-6.13 @S-6.10
    Scenario Outline: <what> is answered 400, and the upstream gets no complete request
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n<chunks>"
      When the client sends "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the answer has the field "Connection" with "close"
      And the connection is closed with nothing more
      And the upstream "app" received no complete request
      And the upstream "app" received no "GET /smuggled"
      And the log has a line "REQUEST" with:
        | method | POST |
        | status | 400  |

      Examples:
        | what                                    | chunks                                                |
        | An invalid size                         | zz\r\nhello\r\n                                       |
        | No size                                 | \r\nhello\r\n                                         |
        | An empty size before an extension       | ;a\r\nhello\r\n                                       |
        | A size with a plus sign                 | +5\r\nhello\r\n                                       |
        | A negative size                         | -5\r\nhello\r\n                                       |
        | A size with 0x                          | 0x5\r\nhello\r\n                                      |
        | A size with an underscore               | 0_5\r\nhello\r\n                                      |
        | A size behind a space                   | \x205\r\nhello\r\n                                    |
        | A size before a space                   | 5 \r\nhello\r\n                                       |
        | A size of 17 digits                     | 00000000000000005\r\nhello\r\n                        |
        | A size that overflows                   | ffffffffffffffff\r\nhello\r\n                         |
        | A size that overflows to a small one    | 10000000000000005\r\nhello\r\n                        |
        | A bare LF behind the size               | 5\x0ahello\r\n                                        |
        | A bare CR behind the size               | 5\rhello\r\n                                          |
        | A chunk that is longer than its size    | 5\r\nhello!\r\n                                       |
        | A chunk that is shorter than its size   | 6\r\nhello\r\n                                        |
        | A bare LF behind the data               | 5\r\nhello\x0a                                        |
        | An invalid extension                    | 5;a=b c\r\nhello\r\n                                  |
        | An extension with a bare LF             | 5;a\x0ahello\r\n                                      |
        | An extension with NUL                   | 5;a=\x00\r\nhello\r\n                                 |
        | An extension of more than 512 bytes     | 5;a=${x*600}\r\nhello\r\n                             |
        | Extensions that are more than the data  | ${1;a=${x*400}\r\nh\r\n*50}                           |
        | A trailer with a bare LF                | 5\r\nhello\r\n0\r\nX-A: b\x0a\r\n                     |
        | A trailer that is folded                | 5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n               |
        | A trailer with a space before the colon | 5\r\nhello\r\n0\r\nX-A : b\r\n\r\n                    |
        | A trailer with NUL                      | 5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n                  |
        | A length as a trailer                   | 5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n          |
        | A coding as a trailer                   | 5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n |
        | A Host as a trailer                     | 5\r\nhello\r\n0\r\nHost: www.example.test\r\n\r\n     |
        | A trailer section of more than 8 KiB    | 5\r\nhello\r\n0\r\nX-A: ${x*9000}\r\n\r\n             |

  Rule: What is unusual but valid passes

    @S-6.1 @S-6.6
    Scenario Outline: <what> passes
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "<request>"
      Then the client receives the answer 200
      And the upstream "app" received "<received>"
      And the connection stays open

      Examples:
        | what                                          | request                                                                                                                                  | received        |
        | Four empty lines in front                     | ${\r\n*4}GET /ok HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                                              | GET /ok         |
        | A Host in capitals with tabs around           | GET /ok HTTP/1.1\r\nHOST:\t git.example.test \t\r\n\r\n                                                                                  | GET /ok         |
        | 128 fields with Host                          | GET /ok HTTP/1.1\r\nHost: git.example.test\r\n${X-A: b\r\n*127}\r\n                                                                      | GET /ok         |
        | A target of 32 KiB                            | GET /${x*32767} HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                                               | GET /${x*32767} |
        | A method of 32 letters                        | ${A*32} /ok HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                                                   | ${A*32} /ok     |
        | A lone percent sign in a query                | GET /ok?100% HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                                                  | GET /ok?100%    |
        | Bytes beyond ASCII in a path                  | GET /\xc3\xa4 HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                                                 | GET /ä          |
        | A length with zeros in front                  | POST /ok HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 0005\r\n\r\nhello                                                         | POST /ok        |
        | chunked in capitals                           | POST /ok HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n                                 | POST /ok        |
        | Chunks with extensions and a size in capitals | POST /ok HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n00A;a=b;c=\x22d e\x22\r\n0123456789\r\n000;last\r\n\r\n | POST /ok        |
        | Bytes beyond ASCII in a value                 | GET /ok HTTP/1.1\r\nHost: git.example.test\r\nX-A: \xc3\xa4\xff\r\n\r\n                                                                  | GET /ok         |
        | An empty value                                | GET /ok HTTP/1.1\r\nHost: git.example.test\r\nX-A:\r\n\r\n                                                                               | GET /ok         |

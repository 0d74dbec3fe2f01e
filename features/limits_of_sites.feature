Feature: Limits of a site or a route
  A site or a route can have limits of its own. The most specific one applies, and no client can use up what all clients
  share.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: An invalid limit is refused, with what to write

    @S-17.1 @S-7.6
    Scenario: Limits of a site and of a route that are out of range
      Given the settings:
        | listeners[0].sites[0].concurrent                      | -1    |
        | listeners[0].sites[0].rate_limit                      | 5     |
        | listeners[0].sites[0].routes[0].path                  | "/a"  |
        | listeners[0].sites[0].routes[0].rate_limit.burst      | 0     |
        | listeners[0].sites[0].routes[0].total_requests_per_second | 2e9   |
        | listeners[0].sites[0].routes[0].body_limit_byte       | 1     |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 5 lines on stderr
      And the command names each of:
        | listeners[0].sites[0].concurrent                           | -1 is out of range         | write a number of requests   |
        | listeners[0].sites[0].rate_limit                           | is the number 5            | a table is needed            |
        | listeners[0].sites[0].routes[0].rate_limit.burst           | 0 is out of range          | write a number above 0       |
        | listeners[0].sites[0].routes[0].total_requests_per_second  | 2e+09 is out of range      | or 0 for no limit            |
        | listeners[0].sites[0].routes[0].body_limit_byte            | unknown key                | did you mean "body_limit_bytes"? |

  Rule: A request takes a token from one bucket, that of its route, its site or the file

    @S-7.6 @S-2.33
    Scenario Outline: A route, a site and the file each have a bucket for a client, over <protocol>
      Given clients speak <protocol>
      And the site "wiki.example.test" is served from the upstream "app"
      And the settings:
        | rate_limit.requests_per_second                                 | 0.001      |
        | rate_limit.burst                                               | 4          |
        | listeners[0].sites[0].rate_limit.burst                         | 3          |
        | listeners[0].sites[0].routes[0].path                           | "/explore" |
        | listeners[0].sites[0].routes[0].rate_limit.burst               | 1          |
        | listeners[0].sites[0].routes[1].path                           | "/about"   |
        | listeners[0].sites[0].routes[1].upstream_request_timeout_secs  | 9          |
      And the proxy is running
      When the client "alice" requests "https://git.example.test/explore/repos" 3 times
      Then the first 1 of the answers are 200 and the others 429
      When the client "alice" requests "https://git.example.test/about"
      Then the answer is 200
      When the client "alice" requests "https://git.example.test/" 5 times
      Then the first 2 of the answers are 200 and the others 429
      When the client "alice" requests "https://wiki.example.test/" 6 times
      Then the first 4 of the answers are 200 and the others 429
      When the client "bob" requests "https://git.example.test/explore/repos" 2 times
      Then the first 1 of the answers are 200 and the others 429
      And the log has a line "RATE_LIMIT" with:
        | client_ip | ${client:bob}    |
        | path      | /explore/repos   |
        | status    | 429              |
        | limit     | client           |
        | site      | git.example.test |
        | route     | /explore         |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.6 @S-7.4 @S-3.6
    Scenario Outline: A reload keeps the tokens of a route, wherever it is in the file, over <protocol>
      Given clients speak <protocol>
      And the settings:
        | listeners[0].sites[0].routes[0].path       | "/explore"                               |
        | listeners[0].sites[0].routes[0].rate_limit | { requests_per_second = 0.001, burst = 2 } |
      And the proxy is running
      When the client "alice" requests "https://git.example.test/explore" 3 times
      Then the first 2 of the answers are 200 and the others 429
      Given the settings:
        | listeners[0].sites[0].routes[0].path       | "/about"                                 |
        | listeners[0].sites[0].routes[0].rate_limit | { requests_per_second = 0.001, burst = 5 } |
        | listeners[0].sites[0].routes[1].path       | "/explore"                               |
        | listeners[0].sites[0].routes[1].rate_limit | { requests_per_second = 0.001, burst = 3 } |
      And the configuration is reloaded
      When the client "alice" requests "https://git.example.test/explore"
      Then the answer is 429
      When the client "alice" requests "https://git.example.test/about" 6 times
      Then the first 5 of the answers are 200 and the others 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.6
    Scenario: Requests for an unknown site and malformed ones take from the bucket of the file
      Given the settings:
        | rate_limit.requests_per_second             | 0.001                                      |
        | rate_limit.burst                           | 2                                          |
        | listeners[0].sites[0].rate_limit           | { requests_per_second = 0.001, burst = 9 } |
      And the proxy is running
      When the client "alice" requests "https://git.example.test/" 9 times
      Then 9 of the answers are 200
      When a client sends the request:
        | url    | https://git.example.test/  |
        | client | alice                      |
        | header | Host: unknown.example.test |
      Then the answer is 404
      Given the client "alice" opens a connection to "https://git.example.test"
      When the client sends "no request\r\n\r\n"
      Then the client receives the answer 400
      When a client sends the request:
        | url    | https://git.example.test/  |
        | client | alice                      |
        | header | Host: unknown.example.test |
      Then the answer is 429

  Rule: A total limit counts all clients together

    @S-17.1 @S-8.5
    Scenario Outline: Beyond the total rate all clients get 429, and none is banned, over <protocol>
      Given clients speak <protocol>
      And the settings:
        | logging.log_file_path                                     | "${dir}/proxy.log" |
        | listeners[0].sites[0].routes[0].path                      | "/explore"         |
        | listeners[0].sites[0].routes[0].total_requests_per_second | 0.02               |
        | listeners[0].sites[0].routes[1].path                      | "/login"           |
        | listeners[0].sites[0].routes[1].rate_limit.burst          | 1                  |
        | rate_limit.requests_per_second                            | 0.001              |
      And the proxy is running
      And the client "one" requests "https://git.example.test/explore"
      When the client "two" requests "https://git.example.test/explore"
      Then the answer is 200
      When the client "three" requests "https://git.example.test/explore" 3 times
      Then 3 of the answers are 429
      And the answer is the plain error 429 "Too Many Requests"
      And the answer has the field "Retry-After" with a number from 30 to 50
      When the client "three" requests "https://git.example.test/"
      Then the answer is 200
      And the log has 1 line "RATE_LIMIT" with:
        | status | 429              |
        | limit  | total            |
        | site   | git.example.test |
        | route  | /explore         |
      When the client "four" requests "https://git.example.test/login" until the answer is 429
      Then the fail2ban filter "reverse-proxy" finds in "proxy.log":
        | ${client:four} | 1 |
      And the metrics have:
        | reverse_proxy_limit_rejections_total{site="git.example.test",route="/explore",limit="total"}  | 3 |
        | reverse_proxy_limit_rejections_total{site="git.example.test",route="/explore",limit="client"} | 0 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-12.6
    Scenario Outline: One client cannot use up a total limit for another, over <protocol>
      Given clients speak <protocol>
      And the setting "listeners[0].sites[0].total_requests_per_second" is 40
      And the proxy is running
      And the client "mallory" requests "https://git.example.test/" until the answer is 429
      When the client "alice" requests "https://git.example.test/" 3 times
      Then 3 of the answers are 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-2.33
    Scenario Outline: Routes without a total limit of their own share that of their site, over <protocol>
      Given clients speak <protocol>
      And the settings:
        | listeners[0].sites[0].total_requests_per_second           | 0.02     |
        | listeners[0].sites[0].routes[0].path                      | "/one"   |
        | listeners[0].sites[0].routes[0].respond                   | 200      |
        | listeners[0].sites[0].routes[1].path                      | "/two"   |
        | listeners[0].sites[0].routes[1].respond                   | 200      |
        | listeners[0].sites[0].routes[2].path                      | "/apart" |
        | listeners[0].sites[0].routes[2].total_requests_per_second | 0.02     |
      And the proxy is running
      And the client "one" requests "https://git.example.test/one"
      When the client "five" requests "https://git.example.test/one"
      Then the answer is 200
      When the client "two" requests "https://git.example.test/two"
      Then the answer is 429
      When the client "three" requests "https://git.example.test/"
      Then the answer is 429
      When the client "four" requests "https://git.example.test/apart"
      Then the answer is 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A bound on concurrent requests makes the others wait

    @S-17.1
    Scenario Outline: Waiting requests continue when a place is free, over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1   |
        | listeners[0].sites[1].concurrent_wait_secs | 600 |
      And the proxy is running
      And the client "one" begins to request "https://slow.example.test/1"
      And the upstream "slow" received 1 request
      When the client "two" begins to request "https://slow.example.test/2"
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="slow.example.test",state="running"} | 1 |
        | reverse_proxy_concurrent_requests{site="slow.example.test",state="waiting"} | 1 |
        | reverse_proxy_concurrent_requests_max{site="slow.example.test"}             | 1 |
      And the client "two" has no answer yet
      And the upstream "slow" received 1 request
      When the upstream "slow" is released
      Then the client "one" is answered 200
      When the upstream "slow" is released
      Then the client "two" is answered 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-8.1
    Scenario Outline: A request that has waited too long gets 503, over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the settings:
        | listeners[0].sites[1].routes[0].path                 | "/explore" |
        | listeners[0].sites[1].routes[0].concurrent           | 1          |
        | listeners[0].sites[1].routes[0].concurrent_wait_secs | <wait>     |
      And the proxy is running
      And the client "one" begins to request "https://slow.example.test/explore"
      And the upstream "slow" received 1 request
      When the client "two" requests "https://slow.example.test/explore?page=2"
      Then the answer is the plain error 503 "Service Unavailable"
      And the answer has the field "Retry-After" with "1"
      And the log has a line "RATE_LIMIT" with:
        | client_ip | ${client:two}     |
        | path      | /explore          |
        | status    | 503               |
        | limit     | concurrent        |
        | site      | slow.example.test |
        | route     | /explore          |
      And the log has a line "REQUEST" with:
        | client_ip | ${client:two} |
        | status    | 503           |
      When the upstream "slow" is released
      Then the client "one" is answered 200

      Examples:
        | protocol | wait |
        | HTTP/1.1 | 1    |
        | HTTP/2   | 1    |
        | HTTP/1.1 | 0    |
        | HTTP/2   | 0    |

    @S-17.1
    Scenario Outline: A client that leaves no longer waits, over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1   |
        | listeners[0].sites[1].concurrent_wait_secs | 600 |
      And the proxy is running
      And the client "one" begins to request "https://slow.example.test/1"
      And the upstream "slow" received 1 request
      And the client "two" begins to request "https://slow.example.test/2"
      And the metrics have:
        | reverse_proxy_concurrent_requests{site="slow.example.test",state="waiting"} | 1 |
      When the client "two" disconnects
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="slow.example.test",state="waiting"} | 0 |
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the upstream "slow" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-3.6
    Scenario Outline: A reload that <change> the bound lets waiting requests through, over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1   |
        | listeners[0].sites[1].concurrent_wait_secs | 600 |
      And the proxy is running
      And the client "one" begins to request "https://slow.example.test/1"
      And the upstream "slow" received 1 request
      And the client "two" begins to request "https://slow.example.test/2"
      And the metrics have:
        | reverse_proxy_concurrent_requests{site="slow.example.test",state="waiting"} | 1 |
      And the setting "listeners[0].sites[1].concurrent" is <to>
      When the configuration is reloaded
      Then the upstream "slow" received 2 requests
      Given the upstream "slow" is released
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the client "two" is answered 200

      Examples:
        | protocol | change  | to |
        | HTTP/1.1 | raises  | 2  |
        | HTTP/2   | removes | 0  |

    @S-17.1 @S-11.2
    Scenario Outline: Requests that wait when the proxy is shut down are answered, over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1   |
        | listeners[0].sites[1].concurrent_wait_secs | 600 |
      And the proxy is running
      And the client "one" begins to request "https://slow.example.test/1"
      And the upstream "slow" received 1 request
      And the client "two" begins to request "https://slow.example.test/2"
      And the metrics have:
        | reverse_proxy_concurrent_requests{site="slow.example.test",state="waiting"} | 1 |
      And the proxy is sent SIGTERM
      When the upstream "slow" is released
      Then the client "one" is answered 200
      When the upstream "slow" is released
      Then the client "two" is answered 200
      And the proxy exits with 0

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-12.7
    Scenario: A client that does not read its answer holds no place once the upstream has sent it
      Given an upstream "big" that answers with 1024 bytes
      And the site "big.example.test" is served from the upstream "big"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1   |
        | listeners[0].sites[1].concurrent_wait_secs | 600 |
      And the proxy is running
      And the client "mallory", which opens no window, speaks HTTP/2 with "https://big.example.test"
      When it opens a stream with the fields ":method=GET; :scheme=https; :authority=big.example.test; :path=/"
      Then the upstream "big" received 1 request
      And the client "alice" is answered 200 by "https://big.example.test/" over 5 new connections, most of them within a second
      And the log has no line "RATE_LIMIT"

    @S-17.1 @S-12.7
    Scenario: A client that blocks its answer gives its place to one that waits
      Given an upstream "big" that answers with 3000000 bytes
      And the site "big.example.test" is served from the upstream "big"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1   |
        | listeners[0].sites[1].concurrent_wait_secs | 600 |
      And the proxy is running
      And the client "mallory", which opens no window, speaks HTTP/2 with "https://big.example.test"
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=big.example.test; :path=/"
      And the upstream "big" received 1 request
      When the client "alice" requests "https://big.example.test/"
      Then the answer is 200
      And the log has a line "RATE_LIMIT" with:
        | limit     | concurrent        |
        | client_ip | ${client:mallory} |

    @S-17.1
    Scenario: A WebSocket has its place until it ends
      Given an upstream "socket" that switches to "websocket"
      And the site "socket.example.test" is served from the upstream "socket"
      And the settings:
        | listeners[0].sites[1].concurrent           | 1 |
        | listeners[0].sites[1].concurrent_wait_secs | 0 |
      And the proxy is running
      When a client opens a WebSocket to "https://socket.example.test/"
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="socket.example.test",state="running"} | 1 |
      When the client "two" requests "https://socket.example.test/"
      Then the answer is 503
      When the client closes the connection
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="socket.example.test",state="running"} | 0 |

  Rule: While one client crowds the places, another one is answered within a second

    @S-17.1 @S-12.6
    Scenario Outline: Requests that <what>
      Given the sample upstream "app"
      And the site "app.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[1].concurrent           | <concurrent> |
        | listeners[0].sites[1].concurrent_wait_secs | 60           |
      And the proxy is running
      When the client "mallory" keeps 100 connections to "https://app.example.test" open, which send "GET /sleep/<ms> HTTP/1.1\r\nHost: app.example.test\r\n\r\n"
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="app.example.test",state="waiting"} | >50 |
      And the client "alice" is answered 200 by "https://app.example.test/sleep/1" over 7 new connections, most of them within a second

      Examples:
        | what                    | concurrent | ms     |
        | fill the queue          | 2          | 100    |
        | hang, and fill it too   | 8          | 600000 |

    @S-17.1 @S-12.6
    Scenario: Requests that hang, over HTTP/2
      Given the sample upstream "app"
      And the site "app.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[1].concurrent           | 8  |
        | listeners[0].sites[1].concurrent_wait_secs | 60 |
      And the proxy is running
      When the client "mallory" keeps 100 HTTP/2 connections to "https://app.example.test" open, each with a request for "/sleep/600000"
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="app.example.test",state="waiting"} | >50 |
      And the client "alice" is answered 200 by "https://app.example.test/sleep/1" over 7 new connections, most of them within a second

  Rule: While crawlers ask for expensive pages, the others are answered within a second

    # docs/crawlers.md has the configuration, and a test of its own with 5,000 addresses.
    @S-17.2
    Scenario: Several crawlers take all places of the expensive pages
      Given the sample upstream "app"
      And the site "app.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[1].routes[0].path                      | "/"             |
        | listeners[0].sites[1].routes[0].methods                   | ["GET", "HEAD"] |
        | listeners[0].sites[1].routes[0].total_requests_per_second | 100             |
        | listeners[0].sites[1].routes[0].concurrent                | 8               |
        | listeners[0].sites[1].routes[0].concurrent_wait_secs      | 60              |
        | listeners[0].sites[1].routes[1].path                      | "/user"         |
        | listeners[0].sites[1].routes[1].upstream                  | "${upstream:app}" |
      And the proxy is running
      And the client "crawler1" keeps 30 connections to "https://app.example.test" open, which send "GET /sleep/600000 HTTP/1.1\r\nHost: app.example.test\r\n\r\n"
      And the client "crawler2" keeps 30 connections to "https://app.example.test" open, which send "GET /sleep/600000 HTTP/1.1\r\nHost: app.example.test\r\n\r\n"
      When the client "crawler3" keeps 30 connections to "https://app.example.test" open, which send "GET /sleep/600000 HTTP/1.1\r\nHost: app.example.test\r\n\r\n"
      Then the metrics have:
        | reverse_proxy_concurrent_requests{site="app.example.test",route="/",state="running"} | 8 |
      And the client "alice" is answered 200 by "https://app.example.test/user/login" over 7 new connections, most of them within a second
      And the metrics have:
        | reverse_proxy_concurrent_requests{site="app.example.test",route="/",state="running"} | 8 |

  Rule: Bodies have the limits of their site or route

    @S-17.1 @S-2.33
    Scenario Outline: A route has no body limit, its site has a small one, over <protocol>
      Given clients speak <protocol>
      And an upstream "echo" that echoes bodies
      And the site "echo.example.test" is served from the upstream "echo"
      And the settings:
        | body.limit_bytes                                 | 5000    |
        | listeners[0].sites[1].body_limit_bytes           | 1000    |
        | listeners[0].sites[1].routes[0].path             | "/lfs"  |
        | listeners[0].sites[1].routes[0].body_limit_bytes | 0       |
      And the proxy is running
      When a client sends "POST" to "https://echo.example.test/" with 1001 bytes
      Then the answer is 413
      When a client sends "POST" to "https://echo.example.test/lfs/x" with 100000 bytes in chunks
      Then the answer is 200
      When a client sends "POST" to "https://git.example.test/" with 5001 bytes
      Then the answer is 413
      When a client sends "POST" to "https://git.example.test/" with 1001 bytes
      Then the answer is 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-6.9
    Scenario Outline: A route allows a body to stall for longer than the file does, over <protocol>
      Given clients speak <protocol>
      And an upstream "stream" that streams "one|two"
      And the site "stream.example.test" is served from the upstream "stream"
      And an upstream "stall" that stops in the middle of its answer
      And the site "stall.example.test" is served from the upstream "stall"
      And the settings:
        | body_idle_timeout_secs                                 | 1           |
        | listeners[0].sites[1].routes[0].path                   | "/terminal" |
        | listeners[0].sites[1].routes[0].body_idle_timeout_secs | 3600        |
      And the proxy is running
      And the client "patient" begins to request "https://stream.example.test/terminal"
      And the client "patient" has received "one"
      When the client "hasty" begins to request "https://stall.example.test/"
      Then the log has a line "REQUEST" with:
        | client_ip | ${client:hasty}        |
        | ended     | body_idle_timeout_secs |
      When the upstream "stream" is released
      Then the client "patient" is answered 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-17.1 @S-6.11
    Scenario Outline: A route allows a silent WebSocket for longer than the file does, over <protocol>
      Given clients speak <protocol>
      And an upstream "socket" that switches to "websocket"
      And the site "socket.example.test" is served from the upstream "socket"
      And the settings:
        | body_idle_timeout_secs                                 | 1           |
        | listeners[0].sites[1].routes[0].path                   | "/terminal" |
        | listeners[0].sites[1].routes[0].body_idle_timeout_secs | 3600        |
      And the proxy is running
      When a client opens a WebSocket to "https://socket.example.test/other"
      Then the connection is closed within 8000 ms
      Given a client opens a WebSocket to "https://socket.example.test/terminal"
      When the client sends "abc", one byte every 2500 ms
      Then the client receives "abc"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: The operator sees what the limits do and what a reload would change

    @S-17.1 @S-10.1
    Scenario: status and diff show limits
      Given the settings:
        | listeners[0].sites[0].concurrent                          | 4          |
        | listeners[0].sites[0].routes[0].path                      | "/explore" |
        | listeners[0].sites[0].routes[0].total_requests_per_second | 0.01       |
      And the proxy is running
      And the client "alice" requests "https://git.example.test/explore" 3 times
      When the command "reverse-proxy status --config ${config} --text" is run
      Then the command prints a line that matches "git.example.test .* /explore +0 +2 +0 .*"
      And the command prints a line that matches "git.example.test .* - +0 +0 +0 +0 of 4 +0"
      Given the settings:
        | listeners[0].sites[0].concurrent                          | 5  |
        | listeners[0].sites[0].routes[0].total_requests_per_second | 20 |
      And the configuration file is written
      When the command "reverse-proxy diff --config ${config} --text" is run
      Then the command exits with 1
      And the command prints a line that matches ".* concurrent 4 -> 5"
      And the command prints a line that matches "route changed: .*/explore on .*: total_requests_per_second 0.01 -> 20"

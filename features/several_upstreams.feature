Feature: Several upstreams
  A site may have several upstreams. One that fails or is unhealthy gets no requests, and the others do its work:
  clients do not notice when an application is restarted or a machine fails.

  Rule: The upstreams share the requests

    @S-18.1
    Scenario: In turn, by their weights
      Given the site "example.test" is served from the upstreams "a, b*2"
      And the setting "listeners[0].sites[0].balance" is "round_robin"
      And the proxy is running
      When a client requests "https://example.test/" 9 times
      Then the answers are "b a b b a b b a b"
      And the log has a line "REQUEST" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |

    @S-18.1
    Scenario: A list of one is one upstream
      Given the site "example.test" is served from the upstreams "a"
      And the proxy is running
      When a client requests "https://example.test/" 3 times
      Then the answers are all "a"

    @S-18.1
    Scenario: The fewest requests
      Given an upstream "slow" that never answers
      And the site "example.test" is served from the upstreams "slow*1000, fast"
      And the proxy is running
      When the client "first" begins to request "https://example.test/"
      Then the upstream "slow" received 1 request
      When a client requests "https://example.test/" 20 times
      Then the answers are all "fast"

    @S-18.1
    Scenario: A client keeps its upstream
      Given the site "example.test" is served from the upstreams "a, b, c"
      And the setting "listeners[0].sites[0].balance" is "client"
      And the proxy is running
      When a client requests "https://example.test/"
      Then the answer is 200
      When a client requests "https://example.test/" 10 times
      Then all answers are the same

    @S-18.1
    Scenario: A backup serves only while the others do not
      Given no upstream "a"
      And the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].upstreams[1]" is { address = "${upstream:b}", backup = true }
      And the proxy is running
      When a client requests "https://example.test/" 20 times
      Then the answers are all "b"
      Given the upstream "a" comes back
      When a client requests "https://example.test/" until the answer has the body "a"
      Then the answer is 200 "a"

  Rule: A request goes to another upstream where that is safe

    @S-18.2
    Scenario Outline: <method> goes to another upstream if the first one <is>
      Given <upstream>
      And the site "example.test" is served from the upstreams "a, b*2"
      And the settings:
        | listeners[0].sites[0].upstreams[1]                  | { address = "${upstream:b}", backup = true } |
        | listeners[0].sites[0].upstream_connect_timeout_secs | 2                                            |
      And the proxy is running
      When a client sends "<method>" to "https://example.test/x" with the body "hello"
      Then the answer is <answer>
      And the upstream "b" received <received> requests

      Examples:
        | method | is                     | upstream                                        | answer | received |
        | GET    | refuses                | no upstream "a"                                 | 200    | 1        |
        | POST   | refuses                | no upstream "a"                                 | 200    | 1        |
        | POST   | cannot be reached      | an upstream "a" that does not accept connections | 200   | 1        |
        | PUT    | closes                 | an upstream "a" that closes without answering   | 200    | 1        |
        | POST   | closes                 | an upstream "a" that closes without answering   | 502    | 0        |
        | GET    | answers half           | an upstream "a" that greets with "HTTP/1.1 2"   | 502    | 0        |
        | GET    | answers 503            | an upstream "a" that answers 503 with the body "busy" | 503 | 0      |

    @S-18.2
    Scenario: No more attempts than are allowed
      Given no upstream "a"
      And no upstream "b"
      And the site "example.test" is served from the upstreams "a, b, c"
      And the settings:
        | listeners[0].sites[0].upstreams[2]   | { address = "${upstream:c}", backup = true } |
        | listeners[0].sites[0].retry.attempts | 2                                            |
      And the proxy is running
      When a client requests "https://example.test/"
      Then the answer is 502
      And the upstream "c" received nothing
      Given the setting "listeners[0].sites[0].retry.attempts" is 3
      And the configuration is reloaded
      When a client requests "https://example.test/"
      Then the answer is 200 "c"

    @S-18.2
    Scenario: No more retries than the budget allows
      Given an upstream "a" that closes without answering
      And an upstream "b" that closes without answering
      And the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].retry.budget_percent" is 10
      And the proxy is running
      When a client requests "https://example.test/" 100 times
      Then 100 of the answers are 502
      And the upstreams "a, b" together received between 100 and 120 requests
      And the log has a line "UPSTREAM_RETRY_BUDGET" with:
        | host           | example.test |
        | budget_percent | 10           |

    @S-18.2 @S-18.10
    Scenario Outline: With <key> = <value> no request goes to another upstream, and no retry counts as refused
      Given no upstream "a"
      And the site "example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].upstreams[1] | { address = "${upstream:b}", backup = true } |
        | listeners[0].sites[0].retry.<key>  | <value>                                      |
      And the proxy is running
      When a client requests "https://example.test/"
      Then the answer is 502
      And the upstream "b" received nothing
      And the log has no line "UPSTREAM_RETRY_BUDGET"
      And the metrics have:
        | reverse_proxy_upstream_retries_refused_total{site="example.test"} | 0 |

      Examples:
        | key            | value |
        | attempts       | 1     |
        | budget_percent | 0     |

  Rule: Checks take an upstream out of service and put it back

    @S-18.3
    Scenario: An unhealthy upstream gets no requests until it recovers
      Given an upstream "a" that answers 500 with the body "ill"
      And the site "example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 1     |
        | listeners[0].sites[0].health.fall          | 1     |
        | listeners[0].sites[0].health.rise          | 1     |
      When the proxy is running
      Then the log has a line "UPSTREAM_DOWN" with:
        | host     | example.test                                 |
        | upstream | ${upstream:a}                                |
        | by       | checks                                       |
        | error    | the check got the status 500, and expects 200 |
      And the upstream "a" received "GET /up"
      And the upstream "a" received the field "Host" with "example.test"
      When a client requests "https://example.test/" 10 times
      Then the answers are all "b"
      Given the configuration is reloaded
      When a client requests "https://example.test/" 10 times
      Then the answers are all "b"
      Given an upstream "a"
      Then the log has a line "UPSTREAM_UP" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |
      When a client requests "https://example.test/" until the answer has the body "a"
      Then the answer is 200 "a"

    @S-18.3
    Scenario: A new upstream gets requests after its first successful check
      Given the site "example.test" is served from the upstreams "a"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 3600  |
      And an upstream "b" that waits
      When the proxy is running
      Then the upstream "a" received "GET /up"
      Given the site "example.test" is moved to the upstreams "a, b"
      And the configuration is reloaded
      When a client requests "https://example.test/" 10 times
      Then the answers are all "a"
      Given the upstream "b" is released
      And an upstream "b"
      When a client requests "https://example.test/" until the answer has the body "b"
      Then the answer is 200 "b"

  Rule: A wrong check is not worse than none

    @S-18.4
    Scenario: When all upstreams are down, requests go to all of them
      Given the site "example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 1     |
        | listeners[0].sites[0].health.timeout_secs  | 1     |
        | listeners[0].sites[0].health.expect_status | 204   |
        | listeners[0].sites[0].health.fall          | 1     |
      When the proxy is running
      Then the log has a line "UPSTREAM_DOWN" with:
        | upstream | ${upstream:a} |
      And the log has a line "UPSTREAM_DOWN" with:
        | upstream | ${upstream:b} |
      When a client requests "https://example.test/" 20 times
      Then 20 of the answers are 200
      And each of the upstreams "a, b" received at least 2 requests
      And the log has a line "UPSTREAM_FAIL_OPEN" with:
        | host | example.test |

    @S-18.4
    Scenario: The only upstream always gets the requests
      Given the site "example.test" is served from the upstream "a"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 1     |
        | listeners[0].sites[0].health.expect_status | 204   |
        | listeners[0].sites[0].health.fall          | 1     |
      When the proxy is running
      Then the log has a line "UPSTREAM_DOWN" with:
        | upstream | ${upstream:a} |
      When a client requests "https://example.test/" 10 times
      Then the answers are all "a"

  Rule: Without checks, failed connections take an upstream out of service

    @S-18.5
    Scenario: An upstream that refuses connections is out, and comes back
      Given no upstream "a"
      And the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].balance" is "round_robin"
      And the proxy is running
      When a client requests "https://example.test/" 30 times
      Then the answers are all "b"
      And the log has a line "UPSTREAM_RETRY" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |
        | next     | ${upstream:b} |
      And the log has a line "UPSTREAM_DOWN" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |
        | by       | requests      |
      Given the upstream "a" comes back
      When a client requests "https://example.test/" until the answer has the body "a"
      Then the answer is 200 "a"
      And the log has a line "UPSTREAM_UP" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |

    @S-18.5
    Scenario: An upstream whose connections all end without an answer is out
      Given an upstream "a" that closes without answering
      And the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].balance" is "round_robin"
      And the proxy is running
      When a client requests "https://example.test/" 30 times
      Then the answers are all "b"
      And the log has a line "UPSTREAM_DOWN" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |
        | by       | requests      |

    @S-18.5 @S-18.7
    Scenario Outline: An upstream whose HTTP/2 <fails> is out
      Given an upstream "a" that <answers>
      And an upstream "b" that speaks only HTTP/2
      And the site "example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].balance           | "round_robin" |
        | listeners[0].sites[0].upstream_protocol | "http2"       |
      And the proxy is running
      When a client requests "https://example.test/" 30 times
      Then the answers are all "b"
      And the log has a line "UPSTREAM_DOWN" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |
        | by       | requests      |

      Examples:
        | fails                                      | answers                                                                    |
        | connections all end without an answer      | closes without answering                                                   |
        | requests all get REFUSED_STREAM            | speaks only HTTP/2 and refuses each request with "REFUSED_STREAM"          |
        | requests all get GOAWAY                    | speaks only HTTP/2 and refuses each request with "GOAWAY"                  |
        | connections all begin with GOAWAY          | speaks only HTTP/2 and begins each connection with "GOAWAY"                |
        | connections all have a limit of no streams | speaks only HTTP/2 and begins each connection with "a limit of no streams" |

    @S-18.5
    Scenario Outline: While one of three upstreams <fault>, no request fails
      Given the site "example.test" is served from the upstreams "a, b, c"
      And the setting "listeners[0].sites[0].upstream_connect_timeout_secs" is 2
      And the proxy is running
      And a steady load on "https://example.test/"
      And the load has made 50 requests
      When <happens>
      Then the load has made 2000 requests
      And the steady load has lost no request

      Examples:
        | fault             | happens                                                                          |
        | is stopped        | the upstream "a" goes away                                                       |
        | closes            | an upstream "a" that closes without answering                                    |
        | closes each time  | an upstream "a" that answers once on each connection and closes it               |
        | drops connections | the upstream "a" closes its connections                                          |

    @S-18.3 @S-18.5
    Scenario: An upstream that is stopped and continued costs no request
      Given the sample upstream "a"
      And the site "example.test" is served from the upstreams "a, b, c"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 1     |
        | listeners[0].sites[0].health.timeout_secs  | 1     |
        | listeners[0].sites[0].health.fall          | 1     |
        | listeners[0].sites[0].health.rise          | 1     |
      And the proxy is running
      And the metrics have:
        | reverse_proxy_upstream_in_service{site="example.test",upstream="${upstream:a}"} | 1 |
        | reverse_proxy_upstream_in_service{site="example.test",upstream="${upstream:b}"} | 1 |
        | reverse_proxy_upstream_in_service{site="example.test",upstream="${upstream:c}"} | 1 |
      And a steady load on "https://example.test/"
      And the load has made 50 requests
      When the process of the upstream "a" is stopped
      Then the log has a line "UPSTREAM_DOWN" with:
        | upstream | ${upstream:a} |
        | by       | checks        |
      Given the load has made 300 requests
      When the process of the upstream "a" goes on
      Then the log has a line "UPSTREAM_UP" with:
        | upstream | ${upstream:a} |
      And the steady load has lost no request

    @S-18.3
    Scenario: An upstream whose certificate is not trusted is in service once its CA is
      Given a private CA "old"
      And a private CA "new"
      And an HTTPS upstream "a" with a certificate of the private CA "new" for "app.internal"
      And an HTTPS upstream "b" with a certificate of the private CA "new" for "app.internal"
      And the site "example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].upstream_scheme      | "https"        |
        | listeners[0].sites[0].upstream_server_name | "app.internal" |
        | listeners[0].sites[0].upstream_ca_path     | "${cert:old}"  |
      And the proxy is running
      When a client requests "https://example.test/" 20 times
      Then 20 of the answers are 502
      And the log has a line "UPSTREAM_DOWN" with:
        | upstream | ${upstream:a} |
      Given the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:new}"
      And the configuration is reloaded
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command prints a line that matches "^https://${upstream:a} +example\.test +up .*$"
      And the command prints a line that matches "^https://${upstream:b} +example\.test +up .*$"

  Rule: A browser keeps its upstream by a cookie

    @S-18.9
    Scenario: The cookie names the upstream and does not reveal it
      Given the site "example.test" is served from the upstreams "a, b, c"
      And the setting "listeners[0].sites[0].balance" is "cookie"
      And the proxy is running
      When a client requests "https://example.test/"
      Then the answer has the field "Set-Cookie" that matches "^__Host-rp=[A-Za-z0-9_-]{12}; Path=/; Secure; HttpOnly; SameSite=Lax$"
      When a client sends the cookie that it got 20 times to "https://example.test/"
      Then all answers are the same
      And the answer has no field "Set-Cookie"
      Given the proxy is started again
      When a client sends the cookie that it got 20 times to "https://example.test/"
      Then all answers are the same

    @S-18.9
    Scenario: Two routes of a site share the cookie, each with its own upstream
      Given the site "example.test" is served from the upstreams "a, b"
      And an upstream "c"
      And an upstream "d"
      And the settings:
        | listeners[0].sites[0].balance             | "cookie"                           |
        | listeners[0].sites[0].routes[0].path      | "/api"                             |
        | listeners[0].sites[0].routes[0].upstreams | ["${upstream:c}", "${upstream:d}"] |
      And the proxy is running
      When a client requests "https://example.test/"
      Then the answer has the field "Set-Cookie" that matches "^__Host-rp=[A-Za-z0-9_-]{12}; "
      When a client sends the cookie that it got 1 time to "https://example.test/api"
      Then the answer has the field "Set-Cookie" that matches "^__Host-rp=[A-Za-z0-9_-]{12}\.[A-Za-z0-9_-]{12}; "
      When a client sends the cookie that it got 20 times to "https://example.test/api"
      Then all answers are the same
      And the answer has no field "Set-Cookie"
      When a client sends the cookie that it got 20 times to "https://example.test/"
      Then all answers are the same
      And the answer has no field "Set-Cookie"

    @S-18.9
    Scenario: A forged cookie is ignored
      Given the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].balance" is "cookie"
      And the proxy is running
      When a client sends the request:
        | url    | https://example.test/              |
        | header | Cookie: __Host-rp=${upstream:a}.x. |
      Then the answer is 200
      And the answer has the field "Set-Cookie" that matches "^__Host-rp=[A-Za-z0-9_-]{12}; Path=/; Secure; HttpOnly; SameSite=Lax$"

  Rule: An operator takes an upstream out of service

    @S-18.6
    Scenario: The only upstream in service cannot be drained, but one that is down can
      Given no upstream "a"
      And the site "example.test" is served from the upstreams "a, b"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 1     |
        | listeners[0].sites[0].health.fall          | 1     |
      When the proxy is running
      Then the log has a line "UPSTREAM_DOWN" with:
        | upstream | ${upstream:a} |
      When the command "reverse-proxy drain example.test ${upstream:b} --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "is the only upstream of example.test in service: the others are down or drained" on stderr
      When a client requests "https://example.test/" 10 times
      Then the answers are all "b"
      When the command "reverse-proxy drain example.test ${upstream:a} --config ${config}" is run
      Then the command exits with 0

    @S-18.6
    Scenario: Drained, idle, and back
      Given an upstream "a" that waits
      And the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].balance" is "client"
      And the setting "listeners[0].sites[0].upstreams[1]" is { address = "${upstream:b}", backup = true }
      And the proxy is running
      When the client "first" begins to request "https://example.test/"
      Then the upstream "a" received 1 request
      When the command "reverse-proxy drain example.test ${upstream:a} --text --config ${config}" is run
      Then the command exits with 0
      And the command prints a line that matches "^example\.test: http://.* drained since .*, 1 request in flight$"
      When a client requests "https://example.test/" 10 times
      Then the answers are all "b"
      Given the configuration is reloaded
      When a client requests "https://example.test/" 10 times
      Then the answers are all "b"
      When the upstream "a" is released
      Then the client "first" is answered 200
      When the command "reverse-proxy drain example.test ${upstream:a} --text --config ${config}" is run
      Then the command prints "example.test: no change"
      And the command prints a line that matches "^example\.test: http://.* drained since .*, 0 requests in flight: idle$"
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command prints a line that matches "^http://.* +example\.test +drained +.* 0 .*$"
      When the command "reverse-proxy drain example.test ${upstream:b} --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "is the only upstream that example.test has and that is not drained" on stderr
      Given an upstream "a"
      When the command "reverse-proxy undrain example.test ${upstream:a} --text --config ${config}" is run
      Then the command exits with 0
      And the log has a line "UPSTREAM_DRAIN" with:
        | host     | example.test  |
        | upstream | ${upstream:a} |
        | status   | off           |
      When a client requests "https://example.test/" until the answer has the body "a"
      Then the answer is 200 "a"

    @S-18.6
    Scenario: Two copies of an application are restarted one after the other, and no request is lost
      Given the site "example.test" is served from the upstreams "a, b"
      And the proxy is running
      And a steady load on "https://example.test/"
      And the load has made 50 requests
      When the command "reverse-proxy drain example.test ${upstream:a} --config ${config}" is run
      Then the command exits with 0
      Given the upstream "a" goes away
      And the load has made 200 requests
      And the upstream "a" comes back
      When the command "reverse-proxy undrain example.test ${upstream:a} --config ${config}" is run
      Then the command exits with 0
      When a client requests "https://example.test/" until the answer has the body "a"
      Then the answer is 200 "a"
      When the command "reverse-proxy drain example.test ${upstream:b} --text --config ${config}" is run
      Then the command exits with 0
      Given the upstream "b" goes away
      And the load has made 400 requests
      And the upstream "b" comes back
      When the command "reverse-proxy undrain example.test ${upstream:b} --text --config ${config}" is run
      Then the command exits with 0
      When a client requests "https://example.test/" until the answer has the body "b"
      Then the answer is 200 "b"
      And the steady load has lost no request

    @S-18.6
    Scenario: Only an upstream of the site can be drained
      Given the site "example.test" is served from the upstreams "a, b"
      And the proxy is running
      When the command "reverse-proxy drain other.test ${upstream:a} --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "no site has the host or alias" on stderr
      When the command "reverse-proxy drain example.test 127.0.0.1:1 --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "example.test has no upstream" on stderr

  Rule: The state of upstreams is shown

    @S-18.10
    Scenario: An upstream that is down is in status, in the metrics, in explain and in check
      Given no upstream "a"
      And the site "example.test" is served from the upstreams "a, b"
      And the setting "listeners[0].sites[0].balance" is "round_robin"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command prints "does not answer: connection refused; start the program there, or correct the address" on stderr
      Given the proxy is running
      When a client requests "https://example.test/" 30 times
      Then the answers are all "b"
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command prints a line that matches "^http://.* +example\.test +down +.* connection refused$"
      When the command "reverse-proxy explain https://example.test/ --text --socket ${admin_socket}" is run
      Then the command prints a line that matches "^  upstream +http://[^ ]+$"
      And the command prints a line that matches "^ +http://[^ ]+ \(down since .*connection refused\)$"
      And the metrics have:
        | reverse_proxy_upstream_in_service{site="example.test",upstream="${upstream:a}"}               | 0 |
        | reverse_proxy_upstream_in_service{site="example.test",upstream="${upstream:b}"}               | 1 |
        | reverse_proxy_upstream_failed_connections_total{site="example.test",upstream="${upstream:a}"} | 5 |
        | reverse_proxy_upstream_retries_total{site="example.test",upstream="${upstream:b}"}            | 5 |

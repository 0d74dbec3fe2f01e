Feature: Rate limit
  Every client has a token bucket: a burst of requests, and the rate after that. A client without tokens is refused
  immediately, judged by its address and not by what it says about itself.

  Background:
    Given the site "a.example.test" is served from the upstream "app"
    And the setting "rate_limit.requests_per_second" is 0.001
    And the setting "rate_limit.burst" is 3

  Rule: A request without a token is refused immediately

    @S-7.1
    Scenario Outline: A burst is served, and what goes beyond it is refused, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://a.example.test/" 6 times
      Then the first 3 of the answers are 200 and the others 429
      And the answer is the plain error 429 "Too Many Requests"
      And the upstream "app" received 3 requests

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.7
    Scenario Outline: A page of 600 images loses none under the limits of the documents, over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 100
      And the setting "rate_limit.burst" is 1000
      And the proxy is running
      When the client "visitor" loads "https://a.example.test/thumbnail" 600 times as a browser does
      Then 600 of the answers are 200
      And the log has 0 lines "RATE_LIMIT"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.1
    Scenario Outline: A refusal comes without delay and says when to retry over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 0.01
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When a client requests "https://a.example.test/" 2 times
      Then the answer is 429
      # Waiting for a token would take 100 s.
      And the answer came within 10000 ms
      And the answer has the field "Retry-After" with a number from 90 to 100

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.1
    Scenario Outline: Retry-After is at least one whole second over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 5
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When the client "quick" requests "https://a.example.test/" until the answer is 429
      Then the answer has the field "Retry-After" with "1"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.1
    Scenario Outline: The bucket fills again at the rate over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 1
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      And the client "one" requests "https://a.example.test/" until the answer is 429
      When the client "one" requests "https://a.example.test/" until the answer is 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.1
    Scenario: Requests over one HTTP/2 connection are counted one by one
      Given the setting "rate_limit.burst" is 2
      And the proxy is running
      And a client requests "https://a.example.test/1" over "HTTP/2"
      And the answer is 200 "app"
      And a client requests "https://a.example.test/2" over "HTTP/2"
      And the answer is 200 "app"
      When a client requests "https://a.example.test/3" over "HTTP/2"
      Then the answer is the plain error 429 "Too Many Requests"
      And the answer came over "HTTP/2.0"

    @S-7.5
    Scenario Outline: Parallel requests get exactly the burst over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.burst" is 10
      And the proxy is running
      When a client requests "https://a.example.test/" 50 times in parallel
      Then 10 of the answers are 200
      And 40 of the answers are 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.1 @S-8.5
    Scenario Outline: A refusal is logged with the client's address over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When the client "loud" requests "https://a.example.test/login?x=1" 4 times
      Then the log has a line "RATE_LIMIT" with:
        | level     | WARN           |
        | client_ip | ${client:loud} |
        | host      | a.example.test |
        | path      | ~/login        |
        | status    | 429            |
      And the log has 1 line "RATE_LIMIT"
      And the log has 3 lines "REQUEST"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: The limit comes before everything else that is done with a request

    @S-7.1
    Scenario Outline: Requests for an unknown host are limited as well over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And a client sends the request:
        | url    | https://a.example.test/    |
        | header | Host: unknown.example.test |
      And the answer is 404
      When a client requests "https://a.example.test/" 3 times
      Then the first 2 of the answers are 200 and the others 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.1
    Scenario Outline: A body that is too large is not examined without a token over <protocol>
      Given clients speak <protocol>
      And the setting "body.limit_bytes" is 10
      And the proxy is running
      And the client "one" requests "https://a.example.test/" 3 times
      When a client sends the request:
        | url    | https://a.example.test/ |
        | client | one                     |
        | method | POST                    |
        | bytes  | 11                      |
      Then the answer is the plain error 429 "Too Many Requests"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A client is its address, over all sites and listeners

    @S-7.2
    Scenario Outline: Two IPv4 addresses have a bucket each over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the client "one" requests "https://a.example.test/" 4 times
      And the answer is 429
      When the client "two" requests "https://a.example.test/" 4 times
      Then the first 3 of the answers are 200 and the others 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.2
    Scenario: Two connections of one address share a bucket
      Given the setting "rate_limit.burst" is 1
      And the proxy is running
      And a client requests "https://a.example.test/"
      And the answer is 200 "app"
      When a client requests "https://a.example.test/" over "HTTP/2"
      Then the answer is 429

    @S-7.2
    Scenario Outline: Two sites and two listeners share a client's bucket over <protocol>
      Given clients speak <protocol>
      And the site "b.example.test" is served from the upstream "app"
      And another listener
      And the site "c.example.test" is served from the upstream "app"
      And the proxy is running
      And a client requests "https://a.example.test/"
      And the answer is 200 "app"
      And a client requests "https://b.example.test/"
      And the answer is 200 "app"
      And a client requests "https://c.example.test/"
      And the answer is 200 "app"
      When a client requests "https://c.example.test/"
      Then the answer is 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.2
    Scenario Outline: An IPv4 client of an IPv6 socket is the same client over <protocol>
      Given clients speak <protocol>
      And another listener
      And the site "b.example.test" is served from the upstream "app"
      And the settings:
        | allow_wildcard_bind      | true         |
        | listeners[1].bind_addr   | "::"         |
        | listeners[1].http_port   | 0            |
        | listeners[1].https_port  | ${port:dual} |
        | rate_limit.burst         | 2            |
      And the proxy is running
      And the client "one" requests "https://a.example.test/"
      And the answer is 200 "app"
      And a client sends the request:
        | url    | https://127.0.0.1:${port:dual}/ |
        | client | one                             |
        | sni    | b.example.test                  |
        | header | Host: b.example.test            |
      And the answer is 200 "app"
      When the client "one" requests "https://a.example.test/"
      Then the answer is 429
      And the log has 2 lines "REQUEST" with:
        | client_ip | ${client:one} |
      And the log has 1 line "RATE_LIMIT" with:
        | client_ip | ${client:one} |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.2 @S-6.3 @S-8.5 @network
    Scenario: IPv6 clients of one /64 are one client, and one of another /64 is another
      Given a separate network with the addresses "2001:db8::1, 2001:db8:1:1::5, 2001:db8:1:1:ffff::6, 2001:db8:1:2::5"
      And the setting "listeners[0].bind_addr" is "2001:db8::1"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the client "one" has the address "2001:db8:1:1::5"
      And the client "neighbour" has the address "2001:db8:1:1:ffff::6"
      And the client "stranger" has the address "2001:db8:1:2::5"
      And an upstream "six"
      And the site "b.example.test" is served from the upstream "six"
      And the proxy is running
      When the client "one" requests "https://b.example.test/" 2 times
      Then 2 of the answers are 200
      When the client "neighbour" requests "https://b.example.test/" 2 times
      Then the first 1 of the answers are 200 and the others 429
      And the upstream "six" received the field "X-Real-IP" with "2001:db8:1:1:ffff::6"
      When the client "stranger" requests "https://b.example.test/" 3 times
      Then 3 of the answers are 200
      And the log has 1 line "RATE_LIMIT" with:
        | client_ip | 2001:db8:1:1:ffff::6 |
      And the fail2ban filter "reverse-proxy" finds in "proxy.log":
        | 2001:db8:1:1:ffff::6 | 1 |

    @S-7.2 @S-6.3
    Scenario Outline: What a request over <protocol> says about its origin does not make it another client: <field>
      Given clients speak <protocol>
      And the proxy is running
      And a client requests "https://a.example.test/" 3 times
      When a client sends the request:
        | url    | https://a.example.test/ |
        | header | <field>                 |
      Then the answer is 429

      Examples:
        | field                          | protocol |
        | X-Forwarded-For: 203.0.113.77  | HTTP/1.1 |
        | X-Real-IP: 203.0.113.77        | HTTP/1.1 |
        | Forwarded: for=203.0.113.77    | HTTP/1.1 |
        | X-Client-IP: 203.0.113.77      | HTTP/1.1 |
        | CF-Connecting-IP: 203.0.113.77 | HTTP/1.1 |
        | X-Forwarded-For: 203.0.113.77  | HTTP/2   |
        | X-Real-IP: 203.0.113.77        | HTTP/2   |
        | Forwarded: for=203.0.113.77    | HTTP/2   |
        | X-Client-IP: 203.0.113.77      | HTTP/2   |
        | CF-Connecting-IP: 203.0.113.77 | HTTP/2   |

  Rule: Silent clients are forgotten

    @S-7.3
    Scenario: A client that was silent for the age is evicted
      Given the settings:
        | rate_limit.eviction_interval_secs | 1 |
        | rate_limit.eviction_age_secs      | 5 |
      And the proxy is running
      When the client "one" requests "https://a.example.test/" 4 times
      Then the answer is 429
      And the admin socket reports 0 rate-limited clients
      When the client "one" requests "https://a.example.test/" 4 times
      Then the first 3 of the answers are 200 and the others 429

    @S-7.3
    Scenario: A client within the age is kept
      Given the setting "rate_limit.eviction_interval_secs" is 1
      And the proxy is running
      And the client "one" requests "https://a.example.test/"
      When the client "two" requests "https://a.example.test/"
      Then the admin socket reports 2 rate-limited clients

    @S-7.3
    Scenario: A client is kept for the age, however often the interval is over
      Given the settings:
        | rate_limit.eviction_interval_secs | 1   |
        | rate_limit.requests_per_second    | 0.4 |
        | rate_limit.burst                  | 1   |
      And the proxy is running
      And the client "silent" requests "https://a.example.test/"
      And the client "busy" requests "https://a.example.test/" until the answer is 429
      When the client "busy" requests "https://a.example.test/" until the answer is 200
      Then the admin socket reports 2 rate-limited clients

    @S-7.3
    Scenario: A reload changes interval and age
      Given the proxy is running
      And the client "one" requests "https://a.example.test/"
      And the admin socket reports 1 rate-limited clients
      And the settings:
        | rate_limit.eviction_interval_secs | 1 |
        | rate_limit.eviction_age_secs      | 1 |
      When the configuration is reloaded
      Then the admin socket reports 0 rate-limited clients

  Rule: A reload changes the limits and forgets no client

    @S-7.4 @S-3.6
    Scenario Outline: An empty bucket is empty after a reload over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the client "one" requests "https://a.example.test/" 4 times
      And the answer is 429
      And the configuration is reloaded
      When the client "one" requests "https://a.example.test/"
      Then the answer is 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.4
    Scenario Outline: A larger burst adds no tokens over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the client "one" requests "https://a.example.test/" 4 times
      And the answer is 429
      And the setting "rate_limit.burst" is 100
      And the configuration is reloaded
      When the client "one" requests "https://a.example.test/"
      Then the answer is 429
      When the client "two" requests "https://a.example.test/" 101 times
      Then the first 100 of the answers are 200 and the others 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.4
    Scenario Outline: A smaller burst caps what a client had saved over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.burst" is 50
      And the proxy is running
      And the client "one" requests "https://a.example.test/"
      And the answer is 200 "app"
      And the setting "rate_limit.burst" is 2
      And the configuration is reloaded
      When the client "one" requests "https://a.example.test/" 4 times
      Then the first 2 of the answers are 200 and the others 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.4
    Scenario Outline: A higher rate fills a bucket from the next request on over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the client "one" requests "https://a.example.test/" 4 times
      And the answer is 429
      And the setting "rate_limit.requests_per_second" is 10
      And the configuration is reloaded
      When the client "one" requests "https://a.example.test/" until the answer is 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

Feature: Metrics
  Prometheus, or any program that reads its text format, scrapes the health port: what each site has served, what the
  daemon uses, and its state. The configuration bounds the number of series, whatever clients send, and a scrape waits
  for nothing.

  Background:
    Given the site "a.example.test" is served from the upstream "app"

  Rule: GET /metrics on the health port answers in Prometheus' text format

    @S-9.3
    Scenario: GET has the numbers and their type
      Given the proxy is running
      When a client requests "http://127.0.0.1:${health}/metrics"
      Then the answer is 200
      And the answer has the field "Content-Type" with "text/plain; version=0.0.4; charset=utf-8"
      And the answer's body contains "# TYPE reverse_proxy_requests_total counter"
      And the answer has no field "Server"

    @S-9.3
    Scenario: HEAD is 200 without a body
      Given the proxy is running
      When a client sends "HEAD" to "http://127.0.0.1:${health}/metrics"
      Then the answer is 200
      And the answer has an empty body

    @S-9.1 @S-9.3
    Scenario Outline: Anything else is 404: <method> <target>
      Given the proxy is running
      When a client sends "<method>" to "http://127.0.0.1:${health}<target>"
      Then the answer is 404

      Examples:
        | method  | target      |
        | POST    | /metrics    |
        | OPTIONS | /metrics    |
        | GET     | /metrics/   |
        | GET     | //metrics   |
        | GET     | /%6detrics  |
        | GET     | /metrics/a  |

    @S-9.3
    Scenario: Sites do not have it
      Given the proxy is running
      When a client requests "https://a.example.test/metrics"
      Then the answer is 200 "app"

  Rule: Every request is counted where it is logged, whatever its protocol

    @S-9.3
    Scenario Outline: A request over <protocol> counts for its site, its method and its status
      Given the proxy is running
      When a client sends the request:
        | url      | https://a.example.test/x |
        | method   | POST                     |
        | protocol | <protocol>               |
        | body     | hello                    |
      Then the answer is 200 "app"
      And the metrics have:
        | reverse_proxy_requests_total{site="a.example.test",method="POST",status="2xx"}         | 1    |
        | reverse_proxy_requests_total{site="a.example.test",method="POST",status="5xx"}         | 0    |
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="2xx"}          | 0    |
        | reverse_proxy_requests_total{site="a.example.test",method="PUT",status="2xx"}          | none |
        | reverse_proxy_requests_by_protocol_total{protocol="<version>"}                         | 1    |
        | reverse_proxy_requests_in_flight                                                       | 0    |
        | reverse_proxy_request_duration_seconds_count{site="a.example.test"}                    | 1    |
        | reverse_proxy_request_duration_seconds_bucket{site="a.example.test",le="+Inf"}         | 1    |
        | reverse_proxy_request_duration_seconds_sum{site="a.example.test"}                      | >0   |
        | reverse_proxy_request_body_bytes_total{site="a.example.test"}                          | 5    |
        | reverse_proxy_response_body_bytes_total{site="a.example.test"}                         | 3    |
        | reverse_proxy_upstream_connect_duration_seconds_count{site="a.example.test"}           | 1    |
        | reverse_proxy_upstream_response_duration_seconds_count{site="a.example.test"}          | 1    |
        | reverse_proxy_upstream_errors_total{site="a.example.test"}                             | 0    |
        | reverse_proxy_upstream_connections{upstream="${upstream:app}",state="idle"}            | 1    |
        | reverse_proxy_upstream_connections{upstream="${upstream:app}",state="active"}          | 0    |
        | reverse_proxy_connections{protocol="<kept>",state="idle"}                              | 1    |
        | reverse_proxy_tls_handshakes_total{result="success",version="1.3"}                     | 1    |
        | reverse_proxy_connections_accepted_total                                               | 1    |

      Examples:
        | protocol | version  | kept   |
        | HTTP/1.1 | HTTP/1.1 | HTTP/1 |
        | HTTP/2   | HTTP/2   | HTTP/2 |

    @S-9.3
    Scenario: A request to no site counts for none
      Given the proxy is running
      And a client requests "https://a.example.test/health"
      And the answer is 200
      When a client sends the request:
        | url    | https://a.example.test/    |
        | header | Host: unknown.example.test |
      Then the answer is 404
      And the metrics have:
        | reverse_proxy_requests_total{site="",method="GET",status="2xx"}               | 1    |
        | reverse_proxy_requests_total{site="",method="GET",status="4xx"}               | 1    |
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="2xx"} | none |
        | reverse_proxy_upstream_errors_total{site=""}                                  | none |

    @S-9.3
    Scenario Outline: A request that is refused over HTTP/2 counts once, as over HTTP/1.1: <what>
      Given the proxy is running
      And the client "mallory" speaks HTTP/2 with "https://a.example.test"
      When it opens a stream with the fields ":method=<method>; :scheme=https; :path=/; :authority=a.example.test; x-a=1<field>"
      Then its last stream is malformed
      And the metrics have:
        | reverse_proxy_requests_total{site="",method="other",status="4xx"} | 1 |
        | reverse_proxy_request_duration_seconds_count{site=""}             | 1 |

      Examples:
        | what                    | method | field              |
        | an upper-case name      | GET    | ; X-A=1            |
        | a field of connections  | GET    | ; connection=close |
        | a length without a body | POST   | ; content-length=5 |

    @S-9.3 @S-8.1
    Scenario: An upstream's 429 counts as its answer, and not as a rejection by the limit
      Given an upstream "strict" that answers 429 with the body "no"
      And the site "b.example.test" is served from the upstream "strict"
      And the proxy is running
      When a client requests "https://b.example.test/"
      Then the answer is 429
      And the log has a line "REQUEST" with:
        | host   | b.example.test |
        | status | 429            |
      And the metrics have:
        | reverse_proxy_requests_total{site="b.example.test",method="GET",status="4xx"} | 1 |
        | reverse_proxy_rate_limit_rejections_total                                     | 0 |

    @S-9.3 @S-7.1
    Scenario: The rate limit's rejections are counted, and the clients that it knows
      Given the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 2
      And the proxy is running
      When a client requests "https://a.example.test/" 5 times
      Then 3 of the answers are 429
      And the metrics have:
        | reverse_proxy_rate_limit_rejections_total                                     | 3 |
        | reverse_proxy_rate_limit_clients                                              | 1 |
        | reverse_proxy_requests_total{site="",method="GET",status="4xx"}               | 3 |
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="2xx"} | 2 |

    @S-9.3
    Scenario: An upstream that is down is an error of its site
      Given no upstream "gone"
      And the site "b.example.test" is served from the upstream "gone"
      And the proxy is running
      When a client requests "https://b.example.test/"
      Then the answer is 502
      And the metrics have:
        | reverse_proxy_requests_total{site="b.example.test",method="GET",status="5xx"}         | 1    |
        | reverse_proxy_upstream_errors_total{site="b.example.test"}                            | 1    |
        | reverse_proxy_upstream_connect_duration_seconds_count{site="b.example.test"}          | 0    |
        | reverse_proxy_upstream_response_duration_seconds_count{site="b.example.test"}         | 0    |
        | reverse_proxy_upstream_errors_total{site="a.example.test"}                            | none |

    @S-9.3
    Scenario: A request in flight is counted while it lasts
      Given an upstream "slow" that waits
      And the site "b.example.test" is served from the upstream "slow"
      And the proxy is running
      When the client "one" begins to request "https://b.example.test/"
      Then the upstream "slow" received 1 request
      And the metrics have:
        | reverse_proxy_requests_in_flight                                               | 1    |
        | reverse_proxy_connections{protocol="HTTP/1",state="active"}                    | 1    |
        | reverse_proxy_upstream_connections{upstream="${upstream:slow}",state="active"} | 1    |
        | reverse_proxy_requests_total{site="b.example.test",method="GET",status="2xx"}  | none |
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the metrics have:
        | reverse_proxy_requests_in_flight                                               | 0 |
        | reverse_proxy_connections{protocol="HTTP/1",state="active"}                    | 0 |
        | reverse_proxy_upstream_connections{upstream="${upstream:slow}",state="active"} | 0 |
        | reverse_proxy_requests_total{site="b.example.test",method="GET",status="2xx"}  | 1 |

    @S-9.3
    Scenario: Failed handshakes are counted by their cause
      Given a certificate "one" for "a.example.test"
      And listener 1 has the certificate "one"
      And the proxy is running
      And a client makes a TLS handshake for "unknown.example.test"
      And the handshake fails with the alert "unrecognized name"
      When a client makes a TLS handshake:
        | name    | a.example.test |
        | maximum | 1.2            |
      Then the handshake succeeds
      And the metrics have:
        | reverse_proxy_tls_handshakes_total{result="error",version="1.3"}   | 1    |
        | reverse_proxy_tls_handshakes_total{result="success",version="1.2"} | 1    |
        | reverse_proxy_tls_handshakes_total{result="success",version="1.3"} | 0    |
        | reverse_proxy_tls_handshakes_total{result="success",version=""}    | none |
      Given a client opens a connection to "tcp://${addr}:${https}"
      When the client closes the connection
      Then the metrics have:
        | reverse_proxy_tls_handshakes_total{result="closed",version=""} | 1 |
        | reverse_proxy_tls_handshakes_total{result="error",version=""}  | 0 |
      Given a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "nonsense"
      Then the metrics have:
        | reverse_proxy_tls_handshakes_total{result="error",version=""} | 1 |

  Rule: The series are bounded by the configuration

    @S-9.3
    Scenario: Ten thousand hosts, methods and paths make no more series than one
      Given the setting "rate_limit.requests_per_second" is 1000000
      And the setting "rate_limit.burst" is 1000000
      And the setting "logging.level" is "warn"
      And the proxy is running
      And a client requests "https://a.example.test/"
      When a client sends 10000 requests with different hosts, methods and paths to "https://a.example.test"
      Then the metrics have:
        | reverse_proxy_requests_total{site="",method="other",status="4xx"} | 10000 |
      And the metrics have the sites "a.example.test"
      And the metrics have 15 series of "reverse_proxy_requests_total"

    @S-9.3
    Scenario: So do five hundred over HTTP/2
      Given the proxy is running
      And a client requests "https://a.example.test/"
      When a client sends 500 requests with different hosts, methods and paths to "https://a.example.test" over HTTP/2
      Then the metrics have:
        | reverse_proxy_requests_total{site="",method="other",status="4xx"} | 500 |
      And the metrics have the sites "a.example.test"
      And the metrics have 15 series of "reverse_proxy_requests_total"

    @S-9.3
    Scenario: A site has no series before its first request, and all of them after it
      Given the site "b.example.test" is served from the upstream "app"
      And the proxy is running
      When a client requests "https://a.example.test/"
      Then the answer is 200
      And the metrics have the sites "a.example.test"
      And the metrics have:
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="2xx"}   | 1    |
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="5xx"}   | 0    |
        | reverse_proxy_upstream_errors_total{site="a.example.test"}                      | 0    |
        | reverse_proxy_request_duration_seconds_bucket{site="a.example.test",le="+Inf"}  | 1    |
        | reverse_proxy_request_duration_seconds_bucket{site="a.example.test",le="0.001"} | *    |
        | reverse_proxy_request_duration_seconds_bucket{site="a.example.test",le="30"}    | 1    |
        | reverse_proxy_upstream_connect_duration_seconds_count{site="a.example.test"}    | 1    |
        | reverse_proxy_requests_total{site="b.example.test",method="GET",status="5xx"}   | none |
        | reverse_proxy_upstream_errors_total{site="b.example.test"}                      | none |
        | reverse_proxy_request_duration_seconds_count{site="b.example.test"}             | none |
        | reverse_proxy_sites                                                             | 2    |
        | reverse_proxy_requests_total{site="",method="GET",status="4xx"}                 | 0    |

    @S-9.3 @S-3.1
    Scenario: A reload keeps the numbers of sites that stay, and drops those of sites that are gone
      Given the site "b.example.test" is served from the upstream "app"
      And the proxy is running
      And a client requests "https://a.example.test/"
      And the answer is 200
      When a client requests "https://b.example.test/"
      Then the answer is 200
      And the metrics have the sites "a.example.test,b.example.test"
      Given the site "b.example.test" is removed
      And the site "c.example.test" is served from the upstream "app"
      When the configuration is reloaded
      Then the metrics have the sites "a.example.test"
      And the metrics have:
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="2xx"} | 1 |
        | reverse_proxy_sites                                                           | 2 |
      When a client requests "https://c.example.test/"
      Then the answer is 200
      And the metrics have the sites "a.example.test,c.example.test"
      And the metrics have:
        | reverse_proxy_requests_total{site="c.example.test",method="GET",status="2xx"} | 1 |
      Given the site "b.example.test" is served from the upstream "app"
      And the configuration is reloaded
      When a client requests "https://b.example.test/"
      Then the answer is 200
      And the metrics have:
        | reverse_proxy_requests_total{site="b.example.test",method="GET",status="2xx"} | 1 |

  Rule: What the daemon does is counted

    @S-9.3 @S-3.2
    Scenario: Reloads by their result
      When the proxy is running
      Then the metrics have:
        | reverse_proxy_config_reloads_total{result="success"}       | 0  |
        | reverse_proxy_config_last_reload_successful                | 1  |
        | reverse_proxy_config_last_reload_success_timestamp_seconds | >0 |
      Given the configuration is reloaded
      And the setting "body.limit_bytes" is -1
      When the admin command "reload" is sent
      Then the metrics have:
        | reverse_proxy_config_reloads_total{result="success"} | 1 |
        | reverse_proxy_config_reloads_total{result="error"}   | 1 |
        | reverse_proxy_config_last_reload_successful          | 0 |
      Given the setting "body.limit_bytes" is 1000
      When the admin command "reload" is sent
      Then the metrics have:
        | reverse_proxy_config_reloads_total{result="success"} | 2 |
        | reverse_proxy_config_last_reload_successful          | 1 |

    @S-9.3
    Scenario: What the process is and uses
      Given a certificate "one" for "a.example.test"
      And listener 1 has the certificate "one"
      When the proxy is running
      Then the metrics have:
        | process_cpu_seconds_total                                                                                     | >0 |
        | process_resident_memory_bytes                                                                                 | >0 |
        | process_open_fds                                                                                              | >5 |
        | process_max_fds                                                                                               | >5 |
        | process_start_time_seconds                                                                                    | >0 |
        | go_goroutines                                                                                                 | >5 |
        | reverse_proxy_log_lines_dropped_total{sink="stdout"}                                                          | 0  |
        | reverse_proxy_draining                                                                                        | 0  |
        | reverse_proxy_certificate_expiry_timestamp_seconds{listener="${addr}:${https}",name="a.example.test",source="manual"} | >0 |
      And the metrics have 1 series of "reverse_proxy_build_info"

    @S-9.3 @S-12.5
    Scenario: A flood over HTTP/2 is counted when it is ended
      Given the proxy is running
      And the client "mallory" speaks HTTP/2 with "https://a.example.test"
      When it floods the proxy with 10000 of "SETTINGS"
      Then it is ended with "ENHANCE_YOUR_CALM"
      And the metrics have:
        | reverse_proxy_http2_breaches_total | 1 |

    @S-9.3 @S-5.4
    Scenario: Attempts to obtain a certificate by their result
      Given an ACME server
      And listener 1 gets certificates for "a.example.test" from the ACME server
      When the proxy is running
      Then the metrics have:
        | reverse_proxy_acme_attempts_total{result="success"} | 1 |
        | reverse_proxy_acme_attempts_total{result="refused"} | 0 |
        | reverse_proxy_acme_failing_names                    | 0 |

  Rule: A scrape is answered or refused, and never waits

    @S-9.3 @S-11.1
    Scenario: It is answered while the daemon drains
      Given an upstream "slow" that waits
      And the site "b.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "one" begins to request "https://b.example.test/"
      And the upstream "slow" received 1 request
      When the proxy is sent SIGTERM
      Then the log has a new line "SHUTDOWN"
      And the metrics have:
        | reverse_proxy_draining           | 1 |
        | reverse_proxy_requests_in_flight | 1 |
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the proxy exits with 0

    @S-9.3
    Scenario: It is answered when every connection is in use
      Given the setting "max_connections" is 2
      # It begins its responses at once: requests to an upstream that answers nothing give way to waiting clients.
      And an upstream "slow" that streams "one|two"
      And the site "b.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "one" begins to request "https://b.example.test/"
      And the client "two" begins to request "https://b.example.test/"
      And the upstream "slow" received 2 requests
      When the client "three" begins to request "https://b.example.test/"
      Then the metrics have:
        | reverse_proxy_connections_max     | 2 |
        | reverse_proxy_requests_in_flight  | 2 |
        | reverse_proxy_connections_waiting | 1 |
      Given the upstream "slow" is released
      And the upstream "slow" is released
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the client "two" is answered 200
      And the client "three" is answered 200

    @S-9.3
    Scenario: Scrapers that read nothing can at most cause refusals for others
      Given the proxy is running
      And 10 scrapers read nothing of their answers
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 200
      When a client requests "https://a.example.test/"
      Then the answer is 200 "app"
      And the metrics have:
        | reverse_proxy_requests_total{site="a.example.test",method="GET",status="2xx"} | 1 |

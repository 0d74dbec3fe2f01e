Feature: Who the client is

  Behind a trusted proxy, the client is the one that the proxy names. What any other peer says about its address does
  not count.

  Background:
    Given the site "a.example.test" is served from the upstream "app"
    And the setting "listeners[0].trusted_proxies" is ["${client:proxy}", "10.0.0.0/8", "2001:db8::/32"]

  Rule: The client is the first address from the right that is not a trusted proxy's

    @S-15.1 @S-15.2
    Scenario Outline: <case>, over <protocol>
      Given the proxy is running
      When a client sends the request:
        | url      | https://a.example.test/x  |
        | client   | <from>                    |
        | protocol | <protocol>                |
        | header   | X-Forwarded-For: <first>  |
        | header   | X-Forwarded-For: <second> |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "<client>"
      And the upstream "app" received the field "X-Forwarded-For" with "<chain>"
      And the log has a line "REQUEST" with:
        | client_ip | <client> |
        | path      | /x       |

      Examples:
        | case                                   | from     | protocol | first               | second                  | client           | chain                                                  |
        | The proxy names the client             | proxy    | HTTP/1.1 | 192.0.2.66          | 203.0.113.9             | 203.0.113.9      | 203.0.113.9, ${client:proxy}                           |
        | The proxy names the client             | proxy    | HTTP/2   | 192.0.2.66          | 203.0.113.9             | 203.0.113.9      | 203.0.113.9, ${client:proxy}                           |
        | There are more proxies                 | proxy    | HTTP/1.1 | 6.6.6.6,203.0.113.9 | 10.0.0.7, [2001:db8::8] | 203.0.113.9      | 203.0.113.9, 10.0.0.7, [2001:db8::8], ${client:proxy}  |
        | There are more proxies                 | proxy    | HTTP/2   | 6.6.6.6,203.0.113.9 | 10.0.0.7, [2001:db8::8] | 203.0.113.9      | 203.0.113.9, 10.0.0.7, [2001:db8::8], ${client:proxy}  |
        | The client has an IPv6 address         | proxy    | HTTP/1.1 | 192.0.2.66          | [2001:DB9::0001]:4711   | 2001:db9::1      | 2001:db9::1, ${client:proxy}                           |
        | The search ends at what is not an address | proxy    | HTTP/1.1 | 203.0.113.9         | unknown, 10.0.0.7       | 10.0.0.7         | 10.0.0.7, ${client:proxy}                              |
        | The last element is not an address     | proxy    | HTTP/1.1 | 203.0.113.9         | _hidden                 | ${client:proxy}  | ${client:proxy}                                        |
        | All are trusted                        | proxy    | HTTP/1.1 | 10.0.0.6            | 10.0.0.7                | 10.0.0.6         | 10.0.0.6, 10.0.0.7, ${client:proxy}                    |
        | Nobody believes a client               | stranger | HTTP/1.1 | 203.0.113.9         | 10.0.0.7                | ${client:stranger} | ${client:stranger}                                   |
        | Nobody believes a client               | stranger | HTTP/2   | 203.0.113.9         | 10.0.0.7                | ${client:stranger} | ${client:stranger}                                   |

    @S-15.1
    Scenario Outline: The field has one address, as <field> of a CDN, over <protocol>
      Given the setting "listeners[0].client_ip_header" is "CF-Connecting-IP"
      And clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/x     |
        | client | proxy                        |
        | header | <field>: 203.0.113.9         |
        | header | X-Forwarded-For: 192.0.2.66  |
        | header | CF_Connecting_IP: 192.0.2.67 |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "203.0.113.9"
      And the upstream "app" received the field "CF-Connecting-IP" with "203.0.113.9"
      And the upstream "app" received no field "CF_Connecting_IP"
      When a client sends the request:
        | url     | https://a.example.test/x |
        | client  | stranger                 |
        | header  | <field>: 203.0.113.9     |
        | body    | a                        |
        | chunked | yes                      |
        | trailer | <field>: 203.0.113.9     |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "${client:stranger}"
      And the upstream "app" received no field "CF-Connecting-IP"

      Examples:
        | field            | protocol |
        | CF-Connecting-IP | HTTP/1.1 |
        | cf-connecting-ip | HTTP/2   |

    @S-15.1
    Scenario: The networks in a file are read at every reload, and a line that is not a network is named
      Given a file "cdn.txt" with "# the networks of the CDN\n10.0.0.0/8\n"
      And the settings:
        | listeners[0].trusted_proxies      | left out   |
        | listeners[0].trusted_proxies_file | "cdn.txt"  |
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/1     |
        | client | proxy                        |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the upstream "app" received the field "X-Real-IP" with "${client:proxy}"
      Given a file "cdn.txt" with "10.0.0.0/8\n\n${client:proxy} # a new one\n"
      And the configuration is reloaded
      When a client sends the request:
        | url    | https://a.example.test/2     |
        | client | proxy                        |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the upstream "app" received the field "X-Real-IP" with "203.0.113.9"
      Given a file "cdn.txt" with "10.0.0.0/8\n\n10.0.0.1/8\nexample.com\n"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].trusted_proxies_file | line 3: "10.0.0.1/8" has bits after its length; "10.0.0.0/8" is the network |
        | listeners[0].trusted_proxies_file | line 4: "example.com" is not a network                                      |
      When a client sends the request:
        | url    | https://a.example.test/3     |
        | client | proxy                        |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the upstream "app" received the field "X-Real-IP" with "203.0.113.9"

    @S-15.1
    Scenario Outline: <what> is refused
      Given a file "empty.txt" with "# nothing yet\n"
      And the settings:
        | listeners[0].trusted_proxies | <trusted> |
        | <key>                        | <value>   |
      When the configuration is validated
      Then the command exits with 1
      And the command prints "<complaint>" on stderr

      Examples:
        | what                      | trusted        | key                               | value          | complaint                                                            |
        | A field without proxies   | left out       | listeners[0].client_ip_header     | "X-Real-IP"    | listeners[0].client_ip_header: has no effect without trusted_proxies |
        | What is not a field name  | ["10.0.0.0/8"] | listeners[0].client_ip_header     | "X Real"       | is not the name of a field                                           |
        | The field Forwarded       | ["10.0.0.0/8"] | listeners[0].client_ip_header     | "forwarded"    | let the proxies send X-Forwarded-For                                 |
        | A field of the connection | ["10.0.0.0/8"] | listeners[0].client_ip_header     | "Connection"   | has a meaning of its own                                             |
        | A file without networks   | ["10.0.0.0/8"] | listeners[0].trusted_proxies_file | "empty.txt"    | has no networks                                                      |
        | A file that is not there  | ["10.0.0.0/8"] | listeners[0].trusted_proxies_file | "missing.txt"  | no such file                                                         |
        | A network with host bits  | ["10.0.0.0/8"] | listeners[0].trusted_proxies      | ["10.0.0.1/8"] | has bits after its length                                            |

    @S-15.1
    Scenario: explain says who the client is, and where the search ended
      Given the configuration file is written
      When the command "reverse-proxy explain --config ${config} --text --from 10.0.0.1 -H X-Forwarded-For:192.0.2.66,203.0.113.9,10.0.0.7 https://a.example.test/" is run
      Then the command prints "203.0.113.9, named by the trusted proxy 10.0.0.1 in line 1 of 1 of X-Forwarded-For, read from the right"
      And the command prints "203.0.113.9,10.0.0.7, 10.0.0.1"

  Rule: One address is used everywhere

    @S-15.2
    Scenario Outline: A client behind a proxy has a bucket of its own, over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/1     |
        | client | proxy                        |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the answer is 200
      When a client sends the request:
        | url    | https://a.example.test/2                 |
        | client | proxy                                    |
        | header | X-Forwarded-For: 192.0.2.66, 203.0.113.9 |
      Then the answer is 429
      And the log has a line "RATE_LIMIT" with:
        | client_ip | 203.0.113.9     |
        | peer_ip   | ${client:proxy} |
      When a client sends the request:
        | url    | https://a.example.test/3      |
        | client | proxy                         |
        | header | X-Forwarded-For: 203.0.113.10 |
      Then the answer is 200
      And the log has a line "REQUEST" with:
        | client_ip | 203.0.113.10    |
        | path      | /3              |
        | peer_ip   | ${client:proxy} |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-15.2
    Scenario: The peer is not logged where it is the client
      Given the proxy is running
      When a client requests "https://a.example.test/"
      Then the log has a line "REQUEST"
      And the log has no line that contains "peer_ip"

    @S-15.2
    Scenario Outline: The scheme, the host and the ID of a trusted proxy are used, and those of other clients are not, over <protocol>
      Given clients speak <protocol>
      And the setting "listeners[0].sites[0].response_headers.set" is { "X-Id" = "{request_id}" }
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/         |
        | client | proxy                           |
        | header | X-Forwarded-Proto: http         |
        | header | X-Forwarded-Host: b.test        |
        | header | X-Request-Id: id-of-the-proxy   |
        | header | X-Forwarded-For: 203.0.113.9    |
      Then the answer is 200
      And the answer has the field "X-Id" with "id-of-the-proxy"
      And the upstream "app" received the field "X-Forwarded-Proto" with "http"
      And the upstream "app" received the field "X-Forwarded-Host" with "b.test"
      And the log has a line "REQUEST" with:
        | request_id | id-of-the-proxy |
      When a client sends the request:
        | url    | https://a.example.test/     |
        | client | stranger                    |
        | header | X-Forwarded-Proto: http     |
        | header | X-Forwarded-Host: b.test    |
        | header | X-Request-Id: forged        |
      Then the answer is 200
      And the upstream "app" received the field "X-Forwarded-Proto" with "https"
      And the upstream "app" received the field "X-Forwarded-Host" with "a.example.test"
      And the log has no line that contains "request_id=forged"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-15.2
    Scenario: What is not valid is not used
      Given the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/         |
        | client | proxy                           |
        | header | X-Forwarded-Proto: https, http  |
        | header | X-Forwarded-Host: b.test/c      |
      Then the answer is 200
      And the upstream "app" received the field "X-Forwarded-Proto" with "https"
      And the upstream "app" received the field "X-Forwarded-Host" with "a.example.test"

    @S-15.2 @S-6.15
    Scenario: The next client on a connection of a proxy is not the one that has authenticated before
      Given an upstream "app" that authenticates connections
      And the proxy is running
      And the client "proxy" opens a connection to "https://a.example.test"
      When the client sends "GET /negotiate HTTP/1.1\r\nHost: a.example.test\r\nX-Forwarded-For: 203.0.113.9\r\nAuthorization: Negotiate a\r\n\r\n"
      Then the client receives the answer 200
      When the client sends "GET /public HTTP/1.1\r\nHost: a.example.test\r\nX-Forwarded-For: 203.0.113.10\r\n\r\n"
      Then the client receives the answer 200
      And the answer has the body "nobody"

    @S-15.2 @S-7.6
    Scenario: What a trusted proxy passes on and nobody can read costs the proxy nothing
      # Such a head names no client. The proxy asks for the page by itself, as health checks do.
      Given the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 2
      And the proxy is running
      And the client "proxy" speaks HTTP/2 with "https://a.example.test"
      When it opens a stream with the fields ":method=GET; :scheme=https; :authority=a.example.test; :path=/; X-Upper=1"
      Then its last stream is malformed
      Given the client "proxy" opens a connection to "https://a.example.test"
      When the client sends "GET / HTTP/1.1\r\nX Y: 1\r\n\r\n"
      Then the client receives the answer 400
      Given the client "proxy" opens a connection to "https://a.example.test"
      When the client sends "GET / HTTP/1.1\r\nX Y: 1\r\n\r\n"
      Then the client receives the answer 429
      And the log has 2 lines "BAD_REQUEST"
      When the client "proxy" requests "https://a.example.test/"
      Then the answer is 200
      # The jails read these lines: nobody bans the proxy.
      And the log has no line "RATE_LIMIT"

  Rule: check says what is probably wrong

    @S-15.5
    Scenario Outline: check warns of <what>
      Given the setting "listeners[0].trusted_proxies" is <value>
      When the configuration is validated
      Then the command exits with 0
      And the command prints "<warning>" on stderr

      Examples:
        | what                       | value          | warning                                                                                             |
        | trust in every address     | ["0.0.0.0/0"]  | is every address, so that each client may say who it is; write the networks of the proxies          |
        | bans that do not get there | ["10.0.0.0/8"] | so a packet filter cannot ban them, as the shipped jails of fail2ban do; ban them at the proxy, and |

  Rule: However an address is spelled, everything uses the same one

    @S-15.2 @S-15.1
    Scenario Outline: A stranger is who it is, whatever it says, over <protocol>
      # The access list, the log, the upstream and the limit each have a say: the last request has no token left.
      Given clients speak <protocol>
      And the settings:
        | listeners[0].sites[0].access.allow | ["${client:stranger}"] |
        | rate_limit.requests_per_second     | 0.0001                 |
        | rate_limit.burst                   | 32                     |
      And the proxy is running
      And requests of the client "stranger" to "https://a.example.test/" count as those of "${client:stranger}" with each of these fields:
        | X-Forwarded-For: 192.0.2.66 |
        | x-forwarded-for: 192.0.2.66 |
        | X-FORWARDED-FOR: 192.0.2.66 |
        | X_Forwarded_For: 192.0.2.66 |
        | X-Forwarded-For: 192.0.2.66, 192.0.2.67 |
        | X-Forwarded-For: 192.0.2.66 ;; X-Forwarded-For: 192.0.2.67 |
        | X-Forwarded-For: unknown |
        | X-Forwarded-For: _hidden |
        | X-Forwarded-For: |
        | X-Forwarded-For: ,,, |
        | X-Forwarded-For: [2001:db8::66]:4711 |
        | X-Forwarded-For: fe80::1%eth0 |
        | X-Forwarded-For: 192.0.2.66:80 |
        | X-Forwarded-For: 10.0.0.1 |
        | X-Forwarded-For: 127.0.0.1 |
        | X-Forwarded-For: ::ffff:192.0.2.66 |
        | X-Forwarded-For: "192.0.2.66" |
        | X-Forwarded-For: ${x*8000} |
        | Forwarded: for=192.0.2.66 |
        | Forwarded: for="[2001:db8::66]:4711";proto=http |
        | X-Real-IP: 192.0.2.66 |
        | X_Real_IP: 192.0.2.66 |
        | X-Client-IP: 192.0.2.66 |
        | True-Client-IP: 192.0.2.66 |
        | CF-Connecting-IP: 192.0.2.66 |
        | Fastly-Client-IP: 192.0.2.66 |
        | X-Cluster-Client-IP: 192.0.2.66 |
        | X-Original-Forwarded-For: 192.0.2.66 |
        | X-Forwarded: 192.0.2.66 |
        | X-ProxyUser-Ip: 192.0.2.66 |
        | Via: 1.1 192.0.2.66 |
        | Client-IP: 192.0.2.66 |
      When a client sends the request:
        | url    | https://a.example.test/      |
        | client | stranger                     |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the answer is 429
      And the log has a line "RATE_LIMIT" with:
        | client_ip | ${client:stranger} |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-15.2 @S-15.1
    Scenario Outline: A client behind a trusted proxy is the one that the proxy names, whatever it says itself, over <protocol>
      # The proxy appends the client's address: to the list that came, or in a line of its own.
      Given clients speak <protocol>
      And the settings:
        | listeners[0].sites[0].access.allow | ["203.0.113.9"] |
        | rate_limit.requests_per_second     | 0.0001          |
        | rate_limit.burst                   | 32              |
      And the proxy is running
      And requests of the client "proxy" to "https://a.example.test/" count as those of "203.0.113.9" with each of these fields:
        | X-Forwarded-For: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | x-forwarded-for: 192.0.2.66 ;; x-forwarded-for: 203.0.113.9 |
        | X-FORWARDED-FOR: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X_Forwarded_For: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: 192.0.2.66, 192.0.2.67 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: 192.0.2.66 ;; X-Forwarded-For: 192.0.2.67 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: unknown ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: _hidden ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: ,,, ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: [2001:db8::66]:4711 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: fe80::1%eth0 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: 192.0.2.66:80 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: 10.0.0.1 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: 127.0.0.1 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: ::ffff:192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: "192.0.2.66" ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded-For: ${x*8000} ;; X-Forwarded-For: 203.0.113.9 |
        | Forwarded: for=192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | Forwarded: for="[2001:db8::66]:4711";proto=http ;; X-Forwarded-For: 203.0.113.9 |
        | X-Real-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X_Real_IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Client-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | True-Client-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | CF-Connecting-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | Fastly-Client-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Cluster-Client-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Original-Forwarded-For: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-Forwarded: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | X-ProxyUser-Ip: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | Via: 1.1 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
        | Client-IP: 192.0.2.66 ;; X-Forwarded-For: 203.0.113.9 |
      When a client sends the request:
        | url    | https://a.example.test/      |
        | client | proxy                        |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the answer is 429
      And the log has a line "RATE_LIMIT" with:
        | client_ip | 203.0.113.9 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-15.2 @S-15.1 @S-6.4
    Scenario: A field that Connection names is still read, and the upstream gets it
      Given the proxy is running
      And requests of the client "proxy" to "https://a.example.test/" count as those of "203.0.113.9" with each of these fields:
        | Connection: X-Real-IP, X-Forwarded-For ;; X-Forwarded-For: 203.0.113.9 |
      When requests of the client "stranger" to "https://a.example.test/x" count as those of "${client:stranger}" with each of these fields:
        | Connection: X-Real-IP, X-Forwarded-For ;; X-Forwarded-For: 203.0.113.9 |

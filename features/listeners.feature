Feature: Listeners
  A listener is a set of sites with the addresses at which they are served.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: All addresses of a listener serve the same sites with the same certificates

    @S-2.2
    Scenario Outline: A site on an IPv4 and an IPv6 address over <protocol>
      Given the settings:
        | listeners[0].bind_addr  | ["127.0.0.1", "::1"] |
        | listeners[0].https_port | ${port:https}        |
        | listeners[0].http_port  | ${port:http}         |
      And the proxy is running
      When a client sends the request:
        | url      | https://127.0.0.1:${port:https}/ |
        | sni      | git.example.test                 |
        | header   | Host: git.example.test           |
        | protocol | <protocol>                       |
      Then the answer is 200 "app"
      When a client sends the request:
        | url      | https://[::1]:${port:https}/ |
        | sni      | git.example.test             |
        | header   | Host: git.example.test       |
        | protocol | <protocol>                   |
      Then the answer is 200 "app"
      And the upstream "app" received the field "X-Real-IP" with "::1"
      When a client sends the request:
        | url      | http://[::1]:${port:http}/a?b  |
        | header   | Host: git.example.test         |
      Then the answer is 301
      And the answer has the field "Location" with "https://git.example.test:${port:https}/a?b"
      And the metrics have:
        | reverse_proxy_requests_total{site="git.example.test",listener="127.0.0.1:${port:https}",method="GET",status="2xx"} | 2 |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | listeners#                    | 1                         |
        | listeners[0].https            | 127.0.0.1:${port:https}   |
        | listeners[0].http             | 127.0.0.1:${port:http}    |
        | listeners[0].addresses#       | 2                         |
        | listeners[0].addresses[0].http | 127.0.0.1:${port:http}   |
        | listeners[0].addresses[1].https | [::1]:${port:https}     |
        | listeners[0].addresses[1].http | [::1]:${port:http}       |
        | certificates#                 | 1                         |
        | site_traffic#                 | 1                         |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-2.2 @S-4.2
    Scenario: An address that cannot be bound ends the start, and the others are released
      Given the settings:
        | listeners[0].bind_addr  | ["127.0.0.1", "::1", "192.0.2.1"] |
        | listeners[0].https_port | ${port:https}                     |
        | listeners[0].http_port  | ${port:http}                      |
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "listeners[0].https_port: 192.0.2.1:${port:https}: "
      And "127.0.0.1:${port:https}" refuses connections
      And "[::1]:${port:https}" refuses connections

    @S-4.6
    Scenario: Sockets of both addresses that a service manager holds
      Given the settings:
        | listeners[0].bind_addr  | ["127.0.0.1", "::1"] |
        | listeners[0].https_port | ${port:https}        |
        | listeners[0].http_port  | 0                    |
      And a socket on "[::1]:${port:https}" is held outside with the name "https-0"
      And a socket on "127.0.0.1:${port:https}" is held outside with the name "https-0"
      And the proxy is running
      When a client sends the request:
        | url    | https://[::1]:${port:https}/ |
        | sni    | git.example.test             |
        | header | Host: git.example.test       |
      Then the answer is 200 "app"

    @S-4.6 @S-4.2
    Scenario: One address without its socket ends the start
      Given the settings:
        | listeners[0].bind_addr  | ["127.0.0.1", "::1"] |
        | listeners[0].https_port | ${port:https}        |
        | listeners[0].http_port  | 0                    |
      And a socket on "127.0.0.1:${port:https}" is held outside
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "listeners[0].https_port [::1]:${port:https} was not passed"

    @S-3.4 @S-2.2
    Scenario: An address that a reload adds waits for a restart, and the sites are changed
      Given the proxy is running
      And the setting "listeners[0].bind_addr" is ["${addr}", "${addr2}"]
      And the site "www.example.test" is served from the upstream "www"
      When the configuration is reloaded
      Then the log has 1 line "CONFIG_DRIFT" with:
        | key     | listeners[0].bind_addr |
        | running | ${addr}                |
        | file    | ${addr}, ${addr2}      |
      And "${addr2}:${https}" refuses connections
      When a client requests "https://www.example.test/"
      Then the answer is 200 "www"
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command prints "restart needed: listeners[0].bind_addr ${addr} -> ${addr}, ${addr2}"

  Rule: Two listeners may have a site of the same host

    @S-2.7 @S-14.8
    Scenario: Each listener answers with its own site, and each is counted separately
      Given another listener
      And the site "git.example.test" is served from the upstream "inside" by listener 2
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | listener | 1                         |
      Then the answer is 200 "app"
      When a client sends the request:
        | url      | https://git.example.test/ |
        | listener | 2                         |
      Then the answer is 200 "inside"
      When a client sends the request:
        | url      | https://git.example.test/ |
        | listener | 2                         |
      Then the answer is 200 "inside"
      And the metrics have:
        | reverse_proxy_requests_total{site="git.example.test",listener="${addr}:${https}",method="GET",status="2xx"}   | 1 |
        | reverse_proxy_requests_total{site="git.example.test",listener="${addr2}:${https2}",method="GET",status="2xx"} | 2 |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | site_traffic#                   | 2                  |
        | site_traffic[0].listener        | ${addr}:${https}   |
        | site_traffic[0].counts.requests | 1                  |
        | site_traffic[1].listener        | ${addr2}:${https2} |
        | site_traffic[1].counts.requests | 2                  |

    @S-2.7 @S-14.8
    Scenario: The difference names the listener of a site that changes or is removed
      Given another listener
      And the site "git.example.test" is served from the upstream "inside" by listener 2
      And the proxy is running
      And the setting "listeners[1].sites[0].upstream_request_timeout_secs" is 7
      And the setting "listeners[0].sites" is left out
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command names each of:
        | site removed: git.example.test on ${addr}:${https}, upstream http://${upstream:app}             |
        | site changed: git.example.test on ${addr2}:${https2}: upstream_request_timeout_secs 60 -> 7     |

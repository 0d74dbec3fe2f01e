Feature: Holding sites back
  An operator takes a site out of service for a while, or lets its requests wait while its application restarts, without
  touching the configuration.

  Background:
    Given the site "a.example.test" is served from the upstream "app"
    And the site "b.example.test" is served from the upstream "app"

  Rule: In maintenance, a site answers 503 with a page of its own

    @S-14.9
    Scenario Outline: Maintenance from on to off over <protocol>
      Given clients speak <protocol>
      And a file "page.html" with:
        """
        <h1>Back soon</h1>
        """
      And the setting "listeners[0].sites[0].maintenance_file" is "${dir}/page.html"
      And the proxy is running
      When the command "reverse-proxy maintenance a.example.test on --for 10m --text --config ${config}" is run
      Then the command exits with 0
      And the command prints a line that matches "^a\.example\.test: in maintenance since .* UTC, until .* UTC$"
      When a client requests "https://a.example.test/"
      Then the answer is 503 "<h1>Back soon</h1>\n"
      And the answer has the field "Content-Type" with "text/html; charset=utf-8"
      And the answer has the field "Retry-After" with a number from 540 to 600
      And the log has a line "REQUEST" with:
        | status | 503            |
        | host   | a.example.test |
        | error  | in maintenance |
      And the log has a line "MAINTENANCE" with:
        | host     | a.example.test |
        | status   | on             |
        | for_secs | 600            |
      And the upstream "app" received nothing
      When a client requests "https://b.example.test/"
      Then the answer is 200
      When the command "reverse-proxy maintenance a.example.test off --text --config ${config}" is run
      Then the command exits with 0
      And the command prints "a.example.test: serves again"
      When a client requests "https://a.example.test/"
      Then the answer is 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-14.9
    Scenario: Without an end and without a page
      Given the proxy is running
      And the command "reverse-proxy maintenance a.example.test on --config ${config}" is run
      When a client requests "https://a.example.test/"
      Then the answer is 503 "Service Unavailable"
      And the answer has the field "Retry-After" with "300"

    @S-14.9
    Scenario: A site is in maintenance for all clients but the allowed ones
      Given the setting "maintenance_allow" is ["${client:alice}/32"]
      And the proxy is running
      And the command "reverse-proxy maintenance a.example.test on --config ${config}" is run
      When the client "alice" begins to request "https://a.example.test/"
      Then the client "alice" is answered 200
      When the client "bob" begins to request "https://a.example.test/"
      Then the client "bob" is answered 503

    @S-14.9
    Scenario: It ends by itself
      Given the proxy is running
      And the command "reverse-proxy maintenance a.example.test on --for 1s --config ${config}" is run
      When the client "bob" requests "https://a.example.test/" until the answer is 200

    @S-14.9
    Scenario: It survives a reload, but not a restart
      Given the proxy is running
      And the command "reverse-proxy maintenance a.example.test on --config ${config}" is run
      And the setting "listeners[0].sites[1].upstream_connect_timeout_secs" is 7
      And the configuration is reloaded
      When a client requests "https://a.example.test/"
      Then the answer is 503
      Given the proxy is started again
      When a client requests "https://a.example.test/"
      Then the answer is 200

    @S-14.9
    Scenario: Status shows it
      Given the proxy is running
      And the command "reverse-proxy maintenance a.example.test on --config ${config}" is run
      When the admin command "status" is sent
      Then the admin socket answers with:
        | held_sites#                     | 1              |
        | held_sites[0].host              | a.example.test |
        | held_sites[0].maintenance.since | ~Z             |
        | held_sites[0].maintenance.until | null           |
        | held_sites[0].pause             | null           |

  Rule: While a site is paused its requests wait, and then go on

    @S-14.9
    Scenario Outline: A pause from pause to resume over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When the command "reverse-proxy pause a.example.test --text --config ${config}" is run
      Then the command exits with 0
      And the command prints a line that matches "^a\.example\.test: paused since .* UTC, until .* UTC, 0 requests wait$"
      Given the client "alice" begins to request "https://a.example.test/one"
      And the client "bob" begins to request "https://a.example.test/two"
      When a client requests "https://b.example.test/"
      Then the answer is 200
      And the metrics have:
        | reverse_proxy_paused_requests          | 2 |
        | reverse_proxy_held_sites{state="paused"} | 1 |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | held_sites[0].host          | a.example.test |
        | held_sites[0].maintenance   | null           |
        | held_sites[0].waiting       | 2              |
      When the command "reverse-proxy resume a.example.test --text --config ${config}" is run
      Then the command exits with 0
      And the command prints "a.example.test: resumed, 2 requests go on"
      And the client "alice" is answered 200
      And the client "bob" is answered 200
      And the log has a line "PAUSE" with:
        | host   | a.example.test |
        | status | off            |
        | waited | 2              |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-14.9
    Scenario: It ends by itself, and the requests go on
      Given the proxy is running
      And the command "reverse-proxy pause a.example.test --max 1s --config ${config}" is run
      When a client requests "https://a.example.test/"
      Then the answer is 200
      And the log has a line "PAUSE" with:
        | status | over |

    @S-14.9
    Scenario: It survives a reload, but not a restart
      Given the proxy is running
      And the command "reverse-proxy pause a.example.test --config ${config}" is run
      And the client "alice" begins to request "https://a.example.test/one"
      And the metrics have:
        | reverse_proxy_paused_requests | 1 |
      And the setting "listeners[0].sites[1].upstream_connect_timeout_secs" is 7
      And the configuration is reloaded
      When the client "bob" begins to request "https://a.example.test/two"
      Then the metrics have:
        | reverse_proxy_paused_requests | 2 |
      When the command "reverse-proxy resume a.example.test --config ${config}" is run
      Then the client "alice" is answered 200
      And the client "bob" is answered 200
      Given the command "reverse-proxy pause a.example.test --max 10m --config ${config}" is run
      And the proxy is started again
      When a client requests "https://a.example.test/"
      Then the answer is 200

    @S-14.9
    Scenario: A client that leaves no longer waits
      Given the proxy is running
      And the command "reverse-proxy pause a.example.test --max 10m --config ${config}" is run
      And the client "alice" begins to request "https://a.example.test/"
      And the metrics have:
        | reverse_proxy_paused_requests | 1 |
      When the client "alice" disconnects
      Then the metrics have:
        | reverse_proxy_paused_requests | 0 |
      And the upstream "app" received nothing

    @S-14.9 @S-11.1
    Scenario: At the end of the process, requests that wait are answered 503
      Given the proxy is running
      And the command "reverse-proxy pause a.example.test --max 10m --config ${config}" is run
      And the client "alice" begins to request "https://a.example.test/"
      And the metrics have:
        | reverse_proxy_paused_requests | 1 |
      When the proxy is sent SIGTERM
      Then the client "alice" is answered 503
      And the proxy exits with 0

    @S-14.9 @S-12.6
    Scenario: While one client fills its places at a paused site, another one's request waits and is answered
      Given the setting "rate_limit.burst" is 10000
      And the proxy is running
      And the command "reverse-proxy pause a.example.test --max 10m --config ${config}" is run
      And the client "mallory" asks "https://a.example.test" for "/" over 2 HTTP/2 connections with windows of 65535 bytes, 200 requests each, 400 a second
      And the log has a line "REQUEST" with:
        | client_ip | ${client:mallory}                                |
        | status    | 503                                              |
        | error     | too many requests wait for the end of the pause  |
      And the metrics have:
        | reverse_proxy_paused_requests | 256 |
      When the client "alice" begins to request "https://a.example.test/"
      Then the metrics have:
        | reverse_proxy_paused_requests | 257 |
      When the command "reverse-proxy resume a.example.test --config ${config}" is run
      Then the client "alice" is answered 200

    @S-14.9
    Scenario: While 1,024 requests wait at a paused site, another one is answered 503
      Given the setting "rate_limit.burst" is 10000
      And the proxy is running
      And the command "reverse-proxy pause a.example.test --max 10m --config ${config}" is run
      And the client "one" asks "https://a.example.test" for "/" over 2 HTTP/2 connections with windows of 65535 bytes, 130 requests each, 400 a second
      And the client "two" asks "https://a.example.test" for "/" over 2 HTTP/2 connections with windows of 65535 bytes, 130 requests each, 400 a second
      And the client "three" asks "https://a.example.test" for "/" over 2 HTTP/2 connections with windows of 65535 bytes, 130 requests each, 400 a second
      When the client "four" asks "https://a.example.test" for "/" over 2 HTTP/2 connections with windows of 65535 bytes, 130 requests each, 400 a second
      Then the metrics have:
        | reverse_proxy_paused_requests | 1024 |
      When the client "alice" begins to request "https://a.example.test/"
      Then the client "alice" is answered 503
      When a client requests "https://b.example.test/"
      Then the answer is 200

  Rule: An invalid order changes nothing

    @S-14.9
    Scenario Outline: <what> is refused
      Given the proxy is running
      When the command "reverse-proxy <command> --config ${config}" is run
      Then the command exits with <code>
      And the command prints "<complaint>" on stderr

      Examples:
        | what               | command                                 | code | complaint                                                                   |
        | an unknown host    | maintenance c.example.test on --text    | 1    | no site has the host or alias                |
        | no host            | pause                                   | 2    | pause needs HOST, as in reverse-proxy pause HOST                            |
        | no state           | maintenance a.example.test              | 2    | maintenance needs on\|off, as in reverse-proxy maintenance HOST on\|off     |
        | an unknown state   | maintenance a.example.test onn          | 2    | want on or off                                      |
        | a time for the end | maintenance a.example.test off --for 5m | 2    | --for goes with maintenance on                                              |
        | a bare number      | maintenance a.example.test on --for 5   | 2    | write a number with its unit, as in 90s, 10m or 2h                          |
        | a pause of an hour | pause a.example.test --max 1h           | 2    | write whole seconds, from 1s to 10 min                                      |
        | a second host      | resume a.example.test b.example.test    | 2    | unknown command                                            |

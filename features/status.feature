Feature: Status for people
  `reverse-proxy status` shows what the daemon does: as tables on a terminal, and elsewhere as the daemon's JSON.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: The tables show what an operator asks first

    @S-1.4 @S-10.1
    Scenario: Process, listeners, sites and certificates
      Given another listener
      And the setting "listeners[1].http_port" is 0
      And listener 2 makes its own certificate
      And the site "b.test" is served from the upstream "app" by listener 2
      And the proxy is running
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command exits with 0
      And the command prints nothing on stderr
      And the command names each of:
        | configuration  ${config}, in use since    |                    |                        |
        | process                                   | , up               |                        |
        | connections    0 of                       | 0 requests in flight |                      |
        | descriptors                               | of                 |                        |
        | memory                                    | MiB resident       | goroutines             |
        | sandbox                                   |                    |                        |
        | ${addr}:${https}                          | ${addr}:${http}    | manual                 |
        | ${addr2}:${https2}                        | -                  | self_signed            |
        | git.example.test                          | ${addr}:${https}   | http://${upstream:app} |
        | b.test                                    | ${addr2}:${https2} | http://${upstream:app} |
        | example.test, *.example.test              | manual             | UTC                    |
        | b.test                                    | self_signed        | 29                     |
        | no reload since the start                 |                    |                        |

    @S-1.4 @S-10.1
    Scenario: Each site's traffic and errors
      Given the site "www.example.test" is served from the upstream "app"
      And an upstream "gone" that answers 503 with the body "sorry"
      And the site "gone.example.test" is served from the upstream "gone"
      And the proxy is running
      And a client requests "https://git.example.test/"
      And a client requests "https://git.example.test/"
      When a client requests "https://gone.example.test/"
      Then the answer is 503 "sorry"
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command prints a line that matches "git\.example\.test .* 2    0    0 .* 6 B"
      And the command prints a line that matches "gone\.example\.test .* 1    0    1 .*"
      And the command prints a line that matches "www\.example\.test .* 0    0    0 .* 0 B"

    @S-1.4 @S-10.1
    Scenario: The latest reloads, and why they were refused
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "app2"
      And the configuration is reloaded
      And the setting "rate_limit.burst" is 0
      When a reload is requested
      Then the reload is refused
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command names each of:
        | UTC  ok     | 1 change                                                       |
        | UTC  error  | ${config}: nothing was changed; 1 error in the configuration   |
        | rate_limit.burst: 0 is out of range |                                        |
        | the file on disk differs from what is in use |                               |

    @S-10.1 @S-5.5
    Scenario: The last attempt, the last error and the next try of a name whose renewal fails
      Given no ACME server
      And a certificate "own" for "www.example.test" that is valid for 60 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the site "www.example.test" is served from the upstream "app"
      And the proxy is running
      And the log has a line "ACME_ERROR" with:
        | domain | www.example.test |
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command exits with 0
      And the command prints a line that matches "ACME NAME +LISTENER +LAST ATTEMPT +NEXT TRY +WHY +LAST ERROR"
      And the command prints a line that matches "www\.example\.test +\S+ +20\S+ \S+ UTC +20\S+ \S+ UTC +retry +.*connection refused.*"
      When the admin command "status" is sent
      Then the admin socket answers with:
        | acme#                | 1                |
        | acme[0].domain       | www.example.test |
        | acme[0].listener     | ${addr}:${https} |
        | acme[0].last_attempt | ~Z               |
        | acme[0].last_error   | ~refused         |
        | acme[0].next_try     | ~Z               |

    @S-10.1
    Scenario: At most ten reloads are remembered, the latest first
      Given the proxy is running
      And the configuration is reloaded 11 times
      And the setting "rate_limit.burst" is 0
      When a reload is requested
      Then the reload is refused
      When the admin command "status" is sent
      Then the admin socket answers with:
        | reloads#          | 10    |
        | reloads[0].status | error |
        | reloads[1].status | ok    |
        | reloads[9].status | ok    |

    @S-10.1 @S-3.4
    Scenario: What waits for a restart
      Given the proxy is running
      And the setting "max_connections" is 99
      And the configuration is reloaded
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command names each of:
        | restart needed | max_connections | -> 99 |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | config.restart_required[0].key  | max_connections |
        | config.restart_required[0].file | 99              |
        | config.file_differs             | false           |

    @S-10.1
    Scenario: The protocol has all of it
      Given the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers with:
        | time                        | ~Z                     |
        | site_traffic[0].host        | git.example.test       |
        | site_traffic[0].listener    | ${addr}:${https}       |
        | site_traffic[0].upstream    | http://${upstream:app} |
        | acme#                       | 0                      |
        | reloads#                    | 0                      |
        | memory.resident_bytes       | *                      |
        | memory.heap_bytes           | *                      |
        | memory.goroutines           | *                      |
        | max_connections             | *                      |
        | certificates[0].days_left   | 0                      |
        | config.restart_required#    | 0                      |

  Rule: A terminal gets text, and everything else JSON

    @S-1.4
    Scenario Outline: <command> on a terminal
      Given the proxy is running
      When the command "reverse-proxy <command> --config ${config}" is run on a terminal
      Then the command exits with 0
      And the command prints "<text>"
      And the command does not print "\"status\":"
      When the command "reverse-proxy <command> --json --config ${config}" is run on a terminal
      Then the command exits with 0
      And the command prints "{\"status\":\"ok\","
      When the command "reverse-proxy <command> --config ${config}" is run
      Then the command exits with 0
      And the command prints "{\"status\":\"ok\","

      Examples:
        | command | text                        |
        | status  | no reload since the start   |
        | diff    | ${config}: no change        |
        | reload  | reloaded: 1 site, no change |

  Rule: --watch redraws the tables

    @S-1.4
    Scenario: It outlives the daemon and ends on SIGINT with 0
      Given the proxy is running
      When the command "reverse-proxy status --watch --config ${config}" is started on a terminal
      Then the terminal shows "\x1b[Hversion "
      And the terminal shows "git.example.test"
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the terminal shows "no status from ${admin_socket}: no such file or directory; is the daemon running"
      And the terminal shows "trying again every 2s, until Ctrl-C"
      When the command is sent SIGINT
      Then the command exits with 0
      And the command prints nothing on stderr

    @S-1.5
    Scenario Outline: <wrong> is a wrong usage
      When the command "reverse-proxy <wrong>" is run
      Then the command exits with 2
      And the command prints 1 line on stderr
      And the command prints "--help" on stderr

      Examples:
        | wrong                   |
        | status --json --text    |
        | status --json --watch   |
        | reload --watch          |
        | diff --watch            |
        | check --text            |
        | --json                  |
        | check --socket /tmp/x   |

  Rule: What the daemon does not report is a dash, and what it reports cannot move the cursor

    @S-1.4
    Scenario: A daemon of an older version
      Given something else answers "{\"status\":\"ok\",\"uptime_secs\":5,\"sites\":3,\"version\":\"v0.9\",\"pid\":7,\"connections\":1}\n" at the socket "${admin_socket}"
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command exits with 0
      And the command names each of:
        | v0.9 (revision -, -)                        |
        | 3 sites; this daemon does not list them     |
        | connections    1 of -                       |
        | memory         - resident                   |

    @S-1.4
    Scenario Outline: Escape codes in <what>
      Given something else answers "{\"status\":\"ok\",<json>}\n" at the socket "${admin_socket}"
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command exits with 0
      And no escape codes were written
      When the command "reverse-proxy status --json --config ${config}" is run
      Then the command exits with 0
      And no escape codes were written

      Examples:
        | what      | json                                                                                                         |
        | a version | \"version\":\"\\\\u001b[2J\\\\u009b2Jx\"                                                                     |
        | a host    | \"site_traffic\":[{\"host\":\"\\\\u001b]0;x\\\\u0007\\\\r\\\\n\",\"upstream\":\"\\x7f\"}]                     |
        | raw bytes | \"version\":\"\\xc2\\x9b2J\\x9b2J\"                                                                          |
        | a reason  | \"reloads\":[{\"status\":\"error\",\"message\":\"\\\\u001b[31m\\\\nforged\",\"errors\":[\"\\\\u0008\"]}]     |

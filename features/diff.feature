Feature: Preview of a reload
  `reverse-proxy diff` asks the running daemon what a reload of the file in its present state would change, and changes
  nothing. `reverse-proxy reload` reports what it has changed, by the same comparison.

  Background:
    Given the site "git.example.test" is served from the upstream "old"

  Rule: The exit code reports whether a reload would change anything, or would be refused

    @S-1.4 @S-3.2
    Scenario: 0 for no change
      Given the proxy is running
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 0
      And the command prints "${config}: no change"
      And the command prints nothing on stderr

    @S-1.4 @S-3.2
    Scenario: 1 for changes, each on a line of its own
      Given the site "gone.example.test" is served from the upstream "old"
      And the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 7
      And the site "gone.example.test" is removed
      And the site "new.example.test" is served from the upstream "new"
      And the setting "rate_limit.burst" is 77
      And the setting "https_health_path" is "/alive"
      And the setting "max_connections" is 99
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command prints nothing on stderr
      And the command names each of:
        | ${config}: 6 changes                                                                              |                                        |
        | site added: new.example.test on ${addr}:${https}, upstream http://${upstream:new}                 |                                        |
        | site removed: gone.example.test on ${addr}:${https}, upstream http://${upstream:old}              |                                        |
        | site changed: git.example.test on ${addr}:${https}: upstream ${upstream:old} -> ${upstream:new}                       | , upstream_request_timeout_secs 60 -> 7 |
        | setting changed: rate_limit.burst                                                                 | -> 77                                  |
        | setting changed: https_health_path                                                                | -> /alive                              |
        | restart needed: max_connections                                                                   | -> 99                                  |

    @S-1.4 @S-3.2
    Scenario: 2 for a file that a reload would refuse, with every error
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      And the setting "body.limit_bytes" is -1
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 2
      And the command prints nothing
      And the command prints 3 lines on stderr
      And the command names each of:
        | ${config}: a reload would be refused; 2 errors in the configuration |
        | rate_limit.burst: 0 is out of range                                 |
        | body.limit_bytes: -1 is out of range                                |

    @S-1.4 @S-1.5
    Scenario: 2 with one line on stderr, and none on stdout, when there is no daemon to ask
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 2
      And the command prints nothing
      And the command prints 1 line on stderr
      And the command prints "reverse-proxy: diff: ${admin_socket}: no such file or directory; is the daemon running" on stderr

    @S-1.4 @S-3.2
    Scenario: The daemon's answer is JSON where there is no terminal, with the same exit codes
      Given the proxy is running
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 0
      And the command prints "{\"status\":\"ok\",\"path\":\"${config}\",\"changes\":0,\"difference\":{}}"
      Given the setting "rate_limit.burst" is 77
      When the command "reverse-proxy diff --json --config ${config}" is run
      Then the command exits with 1
      And the command prints "\"settings\":[{\"key\":\"rate_limit.burst\",\"old\":"
      Given the setting "rate_limit.burst" is 0
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 2
      And the command prints "\"errors\":[\"rate_limit.burst: 0 is out of range;"
      And the command prints nothing on stderr

  Rule: Certificates are compared by what is in their files

    @S-3.5
    Scenario: A renewed certificate shows its old and its new expiry
      Given the proxy is running
      And a certificate "listener1" for "example.test, *.example.test, other.test" that is valid for 3600 seconds
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command names each of:
        | certificate changed: example.test, *.example.test -> example.test, *.example.test, other.test on ${addr}:${https}, expires | -> |
      Given the configuration is reloaded
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 0

    @S-3.5
    Scenario: A bad certificate is reported as a refusal
      Given the proxy is running
      And the certificate "listener1" has the key of another one
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 2
      And the command prints "listeners[0].tls.key_path: " on stderr

  Rule: A listener that is new in the file waits for a restart, with its sites

    @S-3.4
    Scenario: Both are reported
      Given the proxy is running
      And another listener
      And the site "two.example.test" is served from the upstream "new" by listener 2
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command names each of:
        | restart needed: listeners[1] (none) -> ${addr2}:${https2}                                         |
        | restart needed: site two.example.test on ${addr2}:${https2}, upstream http://${upstream:new}      |

  Rule: A preview leaves no trace

    @S-3.2 @S-3.4
    Scenario: Nothing is changed, nothing is logged, and no drift counts as reported
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the setting "max_connections" is 99
      And the log lines so far are ignored
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 1
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      And the log has 0 lines "CONFIG_RELOAD"
      And the log has 0 lines "CONFIG_DRIFT"
      When the admin command "status" is sent
      Then the admin socket answers with:
        | last_reload | null |
        | reloads#    | 0    |
      When the configuration is reloaded
      Then the log has a line "CONFIG_DRIFT" with:
        | key | max_connections |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

  Rule: reload reports what it has changed

    @S-1.4 @S-3.2
    Scenario: The lines are those of the preview
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the setting "max_connections" is 99
      When the command "reverse-proxy reload --text --config ${config}" is run
      Then the command exits with 0
      And the command names each of:
        | reloaded: 1 site, 2 changes                                                                       |
        | site changed: git.example.test on ${addr}:${https}: upstream ${upstream:old} -> ${upstream:new}                       |
        | restart needed: max_connections                                                                   |
      When the command "reverse-proxy reload --text --config ${config}" is run
      Then the command prints "reloaded: 1 site, 1 change"

    @S-1.4 @S-3.2
    Scenario: For a long list that changes it says what was added and what was removed
      Given an ACME server
      And listener 1 gets certificates for "git.example.test, a-name-that-is-long-01.example.test, a-name-that-is-long-02.example.test, a-name-that-is-long-03.example.test, a-name-that-is-long-04.example.test, a-name-that-is-long-05.example.test, a-name-that-is-long-06.example.test, a-name-that-is-long-07.example.test, a-name-that-is-long-08.example.test, a-name-that-is-long-09.example.test, last-of-them.example.test" from the ACME server
      And the proxy is running
      And the setting "listeners[0].tls.acme_domains" is ["git.example.test", "a-name-that-is-long-01.example.test", "a-name-that-is-long-02.example.test", "a-name-that-is-long-03.example.test", "a-name-that-is-long-04.example.test", "a-name-that-is-long-05.example.test", "a-name-that-is-long-06.example.test", "a-name-that-is-long-07.example.test", "a-name-that-is-long-08.example.test", "a-name-that-is-long-09.example.test", "new.example.test"]
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command names each of:
        | setting changed: listeners[0].tls.acme_domains added new.example.test; removed last-of-them.example.test |
      When the command "reverse-proxy reload --text --config ${config}" is run
      Then the command exits with 0
      And the command names each of:
        | reloaded: 1 site, 1 change                                                                               |
        | setting changed: listeners[0].tls.acme_domains added new.example.test; removed last-of-them.example.test |

    @S-1.4 @S-3.2
    Scenario: The protocol's answer has the same difference
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the configuration file is written
      When the admin command "diff" is sent
      Then the admin socket answers with:
        | status                               | ok               |
        | changes                              | 1                |
        | difference.sites_changed[0].host     | git.example.test |
        | difference.sites_changed[0].keys#    | 1                |
        | difference.sites_changed[0].keys[0].key | upstream      |
        | difference.sites_changed[0].keys[0].old | ${upstream:old} |
        | difference.sites_changed[0].keys[0].new | ${upstream:new} |
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status                               | ok               |
        | sites                                | 1                |
        | difference.sites_changed[0].keys[0].new | ${upstream:new} |

    @S-1.4 @S-3.2
    Scenario: A refused reload exits with 1 and reports every error
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      When the command "reverse-proxy reload --text --config ${config}" is run
      Then the command exits with 1
      And the command prints nothing
      And the command prints 2 lines on stderr
      And the command prints "${config}: nothing was changed; 1 error in the configuration" on stderr

  Rule: An answer that is not from this daemon is reported in one clear line

    @S-1.4
    Scenario Outline: <what> makes <command> exit with <code>
      Given something else answers "<answer>" at the socket "${admin_socket}"
      When the command "reverse-proxy <command> --text --config ${config}" is run
      Then the command exits with <code>
      And the command prints nothing
      And the command prints 1 line on stderr
      And the command prints "reverse-proxy: <command>: ${admin_socket}: <says>" on stderr
      And no escape codes were written

      Examples:
        | what                          | command | code | answer                                                                | says                                                    |
        | An older daemon               | diff    | 2    | {\"status\":\"error\",\"message\":\"unknown command: diff\"}\\n | the daemon is an older version that does not know diff; restart it with this version |
        | A web server                  | diff    | 2    | HTTP/1.1 400 Bad Request\\r\\n\\r\\n                              | the answer is not the daemon's: \"HTTP/1.1 400 Bad Request\" |
        | Nothing                       | diff    | 2    |                                                                       | the connection was closed without an answer             |
        | Half a line                   | status  | 1    | {\"status\":\"ok\"                                                  | the answer is not a whole line                          |
        | A terminal's commands         | status  | 1    | \\x1b[2J\\x1b]0;owned\\x07\\n                                     | the answer is not the daemon's:                         |
        | Another kind of JSON          | status  | 1    | {\"status\":\"ok\",\"listeners\":{\"x\":1}}\\n                    | the answer is not the daemon's:                         |
        | A difference that is a number | reload  | 1    | {\"status\":\"ok\",\"difference\":5}\\n                             | the answer is not the daemon's:                         |
        | A refusal of this user        | diff    | 2    | {\"status\":\"error\",\"message\":\"permission denied\"}\\n       | permission denied                                       |

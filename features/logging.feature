Feature: The log
  One line for each event, on stdout and in the log file, in a layout that programs read: fail2ban bans by it. Nothing
  that a client sends can forge a line or a field, and no slow reader or full disk delays a request.

  Rule: Every line is a UTC time with milliseconds, a level, an event and key=value

    @S-8.1
    Scenario Outline: A request is logged when it has ended, with its keys in their order, over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/user/repo?token=secret |
        | client | alice                                           |
      Then the answer is 200
      And the log has a line "REQUEST" with:
        | level       | INFO             |
        | client_ip   | ${client:alice}  |
        | host        | git.example.test |
        | method      | GET              |
        | path        | /user/repo       |
        | status      | 200              |
        | upstream    | ${upstream:app}  |
        | duration_ms | *                |
      And the line "REQUEST" has the keys "client_ip host method path status upstream duration_ms"
      And the log has no line that contains "secret"
      And every line of the log is well-formed

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.1
    Scenario Outline: A request is not logged before the last byte of its body over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that streams "first|second"
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/stream"
      Then the client "alice" has received "first"
      And the log has no line "REQUEST"
      When the upstream "app" is released
      Then the client "alice" is answered 200
      And the log has 1 line "REQUEST"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.1
    Scenario Outline: A request for an unknown host is logged without an upstream over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/       |
        | header | Host: other.example.test        |
      Then the answer is 404
      And the log has a line "REQUEST" with:
        | host     | other.example.test |
        | status   | 404                |
        | upstream | -                  |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.1
    Scenario Outline: Every one of many requests is logged over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      When a client requests "https://git.example.test/" 300 times in parallel
      Then the log has 300 lines "REQUEST"
      And the file "proxy.log" has 300 lines "REQUEST"
      And the log has no line "LOG_DROPPED"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.1
    Scenario Outline: A client that exceeds its rate leaves a RATE_LIMIT line with its address over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When the client "alice" requests "https://git.example.test/login?password=secret" 2 times
      Then the log has 1 line "RATE_LIMIT" with:
        | level     | WARN             |
        | client_ip | ${client:alice}  |
        | host      | git.example.test |
        | path      | /login           |
        | status    | 429              |
      And the line "RATE_LIMIT" has the keys "client_ip host path status limit"
      And the log has no line that contains "secret"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.1
    Scenario Outline: A failing upstream leaves an UPSTREAM_ERROR line that names the cause over <protocol>
      Given clients speak <protocol>
      And no upstream "gone"
      And the site "git.example.test" is served from the upstream "gone"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 502
      And the log has a line "UPSTREAM_ERROR" with:
        | level    | WARN               |
        | host     | git.example.test   |
        | upstream | ${upstream:gone}   |
        | error    | connection refused |
      And the line "UPSTREAM_ERROR" has the keys "host upstream error"
      And the log has a line "REQUEST" with:
        | status   | 502              |
        | upstream | ${upstream:gone} |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.1
    Scenario Outline: Lines below the level are left out
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.level" is "<level>"
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      And a client requests "https://git.example.test/" 2 times
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the log has <requests> lines "REQUEST"
      And the log has <refused> lines "RATE_LIMIT"

      Examples:
        | level | requests | refused |
        | trace | 1        | 1       |
        | debug | 1        | 1       |
        | info  | 1        | 1       |
        | warn  | 0        | 1       |
        | error | 0        | 0       |

  Rule: The lines go to stdout always, and to the log file when it is set

    @S-8.2
    Scenario Outline: Stdout and the file have the same lines in the format <format> over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the setting "logging.format" is "<format>"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      And a client requests "https://git.example.test/a b%20c" 3 times
      And a client requests "https://git.example.test/user/repo" 3 times
      And the configuration is reloaded
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the file "proxy.log" has the same lines as the log
      And every line of the file "proxy.log" is well-formed
      And every line of the file "proxy.log" is plain ASCII
      And the line "REQUEST" has the keys "client_ip host method path status upstream duration_ms"
      And the line "CONFIG_RELOAD" has the keys "status sites"
      And the log has a line that contains "<part>"

      Examples:
        | format | protocol | part                                                    |
        | text   | HTTP/1.1 | path=/user/repo status=200 upstream=                    |
        | json   | HTTP/1.1 | ,\"path\":\"/user/repo\",\"status\":200,\"upstream\":\" |
        | text   | HTTP/2   | path=/user/repo status=200 upstream=                    |
        | json   | HTTP/2   | ,\"path\":\"/user/repo\",\"status\":200,\"upstream\":\" |

    @S-8.2
    Scenario: The file is created for its owner and group, and appended to by the next start
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      When the proxy is running
      Then the mode of "proxy.log" is "0640"
      Given the proxy is sent SIGTERM
      And the proxy exits with 0
      When the proxy is started again
      Then the file "proxy.log" has 20 lines "STARTUP"

    @S-8.2
    Scenario: A line that a crash has truncated is not joined to the next one
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      And a file "proxy.log" with "2026-01-02T03:04:05.678Z INFO REQ"
      When the proxy is running
      Then the file "proxy.log" has 10 lines "STARTUP"
      And the file "proxy.log" contains "INFO REQ"
      And the file "proxy.log" does not contain "INFO REQ2"

    @S-8.2 @S-4.2
    Scenario Outline: A log file that is <kind> refuses the start and stays untouched
      Given <kind> "proxy.log"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error has a line with "logging.log_file_path"
      And "proxy.log" is a <word>
      And nothing of the proxy is left

      Examples:
        | kind           | word      |
        | a directory    | directory |
        | a stale socket | socket    |

    @S-8.2 @S-4.2
    Scenario: A log directory that is missing refuses the start
      Given the setting "logging.log_file_path" is "${dir}/missing/proxy.log"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error has a line with "logging.log_file_path"

  Rule: SIGUSR1 and `reopen` reopen the log file

    @S-8.3
    Scenario: After a rename and SIGUSR1 the lines go to a new file and none is lost
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      And a client requests "https://git.example.test/before" 20 times
      And "proxy.log" is renamed to "proxy.log.1"
      And a client requests "https://git.example.test/between" 20 times
      And the log has 40 lines "REQUEST"
      And the proxy is sent SIGUSR1
      And the log has a new line "LOG_REOPENED" with:
        | level  | INFO    |
        | status | success |
      When a client requests "https://git.example.test/after" 20 times
      Then the file "proxy.log" has 20 lines "REQUEST"
      And the file "proxy.log.1" has 40 lines "REQUEST"
      And the mode of "proxy.log" is "0640"
      And the files together have the same lines as the log:
        | proxy.log.1 |
        | proxy.log   |

    @S-8.3
    Scenario: Rotation under load loses no request and no line
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      And a steady load on "https://git.example.test/"
      And "proxy.log" is renamed to "proxy.log.1"
      And the proxy is sent SIGUSR1
      And the log has 1 line "LOG_REOPENED"
      And "proxy.log" is renamed to "proxy.log.2"
      And the proxy is sent SIGUSR1
      And the log has 2 lines "LOG_REOPENED"
      And the steady load has lost no request
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the log has no line "LOG_DROPPED"
      And the files together have the same lines as the log:
        | proxy.log.1 |
        | proxy.log.2 |
        | proxy.log   |

    @S-8.3 @logrotate
    Scenario: logrotate with the shipped file loses no line, whether its file is compressed or not yet
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      And a steady load on "https://git.example.test/"
      When logrotate rotates the logs with the shipped file
      Then the log has a new line "LOG_REOPENED" with:
        | status | success |
      Given the load has made 100 requests
      When logrotate rotates the logs with the shipped file
      Then the log has a new line "LOG_REOPENED" with:
        | status | success |
      And the load has made 200 requests
      And the steady load has lost no request
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the log has no line "LOG_DROPPED"
      And the mode of "proxy.log" is "0640"
      And the files together have the same lines as the log:
        | proxy.log.2.gz |
        | proxy.log.1    |
        | proxy.log      |

    @S-8.3 @logrotate
    Scenario: logrotate with the shipped file sends the signal where the admin socket is turned off
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the setting "admin_socket_path" is ""
      And the proxy is running
      When logrotate rotates the logs with the shipped file
      Then the log has a new line "LOG_REOPENED" with:
        | status | success |

    @S-8.3 @logrotate
    Scenario: logrotate with the shipped file needs no systemd
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      When logrotate rotates the logs with the shipped file on a machine without systemd
      Then the log has a new line "LOG_REOPENED" with:
        | status | success |

    @S-8.3 @S-1.4
    Scenario: `reopen` does what SIGUSR1 does, and says so
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      And a client requests "https://git.example.test/before" 20 times
      And the log has 20 lines "REQUEST"
      And "proxy.log" is renamed to "proxy.log.1"
      When the command "reverse-proxy reopen --text --config ${config}" is run
      Then the command exits with 0
      And the command prints "reopened: ${dir}/proxy.log"
      And the log has a new line "LOG_REOPENED" with:
        | level  | INFO    |
        | status | success |
      When a client requests "https://git.example.test/after" 20 times
      Then the file "proxy.log" has 20 lines "REQUEST"
      And the file "proxy.log.1" has 20 lines "REQUEST"

    @S-8.3 @S-10.1
    Scenario: `reopen` answers programs with one line of JSON
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When the admin command "reopen" is sent
      Then the admin socket answers with:
        | status        | ok               |
        | log_file_path | ${dir}/proxy.log |

    @S-8.3 @S-1.4
    Scenario: `reopen` fails when the new file cannot be opened, and the old one is still written
      Given the site "git.example.test" is served from the upstream "app"
      And a directory "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the setting "sandbox" is "off"
      And the proxy is running
      And "logs" is renamed to "moved"
      When the command "reverse-proxy reopen --text --config ${config}" is run
      Then the command exits with 1
      And the command prints nothing
      And the command prints 1 line on stderr
      And the command prints "logging.log_file_path: open ${dir}/logs/proxy.log: no such file or directory; create its directory" on stderr
      And the log has a new line "LOG_REOPENED" with:
        | level  | ERROR |
        | status | error |
      When a client requests "https://git.example.test/while-gone"
      Then the file "moved/proxy.log" contains "path=/while-gone"

    @S-8.3
    Scenario: `reopen` without a log file has nothing to do
      Given the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When the command "reverse-proxy reopen --text --config ${config}" is run
      Then the command exits with 0
      And the command prints "logging.log_file_path is not set; nothing to reopen"

    @S-8.3
    Scenario: A log directory that has vanished is reported, and the old file is still written
      Given the site "git.example.test" is served from the upstream "app"
      And a directory "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the setting "sandbox" is "off"
      And the proxy is running
      And "logs" is renamed to "moved"
      When the proxy is sent SIGUSR1
      Then the log has a new line "LOG_REOPENED" with:
        | level  | ERROR                          |
        | status | error                          |
        | error  | ~logging.log_file_path: open   |
      When a client requests "https://git.example.test/while-gone"
      Then the answer is 200
      And the file "moved/proxy.log" contains "path=/while-gone"
      Given a directory "logs"
      When the proxy is sent SIGUSR1
      Then the log has a new line "LOG_REOPENED" with:
        | status | success |
      When a client requests "https://git.example.test/again"
      Then the file "logs/proxy.log" contains "path=/again"

    @S-8.3
    Scenario: Without a log file SIGUSR1 changes nothing
      Given the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      And the proxy is sent SIGUSR1
      When a client requests "https://git.example.test/"
      Then the answer is 200
      And the proxy is still running

  Rule: A slow or full log never stalls a request; what is lost is counted

    @S-8.4
    Scenario Outline: A stdout that nobody reads stalls neither requests nor the log file over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the setting "rate_limit.requests_per_second" is 100000
      And the setting "rate_limit.burst" is 100000
      And the proxy will be started with a stdout that nobody reads
      And the proxy is running
      # 1000 lines of about 2 KiB: more than the pipe (64 KiB) and the buffer (1 MiB) hold.
      When a client requests "https://git.example.test/${x*2000}" 1000 times
      Then 1000 of the answers are 200
      And the file "proxy.log" has 1000 lines "REQUEST"
      When the stdout of the proxy is read again
      Then the log has a line "LOG_DROPPED" with:
        | level | WARN   |
        | sink  | stdout |
        | lines | *      |
      # Only now: before it, the buffer may still be full, and the line would be one of those that are dropped.
      When a client requests "https://git.example.test/after"
      Then the log has a line "REQUEST" with:
        | path | /after |
      And every line of the log is well-formed
      And the file "proxy.log" has a line "LOG_DROPPED" with:
        | sink | stdout |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.4 @S-11.1
    Scenario: A stdout that nobody reads does not keep the proxy from exiting
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "rate_limit.requests_per_second" is 100000
      And the setting "rate_limit.burst" is 100000
      And the proxy will be started with a stdout that nobody reads
      And the proxy is running
      And a client requests "https://git.example.test/${x*2000}" 100 times
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 10 seconds

    @S-8.4
    Scenario: The death of the log's reader does not end the proxy
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy will be started with a stdout that nobody reads
      And the proxy is running
      And the reader of the proxy's stdout dies
      When a client requests "https://git.example.test/" 10 times
      Then 10 of the answers are 200
      And the file "proxy.log" has a line "LOG_WRITE_ERROR" with:
        | level | ERROR        |
        | sink  | stdout       |
        | error | ~broken pipe |
        | lines | *            |
      And the file "proxy.log" has 10 lines "REQUEST"
      And the proxy is still running

    @S-8.4
    Scenario: A full disk for stdout is reported in the log file, once in 10 s
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy will be started with a full disk as its stdout
      And the proxy is running
      When a client requests "https://git.example.test/" 50 times
      Then 50 of the answers are 200
      And the file "proxy.log" has a line "LOG_WRITE_ERROR" with:
        | sink  | stdout                   |
        | error | ~no space left on device |
      And the file "proxy.log" has 50 lines "REQUEST"
      And the file "proxy.log" has 1 line "LOG_WRITE_ERROR"

    @S-8.4 @mount
    Scenario: A full disk for the log file is reported on stdout, and the lines lost are counted when it has room again
      Given the site "git.example.test" is served from the upstream "app"
      And a small disk "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the proxy is running
      And a client requests "https://git.example.test/before"
      And the file "logs/proxy.log" contains "path=/before"
      And the disk "logs" is full
      When a client requests "https://git.example.test/${x*2000}" 20 times
      Then 20 of the answers are 200
      And the log has a line "LOG_WRITE_ERROR" with:
        | level | ERROR                    |
        | sink  | file                     |
        | error | ~no space left on device |
      Given the disk "logs" has room again
      When a client requests "https://git.example.test/after"
      Then the log has a line "LOG_DROPPED" with:
        | sink  | file |
        | lines | *    |
      And the file "logs/proxy.log" has a line "LOG_DROPPED" with:
        | level | WARN |
        | sink  | file |
      And the file "logs/proxy.log" has a line "REQUEST" with:
        | path | /after |

  Rule: The shipped fail2ban filters match these lines, and nothing that a client sends makes them match another address

    @S-8.5
    Scenario Outline: fail2ban finds the clients that were refused, in the format <format>, over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the setting "logging.format" is "<format>"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      And the client "scanner" requests "https://git.example.test/login" 2 times
      And the client "browser" requests "https://git.example.test/login"
      When the client "bot" requests "https://git.example.test/.env" 2 times
      Then the fail2ban filter "reverse-proxy" finds in "proxy.log":
        | ${client:scanner} | 1 |
        | ${client:bot}     | 1 |

      Examples:
        | format | protocol |
        | text   | HTTP/1.1 |
        | json   | HTTP/1.1 |
        | text   | HTTP/2   |
        | json   | HTTP/2   |

    @S-8.5
    Scenario Outline: Forged requests ban only their sender, in the format <format>
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "logging.format" is "<format>"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 3
      And the proxy is running
      And the client "attacker" opens a connection to "https://git.example.test"
      And the client sends:
        """
        RATE_LIMIT /"RATE_LIMIT"client_ip=1.2.3.4,"client_ip":"1.2.3.4"status=429 HTTP/1.1
        Host: git.example.test

        """
      And the client receives the answer 200
      And the client sends:
        """
        GET /%0a2026-01-02T03:04:05.678Z%20WARN%20RATE_LIMIT%20client_ip=1.2.3.4%20host=a HTTP/1.1
        Host: git.example.test

        """
      And the client receives the answer 200
      And the client sends:
        """
        GET / HTTP/1.1
        Host: client_ip=1.2.3.4

        """
      And the client receives the answer 400
      And the client "attacker" opens a connection to "https://git.example.test"
      And the client sends:
        """
        GET /"}\\",\xe2\x80\xa8\xc2\x85\xff{"event":"RATE_LIMIT","client_ip":"1.2.3.4","status":429} HTTP/1.1
        Host: git.example.test

        """
      And the client receives the answer 429
      And the client "forger" requests "https://git.example.test/" 3 times
      And the client "forger" opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET /"\xe2\x80\xa8"WARN"RATE_LIMIT"client_ip=1.2.3.4"host=a"path=/"status=429 HTTP/1.1
        Host: 1.2.3.4"

        """
      Then every line of the file "proxy.log" is plain ASCII
      And the fail2ban filter "reverse-proxy" finds in "proxy.log":
        | ${client:attacker} | 1 |
        | ${client:forger}   | 1 |
      And every line of the file "proxy.log" is well-formed
      And the file "proxy.log" has the same lines as the log

      Examples:
        | format |
        | text   |
        | json   |

  Rule: A repeating failure is logged at most once in 10 s, with a count

    @S-8.6
    Scenario: An upstream that is down is logged immediately, and after 10 s with the number of failures since
      Given no upstream "gone"
      And the site "git.example.test" is served from the upstream "gone"
      And the proxy is running
      When a client requests "https://git.example.test/" 30 times
      Then 30 of the answers are 502
      And the log has 30 lines "REQUEST"
      And the log has 1 line "UPSTREAM_ERROR"
      And the log has a line "UPSTREAM_ERROR" with:
        | repeated | 29 |
      And the log has 2 lines "UPSTREAM_ERROR"

    @S-8.6
    Scenario Outline: What is held back is logged at shutdown over <protocol>
      Given clients speak <protocol>
      And no upstream "gone"
      And the site "git.example.test" is served from the upstream "gone"
      And the proxy is running
      And a client requests "https://git.example.test/" 5 times
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the log has 2 lines "UPSTREAM_ERROR"
      And the log has a line "UPSTREAM_ERROR" with:
        | repeated | 4 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-8.6 @network
    Scenario: What an IPv6 client does from all addresses of its /64 is one failure
      Given a separate network with the addresses "2001:db8:1::1,2001:db8:2::a,2001:db8:2::b"
      And the setting "listeners[0].bind_addr" is "2001:db8:1::1"
      And the client "mallory" has the address "2001:db8:2::a"
      And the client "mallet" has the address "2001:db8:2::b"
      And the site "six.example.test" is served from the upstream "six"
      And the proxy is running
      And the client "mallory" speaks HTTP/2 with "https://six.example.test"
      When it floods the proxy with 10000 of "PING"
      Then it is ended with "ENHANCE_YOUR_CALM"
      Given the client "mallet" speaks HTTP/2 with "https://six.example.test"
      When it floods the proxy with 10000 of "PING"
      Then it is ended with "ENHANCE_YOUR_CALM"
      And the log has a line "HTTP2_ABUSE" with:
        | client_ip | 2001:db8:2::b |
        | repeated  | 1             |
      And the log has 2 lines "HTTP2_ABUSE"

    @S-8.6 @S-12.3
    Scenario Outline: The <port> port that cannot accept says so once in 10 s, and continues when it can
      Given the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      And the proxy can open no more files
      When a client opens a connection to "tcp://<address>"
      Then the log has a line "ACCEPT_ERROR" with:
        | level    | ERROR                |
        | listener | <address>            |
        | error    | ~too many open files |
      And the log has a line "ACCEPT_ERROR" with:
        | listener | <address> |
        | repeated | *         |
      And the log has 2 lines "ACCEPT_ERROR" with:
        | listener | <address> |
      Given the proxy can open files again
      When a client requests "https://git.example.test/"
      Then the answer is 200
      When a client requests "<url>"
      Then the answer is <status>

      Examples:
        | port     | address             | url                               | status |
        | HTTPS    | ${addr}:${https}    | https://git.example.test/a        | 200    |
        | redirect | ${addr}:${http}     | http://git.example.test/a         | 301    |
        | health   | 127.0.0.1:${health} | http://127.0.0.1:${health}/health | 200    |

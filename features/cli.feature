Feature: Command line

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: The flags say what to do and where the configuration is

    @S-1.1
    Scenario: --help lists the flags, the commands, the signals and the exit codes
      When the command "reverse-proxy --help" is run
      Then the command exits with 0
      And the command names each of:
        | --config PATH                        |
        | /etc/reverse-proxy/config.toml       |
        | --validate                           |
        | --allow-wildcard-bind                |
        | --version                            |
        | --socket PATH                        |
        | reload                               |
        | status                               |
        | SIGHUP                               |
        | Exit codes                           |
      And the command prints nothing on stderr

    @S-1.1
    Scenario: Without --config the default path is read
      When the command "reverse-proxy --validate" is run
      Then the command names each of:
        | /etc/reverse-proxy/config.toml |

    @S-1.1
    Scenario: --config names the file
      When the command "reverse-proxy --config=${config} --validate" is run
      Then the command exits with 0
      And the command prints "${config}"

    @S-1.6
    Scenario: --version prints version, revision and Go version
      When the command "reverse-proxy --version" is run
      Then the command exits with 0
      And the command prints a line that matches "reverse-proxy \S+ \(revision ([0-9a-f]{40}(\+dirty)?|unknown), go1\.\d+\S*\)"
      And the command prints nothing on stderr

  Rule: --validate reports everything and starts nothing

    @S-1.2
    Scenario: A good configuration is reported on one line
      When the configuration is validated
      Then the command exits with 0
      And the command prints a line that matches "configuration OK: .*"
      And the command prints nothing on stderr

    @S-1.2
    Scenario: Every error is on a line of its own, with the key, what is wrong and what would be right
      Given the setting "listeners[0].sites[0].upstream" is "http://127.0.0.1"
      And the setting "rate_limit.burst" is 0
      And the setting "health_check_port" is 70000
      When the configuration is validated
      Then the command exits with 1
      And the command prints 3 lines on stderr
      And the command names each of:
        | listeners[0].sites[0].upstream: | http://127.0.0.1 | host:port |
        | rate_limit.burst:               | 0                |           |
        | health_check_port:              | 70000            | 65535     |
      And the command prints nothing

    @S-1.2
    Scenario: Validating creates no log file and binds no port
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      And something else listens on "${addr}:${https}"
      And something else listens on "127.0.0.1:${health}"
      When the configuration is validated
      Then the command exits with 0
      And "proxy.log" does not exist
      And "admin.sock" does not exist

    @S-1.2
    Scenario Outline: <what> in place of a configuration is one clear error
      Given <given>
      When the command "reverse-proxy --config <path> --validate" is run
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command prints "<path>" on stderr
      And the command prints "<cause>" on stderr

      Examples:
        | what            | given                                        | path               | cause        |
        | Nothing         | a directory "empty"                          | ${dir}/missing     | no such file |
        | A directory     | a directory "conf"                           | ${dir}/conf        | directory    |
        | An empty file   | a file "empty.toml" with ""                  | ${dir}/empty.toml  | empty        |
        | A huge file     | a file "huge.toml" of 1048577 bytes          | ${dir}/huge.toml   | 1048576      |
        | A binary file   | a file "binary.toml" with "\x7fELF\0\x01\xff" | ${dir}/binary.toml | binary       |

    @S-1.2
    Scenario: A half-written file is refused with the line of the fault
      Given the configuration file is "[body]\nlimit_bytes = 10"
      And the configuration file ends with:
        """
        [[listeners]]
        bind_addr = "127.0.0.1
        """
      When the configuration is validated
      Then the command exits with 1
      And the command prints "line" on stderr

    @S-1.2
    Scenario: A misspelt key is an error, and the nearest known one is suggested
      Given the setting "body.limit_byte" is 5
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | body.limit_byte: | limit_bytes |

  Rule: --allow-wildcard-bind counts at startup and at every reload

    @S-1.3
    Scenario: A wildcard is refused without permission
      Given the setting "listeners[0].bind_addr" is "0.0.0.0"
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].bind_addr: " on stderr

    @S-1.3
    Scenario Outline: <leave> gives permission, at startup and at a reload
      Given <given>
      And the settings:
        | listeners[0].bind_addr  | "0.0.0.0"       |
        | listeners[0].https_port | ${port:https}   |
        | listeners[0].http_port  | 0               |
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      Given the site "git.example.test" is moved to the upstream "app2"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app2"

      Examples:
        | leave                 | given                                                        |
        | --allow-wildcard-bind | the proxy will be started with "--allow-wildcard-bind"       |
        | allow_wildcard_bind   | the setting "allow_wildcard_bind" is true                    |

  Rule: reload and status ask the running daemon

    @S-1.4 @S-3.2
    Scenario: reload exits with 0 when it worked, and prints the daemon's JSON
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "app2"
      When the command "reverse-proxy reload --config ${config}" is run
      Then the command exits with 0
      And the command prints "\"status\":\"ok\""
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app2"

    @S-1.4 @S-3.2
    Scenario: reload exits with 1 when it was refused, and prints every error
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      And the setting "body.limit_bytes" is -1
      When the command "reverse-proxy reload --socket ${admin_socket}" is run
      Then the command exits with 1
      And the command prints "\"status\":\"error\""
      And the command prints "nothing was changed; 2 errors in the configuration"
      And the command prints "rate_limit.burst: "
      And the command prints "body.limit_bytes: "
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

    @S-1.4
    Scenario: status prints what the daemon does
      Given the proxy is running
      When the command "reverse-proxy status --config ${config}" is run
      Then the command exits with 0
      And the command prints "\"uptime_secs\":"
      And the command prints "\"sites\":1"

    @S-1.4
    Scenario: --socket names another socket than the configuration's
      Given the proxy is running
      When the command "reverse-proxy status --socket ${admin_socket}" is run
      Then the command exits with 0
      When the command "reverse-proxy status --socket ${dir}/other.sock" is run
      Then the command exits with 1
      And the command prints "${dir}/other.sock" on stderr
      And the command prints 1 line on stderr
      And the command prints nothing

    @S-1.4
    Scenario Outline: <command> without a daemon exits with 1 and says so
      When the command "reverse-proxy <command> --config ${config}" is run
      Then the command exits with 1
      And the command prints "${admin_socket}" on stderr
      And the command prints 1 line on stderr

      Examples:
        | command |
        | reload  |
        | status  |

    @S-1.4
    Scenario: reload works while the file is not valid, because only its socket's path is needed
      Given the proxy is running
      And the setting "body.limit_bytes" is -1
      When the command "reverse-proxy reload --config ${config}" is run
      Then the command exits with 1
      And the command prints "body.limit_bytes: "

  Rule: The exit code reports what happened

    @S-1.5
    Scenario: A graceful shutdown exits with 0
      Given the proxy is running
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And its standard error is empty

    @S-1.5
    Scenario: A configuration that is not valid exits with 1
      Given the setting "body.limit_bytes" is -1
      When the proxy is started
      Then the proxy exits with 1

    @S-1.5
    Scenario Outline: <wrong> is a wrong usage and exits with 2
      When the command "reverse-proxy <wrong>" is run
      Then the command exits with 2
      And the command prints 1 line on stderr
      And the command prints "--help" on stderr
      And the command prints nothing

      Examples:
        | wrong                             |
        | --no-such-flag                    |
        | --config                          |
        | restart                           |
        | reload status                     |
        | reload --validate                 |
        | --socket /tmp/x                   |
        | --validate=perhaps                |

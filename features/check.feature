Feature: Check of a configuration
  `reverse-proxy check`, and `--validate`, report every error as the start would, and warn of what is legal but probably
  wrong. They change nothing and bind nothing.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: check is --validate

    @S-1.2
    Scenario: A valid configuration is reported in one line
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints a line that matches "configuration OK: .*: 1 listener, 1 site"
      And the command prints nothing on stderr

    @S-1.2
    Scenario: Every error is reported, and the exit code is 1
      Given the setting "rate_limit.burst" is 0
      And the setting "body.limit_bytes" is -1
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      And the command prints 2 lines on stderr
      And the command prints nothing
      And the command names each of:
        | rate_limit.burst: 0 is out of range  |
        | body.limit_bytes: -1 is out of range  |

    @S-1.3
    Scenario: --allow-wildcard-bind goes with check
      Given the setting "listeners[0].bind_addr" is "0.0.0.0"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      When the command "reverse-proxy check --config ${config} --allow-wildcard-bind" is run
      Then the command exits with 0

    @S-1.2
    Scenario: --json is one line for programs, whatever the outcome
      Given the setting "rate_limit.burst" is 5
      When the command "reverse-proxy check --json --config ${config}" is run
      Then the command exits with 0
      And the command prints "{\"status\":\"ok\",\"path\":\"${config}\",\"listeners\":1,\"sites\":1,\"errors\":[],\"warnings\":[{\"key\":\"rate_limit.burst\","
      And the command prints nothing on stderr
      Given the setting "rate_limit.burst" is 0
      When the command "reverse-proxy check --json --config ${config}" is run
      Then the command exits with 1
      And the command prints "\"errors\":[{\"key\":\"rate_limit.burst\",\"problem\":\"0 is out of range;"
      And the command prints nothing on stderr

  Rule: What is legal and probably wrong is a warning, and the exit code stays 0

    @S-1.2
    Scenario Outline: A warning for <what>
      Given the setting "<key>" is <value>
      When the command "reverse-proxy <flag> --config ${config}" is run
      Then the command exits with 0
      And the command prints 1 line on stderr
      And the command prints "warning: <key>: " on stderr
      And the command prints "<says>" on stderr
      And the command prints a line that matches "configuration OK: .*, 1 warning"

      Examples:
        | what                                              | flag       | key                            | value                    | says                                  |
        | a burst that the load of one page is more than    | check      | rate_limit.burst               | 5                        | 429; write 30 or more                 |
        | the same, by --validate                           | --validate | rate_limit.burst               | 5                        | 429; write 30 or more                 |
        | a body limit that refuses a form with a picture   | check      | body.limit_bytes               | 1000                     | 413; write 65536 or more              |
        | connections that a few browsers use up            | check      | max_connections                | 8                        | write 32 or more                      |
        | a name that no certificate of the listener covers | check      | listeners[0].sites[0].host     | "git.example.org"        | covered by no certificate             |
        | a name two labels below a wildcard                | check      | listeners[0].sites[0].host     | "a.git.example.test"     | covered by no certificate             |
        | an upstream that is the proxy itself              | check      | listeners[0].sites[0].upstream | "${addr}:${https}"       | own listeners[0].https_port           |
        | an upstream that is its redirect port             | check      | listeners[0].sites[0].upstream | "${addr}:${http}"        | own listeners[0].http_port            |
        # Nobody is asked about names below onion (RFC 7686, section 2): they have no address anywhere.
        | an upstream name that does not resolve            | check      | listeners[0].sites[0].upstream | "nowhere.onion:80"       | nowhere.onion\" has no address        |

    @S-1.2
    Scenario: A warning for a certificate that expires soon
      Given a certificate "short" for "git.example.test" that is valid for 3600 seconds
      And listener 1 has the certificate "short"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints 1 line on stderr
      And the command prints "warning: listeners[0].tls.cert_path: the certificate for \"git.example.test\" expires at " on stderr

    @S-1.2
    Scenario: A warning for a site that acme_domains does not have, and for a name that has no site
      Given listener 1 orders a certificate for "www.example.test" from the CA at "https://127.0.0.1:1/dir"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command names each of:
        | warning: listeners[0].sites[0].host: "git.example.test"       | add the name to acme_domains   |
        | warning: listeners[0].tls.acme_domains[0]: "www.example.test" | is not a site of this listener |
      And "acme" does not exist

    @S-1.2 @root
    Scenario: A warning for a log file that the daemon's user cannot write
      Given the proxy will be started as an ordinary user
      And the proxy is running
      And a file "other.log" with "of root"
      And the setting "logging.log_file_path" is "${dir}/other.log"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints 1 line on stderr
      And the command names each of:
        | warning: logging.log_file_path: | ${dir}/other.log | as which the proxy seems to run |
      And the file "other.log" is "of root"

    @S-1.2
    Scenario: Several warnings are several lines
      Given the setting "rate_limit.burst" is 5
      And the setting "body.limit_bytes" is 1000
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints 2 lines on stderr
      And the command prints a line that matches "configuration OK: .*, 2 warnings"

  Rule: Nothing is changed or bound

    @S-1.2
    Scenario: No log file, no ACME directory, no socket and no port
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      And something else listens on "${addr}:${https}"
      And something else listens on "127.0.0.1:${health}"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints nothing on stderr
      And "proxy.log" does not exist
      And "admin.sock" does not exist

  Rule: Its own output cannot be forged

    @S-1.2
    Scenario: The contents of the file reach the terminal as printable text
      Given the setting "listeners[0].sites[0].upstream" is "\u001b[2J\u009b31m:80"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      And no escape codes were written

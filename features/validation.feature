Feature: Validation of the configuration

  `--validate` accepts a configuration with one line and the exit code 0, or prints every error on a line of its own,
  with the key, what is wrong with its value and what would be right, and the exit code 1.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A valid configuration is reported with its contents, and the check leaves nothing behind

    @S-1.2
    Scenario: A valid configuration
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      When the configuration is validated
      Then the command exits with 0
      And the command prints "configuration OK: ${config}: 1 listener, 1 site"
      And the command prints nothing on stderr
      And "proxy.log" does not exist
      And "admin.sock" does not exist

    @S-1.2
    Scenario: The ports of a running proxy do not matter to the check
      Given the proxy is running
      When the configuration is validated
      Then the command exits with 0
      And the proxy is still running

  Rule: All errors are reported, one a line, in the order of the file

    @S-1.2
    Scenario: A configuration with errors of many kinds
      Given another listener
      And the settings:
        | max_conections                  | 5             |
        | body.limit_bytes                | -1            |
        | rate_limit.burst                | "many"        |
        | listeners[0].bind_addr          | "0.0.0.0"     |
        | listeners[1].tls.mode           | "magic"       |
        | listeners[1].sites[0].host      | "a.example:1" |
        | listeners[1].sites[0].upsteam   | "127.0.0.1:1" |
      When the configuration is validated
      Then the command exits with 1
      And the command prints nothing
      And the command prints 8 lines on stderr
      And the command names each of:
        | max_conections:                 | unknown key                  | did you mean "max_connections"?        |
        | body.limit_bytes:               | -1 is out of range           | write a number of bytes up to          |
        | rate_limit.burst:               | is the string "many"         | a whole number is needed               |
        | listeners[0].bind_addr:         | "0.0.0.0" is a wildcard      | write one address                      |
        | listeners[1].tls.mode:          | "magic" is no TLS mode       | "acme", "manual" or "self_signed"      |
        | listeners[1].sites[0].host:     | "a.example:1" has a port     | as in "a.example"                      |
        | listeners[1].sites[0].upsteam:  | unknown key                  | did you mean "upstream"?               |
        | listeners[1].sites[0].upstream: | missing                      | write the host:port to forward to      |

    @S-1.2
    Scenario: A key in the wrong table
      Given the setting "listeners[0].sites[0].shutdown_timeout_secs" is 5
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].sites[0].shutdown_timeout_secs: | unknown key | belongs at the top of the file |

    @S-1.2
    Scenario Outline: A file that is not a configuration: <what>
      Given the configuration file is "<text>"
      When the configuration is validated
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command names each of:
        | ${config}: | <says> |

      Examples:
        | what           | text                   | says                                    |
        | nothing        |                        | is empty                                |
        | white space    | \n\n                   | is empty                                |
        | a zero byte    | a = 1\n\x00            | is binary: a zero byte at offset 6      |
        | no UTF-8       | # \xff\n               | is not UTF-8: byte 0xff at offset 2     |
        | half a line    | health_check_port =\n  | line 1, column                          |
        | the same twice | [body]\n[body]\n       | line 2, column                          |

    @S-1.2
    Scenario Outline: A path that is not a configuration: <path>
      Given a directory "directory"
      And a named pipe "pipe"
      And a stale socket "socket"
      And a symbolic link "loop" to "loop"
      And a file "huge" of 1048577 bytes
      When the command "reverse-proxy --config ${dir}/<path> --validate" is run
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command names each of:
        | ${dir}/<path>: | <says> |

      Examples:
        | path      | says                                               |
        | gone      | no such file                                       |
        | directory | is a directory; a regular file is needed           |
        | pipe      | is a named pipe; a regular file is needed          |
        | socket    | is a socket; a regular file is needed              |
        | loop      | cannot be read                                     |
        | huge      | is 1048577 bytes long; at most 1048576 are read    |

  Rule: There is at least one listener

    @S-2.1
    Scenario: One listener
      When the configuration is validated
      Then the command exits with 0

    @S-2.1
    Scenario: No listener
      Given the setting "listeners" is left out
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners: missing; write at least one [[listeners]] table" on stderr

  Rule: bind_addr is an IP address, and a wildcard only if allowed

    @S-2.2
    Scenario Outline: <value> as bind_addr
      Given the setting "listeners[0].bind_addr" is <value>
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples: accepted
        | value       | code | says              |
        | "127.0.0.9" | 0    | configuration OK: |
        | "::1"       | 0    | configuration OK: |
        | ["127.0.0.9", "::1"] | 0 | configuration OK: |

      Examples: refused
        | value       | code | says                                                 |
        | "0.0.0.0"   | 1    | listeners[0].bind_addr: "0.0.0.0" is a wildcard      |
        | "::"        | 1    | listeners[0].bind_addr: "::" is a wildcard           |
        | "localhost" | 1    | listeners[0].bind_addr: "localhost" is no IP address |
        | []          | 1    | listeners[0].bind_addr: is empty; write the IP address to listen on |
        | ["::1", "0.0.0.0"] | 1 | listeners[0].bind_addr[1]: "0.0.0.0" is a wildcard  |
        | ["::1", "a"]  | 1  | listeners[0].bind_addr[1]: "a" is no IP address      |
        | ["::1", 5]  | 1    | listeners[0].bind_addr[1]: is the number 5; a string is needed |
        | 5           | 1    | listeners[0].bind_addr: is the number 5; a string in quotes or an array of strings is needed |

    @S-2.2 @S-1.3
    Scenario Outline: A wildcard that is allowed by <what>
      Given the settings:
        | listeners[0].bind_addr | "0.0.0.0" |
        | allow_wildcard_bind    | <key>     |
      When the command "reverse-proxy --config ${config} --validate <flag>" is run
      Then the command exits with <code>

      Examples:
        | what     | key   | flag                  | code |
        | the key  | true  |                       | 0    |
        | the flag | false | --allow-wildcard-bind | 0    |
        | neither  | false |                       | 1    |

  Rule: No two sockets conflict

    @S-2.3
    Scenario: Two listeners with one port on two addresses
      Given another listener
      And the settings:
        | listeners[0].https_port | 8443 |
        | listeners[1].https_port | 8443 |
      When the configuration is validated
      Then the command exits with 0

    @S-2.3
    Scenario: Two listeners with one address and https_port
      Given another listener
      And the settings:
        | listeners[0].bind_addr  | "127.0.0.1" |
        | listeners[0].https_port | 8443        |
        | listeners[1].bind_addr  | "127.0.0.1" |
        | listeners[1].https_port | 8443        |
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[1].https_port: | 127.0.0.1:8443 is taken by listeners[0].https_port | write another port |

    @S-2.3 @S-2.10
    Scenario: An address that two listeners have among others
      Given another listener
      And the settings:
        | listeners[0].bind_addr  | ["127.0.0.1", "127.0.0.2"] |
        | listeners[0].http_port  | 8080                       |
        | listeners[0].https_port | 8443                       |
        | listeners[1].bind_addr  | ["127.0.0.3", "127.0.0.2"] |
        | listeners[1].http_port  | 8080                       |
        | listeners[1].https_port | 8443                       |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 2 lines on stderr
      And the command names each of:
        | listeners[1].http_port:  | 127.0.0.2:8080 is taken by listeners[0].http_port  | write another port |
        | listeners[1].https_port: | 127.0.0.2:8443 is taken by listeners[0].https_port | write another port |

    @S-2.3
    Scenario: An address twice in one listener
      Given the setting "listeners[0].bind_addr" is ["::1", "0:0:0:0:0:0:0:1"]
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].bind_addr[1]: \"0:0:0:0:0:0:0:1\" is listeners[0].bind_addr[0] already; write each address once" on stderr

    @S-2.10
    Scenario: Two listeners without redirect on one address
      Given another listener
      And the settings:
        | listeners[0].bind_addr | "127.0.0.1" |
        | listeners[0].http_port | 0           |
        | listeners[1].bind_addr | "127.0.0.1" |
        | listeners[1].http_port | 0           |
      When the configuration is validated
      Then the command exits with 0

    @S-2.10
    Scenario: Two listeners with one address and http_port
      Given another listener
      And the settings:
        | listeners[0].bind_addr | "127.0.0.1" |
        | listeners[0].http_port | 8080        |
        | listeners[1].bind_addr | "127.0.0.1" |
        | listeners[1].http_port | 8080        |
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[1].http_port: | 127.0.0.1:8080 is taken by listeners[0].http_port | write another port |

    @S-2.11
    Scenario Outline: http_port <http> with https_port 8443
      Given the settings:
        | listeners[0].http_port  | <http> |
        | listeners[0].https_port | 8443   |
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | http | code | says                                                               |
        | 8080 | 0    | configuration OK:                                                  |
        | 8443 | 1    | listeners[0].http_port: 8443 is the listener's https_port too      |

    @S-2.12
    Scenario Outline: https_port <port>
      Given the setting "listeners[0].https_port" is <port>
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | port   | code | says                                                                |
        | 1      | 0    | configuration OK:                                                   |
        | 65535  | 0    | configuration OK:                                                   |
        | 0      | 1    | listeners[0].https_port: 0 is not a port; write one from 1 to 65535 |
        | 65536  | 1    | listeners[0].https_port: 65536 is not a port                        |
        | -1     | 1    | listeners[0].https_port: -1 is not a port                           |
        | "8443" | 1    | listeners[0].https_port: is the string "8443"                       |

    @S-2.13
    Scenario Outline: http_port <port>
      Given the setting "listeners[0].http_port" is <port>
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | port  | code | says                                                                                       |
        | 0     | 0    | configuration OK:                                                                          |
        | 65535 | 0    | configuration OK:                                                                          |
        | 65536 | 1    | listeners[0].http_port: 65536 is not a port; write one from 1 to 65535, or 0 to disable it |
        | -1    | 1    | listeners[0].http_port: -1 is not a port                                                   |

    @S-2.14
    Scenario Outline: The health port <port> with a listener on <address>
      Given the settings:
        | allow_wildcard_bind     | true      |
        | health_check_port       | <port>    |
        | listeners[0].bind_addr  | <address> |
        | listeners[0].http_port  | 8080      |
        | listeners[0].https_port | 8443      |
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples: accepted
        | port | address     | code | says              |
        | 0    | "127.0.0.1" | 0    | configuration OK: |
        | 9900 | "127.0.0.1" | 0    | configuration OK: |
        | 8443 | "127.0.0.2" | 0    | configuration OK: |

      Examples: refused
        | port | address     | code | says                                                                       |
        | 8443 | "127.0.0.1" | 1    | health_check_port: 8443 on 127.0.0.1 is taken by listeners[0].https_port   |
        | 8080 | "0.0.0.0"   | 1    | health_check_port: 8080 on 127.0.0.1 is taken by listeners[0].http_port    |

  Rule: The keys of a TLS mode exist and are valid

    @S-2.4
    Scenario Outline: ACME for the domains <domains>
      Given the setting "listeners[0].tls" is {mode = "acme", acme_domains = <domains>, acme_cache_dir = "${dir}/acme", acme_contact = "mailto:a@example.test"}
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | domains              | code | says                                                             |
        | ["git.example.test"] | 0    | configuration OK:                                                |
        | []                   | 1    | listeners[0].tls.acme_domains: is empty                          |
        | ["*.example.test"]   | 1    | listeners[0].tls.acme_domains[0]: "*.example.test" is a wildcard |
        | ["localhost"]        | 1    | listeners[0].tls.acme_domains[0]: "localhost" has no dot         |

    @S-2.4
    Scenario: The minimum for a listener in ACME mode
      Given the setting "listeners[0].tls" is {mode = "acme", acme_contact = "mailto:a@example.test"}
      And the setting "rate_limit" is left out
      And the setting "body" is left out
      When the configuration is validated
      Then the command exits with 0

    @S-2.4
    Scenario: ACME without any of its keys
      Given the setting "listeners[0].tls" is {mode = "acme"}
      When the configuration is validated
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command names each of:
        | listeners[0].tls.acme_contact: | missing |

    @S-2.4
    Scenario: ACME for a site whose host is not a public name
      Given the setting "listeners[0].tls" is {mode = "acme", acme_contact = "mailto:a@example.test"}
      And the setting "listeners[0].sites[0].host" is "intranet"
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].sites[0].host: | "intranet" has no dot | list the names to order in acme_domains |

    @S-2.5
    Scenario: Two pairs of files
      Given a certificate "one" for "git.example.test"
      And a certificate "two" for "www.example.test"
      And listener 1 has the certificate "one"
      And listener 1 also has the certificate "two"
      When the configuration is validated
      Then the command exits with 0

    @S-2.5
    Scenario: Manual mode without paths
      Given the setting "listeners[0].tls" is {mode = "manual"}
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].tls.cert_path: | missing |
        | listeners[0].tls.key_path:  | missing |

    @S-2.5
    Scenario Outline: The <key> <path>
      Given a file "text" with "no PEM in here"
      And a named pipe "pipe"
      And the setting "listeners[0].tls.<key>" is "${dir}/<path>"
      When the configuration is validated
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command names each of:
        | listeners[0].tls.<key>: "${dir}/<path>" | <says> |

      Examples:
        | key       | path | says                     |
        | cert_path | gone | no such file             |
        | cert_path | text | holds no PEM certificate |
        | cert_path | pipe | is a named pipe          |
        | key_path  | gone | no such file             |
        | key_path  | text | holds no PEM private key |

    @S-2.5 @root
    Scenario: A key that the daemon's user may not read
      Given the proxy will be started as an ordinary user
      And "${key:listener1}" has the mode "000"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "listeners[0].tls.key_path: "
      And its standard error is one line with "permission denied"

    @S-2.5
    Scenario: A key that does not fit its certificate
      Given a certificate "one" for "git.example.test"
      And the certificate "one" has the key of another one
      And listener 1 has the certificate "one"
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].tls.key_path: | does not go with the certificate | name the key that belongs to it |

    @S-2.5
    Scenario: An expired certificate
      Given an expired certificate "one" for "git.example.test"
      And listener 1 has the certificate "one"
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].tls.cert_path: | the certificate for "git.example.test" expired at | renew it |

    @S-2.19
    Scenario Outline: The contact <contact>
      Given the setting "listeners[0].tls" is {mode = "acme", acme_domains = ["git.example.test"], acme_cache_dir = "${dir}/acme", acme_contact = "<contact>"}
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | contact                   | code | says                                                                            |
        | mailto:admin@example.test | 0    | configuration OK:                                                               |
        | admin@example.test        | 1    | listeners[0].tls.acme_contact: "admin@example.test" does not begin with mailto: |
        | mailto:@example.test      | 1    | needs a local part and a domain                                                 |
        | mailto:admin@             | 1    | needs a local part and a domain                                                 |
        | mailto:admin@-x           | 1    | has no valid domain                                                             |

    @S-2.24
    Scenario Outline: Two ACME listeners with the caches <first> and <second>, the latter for <contact>
      Given another listener
      And a directory "caches"
      And a symbolic link "link" to "caches"
      And the setting "listeners[0].tls" is {mode = "acme", acme_domains = ["a.example.test"], acme_cache_dir = "${dir}/<first>", acme_contact = "mailto:a@example.test"}
      And the setting "listeners[1].tls" is {mode = "acme", acme_domains = ["b.example.test"], acme_cache_dir = "${dir}/<second>", acme_contact = "mailto:<contact>@example.test"}
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | first    | second      | contact | code | says                                                                              |
        | caches/a | caches/b    | b       | 0    | configuration OK:                                                                 |
        | caches/a | caches/a    | a       | 0    | configuration OK:                                                                 |
        | caches/a | caches/a    | b       | 1    | listeners[1].tls.acme_contact: differs from listeners[0].tls.acme_contact         |
        | caches/a | caches/./a/ | b       | 1    | listeners[1].tls.acme_contact: differs from listeners[0].tls.acme_contact         |
        | caches/a | link/a      | b       | 1    | listeners[1].tls.acme_contact: differs from listeners[0].tls.acme_contact         |

  Rule: Each site has its own host and an upstream

    @S-2.6
    Scenario Outline: A site without <key>
      Given the setting "listeners[0].sites[0].<key>" is left out
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].sites[0].<key>: missing" on stderr

      Examples:
        | key      |
        | host     |
        | upstream |

    @S-2.6
    Scenario: A site with host and upstream
      Given the setting "listeners[0].sites" is [{host = "a.example.test", upstream = "127.0.0.1:3000"}]
      When the configuration is validated
      Then the command exits with 0

    @S-2.7
    Scenario Outline: The second listener's host <host>
      Given another listener
      And the setting "listeners[1].sites" is [{host = "<host>", upstream = "127.0.0.1:3000"}]
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | host             | code | says                                                                                 |
        | www.example.test | 0    | 2 listeners, 2 sites                                                                 |
        | git.example.test | 0    | 2 listeners, 2 sites                                                                 |

    @S-2.7
    Scenario Outline: The second host of one listener, <host>
      Given the setting "listeners[0].sites[1].host" is "<host>"
      And the setting "listeners[0].sites[1].upstream" is "127.0.0.1:3000"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | host             | code | says                                                                                 |
        | www.example.test | 0    | 1 listener, 2 sites                                                                  |
        | git.example.test | 1    | listeners[0].sites[1].host: "git.example.test" is listeners[0].sites[0].host already |
        | GIT.example.test | 1    | listeners[0].sites[1].host: "git.example.test" is listeners[0].sites[0].host already |

    @S-2.15
    Scenario Outline: The host <host>, with a port or without
      Given the setting "listeners[0].sites[0].host" is "<host>"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | host              | code | says                                                                                 |
        | a.example.test    | 0    | configuration OK:                                                                    |
        | a.example.test:80 | 1    | listeners[0].sites[0].host: "a.example.test:80" has a port; write only the host name |

    @S-2.16
    Scenario Outline: The host <host>
      Given the setting "listeners[0].sites[0].host" is "<host>"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples: accepted
        | host                   | code | says              |
        | localhost              | 0    | configuration OK: |
        | GIT.Example.TEST       | 0    | configuration OK: |
        | xn--bcher-kva.test     | 0    | configuration OK: |

      Examples: refused
        | host                   | code | says                                                       |
        | 192.0.2.1              | 1    | listeners[0].sites[0].host: "192.0.2.1" is an IP address   |
        | [2001:db8::1]          | 1    | "[2001:db8::1]" is an IP address                           |
        | *.example.test         | 0    | configuration OK:                                          |
        | a.*.example.test       | 1    | "a.*.example.test" has a * that is not its first label     |
        | a_b.example.test       | 1    | a host name has no underscore                              |
        | -a.example.test        | 1    | begins or ends with a hyphen                               |
        | a..example.test        | 1    | it has an empty label                                      |
        | example.test.          | 1    | it ends in a dot                                           |
        | a b.example.test       | 1    | it has the character ' '                                   |

    @S-2.17
    Scenario Outline: The upstream <upstream>
      Given the setting "listeners[0].sites[0].upstream" is "<upstream>"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples: accepted
        | upstream              | code | says              |
        | app.internal:3000     | 0    | configuration OK: |
        | 127.0.0.1:65535       | 0    | configuration OK: |
        | [::1]:1               | 0    | configuration OK: |

      Examples: refused
        | upstream              | code | says                                                                                  |
        | http://127.0.0.1:3000 | 1    | listeners[0].sites[0].upstream: "http://127.0.0.1:3000" has a scheme; write host:port |
        | 127.0.0.1             | 1    | "127.0.0.1" has no port                                                               |
        | 127.0.0.1:0           | 1    | has no valid port                                                                     |
        | 127.0.0.1:65536       | 1    | has no valid port                                                                     |
        | ::1:3000              | 1    | has no port                                                                           |
        | 127.0.0.1:3000/path   | 1    | has a path                                                                            |
        | 127.0.0.256:3000      | 1    | has no valid host                                                                     |

    @S-2.18
    Scenario Outline: The upstream scheme <scheme>
      Given the setting "listeners[0].sites[0].upstream_scheme" is "<scheme>"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | scheme | code | says                                                                            |
        | http   | 0    | configuration OK:                                                               |
        | https  | 0    | configuration OK:                                                               |
        | HTTPS  | 1    | listeners[0].sites[0].upstream_scheme: "HTTPS" is not an upstream scheme        |
        | h2c    | 1    | write "http" or "https"                                                         |

  Rule: Limits and times are above 0

    @S-2.8
    Scenario Outline: rate_limit.<key> = <value>
      Given the setting "rate_limit.<key>" is <value>
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | key                 | value | code | says                                                     |
        | requests_per_second | 0.5   | 0    | configuration OK:                                        |
        | burst               | 1     | 0    | configuration OK:                                        |
        | requests_per_second | 0     | 1    | rate_limit.requests_per_second: 0 is out of range        |
        | requests_per_second | inf   | 1    | rate_limit.requests_per_second: +Inf is out of range     |
        | burst               | 0     | 1    | rate_limit.burst: 0 is out of range                      |
        | burst               | -1    | 1    | rate_limit.burst: -1 is out of range                     |

    @S-2.8
    Scenario: No rate limit
      Given the setting "rate_limit" is left out
      When the configuration is validated
      Then the command exits with 0

    @S-2.9
    Scenario Outline: body.limit_bytes = <value>
      Given the setting "body.limit_bytes" is <value>
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | value | code | says                                                                       |
        | 1     | 0    | configuration OK:                                                          |
        | 0     | 0    | configuration OK:                                                          |
        | -1    | 1    | body.limit_bytes: -1 is out of range                                       |

    @S-2.20
    Scenario Outline: The admin socket "<path>"
      Given the setting "admin_socket_path" is "<path>"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | path                                                                                                         | code | says                                                  |
        |                                                                                                              | 0    | configuration OK:                                     |
        | /run/proxy.sock                                                                                              | 0    | configuration OK:                                     |
        | proxy.sock                                                                                                   | 1    | admin_socket_path: "proxy.sock" is not absolute       |
        | /run/../proxy.sock                                                                                           | 1    | admin_socket_path: "/run/../proxy.sock" contains ".." |
        | /run/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/1234567890123 | 1    | is 108 bytes long                                     |

    @S-2.21
    Scenario Outline: <key> = 0
      Given the setting "<key>" is 0
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | <key>: 0 is out of range; write seconds from 1 to 86400 |

      Examples:
        | key                                                 |
        | shutdown_timeout_secs                               |
        | connection_idle_timeout_secs                        |
        | header_timeout_secs                                 |
        | body_idle_timeout_secs                              |
        | rate_limit.eviction_interval_secs                   |
        | rate_limit.eviction_age_secs                        |
        | listeners[0].sites[0].upstream_connect_timeout_secs |
        | listeners[0].sites[0].upstream_request_timeout_secs |

    @S-2.21
    Scenario Outline: A timeout of <value> seconds
      Given the setting "header_timeout_secs" is <value>
      When the configuration is validated
      Then the command exits with <code>

      Examples:
        | value                | code |
        | 1                    | 0    |
        | 86400                | 0    |
        | 86401                | 1    |
        | -1                   | 1    |
        | 9223372036854775807  | 1    |

    @S-2.22
    Scenario Outline: <connections> connections with a limit of 1000 open files
      Given the setting "max_connections" is <connections>
      And the proxy will be started with at most 1000 open files
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | connections         | code | says                                                                                               |
        | 467                 | 0    | configuration OK:                                                                                  |
        | 468                 | 1    | max_connections: 468 needs 1002 file descriptors, but the process may open 1000; write at most 467 |
        | 0                   | 1    | max_connections: 0 is out of range                                                                 |
        | 9223372036854775807 | 1    | max_connections: 9223372036854775807 is out of range                                               |

    @S-2.23
    Scenario Outline: The log file <path>
      Given a directory "logs"
      And a file "text" with "text"
      And the setting "logging.log_file_path" is "<path>"
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | path                  | code | says                                                                 |
        | ${dir}/logs/proxy.log | 0    | configuration OK:                                                    |
        | proxy.log             | 1    | logging.log_file_path: "proxy.log" is not an absolute path of a file |
        | ${dir}/gone/proxy.log | 1    | does not exist; create the directory                                 |
        | ${dir}/text/proxy.log | 1    | is not a directory                                                   |
        | ${dir}/logs           | 1    | is a directory; name a regular file                                  |

  Rule: A file that changes while it is read is refused

    @S-2.30
    Scenario: A writer that truncates and writes the file while it is read
      Given a valid configuration "busy.toml" that is rewritten all the time
      When "busy.toml" is validated until it is refused with "busy.toml: changed while being read, please retry"
      Then the command exits with 1
      And the command prints 1 line on stderr

    @S-2.30
    Scenario: A file that nobody writes to
      Given a directory "etc"
      And a file "etc/note" with "not read"
      When the configuration is validated
      Then the command exits with 0
      And the command does not print "changed while being read"

Feature: Dynamic configuration
  A reload changes everything that is dynamic, or nothing at all, and disturbs no request.

  Background:
    Given the site "git.example.test" is served from the upstream "old"

  Rule: A reload changes what new requests get

    @S-3.1 @S-3.2
    Scenario Outline: Routing over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And a client requests "https://git.example.test/"
      And the answer is 200 "old"
      And the site "git.example.test" is moved to the upstream "new"
      And the site "www.example.test" is served from the upstream "new"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"
      When a client requests "https://www.example.test/"
      Then the answer is 200 "new"
      And the log has a line "CONFIG_RELOAD" with:
        | status | success |
        | sites  | 2       |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.2 @S-6.8
    Scenario Outline: A site that moves to another upstream and back is served as before over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And a client requests "https://git.example.test/"
      And the answer is 200 "old"
      And the site "git.example.test" is moved to the upstream "new"
      And the configuration is reloaded
      And a client requests "https://git.example.test/"
      And the answer is 200 "new"
      And the site "git.example.test" is moved to the upstream "old"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      And the last 2 requests to the upstream "old" came over 1 connection
      And the upstream "new" has 0 connections open

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.4
    Scenario: A static key that changes, goes back and changes again is named each time
      Given the proxy is running
      And the setting "max_connections" is 64
      And the configuration is reloaded
      And the log has 1 line "CONFIG_DRIFT"
      And the setting "max_connections" is left out
      And the configuration is reloaded
      And the log has 1 line "CONFIG_DRIFT"
      And the setting "max_connections" is 64
      When the configuration is reloaded
      Then the log has 2 lines "CONFIG_DRIFT"

    @S-3.2
    Scenario Outline: A site that is removed is unknown from then on over <protocol>
      Given clients speak <protocol>
      And the site "www.example.test" is served from the upstream "old"
      And the proxy is running
      And the site "www.example.test" is removed
      And the configuration is reloaded
      When a client requests "https://www.example.test/"
      Then the answer is the plain error 404 "Not Found"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.2
    Scenario Outline: The rate limit over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the setting "rate_limit.burst" is 2
      And the setting "rate_limit.requests_per_second" is 0.001
      And the configuration is reloaded
      When the client "busy" requests "https://git.example.test/" 5 times
      Then 2 of the answers are 200
      And 3 of the answers are 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.2
    Scenario Outline: The body limit over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the setting "body.limit_bytes" is 10
      And the configuration is reloaded
      When a client sends "POST" to "https://git.example.test/" with 11 bytes
      Then the answer is the plain error 413 "Payload Too Large"
      And the upstream "old" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.2 @S-6.2
    Scenario Outline: The health path of the HTTPS listeners over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the setting "https_health_path" is "/alive"
      And the configuration is reloaded
      When a client requests "https://git.example.test/alive"
      Then the answer is 200 ""
      And the upstream "old" received nothing
      When a client requests "https://git.example.test/health"
      Then the answer is 200 "old"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.2
    Scenario Outline: The time-outs of an upstream over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that never answers
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And the setting "listeners[0].sites[1].upstream_request_timeout_secs" is 1
      And the configuration is reloaded
      When a client requests "https://slow.example.test/"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came within 10000 ms

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.5
    Scenario: The certificates of files
      Given a certificate "web" for "git.example.test"
      And listener 1 has the certificate "web"
      And the proxy is running
      And a client makes a TLS handshake for "other.example.test"
      And the handshake fails with the alert "unrecognized name"
      And a certificate "web" for "git.example.test, other.example.test"
      And the configuration is reloaded
      When a client makes a TLS handshake for "other.example.test"
      Then the handshake succeeds
      And the certificate is "web"

  Rule: A request keeps to its end the configuration with which it began

    @S-3.1
    Scenario Outline: A request in flight ends on its old upstream over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "early" begins to request "https://slow.example.test/"
      And the upstream "slow" received 1 request
      And the site "slow.example.test" is moved to the upstream "new"
      And the configuration is reloaded
      When a client requests "https://slow.example.test/"
      Then the answer is 200 "new"
      And the client "early" has no answer yet
      When the upstream "slow" is released
      Then the client "early" is answered 200
      And the answer has the body "slow"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.1 @S-3.6
    Scenario Outline: A download continues when its site is removed over <protocol>
      Given clients speak <protocol>
      And an upstream "stream" that streams "one |two |three"
      And the site "stream.example.test" is served from the upstream "stream"
      And the proxy is running
      And the client "early" begins to request "https://stream.example.test/"
      And the client "early" has received "one"
      And the site "stream.example.test" is removed
      And the configuration is reloaded
      And the upstream "stream" is released
      When the upstream "stream" is released
      Then the client "early" is answered 200
      And the answer has the body "one two three"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: An invalid file changes nothing

    @S-3.2
    Scenario: All errors are logged and the old configuration stays in use
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      And the setting "listeners[0].sites[0].upstream" is "http://nowhere"
      When a reload is requested
      Then the reload is refused with:
        | rate_limit.burst               | 0      |
        | listeners[0].sites[0].upstream | nowhere |
      And the log has a new line "CONFIG_RELOAD" with:
        | level  | ERROR |
        | status | error |
        | errors | 2     |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

    @S-3.2
    Scenario Outline: A configuration file that is <what> is refused
      Given the proxy is running
      And the configuration file is "<contents>"
      When a reload is requested
      Then the reload is refused
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

      Examples:
        | what           | contents                      |
        | empty          |                               |
        | half a table   | [rate_limit                   |
        | binary         | \x00\x01\x02                  |
        | another format | rate_limit: {burst: 1}        |

    @S-3.2 @root
    Scenario: A configuration that the daemon's user may not read is refused
      Given the proxy will be started as an ordinary user
      And the proxy is running
      And "${config}" has the mode "000"
      When the proxy is sent SIGHUP
      Then the log has a new line "CONFIG_ERROR" with:
        | error | ~permission denied |
      And the log has a new line "CONFIG_RELOAD" with:
        | status | error |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

    @S-3.5 @root
    Scenario: A key that the daemon's user may no longer read refuses the reload
      Given the proxy will be started as an ordinary user
      And the proxy is running
      And "${key:listener1}" has the mode "000"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].tls.key_path | permission denied |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

    @S-3.5
    Scenario: Certificate files that are bad refuse the reload, with everything else that is new
      Given a certificate "web" for "git.example.test"
      And listener 1 has the certificate "web"
      And the proxy is running
      And the certificate "web" has the key of another one
      And the site "git.example.test" is moved to the upstream "new"
      When a reload is requested
      Then the reload is refused
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

    @S-2.31
    Scenario: The file that is read is the one of the start
      Given the proxy is running
      And "${config}" is deleted
      When the proxy is sent SIGHUP
      Then the log has a new line "CONFIG_ERROR" with:
        | error | ~${config} |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

    @S-1.3
    Scenario: The flag of the command line applies to every reload
      Given the setting "listeners[0].bind_addr" is "0.0.0.0"
      And the setting "listeners[0].https_port" is ${port:wild}
      And the setting "listeners[0].http_port" is 0
      And the proxy will be started with "--allow-wildcard-bind"
      And the proxy is running
      When the configuration is reloaded 2 times
      Then the log has 2 lines "CONFIG_RELOAD" with:
        | status | success |

  Rule: Static keys wait for a restart

    @S-3.4
    Scenario: What is dynamic is applied, and what is static is named once
      Given the proxy is running
      And the setting "shutdown_timeout_secs" is 7
      And the setting "max_connections" is 77
      And the site "git.example.test" is moved to the upstream "new"
      When the configuration is reloaded
      Then the log has 2 lines "CONFIG_DRIFT"
      And the log has a line "CONFIG_DRIFT" with:
        | level | WARN                  |
        | key   | shutdown_timeout_secs |
      And the log has a line "CONFIG_DRIFT" with:
        | key | max_connections |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"
      When the configuration is reloaded 3 times
      Then the log has 2 lines "CONFIG_DRIFT"

    @S-3.4 @S-2.21 @S-2.22
    Scenario Outline: The static key <key> that is left out means <default>
      Given the setting "<key>" is <other>
      And the proxy is running
      And the setting "<key>" is left out
      When the configuration is reloaded
      Then the log has a line "CONFIG_DRIFT" with:
        | level  | WARN             |
        | key    | <key>            |
        | file   | <default>        |
        | action | restart to apply |

      Examples:
        | key                          | other           | default                       |
        | allow_wildcard_bind          | true            | false                         |
        | health_check_port            | 0               | 9900                          |
        | admin_socket_path            | ""              | /run/reverse-proxy/admin.sock |
        | shutdown_timeout_secs        | 3               | 30                            |
        | connection_idle_timeout_secs | 3               | 60                            |
        | header_timeout_secs          | 3               | 10                            |
        | body_idle_timeout_secs       | 3               | 60                            |
        | max_connections              | 3               | 1024                          |
        | logging.level                | "debug"         | info                          |
        | logging.format               | "json"          | text                          |
        | listeners[0].http_port       | 0               | 80                            |
        | listeners[0].https_port      | ${port:default} | 443                           |

    @S-3.4
    Scenario: Another value of a static key is another drift
      Given the proxy is running
      And the setting "max_connections" is 77
      And the configuration is reloaded
      And the setting "max_connections" is 78
      When the configuration is reloaded
      Then the log has 2 lines "CONFIG_DRIFT" with:
        | key | max_connections |

    @S-3.4 @S-10.1
    Scenario: The keys are returned to the requester of the reload
      Given the proxy is running
      And the setting "max_connections" is 77
      And the configuration file is written
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status              | ok              |
        | restart_required[0] | max_connections |
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status            | ok |
      And the log has 1 line "CONFIG_DRIFT"

    @S-3.4
    Scenario Outline: The sites of a listener whose redirect port changed in the file are served as the file has them over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the setting "listeners[0].http_port" is 65000
      And the site "git.example.test" is moved to the upstream "new"
      When the configuration is reloaded
      Then the log has a line "CONFIG_DRIFT" with:
        | key | listeners[0].http_port |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.4
    Scenario Outline: A listener that is new in the file waits for a restart, with its sites, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And another listener
      And the site "two.example.test" is served from the upstream "new" by listener 2
      When the configuration is reloaded
      Then the log has a line "CONFIG_DRIFT" with:
        | key | listeners[1] |
      And "${addr2}:${https2}" refuses connections
      When a client sends the request:
        | url      | https://two.example.test/ |
        | listener | 1                         |
        | sni      | git.example.test          |
      Then the answer is the plain error 404 "Not Found"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A reload goes unnoticed

    @S-3.6
    Scenario: Fifty reloads during a steady load lose no request
      Given the proxy is running
      And a steady load on "https://git.example.test/"
      When the configuration is reloaded 50 times
      Then the steady load has lost no request

    @S-3.6
    Scenario Outline: A connection lives on over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And a client requests "https://git.example.test/before"
      And the answer is 200 "old"
      And the configuration is reloaded
      When a client requests "https://git.example.test/after"
      Then the answer is 200 "old"
      And the answer came over the connection of the one before
      And the upstream "old" received "GET /after"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.6 @S-6.8
    Scenario Outline: Idle connections to the upstream of a site that stays are kept over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And a client requests "https://git.example.test/"
      And the log has a line "REQUEST"
      And the site "www.example.test" is served from the upstream "new"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      And the upstream "old" accepted 1 connection

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.6 @S-7.4
    Scenario Outline: A client that has used up its requests is not readmitted by a reload over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.burst" is 2
      And the setting "rate_limit.requests_per_second" is 0.001
      And the proxy is running
      And the client "busy" requests "https://git.example.test/" 2 times
      And 2 of the answers are 200
      And the configuration is reloaded
      When the client "busy" requests "https://git.example.test/"
      Then 1 of the answers are 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Reloads come one after the other

    @S-3.3
    Scenario: Many simultaneous ones by signal and by socket leave the last file in use
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the configuration file is written
      And the proxy is sent SIGHUP
      And the proxy is sent SIGHUP
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status | ok |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"
      And every line of the log is well-formed

    @S-2.32
    Scenario Outline: SIGHUP waits for a file that is <state> while it is replaced
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the configuration file is <state> for 200 ms
      When the proxy is sent SIGHUP
      Then the log has a line "CONFIG_RELOAD" with:
        | status | success |
      And the log has 0 lines "CONFIG_ERROR"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

      Examples:
        | state   |
        | empty   |
        | missing |

    @S-2.32
    Scenario Outline: So does the command <command> on the socket
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the configuration file is empty for 200 ms
      When "<command>\n" is sent to the admin socket
      Then the admin socket answers with:
        | status                              | ok               |
        | difference.sites_changed[0].host    | git.example.test |

      Examples:
        | command |
        | reload  |
        | diff    |

    @S-2.32
    Scenario: A file that stays empty is refused, and the old configuration stays in use
      Given the proxy is running
      And a file "${config}" with ""
      When "reload\n" is sent to the admin socket
      Then the admin socket answers with:
        | status    | error     |
        | errors[0] | ~is empty |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

    @S-2.30 @S-2.32
    Scenario: A file that never stops changing is refused
      Given the proxy is running
      And a valid configuration "${config}" that is rewritten all the time
      When reloads are requested until one is refused with "changed while being read, please retry"
      Then the reload is refused
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"

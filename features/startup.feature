Feature: Startup

  The daemon starts in ten steps, in a fixed order, completely or not at all. The titles of the rules and of the
  integration tests are the acceptance criteria that the project began with.

  Rule: Startup sequence follows the exact order from operations.md

    @S-4.1
    Scenario: Each of the ten steps logs its line, in order
      Given the site "git.example.test" is served from the upstream "app"
      When the proxy is running
      Then the log has the events in this order:
        | STARTUP step=1  |
        | STARTUP step=2  |
        | STARTUP step=3  |
        | STARTUP step=4  |
        | STARTUP step=5  |
        | STARTUP step=6  |
        | STARTUP step=7  |
        | STARTUP step=8  |
        | STARTUP step=9  |
        | STARTUP step=10 |
      And the log has 10 lines "STARTUP"
      And the line "STARTUP" has the keys "step name duration_ms"

    @S-4.1
    Scenario Outline: Step <step> is called <name>
      Given the site "git.example.test" is served from the upstream "app"
      When the proxy is running
      Then the log has a line "STARTUP" with:
        | step        | <step> |
        | name        | <name> |
        | duration_ms | *      |

      Examples:
        | step | name             |
        | 1    | config           |
        | 2    | dynamic_config   |
        | 3    | shared_state     |
        | 4    | health_port      |
        | 5    | admin_socket     |
        | 6    | bind_listeners   |
        | 7    | load_tls         |
        | 8    | serve            |
        | 9    | background_tasks |
        | 10   | ready            |

    @S-4.1 @S-4.2
    Scenario: A failing step is the last one, and later steps leave no line
      Given the site "git.example.test" is served from the upstream "app"
      And something else listens on "${addr}:${https}"
      When the proxy is started
      Then the proxy exits with 1
      And the log has a line "STARTUP" with:
        | step | 5 |
      And the log has no line "STARTUP" with:
        | step | 6 |
      And the log has no line "STARTUP" with:
        | step | 7 |

  Rule: Fail-fast behavior: exit with non-zero code on any startup failure

    Background:
      Given the site "git.example.test" is served from the upstream "app"

    @S-4.2
    Scenario: Step 1 fails on a configuration that is not valid
      Given the setting "body.limit_bytes" is -1
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 1 (config): body.limit_bytes: "
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-4.2
    Scenario: Step 1 names every error on a line of its own
      Given the setting "body.limit_bytes" is -1
      And the setting "rate_limit.burst" is 0
      When the proxy is started
      Then the proxy exits with 1
      And its standard error has 2 lines
      And its standard error has a line with "reverse-proxy: startup step 1 (config): rate_limit.burst: "
      And its standard error has a line with "reverse-proxy: startup step 1 (config): body.limit_bytes: "

    @S-4.2
    Scenario: Step 2 fails without any root to verify an HTTPS upstream with
      Given the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the proxy will be started with the environment variable "SSL_CERT_FILE" set to "/nonexistent"
      And the proxy will be started with the environment variable "SSL_CERT_DIR" set to "/nonexistent"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 2 (dynamic_config): listeners[0].sites[0].upstream_scheme: "
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-4.2
    Scenario: Step 3 fails on a log file that cannot be opened
      Given a symbolic link "proxy.log" to "${dir}/missing/proxy.log"
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 3 (shared_state): logging.log_file_path: "
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-4.2
    Scenario: Step 4 fails on a health port that is taken
      Given something else listens on "127.0.0.1:${health}"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 4 (health_port): health_check_port: "
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-4.2 @S-10.5
    Scenario: Step 5 fails on a file in place of the admin socket, and leaves the file
      Given a file "admin.sock" with "precious"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 5 (admin_socket): admin_socket_path: "
      And the file "admin.sock" is "precious"
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-4.2
    Scenario Outline: Step 6 fails on <port>
      Given something else listens on "<address>"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 6 (bind_listeners): <key>: "
      And nothing of the proxy is left
      And "admin.sock" does not exist
      And the service manager is never told "READY=1"

      Examples:
        | port                             | address          | key                     |
        | an HTTPS port that is taken      | ${addr}:${https} | listeners[0].https_port |
        | a redirect port that is taken    | ${addr}:${http}  | listeners[0].http_port  |

    @S-4.2 @root @network
    Scenario: Step 6 fails on a port below 1024 without the right to it
      Given a separate network with the addresses "::2"
      And the proxy will be started as an ordinary user
      And the setting "listeners[0].https_port" is 443
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "startup step 6 (bind_listeners): listeners[0].https_port: "
      And its standard error is one line with "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"
      And "admin.sock" does not exist

    @S-4.2 @S-5.4
    Scenario: Step 7 fails without a certificate and without a CA
      Given no upstream "ca"
      And listener 1 orders a certificate for "git.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 7 (load_tls): listeners[0].tls"
      And its standard error is one line with "git.example.test"
      And its standard error is one line with "https://${upstream:ca}/directory"
      And nothing of the proxy is left
      And "admin.sock" does not exist
      And the service manager is never told "READY=1"

    @S-4.2
    Scenario: Step 8 fails when inherited files use up the descriptors that max_connections needs
      Given the proxy will be started with at most 2200 open files
      And the proxy will be started with 200 inherited files
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 8 (serve): max_connections: "
      And nothing of the proxy is left
      And "admin.sock" does not exist
      And the service manager is never told "READY=1"

    @S-4.2
    Scenario: Step 9 fails on an invalid watchdog interval
      Given the proxy will be started with the environment variable "WATCHDOG_USEC" set to "garbage"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 9 (background_tasks): WATCHDOG_USEC: "
      And nothing of the proxy is left
      And "admin.sock" does not exist
      And the service manager is never told "READY=1"

    @S-4.2 @S-4.5
    Scenario: Step 10 fails when the service manager cannot be told
      Given the proxy will be started with the environment variable "NOTIFY_SOCKET" set to "${dir}/nobody.sock"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "reverse-proxy: startup step 10 (ready): NOTIFY_SOCKET: "
      And nothing of the proxy is left
      And "admin.sock" does not exist

    @S-4.2
    Scenario: Once the obstacle is removed, the same configuration starts
      Given something else listens on "${addr}:${https}"
      When the proxy is started
      Then the proxy exits with 1
      Given nothing listens on "${addr}:${https}" any more
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

  Rule: All ports bound before any connections accepted

    Background:
      Given the site "git.example.test" is served from the upstream "app"
      And another listener

    @S-4.3
    Scenario: With the last listener's port in use the first never answers
      Given something else listens on "${addr2}:${https2}"
      When the proxy is started
      Then no port of the proxy answers until it exits
      And the proxy exits with 1
      And its standard error is one line with "startup step 6 (bind_listeners): listeners[1].https_port: "
      And nothing of the proxy is left

    @S-4.3
    Scenario: With a bad certificate on the last listener no port ever answers
      Given the certificate "listener2" has the key of another one
      When the proxy is started
      Then no port of the proxy answers until it exits
      And the proxy exits with 1
      And its standard error is one line with "listeners[1].tls"
      And nothing of the proxy is left

    @S-4.3 @S-5.4
    Scenario: With a certificate that the last listener cannot get no port ever answers
      Given an HTTPS upstream "ca" that waits
      And listener 2 orders a certificate for "www.example.test" from the CA at "https://${upstream:ca}/directory"
      And the proxy is started
      When the upstream "ca" is released
      Then no port of the proxy answers until it exits
      And the proxy exits with 1
      And its standard error is one line with "startup step 7 (load_tls): listeners[1].tls"
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-4.3
    Scenario: A client that connects before step 8 is not served
      Given an HTTPS upstream "ca" that waits
      And listener 2 orders a certificate for "www.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the upstream "ca" received 1 request
      Given the client "early" opens a connection to "tcp://${addr}:${http}"
      And the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test

        """
      And the client "secure" opens a connection to "tcp://${addr}:${https}"
      And the client sends "\x16\x03\x01\x00\x01\x00"
      And the client "health" opens a connection to "tcp://127.0.0.1:${health}"
      When the client sends:
        """
        GET /health HTTP/1.1
        Host: 127.0.0.1

        """
      Then the connection stays open
      And the service manager is never told "READY=1"
      When the upstream "ca" is released
      Then the proxy exits with 1
      And the connection is closed with nothing more
      When the next steps use the connection of the client "early"
      Then the connection is closed with nothing more
      When the next steps use the connection of the client "secure"
      Then the connection is closed with nothing more

    @S-4.3 @S-5.4
    Scenario: A client that connects before step 8 is served after it
      Given an ACME server as it is shipped
      And listener 1 gets certificates for "git.example.test" from the ACME server
      When the proxy is started
      Then "${addr2}:${http2}" accepts connections
      Given a client opens a connection to "tcp://${addr2}:${http2}"
      When the client sends:
        """
        GET /a HTTP/1.1
        Host: git.example.test

        """
      Then the client receives the answer 301
      And the first byte came after the line "STARTUP" with:
        | step | 7 |
      And the proxy is ready

  Rule: Per-listener router with shared State

    Background:
      Given the site "git.example.test" is served from the upstream "app"
      And another listener
      And the site "www.example.test" is served from the upstream "web"

    @S-6.1
    Scenario Outline: Each listener routes its own sites over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      When a client requests "https://www.example.test/"
      Then the answer is 200 "web"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.1
    Scenario Outline: The site of another listener is unknown over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url      | https://www.example.test/ |
        | listener | 1                         |
      Then the answer is the plain error 404 "Not Found"
      And the upstream "web" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-7.2
    Scenario Outline: The listeners share one rate limit over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 2
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      When a client requests "https://www.example.test/"
      Then the answer is 200
      When a client requests "https://git.example.test/"
      Then the answer is 429
      When a client requests "https://www.example.test/"
      Then the answer is 429

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-3.1
    Scenario Outline: One reload changes all listeners over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the site "git.example.test" is moved to the upstream "app2"
      And the site "www.example.test" is moved to the upstream "web2"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app2"
      When a client requests "https://www.example.test/"
      Then the answer is 200 "web2"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Middleware stack in correct order: rate limiting → body limit → headers → routing → proxy

    Background:
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "body.limit_bytes" is 100

    @S-7.1
    Scenario Outline: A request over the rate limit is answered accordingly, whatever else is wrong with it, over <protocol>
      Given clients speak <protocol>
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      When a client sends "POST" to "https://unknown.example.test/" with 101 bytes
      Then the answer is the plain error 429 "Too Many Requests"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.1
    Scenario Outline: A body over the limit is answered accordingly, before its host is looked up, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends "POST" to "https://unknown.example.test/" with 101 bytes
      Then the answer is the plain error 413 "Payload Too Large"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.1
    Scenario Outline: An unknown host is answered accordingly, before any upstream is contacted, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends "POST" to "https://unknown.example.test/" with 100 bytes
      Then the answer is the plain error 404 "Not Found"
      And the upstream "app" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.3
    Scenario Outline: The upstream gets the request with the proxy's fields over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends "POST" to "https://git.example.test/" with 100 bytes
      Then the answer is 200 "app"
      And the upstream "app" received the field "X-Forwarded-Proto" with "https"
      And the upstream "app" received a body of 100 bytes

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: ConnectInfo<SocketAddr> propagated to routers for X-Real-IP

    @S-6.3
    Scenario Outline: The upstream gets the address of the client's socket over <protocol>
      Given the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/   |
        | protocol | <protocol>                  |
        | client   | alice                       |
        | header   | X-Real-IP: 203.0.113.7      |
        | header   | X-Forwarded-For: 203.0.113.7 |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "${client:alice}"
      And the upstream "app" received the field "X-Forwarded-For" with "${client:alice}"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: sd_notify("READY=1") sent after all listeners started

    Background:
      Given the site "git.example.test" is served from the upstream "app"
      And another listener
      And the site "www.example.test" is served from the upstream "web"

    @S-4.5
    Scenario: At READY=1 every port answers
      Given every port of the proxy is polled from the start
      When the proxy is running
      Then every port has answered at READY=1
      And the log has the events in this order:
        | STARTUP step=8  |
        | STARTUP step=9  |
        | STARTUP step=10 |

    @S-4.5
    Scenario: READY=1 comes with a status
      When the proxy is running
      Then the service manager is told "READY=1" together with "STATUS="

    @S-4.5
    Scenario: The service manager learns of a slow CA before READY=1
      Given an HTTPS upstream "ca" that waits
      And listener 2 orders a certificate for "www.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the service manager is told "EXTEND_TIMEOUT_USEC="
      And the service manager is never told "READY=1"
      When the upstream "ca" is released
      Then the proxy exits with 1

    @S-4.5
    Scenario: The watchdog gets signs of life if it is enabled
      Given the proxy will be started with the environment variable "WATCHDOG_USEC" set to "100000"
      When the proxy is running
      Then the service manager is told "WATCHDOG=1" 3 times

    @S-4.5
    Scenario: The watchdog gets no signs of life if it is disabled
      Given the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      And the service manager is never told "WATCHDOG=1"

    @S-4.5
    Scenario: Without a service manager nothing is sent
      Given the proxy will be started without a service manager
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the service manager is never told "READY=1"

  Rule: Graceful shutdown on SIGTERM/SIGINT

    @S-11.1 @S-11.2 @S-4.5
    Scenario Outline: <signal> lets a request in flight over <protocol> end and exits with 0
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "git.example.test" is served from the upstream "slow"
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/"
      Then the upstream "slow" received 1 request
      When the proxy is sent <signal>
      Then "${addr}:${https}" refuses connections
      And the service manager is told "STOPPING=1"
      When the upstream "slow" is released
      Then the client "alice" is answered 200
      And the proxy exits with 0
      And nothing of the proxy is left
      And "admin.sock" does not exist

      Examples:
        | signal  | protocol |
        | SIGTERM | HTTP/1.1 |
        | SIGINT  | HTTP/1.1 |
        | SIGTERM | HTTP/2   |
        | SIGINT  | HTTP/2   |

    @S-11.1
    Scenario: SIGTERM before the daemon is ready ends it immediately, with nothing left
      Given the site "git.example.test" is served from the upstream "app"
      And an HTTPS upstream "ca" that waits
      And listener 1 orders a certificate for "git.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the upstream "ca" received 1 request
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

  Rule: SIGHUP triggers config reload

    @S-3.2 @S-4.5
    Scenario: SIGHUP reads the file again and tells the service manager
      Given the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      And the site "www.example.test" is served from the upstream "web"
      When the configuration is reloaded
      Then the log has a new line "CONFIG_RELOAD" with:
        | level  | INFO    |
        | status | success |
        | sites  | 2       |
      And the service manager is told "RELOADING=1" together with "MONOTONIC_USEC="
      And the service manager is told "READY=1" 2 times

  Rule: Admin socket accepts reload and status commands

    @S-10.1
    Scenario: status and reload answer with JSON
      Given the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers with:
        | status | ok |
        | sites  | 1  |
      Given the site "www.example.test" is served from the upstream "web"
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status | ok |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | sites | 2 |

    @S-4.4
    Scenario: A live process at the admin socket is not disturbed, and the daemon continues without
      Given the site "git.example.test" is served from the upstream "app"
      And a live socket "admin.sock"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the log has a line "ADMIN_SOCKET_IN_USE" with:
        | level | WARN |
      And "admin.sock" is a socket

  Rule: Health check endpoint responds on local port and HTTPS

    @S-6.2 @S-9.1
    Scenario Outline: Both answer 200 with an empty body over <protocol>
      Given clients speak <protocol>
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 200 ""
      When a client requests "https://git.example.test/health"
      Then the answer is 200 ""
      And the upstream "app" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  @S-4.3 @S-6.2 @S-9.1 @S-10.1 @S-13.1
  Scenario Outline: Integration test: full proxy startup with test config, verify all endpoints work
    Given clients speak <protocol>
    And the sample upstream "git"
    And the sample upstream "www"
    And the site "git.example.test" is served from the upstream "git"
    And another listener
    And the site "www.example.test" is served from the upstream "www"
    And the proxy is running
    When a client requests "https://git.example.test/user/repo?tab=1"
    Then the answer is 200
    And the answer's JSON has:
      | upstream | git               |
      | target   | /user/repo?tab=1  |
      | host     | git.example.test  |
    And the answer came over "<version>"
    When a client requests "https://www.example.test/"
    Then the answer is 200
    And the answer came over "<version>"
    And the answer's JSON has:
      | upstream | www              |
      | host     | www.example.test |
    When a client requests "http://git.example.test/user/repo?tab=1"
    Then the answer is 301
    And the answer has the field "Location" with "https://git.example.test:${https}/user/repo?tab=1"
    When a client requests "http://www.example.test/"
    Then the answer is 301
    And the answer has the field "Location" with "https://www.example.test:${https2}/"
    When a client requests "http://127.0.0.1:${health}/health"
    Then the answer is 200 ""
    When a client requests "https://www.example.test/health"
    Then the answer is 200 ""
    When the admin command "status" is sent
    Then the admin socket answers with:
      | status | ok |
      | sites  | 2  |
    And every line of the log is well-formed

    Examples:
      | protocol | version  |
      | HTTP/1.1 | HTTP/1.1 |
      | HTTP/2   | HTTP/2.0 |

  @S-3.2
  Scenario Outline: Integration test: config reload via SIGHUP updates routing
    Given clients speak <protocol>
    And the site "git.example.test" is served from the upstream "app"
    And the proxy is running
    When a client requests "https://git.example.test/"
    Then the answer is 200 "app"
    When a client requests "https://new.example.test/"
    Then the answer is 404
    Given the site "git.example.test" is moved to the upstream "app2"
    And the site "new.example.test" is served from the upstream "new"
    And the configuration is reloaded
    When a client requests "https://git.example.test/"
    Then the answer is 200 "app2"
    When a client requests "https://new.example.test/"
    Then the answer is 200 "new"
    Given the site "new.example.test" is removed
    And the configuration is reloaded
    When a client requests "https://new.example.test/"
    Then the answer is 404

    Examples:
      | protocol |
      | HTTP/1.1 |
      | HTTP/2   |

  @S-3.2 @S-10.1
  Scenario Outline: Integration test: config reload via admin socket updates routing with feedback
    Given clients speak <protocol>
    And the site "git.example.test" is served from the upstream "app"
    And the proxy is running
    And the site "git.example.test" is moved to the upstream "app2"
    When the admin command "reload" is sent
    Then the admin socket answers with:
      | status | ok |
    When a client requests "https://git.example.test/"
    Then the answer is 200 "app2"
    Given the setting "listeners[0].sites[0].upstream" is "nowhere"
    When the admin command "reload" is sent
    Then the admin socket answers with:
      | status    | error                                 |
      | message   | *                                     |
      | errors#   | 1                                     |
      | errors[0] | ~listeners[0].sites[0].upstream (line |
    When a client requests "https://git.example.test/"
    Then the answer is 200 "app2"

    Examples:
      | protocol |
      | HTTP/1.1 |
      | HTTP/2   |

Feature: Signals and shutdown
  What the daemon does when it is told to reload, to reopen its log, and to stop. A request that was accepted is
  answered.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: SIGTERM and SIGINT shut down, SIGHUP reloads, SIGUSR1 reopens the log

    @S-1.5 @S-11.1
    Scenario Outline: <signal> ends an idle daemon immediately, with exit code 0 and nothing left
      Given the proxy is running
      When the proxy is sent <signal>
      Then the proxy exits with 0 within 5 seconds
      And nothing of the proxy is left
      And "${admin_socket}" does not exist
      And its standard error is empty
      And the log has the events in this order:
        | STARTUP step=10       |
        | SHUTDOWN phase=drain  |
        | SHUTDOWN phase=done   |

      Examples:
        | signal  |
        | SIGTERM |
        | SIGINT  |

    @S-3.2
    Scenario Outline: SIGHUP reloads over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And the site "git.example.test" is moved to the upstream "new"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-11.1
    Scenario: A storm of SIGHUPs does no harm
      Given the proxy is running
      And a steady load on "https://git.example.test/"
      When the proxy is sent SIGHUP 200 times
      Then the load has made 500 requests
      And the steady load has lost no request
      And the proxy is still running
      And the log has no line "CONFIG_RELOAD" with:
        | status | error |

    # A signal kills the daemon if it arrives while the daemon stops handling signals. When it did that at the beginning of a
    # shutdown, one stop in eight failed under such a storm.
    @S-11.1
    Scenario Outline: A storm of <signal>s neither kills the daemon during its shutdown nor hides SIGTERM
      Given the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy will be started from a release build
      And the proxy is running
      When the proxy is restarted 30 times by SIGTERM, while it is sent <signal> without pause
      Then the proxy is still running

      Examples:
        | signal  |
        | SIGHUP  |
        | SIGUSR1 |

    @S-8.3
    Scenario Outline: SIGUSR1 reopens the log over <protocol>
      Given clients speak <protocol>
      And the setting "logging.log_file_path" is "${dir}/proxy.log"
      And the proxy is running
      And "proxy.log" is renamed to "proxy.log.1"
      And the proxy is sent SIGUSR1
      And the log has a new line "LOG_REOPENED"
      When a client requests "https://git.example.test/after"
      Then the file "proxy.log" contains "path=/after"
      And the file "proxy.log.1" does not contain "path=/after"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A request that was accepted before the signal is answered in full

    @S-11.2 @S-11.1
    Scenario Outline: A request in flight over <protocol> is answered, and new connections are refused meanwhile
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "early" begins to request "https://slow.example.test/" over "<protocol>"
      And the upstream "slow" received 1 request
      When the proxy is sent SIGTERM
      Then "${addr}:${https}" refuses connections
      And "${addr}:${http}" refuses connections
      And the proxy is still running
      When the upstream "slow" is released
      Then the client "early" is answered 200
      And the answer has the body "slow"
      And the proxy exits with 0 within 10 seconds

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-11.2
    Scenario Outline: A download continues to its end over <protocol>
      Given clients speak <protocol>
      And an upstream "stream" that streams "one |two |three"
      And the site "stream.example.test" is served from the upstream "stream"
      And the proxy is running
      And the client "early" begins to request "https://stream.example.test/"
      And the client "early" has received "one"
      And the proxy is sent SIGTERM
      And "${addr}:${https}" refuses connections
      And the upstream "stream" is released
      When the upstream "stream" is released
      Then the client "early" is answered 200
      And the answer has the body "one two three"
      And the proxy exits with 0 within 10 seconds

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-11.1
    Scenario: An idle connection is closed immediately
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test

        """
      And the client receives the answer 200
      When the proxy is sent SIGTERM
      Then the connection is closed with nothing more
      And the proxy exits with 0 within 5 seconds

    @S-11.1
    Scenario: An idle HTTP/2 connection receives GOAWAY and is closed immediately
      Given the proxy is running
      And a client keeps an idle HTTP/2 connection to "https://git.example.test"
      When the proxy is sent SIGTERM
      Then the idle HTTP/2 connection receives GOAWAY with "NO_ERROR" and is closed
      And the proxy exits with 0 within 5 seconds

    @S-11.1
    Scenario: The answer to a request in flight says that the connection ends
      Given an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client opens a connection to "https://slow.example.test"
      And the client sends:
        """
        GET / HTTP/1.1
        Host: slow.example.test

        """
      And the upstream "slow" received 1 request
      And the proxy is sent SIGTERM
      And "${addr}:${https}" refuses connections
      When the upstream "slow" is released
      Then the client receives "\r\nConnection: close\r\n"
      And the client receives the answer 200
      And the answer has the body "slow"
      And the connection is closed with nothing more
      And the proxy exits with 0 within 10 seconds

    @S-11.1 @S-8.1
    Scenario Outline: What is still in flight after shutdown_timeout_secs is cut and logged over <protocol>
      Given clients speak <protocol>
      And the setting "shutdown_timeout_secs" is 1
      And an upstream "stuck" that never answers
      And the site "stuck.example.test" is served from the upstream "stuck"
      And the proxy is running
      And the client "early" begins to request "https://stuck.example.test/"
      And the upstream "stuck" received 1 request
      When the proxy is sent SIGTERM
      Then the request of the client "early" fails
      And the proxy exits with 0 within 10 seconds
      And the log has a line "SHUTDOWN" with:
        | phase        | done |
        | status       | cut  |
        | requests_cut | 1    |
      And the log has a line "REQUEST" with:
        | host | stuck.example.test |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-11.1
    Scenario Outline: A second signal ends the wait for a request over <protocol> immediately
      Given clients speak <protocol>
      And the setting "shutdown_timeout_secs" is 300
      And an upstream "stuck" that never answers
      And the site "stuck.example.test" is served from the upstream "stuck"
      And the proxy is running
      And the client "early" begins to request "https://stuck.example.test/"
      And the upstream "stuck" received 1 request
      And the proxy is sent <first>
      And the log has a line "SHUTDOWN" with:
        | phase | drain |
      When the proxy is sent <second>
      Then the proxy exits with 0 within 10 seconds
      And "${admin_socket}" does not exist

      Examples:
        | first   | second  | protocol |
        | SIGTERM | SIGTERM | HTTP/1.1 |
        | SIGTERM | SIGINT  | HTTP/1.1 |
        | SIGINT  | SIGTERM | HTTP/1.1 |
        | SIGTERM | SIGTERM | HTTP/2   |
        | SIGTERM | SIGINT  | HTTP/2   |
        | SIGINT  | SIGTERM | HTTP/2   |

    @S-11.1
    Scenario Outline: SIGHUP during the drain neither kills the process nor ends the wait over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "early" begins to request "https://slow.example.test/"
      And the upstream "slow" received 1 request
      And the proxy is sent SIGTERM
      And the log has a line "SHUTDOWN" with:
        | phase | drain |
      And the proxy is sent SIGHUP
      When the upstream "slow" is released
      Then the client "early" is answered 200
      And the proxy exits with 0 within 10 seconds

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-11.1 @S-11.2
    Scenario: SIGTERM under load loses no request that was accepted
      Given the proxy is running
      And clients that stop when connections are refused put load on "https://git.example.test/"
      And the load has made 200 requests
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 10 seconds
      And every request that was sent was answered

    @S-12.12 @S-11.2
    Scenario: A client that reads nothing of a complete answer delays a stop only for some seconds
      Given an upstream "app" that answers with 200000 bytes
      And the setting "body_idle_timeout_secs" is 60
      And the setting "shutdown_timeout_secs" is 60
      And the proxy is running
      And a client that reads nothing opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\nConnection: close\r\n\r\n"
      And the log has a line "REQUEST" with:
        | host   | git.example.test |
        | status | 200              |
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 20 seconds

  Rule: Others learn of it

    @S-9.2
    Scenario Outline: The health port reports the shutdown over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "slow.example.test" is served from the upstream "slow"
      And the proxy is running
      And a client requests "http://127.0.0.1:${health}/health"
      And the answer is 200
      And the client "early" begins to request "https://slow.example.test/"
      And the upstream "slow" received 1 request
      And the proxy is sent SIGTERM
      And the log has a line "SHUTDOWN" with:
        | phase | drain |
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 503
      When the upstream "slow" is released
      Then the client "early" is answered 200
      And the proxy exits with 0 within 10 seconds

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-4.5
    Scenario: The service manager is told of a reload and of the end
      Given the proxy is running
      When the configuration is reloaded
      Then the service manager is told "RELOADING=1" together with "MONOTONIC_USEC="
      And the service manager is told "READY=1" 2 times
      When the proxy is sent SIGTERM
      Then the service manager is told "STOPPING=1"
      And the proxy exits with 0 within 5 seconds
      And the service manager is told "READY=1" before "STOPPING=1"

    @S-4.5
    Scenario: The service manager learns of a reload that failed by the daemon's status
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      When a reload is requested
      Then the service manager is told "READY=1" 2 times
      And the service manager is told a status with "reload failed"

    @S-4.5
    Scenario: The watchdog gets signs of life if it is enabled
      Given the proxy will be started with the environment variable "WATCHDOG_USEC" set to "200000"
      When the proxy is running
      Then the service manager is told "WATCHDOG=1" 3 times

    @S-4.5
    Scenario: Without a service manager nothing is sent
      Given the proxy will be started without a service manager
      When the proxy is started
      Then the log has a line "STARTUP" with:
        | step | 10 |
      And the service manager is never told "READY=1"

  Rule: A start that is stopped leaves nothing

    @S-11.1
    Scenario: SIGTERM while a CA is slow
      Given an upstream "ca" that does not accept connections
      And listener 1 orders a certificate for "www.example.test" from the CA at "https://${upstream:ca}/dir"
      And the proxy is started
      And the log has a line "STARTUP" with:
        | step | 6 |
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 10 seconds
      And nothing of the proxy is left
      And "${admin_socket}" does not exist
      And the service manager is never told "READY=1"

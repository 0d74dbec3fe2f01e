Feature: What the service manager is told
  Every message of sd_notify(3) on a real socket, in the order of a daemon's life. conformance/systemd_test.go tries the
  units under a real systemd.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  @S-4.5
  Scenario: A whole life, in order
    Given the proxy will be started with the environment variable "WATCHDOG_USEC" set to "500000"
    And the proxy is running
    And the service manager is told "WATCHDOG=1"
    And the configuration is reloaded
    And the service manager is told "READY=1" 2 times
    When the proxy is sent SIGTERM
    Then the proxy exits with 0 within 10 seconds
    And the service manager was told in this order:
      | READY=1, STATUS=serving 1 sites on 1 listeners                                      |
      | RELOADING=1, MONOTONIC_USEC=                                                        |
      | READY=1, STATUS=                                                                    |
      | STOPPING=1, STATUS=waiting for requests in flight, EXTEND_TIMEOUT_USEC=20000000     |
    And the service manager was told "READY=1" 2 times and "STOPPING=1" 1 time

  @S-4.5
  Scenario: The start time of a reload is after the signal that requested it
    Given the proxy is running
    And the time is remembered
    When the configuration is reloaded
    Then the service manager is told a MONOTONIC_USEC after that time

  @S-4.5
  Scenario: A reload that comes during the shutdown sends nothing after STOPPING
    Given an upstream "slow" that waits
    And the site "slow.example.test" is served from the upstream "slow"
    And the proxy is running
    And the client "early" begins to request "https://slow.example.test/"
    And the upstream "slow" received 1 request
    And the proxy is sent SIGHUP 50 times
    And the proxy is sent SIGTERM
    And the proxy is sent SIGHUP 50 times
    And the service manager is told "STOPPING=1"
    And the proxy is sent SIGHUP 50 times
    When the upstream "slow" is released
    Then the client "early" is answered 200
    And the proxy exits with 0 within 10 seconds
    And after "STOPPING=1" the service manager was told neither "READY=1" nor "RELOADING=1"

  @S-4.5
  Scenario: The watchdog gets signs of life while requests in flight are waited for
    Given the proxy will be started with the environment variable "WATCHDOG_USEC" set to "400000"
    And an upstream "slow" that waits
    And the site "slow.example.test" is served from the upstream "slow"
    And the proxy is running
    And the client "early" begins to request "https://slow.example.test/"
    And the upstream "slow" received 1 request
    When the proxy is sent SIGTERM
    Then after "STOPPING=1" the service manager is told "WATCHDOG=1" 3 times
    When the upstream "slow" is released
    Then the client "early" is answered 200
    And the proxy exits with 0 within 10 seconds

  @S-4.5 @S-4.3
  Scenario: The daemon requests more time while a CA is slow, and READY=1 never comes
    Given an upstream "ca" that does not accept connections
    And listener 1 orders a certificate for "www.example.test" from the CA at "https://${upstream:ca}/dir"
    And the proxy is started
    And the service manager is told "EXTEND_TIMEOUT_USEC=30000000"
    When the proxy is sent SIGTERM
    Then the proxy exits with 0 within 10 seconds
    And the service manager was told in this order:
      | STATUS=obtaining certificates |
      | EXTEND_TIMEOUT_USEC=30000000  |
    And the service manager is never told "READY=1"

Feature: The runbook
  docs/runbook.md says what to do, by symptom. Each rule has the title of one of its sections, provokes that symptom, and
  compares what the daemon writes with what the section shows: an operator who looks for it must find it.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: It does not start

    @S-4.2
    Scenario: A mistyped key
      Given the setting "listeners[0].sites[0].upsteam" is "127.0.0.1:3000"
      When the proxy is started
      Then the proxy exits with 1
      And the runbook shows under "It does not start" what was written

  Rule: A port is in use

    @S-4.2 @S-4.4
    Scenario: Something listens on the HTTPS port, and on the admin socket
      Given something else listens on "${addr}:${https}"
      And a live socket "admin.sock"
      When the proxy is started
      Then the proxy exits with 1
      And the runbook shows under "A port is in use" what was written

  Rule: It does not start with the socket unit

    @S-4.6 @S-4.2
    Scenario: A port without its socket
      Given a socket on "${addr}:${https}" is held outside
      When the proxy is started
      Then the proxy exits with 1
      And the runbook shows under "It does not start with the socket unit" what was written

  Rule: It does not start after a reboot

    @S-4.2
    Scenario: An address that does not exist yet, and then a directory that no longer exists
      Given the setting "listeners[0].bind_addr" is "192.0.2.1"
      When the proxy is started
      Then the proxy exits with 1
      When the command "reverse-proxy --config ${config}" is run
      Then the command exits with 1
      Given the setting "admin_socket_path" is "${dir}/run/admin.sock"
      When the proxy is started
      Then the proxy exits with 1
      And the runbook shows under "It does not start after a reboot" what was written

  Rule: The start fails without a certificate

    @S-4.2 @S-5.4
    Scenario: A CA that does not answer
      Given no upstream "ca"
      And listener 1 orders a certificate for "git.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the proxy exits with 1
      And the runbook shows under "The start fails without a certificate" what was written

  Rule: The start fails without a certificate for a wildcard

    @S-20.4 @mount
    Scenario: The DNS does not lead to the record of a wildcard
      Given a name server for the scenario
      And an ACME server
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And the runbook shows under "The start fails without a certificate for a wildcard" what was written

  Rule: A reload is refused

    @S-9.1
    Scenario: A value that is out of range
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      When the command "reverse-proxy reload --config ${config}" is run
      Then the command exits with 1
      And the runbook shows under "A reload is refused" what was written

  Rule: A change has no effect

    @S-9.1
    Scenario: A static key
      Given the proxy is running
      And the setting "max_connections" is 512
      When the command "reverse-proxy reload --config ${config}" is run
      Then the command exits with 0
      And the command prints "\"restart_required\":[\"max_connections\"]"
      And the runbook shows under "A change has no effect" what was written

  Rule: A certificate does not renew

    @S-5.4
    Scenario: A CA that cannot be reached, until the certificate has expired
      Given no ACME server
      And a certificate "own" for "www.example.test" that is valid for 8 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is running
      Then the runbook shows under "A certificate does not renew" what was written
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is "own"

  Rule: The store is away

    @S-20.5 @redis
    Scenario: A store that no longer answers
      Given a store
      And the proxy is running
      When the store is killed
      Then the log has a line "STORE_AWAY"
      And the runbook shows under "The store is away" what was written

  Rule: A certificate from files expires

    @S-5.3
    Scenario: Nobody renews it
      Given a certificate "short" for "git.example.test" that is valid for 6 seconds
      And listener 1 has the certificate "short"
      And a private CA "inside"
      And the private CA "inside" issues the certificate "proxy", which is valid for 6 seconds
      And the settings:
        | listeners[0].sites[0].upstream_scheme           | "https"         |
        | listeners[0].sites[0].upstream_client_cert_path | "${cert:proxy}" |
        | listeners[0].sites[0].upstream_client_key_path  | "${key:proxy}"  |
      When the proxy is running
      Then the runbook shows under "A certificate from files expires" what was written
      # What the section says to do.
      Given a certificate "short" for "git.example.test"
      And the private CA "inside" issues the certificate "proxy"
      And the configuration is reloaded
      When a client makes a TLS handshake for "git.example.test"
      Then the certificate is trusted for "git.example.test"

  Rule: The TLS handshake fails

    @S-5.2
    Scenario: A name that no certificate covers
      Given the proxy is running
      When a client makes a TLS handshake for "other.example.org"
      Then the handshake fails with the alert "unrecognized name"
      And the runbook shows under "The TLS handshake fails" what was written

  Rule: 502

    @S-8.1
    Scenario: An upstream that is down
      Given no upstream "gone"
      And the site "git.example.test" is moved to the upstream "gone"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 502
      And the runbook shows under "502" what was written

    @S-8.1
    Scenario Outline: An upstream that <what>
      Given <upstream>
      And the site "git.example.test" is moved to the upstream "bad"
      And the setting "<setting>" is <value>
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 502
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"

      Examples:
        | what                                | upstream                                                | setting                            | value                 |
        | is down                             | no upstream "bad"                                       | body.limit_bytes                   | 1000                  |
        | has a name that does not resolve    | no upstream "bad"                                       | listeners[0].sites[0].upstream     | "nowhere.invalid:80"  |
        | closes without an answer            | an upstream "bad" that closes without answering         | body.limit_bytes                   | 1000                  |
        | has a certificate that nobody trusts | an HTTPS upstream "bad" with a certificate that nobody trusts | listeners[0].sites[0].upstream_scheme | "https"      |
        | has a certificate for another name  | an HTTPS upstream "bad" with a certificate for "other.example.test" | listeners[0].sites[0].upstream_scheme | "https"  |
        | speaks no TLS                       | an upstream "bad" that greets with "220 mail ESMTP\r\n" | listeners[0].sites[0].upstream_scheme | "https"            |
        | wants TLS                           | an HTTPS upstream "bad"                                 | body.limit_bytes                   | 1000                  |
        | speaks another protocol             | an upstream "bad" that greets with "220 mail ESMTP\r\n" | body.limit_bytes                   | 1000                  |

  Rule: 504

    @S-6.9
    Scenario Outline: An upstream that <what>
      Given <upstream>
      And the site "git.example.test" is moved to the upstream "slow"
      And the setting "listeners[0].sites[0].upstream_connect_timeout_secs" is 1
      And the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 504
      And the runbook shows under "504" what was written
      And the runbook has a row under "504" for the error of the line "UPSTREAM_ERROR"

      Examples:
        | what                        | upstream                                         |
        | is behind a firewall        | an upstream "slow" that does not accept connections |
        | thinks for too long         | an upstream "slow" that never answers            |

    @S-6.9
    Scenario: An upstream that accepts a connection and stays silent, where TLS is expected
      Given an upstream "slow" that never speaks
      And the site "git.example.test" is moved to the upstream "slow"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the setting "listeners[0].sites[0].upstream_connect_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 504
      And the log has a line "UPSTREAM_ERROR" with:
        | error | no end of the TLS handshake within upstream_connect_timeout_secs: context deadline exceeded |
      And the runbook has a row under "504" for the error of the line "UPSTREAM_ERROR"

    @S-6.9
    Scenario: The maximum number of requests waits for a slow upstream
      Given an upstream "app" that never answers
      And the setting "max_connections" is 1
      And the setting "listeners[0].sites[0].upstream_connect_timeout_secs" is 1
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/first" over "HTTP/2"
      And the upstream "app" received 1 request
      When a client sends the request:
        | url      | https://git.example.test/second |
        | client   | alice                           |
        | protocol | HTTP/2                          |
      Then the answer is 504
      And the runbook shows under "504" what was written
      And the runbook has a row under "504" for the error of the line "UPSTREAM_ERROR"

  Rule: An upstream is out of service

    @S-18.3
    Scenario: The application answers the path of the checks with 500
      Given an upstream "ill" that answers 500 with the body "ill"
      And an upstream "well"
      And the site "git.example.test" is moved to the upstreams "ill, well"
      And the settings:
        | listeners[0].sites[0].health.path          | "/up" |
        | listeners[0].sites[0].health.interval_secs | 1     |
        | listeners[0].sites[0].health.fall          | 1     |
      When the proxy is running
      Then the runbook shows under "An upstream is out of service" what was written

  Rule: 429 for everybody

    @S-7.1 @S-6.3
    Scenario: Clients behind one address share a bucket, whatever their headers say
      Given the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 2
      And the proxy is running
      And a client sends the request:
        | url    | https://git.example.test/     |
        | client | balancer                      |
        | header | X-Forwarded-For: 203.0.113.50 |
      And a client sends the request:
        | url    | https://git.example.test/     |
        | client | balancer                      |
        | header | X-Forwarded-For: 203.0.113.51 |
      When a client sends the request:
        | url    | https://git.example.test/     |
        | client | balancer                      |
        | header | X-Forwarded-For: 203.0.113.52 |
      Then the answer is 429
      And the log has a line "RATE_LIMIT" with:
        | client_ip | ${client:balancer} |
      And the runbook shows under "429 for everybody" what was written
      # What the section says to do.
      Given the setting "rate_limit.burst" is 1000
      And the setting "rate_limit.requests_per_second" is 1000
      And the configuration is reloaded
      When the client "balancer" requests "https://git.example.test/" until the answer is 200

  Rule: 404 on a site that exists

    @S-6.1
    Scenario: A site of another listener
      Given another listener
      And the site "other.example.test" is served from the upstream "app" by listener 2
      And the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | header   | Host: other.example.test  |
      Then the answer is 404
      And the runbook shows under "404 on a site that exists" what was written

  Rule: 401 and 403 where they should not be

    @S-16.1 @S-16.2
    Scenario: A client that is not in the list, and a wrong password
      Given a file "users" with "ann:$2a$04$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG\n"
      And the settings:
        | listeners[0].sites[0].access.basic_users_file | "users"        |
        | listeners[0].sites[0].routes[0].path          | "/office"      |
        | listeners[0].sites[0].routes[0].access.allow  | ["192.0.2.50"] |
      And the proxy is running
      When a client requests "https://git.example.test/office"
      Then the answer is 403
      When a client sends the request:
        | url    | https://git.example.test/                 |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW0= |
      Then the answer is 401
      And the runbook shows under "401 and 403 where they should not be" what was written

  Rule: 400, 408, 413, 431

    @S-8.1
    Scenario: A body and a head that are too large
      Given the proxy is running
      When a client sends "POST" to "https://git.example.test/upload" with 2000000 bytes
      Then the answer is 413
      Given a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test
        Cookie: ${x*70000}

        """
      Then the client receives the answer 431
      And the runbook shows under "400, 408, 413, 431" what was written

  Rule: A download or an upload is cut short

    @S-6.10
    Scenario Outline: An upstream that <what> of its answer
      Given an upstream "app" that <does>
      And the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/"
      Then the request of the client "alice" fails
      And the runbook has a row under "A download or an upload is cut short" for the error of the line "UPSTREAM_ERROR"

      Examples:
        | what                   | does                                |
        | closes in the middle   | sends half of its answer and closes |
        | stands in the middle   | stops in the middle of its answer   |

    @S-6.16
    Scenario: An upstream that ends TLS without close_notify
      Given an HTTPS upstream "secure"
      And an upstream "secure" that answers and ends the connection abruptly:
        """
        HTTP/1.1 200 OK

        hello\
        """
      And the site "git.example.test" is moved to the upstream "secure"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the proxy is running
      When the client "alice" begins to request "https://git.example.test/"
      Then the request of the client "alice" fails
      And the runbook has a row under "A download or an upload is cut short" for the error of the line "UPSTREAM_ERROR"

  Rule: Descriptors are exhausted

    @S-8.6 @S-12.3
    Scenario: An exhausted limit
      Given the proxy is running
      And the proxy can open no more files
      When a client opens a connection to "tcp://${addr}:${https}"
      Then the runbook shows under "Descriptors are exhausted" what was written
      Given the proxy can open files again
      When a client requests "https://git.example.test/"
      Then the answer is 200

  Rule: New connections hang

    @S-12.2
    Scenario: max_connections busy clients, and one more that waits for its turn
      Given an upstream "app" that waits
      And the setting "max_connections" is 1
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/"
      And the upstream "app" received 1 request
      And the client "bob" begins to request "https://git.example.test/"
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections        | 1 |
        | requests_in_flight | 1 |
      And the log has no line "ACCEPT_ERROR"
      And the client "bob" has no answer yet
      When the upstream "app" is released
      Then the client "alice" is answered 200
      When the upstream "app" is released
      Then the client "bob" is answered 200

  Rule: No connection gets through a balancer

    @S-15.3
    Scenario: A balancer that is not trusted, and one that sends no header
      Given the settings:
        | listeners[0].proxy_protocol  | "required"             |
        | listeners[0].trusted_proxies | ["${client:balancer}"] |
      And the proxy is running
      When the client "stranger" opens a connection to "tcp://${addr}:${https}"
      Then the connection is closed with nothing more
      Given the client "balancer" opens a connection to "tcp://${addr}:${https}"
      When the client sends "GET / HTTP/1.1\r\n\r\n"
      Then the connection is closed with nothing more
      And the runbook shows under "No connection gets through a balancer" what was written

  Rule: The disk is full

    @S-8.4 @mount
    Scenario: No room for the log file, and then room again
      Given a small disk "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the proxy is running
      And a client requests "https://git.example.test/before"
      And the file "logs/proxy.log" contains "path=/before"
      And the disk "logs" is full
      When a client requests "https://git.example.test/${x*2000}" 20 times
      Then 20 of the answers are 200
      And the log has a line "LOG_WRITE_ERROR"
      Given the disk "logs" has room again
      When a client requests "https://git.example.test/after"
      Then the file "logs/proxy.log" has a line "LOG_DROPPED" with:
        | sink | file |
      And the runbook shows under "The disk is full" what was written

  Rule: Lines are missing in the log

    @S-8.3
    Scenario: A new log file that cannot be opened
      Given a directory "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the proxy is running
      And "logs" is renamed to "moved"
      When the proxy is sent SIGUSR1
      Then the runbook shows under "Lines are missing in the log" what was written
      When a client requests "https://git.example.test/while-gone"
      Then the file "moved/proxy.log" contains "path=/while-gone"

  Rule: The admin commands reach no daemon

    @S-10.4
    Scenario: A daemon that is not running
      When the command "reverse-proxy status --config ${config}" is run
      Then the command exits with 1
      And the runbook shows under "The admin commands reach no daemon" what was written

  Rule: It takes a long time to stop

    @S-11.1
    Scenario: A request that does not end
      Given an upstream "app" that never answers
      And the setting "shutdown_timeout_secs" is 1
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/"
      And the upstream "app" received 1 request
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the runbook shows under "It takes a long time to stop" what was written

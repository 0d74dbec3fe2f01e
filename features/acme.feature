Feature: Certificates from an ACME server

  Rule: Without a certificate the daemon gets one before it serves

    @S-5.4 @S-4.3
    Scenario: The first certificate is proved by TLS-ALPN-01, against Pebble as it is shipped
      Given an ACME server as it is shipped
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the site "www.example.test" is served from the upstream "app"
      When the proxy is running
      Then the log has the events in this order:
        | STARTUP step=6                         |
        | ACME_PROVISION domain=www.example.test |
        | STARTUP step=7                         |
        | STARTUP step=10                        |
      And the ACME server was asked for 1 order
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server
      And the certificate is for "www.example.test"
      When a client sends the request:
        | url    | https://www.example.test/ |
        | verify | no                        |
      Then the answer is 200 "app"

    @S-2.4 @S-5.4
    Scenario: Without acme_domains they are the hosts of the sites
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is running
      Then the ACME server was asked for 1 order
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

    @S-2.4 @S-5.7
    Scenario: A name of acme_domains becomes a site by a reload, and another one does not
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for "www.example.test, later.example.test" from the ACME server
      And the proxy is running
      And the site "later.example.test" is served from the upstream "app"
      And the configuration is reloaded
      When a client sends the request:
        | url    | https://later.example.test/ |
        | verify | no                          |
      Then the answer is 200 "app"
      Given the site "never.example.test" is served from the upstream "app"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].sites[2].host | "never.example.test" would have no certificate, as acme_domains does not list it |
      Given the setting "listeners[0].tls.acme_domains" is ["www.example.test", "later.example.test", "never.example.test"]
      And the configuration is reloaded
      When a client sends the request:
        | url    | https://never.example.test/ |
        | verify | no                          |
      Then the answer is 200 "app"
      And the ACME server was asked for 3 orders

    @S-5.4 @S-13.2
    Scenario: HTTP-01 on the redirect port is the fallback
      Given an ACME server that reaches only the redirect port
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is running
      Then the ACME server was asked for 2 orders
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

    @S-5.4
    Scenario: Without a redirect port there is no fallback
      Given an ACME server that reaches only the redirect port
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the setting "listeners[0].http_port" is 0
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "www.example.test"
      And the ACME server was asked for 1 order

    @S-5.4
    Scenario: No other user can read the cache
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a directory "acme1"
      And "acme1" has the mode "755"
      When the proxy is running
      Then the mode of "acme1" is "0700"
      And the mode of "acme1/www.example.test" is "0600"
      And the mode of "acme1/acme_account+key" is "0600"

    @S-4.2 @S-5.4
    Scenario Outline: What makes ACME impossible is reported under its key
      Given no ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a file "file" with "no certificate"
      And the setting "<key>" is "<value>"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error has a line with "<key>"
      And nothing of the proxy is left

      Examples:
        | key                             | value          |
        | listeners[0].tls.acme_cache_dir | ${dir}/file    |
        | listeners[0].tls.acme_cache_dir | ${dir}/file/in |
        | listeners[0].tls.acme_ca_path   | ${dir}/file    |
        | listeners[0].tls.acme_ca_path   | ${dir}/none    |

  Rule: The failure of a CA is reported in its own words

    @S-5.4 @S-4.2
    Scenario: No cached certificate and a CA that refuses the order
      Given an ACME server that refuses orders with 403 "urn:ietf:params:acme:error:rejectedIdentifier"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "startup step 7 (load_tls): listeners[0].tls.acme_domains: www.example.test: no certificate from https://127.0.0.1:"
      And its standard error is one line with "urn:ietf:params:acme:error:rejectedIdentifier: refused by the suite"
      And nothing of the proxy is left
      And the service manager is never told "READY=1"

    @S-5.4
    Scenario: No cached certificate and a CA that validates nothing
      Given an ACME server that reaches no port
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "urn:ietf:params:acme:error:"
      And its standard error is one line with "www.example.test"
      And the ACME server was asked for 2 orders
      And nothing of the proxy is left

    @S-5.4
    Scenario: No cached certificate and a CA that is down
      Given no ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "www.example.test: no certificate from https://127.0.0.1:"
      And its standard error is one line with "connection refused"
      And "acme1/acme_refusals.json" does not exist
      And nothing of the proxy is left

    @S-4.3 @S-5.4
    Scenario: No client is served while the CA is slow, and the service manager is informed
      Given an ACME server that never answers
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then no port of the proxy answers until it exits
      And the proxy exits with 1
      And the service manager is told "EXTEND_TIMEOUT_USEC="
      And the service manager is never told "READY=1"

    @S-5.4 @S-4.2
    Scenario: A start that waits for the CA can be stopped
      Given an ACME server that never answers
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then "${addr}:${https}" accepts connections
      Given the service manager is told "EXTEND_TIMEOUT_USEC="
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 10 seconds
      And nothing of the proxy is left

  Rule: A reload that adds names obtains their certificates first

    @S-3.7 @S-5.7
    Scenario: A new site is served with its certificate when the reload returns
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      And the site "new.example.test" is served from the upstream "app"
      And the configuration file is written
      And the requests to the ACME server are counted
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "certificate to order: new.example.test"
      And the ACME server was asked nothing more
      When the command "reverse-proxy reload --text --config ${config}" is run
      Then the command exits with 0
      And the command prints "certificate obtained: new.example.test (1 of 1)" on stderr
      When a client makes a TLS handshake for "new.example.test"
      Then the certificate comes from the ACME server
      And the certificate is for "new.example.test"
      When a client sends the request:
        | url    | https://new.example.test/ |
        | verify | no                        |
      Then the answer is 200 "app"
      And the ACME server was asked for 2 orders

    @S-5.7 @S-13.2
    Scenario: A new name is proved by HTTP-01 before it is served
      Given an ACME server that reaches only the redirect port
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      And the site "new.example.test" is served from the upstream "app"
      And the configuration is reloaded
      When a client makes a TLS handshake for "new.example.test"
      Then the certificate comes from the ACME server

    @S-3.7 @S-5.7
    Scenario: A reload is refused if one name gets no certificate, and the others are kept
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      And the name "lost.example.test" resolves elsewhere
      And the site "new.example.test" is served from the upstream "app"
      And the site "lost.example.test" is served from the upstream "app"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].tls.acme_domains | lost.example.test: no certificate from https://127.0.0.1: |
      When a client makes a TLS handshake for "new.example.test"
      Then the handshake fails with the alert "unrecognized name"
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server
      And the ACME server was asked for 4 orders
      Given the site "lost.example.test" is removed
      And the configuration is reloaded
      When a client makes a TLS handshake for "new.example.test"
      Then the certificate comes from the ACME server
      And the ACME server was asked for 4 orders
      Given the name "lost.example.test" resolves to its listener again
      And the site "lost.example.test" is served from the upstream "app"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].tls.acme_domains | the next try is not before 20 |
      And the ACME server was asked for 4 orders
      Given "acme1/acme_refusals.json" is deleted
      And the configuration is reloaded
      When a client makes a TLS handshake for "lost.example.test"
      Then the certificate comes from the ACME server

    @S-5.7
    Scenario: A name that was removed is no longer renewed
      Given an ACME server whose certificates last 8 seconds
      And the site "www.example.test" is served from the upstream "app"
      And the site "gone.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      And the site "gone.example.test" is removed
      When the configuration is reloaded
      Then the log has a line "ACME_RENEWED" with:
        | domain | www.example.test |
      And the log has no line "ACME_RENEWED" with:
        | domain | gone.example.test |
      When a client makes a TLS handshake for "gone.example.test"
      Then the handshake fails with the alert "unrecognized name"

    @S-3.7 @S-5.8
    Scenario: While a reload waits for a CA that hangs, clients are served and the daemon can be stopped
      Given an ACME server that never answers
      And a certificate "own" for "www.example.test"
      And listener 1 gets certificates for its sites from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the site "www.example.test" is served from the upstream "app"
      And the proxy is running
      And the site "new.example.test" is served from the upstream "app"
      And the configuration file is written
      When the proxy is sent SIGHUP
      Then the service manager is told "STATUS=obtaining certificates: 0 of 1"
      When a client sends the request:
        | url    | https://www.example.test/ |
        | verify | no                        |
      Then the answer is 200 "app"
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command prints a line that matches "certificates +0 of 1 obtained, waiting for new.example.test"
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 5 seconds
      And nothing of the proxy is left

  Rule: Other names do not wait for one that fails

    @S-5.8 @S-5.9
    Scenario: One of 50 names resolves elsewhere, and the 49 others are served
      Given an ACME server
      And 50 sites "n%.example.test" are served from the upstream "app"
      And the name "n17.example.test" resolves elsewhere
      And listener 1 gets certificates for its sites from the ACME server
      And the setting "listeners[0].tls.acme_start" is "available"
      When the proxy is running
      Then the log has a line "ACME_MISSING" with:
        | level  | ERROR                 |
        | domain | n17.example.test      |
        | error  | ~no certificate from  |
      When a client makes a TLS handshake for "n17.example.test"
      Then the handshake fails with the alert "unrecognized name"
      And of the 50 sites "n%.example.test" all but "n17.example.test" have a certificate from the ACME server
      Given the name "n17.example.test" resolves to its listener again
      And "acme1/acme_refusals.json" is deleted
      And the proxy is started again
      And the log has a line "ACME_RENEWED" with:
        | domain | n17.example.test |
      When a client makes a TLS handshake for "n17.example.test"
      Then the certificate comes from the ACME server

    @S-5.9
    Scenario: The same start fails by default, and names the failing name
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And the site "lost.example.test" is served from the upstream "app"
      And the name "lost.example.test" resolves elsewhere
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "lost.example.test: no certificate from"

    @S-5.9 @S-5.8
    Scenario: With certificates in the cache an available start does not wait for a CA that hangs
      Given an ACME server that never answers
      And a certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test, new.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the setting "listeners[0].tls.acme_start" is "available"
      And the proxy is running
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is "own"

    @S-5.9 @S-5.6
    Scenario Outline: A file of the cache that cannot be read does not keep the other names from being served
      Given no ACME server
      And a certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test, new.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And <what> "acme1/new.example.test"
      And the setting "listeners[0].tls.acme_start" is "available"
      When the proxy is running
      Then the log has a line "ACME_MISSING" with:
        | domain | new.example.test |
        | error  | ~<error>         |
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is "own"

      Examples:
        | what         | error                                |
        | a directory  | is a directory, not a regular file   |
        | a named pipe | is a named pipe, not a regular file  |

    @S-5.8 @S-4.2
    Scenario: A named pipe in the cache does not make the start wait
      Given no ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a directory "acme1"
      And a named pipe "acme1/www.example.test"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "is a named pipe, not a regular file"

    @S-5.8
    Scenario: The status answers while the start waits for a CA
      Given an ACME server that never answers
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is started
      And the service manager is told "EXTEND_TIMEOUT_USEC="
      When the command "reverse-proxy status --config ${config} --json" is run
      Then the command exits with 0
      And the command prints a line that matches ".*.starting.:true.*"
      And the command prints a line that matches ".*.waiting.:..www.example.test...*"
      When the command "reverse-proxy reload --config ${config} --text" is run
      Then the command exits with 1
      And the command prints "the daemon is still starting" on stderr
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 5 seconds
      And nothing of the proxy is left

    @S-5.8
    Scenario: The orders of a start have a time limit
      Given an ACME server that never answers
      And listener 1 gets certificates for "a.example.test, b.example.test, c.example.test" from the ACME server
      And the setting "listeners[0].tls.acme_start_timeout_secs" is 1
      When the proxy is started
      Then the proxy exits with 1 within 15 seconds
      And its standard error has 3 lines
      And its standard error has a line with "within the 1 s of acme_start_timeout_secs"

    @S-5.10
    Scenario Outline: A failure of the CA is not a refusal of a name
      Given an ACME server that refuses <what> with <status> "<problem>"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "<problem>"
      And its standard error is one line with "start again when it answers"
      And "acme1/acme_refusals.json" does not exist

      Examples:
        | what        | status | problem                                       |
        | directories | 503    | urn:ietf:params:acme:error:serverInternal     |
        | nonces      | 500    | HTTP 500                                      |
        | accounts    | 500    | urn:ietf:params:acme:error:serverInternal     |
        | accounts    | 403    | urn:ietf:params:acme:error:unsupportedContact |
        | orders      | 503    | urn:ietf:params:acme:error:serverInternal     |
        | orders      | 429    | urn:ietf:params:acme:error:rateLimited        |

    @S-5.11
    Scenario Outline: An account key that holds no key is set aside
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a file "acme1/acme_account+key" with "<text>"
      When the proxy is running
      Then the log has a line "ACME_ERROR" with:
        | error | ~acme_account+key holds no key |
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

      Examples:
        | text                            |
        |                                 |
        | -----BEGIN EC PRIVATE KEY-----  |

  Rule: A valid cached certificate needs no CA

    @S-5.4 @S-5.6
    Scenario: A restart takes the certificate from the cache while the CA is down
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is running
      And the ACME server goes away
      When the proxy is started again
      Then the log has a line "ACME_PROVISION" with:
        | domain | www.example.test |
        | source | cache            |
      And the log has a line "ACME_UNREACHABLE" with:
        | level     | WARN    |
        | directory | *       |
        | error     | *       |
        | next_try  | *       |
      When a client makes a TLS handshake for "www.example.test"
      Then the handshake succeeds
      And the certificate is for "www.example.test"

    @S-5.4 @S-20.3
    Scenario: A certificate that plain autocert has cached is used
      Given no ACME server
      And a certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the proxy is running
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is "own"

    @S-5.4
    Scenario: An expired cached certificate and a CA that is down
      Given no ACME server
      And an expired certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "www.example.test: no certificate from https://127.0.0.1:"
      And nothing of the proxy is left

    @S-5.4
    Scenario: An expired cached certificate and a CA that works
      Given an ACME server
      And an expired certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the proxy is running
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

  Rule: Certificates are renewed while the daemon serves

    @S-5.4
    Scenario: A short-lived certificate is renewed without one failed handshake
      Given an ACME server whose certificates last 18 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the site "www.example.test" is served from the upstream "app"
      And the proxy is running
      When clients keep making TLS handshakes for "www.example.test"
      Then they see 3 certificates in turn and no handshake fails
      And the log has a line "ACME_RENEWED" with:
        | level     | INFO             |
        | domain    | www.example.test |
        | not_after | *                |
      And the log has no line "ACME_ERROR"

    @S-5.4
    Scenario: A renewal that fails is logged and tried again, and the old certificate is still served
      Given no ACME server
      And a certificate "own" for "www.example.test" that is valid for 60 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is running
      Then the log has a line "ACME_ERROR" with:
        | level     | WARN                |
        | domain    | www.example.test    |
        | directory | ~https://127.0.0.1: |
        | error     | ~connection refused |
        | next_try  | *                   |
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is "own"

    @S-5.4
    Scenario: A certificate that expires while the daemon runs is still served, with an error in the log
      Given no ACME server
      And a certificate "own" for "www.example.test" that is valid for 8 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is running
      Then the log has a line "CERT_EXPIRED" with:
        | level  | ERROR            |
        | domain | www.example.test |
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is "own"

    @S-5.4
    Scenario: When a CA comes back, what is due is renewed
      Given an ACME server whose certificates last 12 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is running
      When the ACME server goes away
      Then the log has a line "ACME_ERROR"
      When the ACME server comes back
      Then the log has a line "ACME_RENEWED"
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

  Rule: The CA says when to renew

    @S-5.12 @S-20.1 @S-20.2
    Scenario: A certificate that the CA wants renewed is renewed, once
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is running
      Then the log has a line "ACME_RENEWAL_INFO" with:
        | level        | INFO             |
        | domain       | www.example.test |
        | window_start | *                |
        | renew_at     | *                |
      And the file "acme1/acme_renewals.json" contains "www.example.test"
      And the metrics have:
        | reverse_proxy_acme_next_try_timestamp_seconds{listener="${addr}:${https}",name="www.example.test",reason="ari"} | * |
      Given a client makes a TLS handshake for "www.example.test"
      And the ACME server wants the certificate renewed now
      When the proxy is started again
      Then the log has a line "ACME_RENEWAL_INFO" with:
        | level       | WARN                             |
        | explanation | https://ca.example.test/incident |
      And the log has a line "ACME_RENEWED" with:
        | domain | www.example.test |
      And the ACME server was asked for 2 orders
      And the ACME server has seen 1 order that replaces a certificate
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

    @S-5.12
    Scenario: A profile is ordered
      Given an ACME server that offers the profile "shortlived"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the setting "listeners[0].tls.acme_profile" is "shortlived"
      And the proxy is running
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

    @S-5.12 @S-5.10
    Scenario: A profile that the CA does not offer is an error, which lists those that it offers
      Given an ACME server that offers the profile "shortlived"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the setting "listeners[0].tls.acme_profile" is "classic"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "acme_profile: the CA does not offer \"classic\"; it offers shortlived"
      And the ACME server was asked for 0 orders

    @S-5.12
    Scenario: A CA that accepts only accounts that it knows gets the key of the account
      Given an ACME server that knows the account "kid-1" with the key "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "urn:ietf:params:acme:error:externalAccountRequired"
      Given a file "eab.key" with "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
      And the setting "listeners[0].tls.acme_eab_key_id" is "kid-1"
      And the setting "listeners[0].tls.acme_eab_key_file" is "${dir}/eab.key"
      And the proxy is running
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

    @S-5.12 @S-5.2 @S-2.16
    Scenario: A certificate for an IP address is ordered, and served to clients without a server name
      Given an ACME server that offers the profile "shortlived"
      And the site "${addr}" is served from the upstream "app"
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the setting "listeners[0].tls.acme_profile" is "shortlived"
      And the proxy is running
      When a client makes a TLS handshake for "none"
      Then the certificate comes from the ACME server
      And the certificate is for "${addr}"
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server
      And the certificate is for "www.example.test"
      When a client makes a TLS handshake for "other.example.test"
      Then the handshake fails with the alert "unrecognized name"
      When the command "reverse-proxy explain --config ${config} https://${addr}/" is run
      Then the command exits with 0
      And the command prints "${upstream:app}"

    @S-5.12 @S-5.4 @S-13.2
    Scenario: An IP address is validated by HTTP-01 where TLS-ALPN-01 is not possible
      Given an ACME server that reaches only the redirect port
      And listener 1 gets certificates for "${addr}" from the ACME server
      And the proxy is running
      When a client makes a TLS handshake for "none"
      Then the certificate comes from the ACME server

  Rule: A CA is never hammered

    @S-5.5
    Scenario: A refusal is remembered over restarts, with the CA's Retry-After
      Given an ACME server that refuses orders with 429 "urn:ietf:params:acme:error:rateLimited" and names a wait of 7200 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "rateLimited"
      And the file "acme1/acme_refusals.json" contains "rateLimited"
      And the mode of "acme1/acme_refusals.json" is "0600"
      Given the requests to the ACME server are counted
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the next try is not before 20"
      And its standard error is one line with "acme_refusals.json"
      When the proxy is started
      Then the proxy exits with 1
      And the ACME server was asked nothing more
      Given "acme1/acme_refusals.json" is deleted
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "no certificate from"
      And the ACME server was asked for 2 orders

    @S-5.5
    Scenario: A refusal of a real CA makes the next start wait
      Given an ACME server that reaches no port
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      Given the requests to the ACME server are counted
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the next try is not before 20"
      And the ACME server was asked nothing more

    @S-5.5
    Scenario: A file of refusals that cannot be read does not stop the daemon
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a file "acme1/acme_refusals.json" with "{"
      When the proxy is running
      Then the log has a line "ACME_ERROR" with:
        | error | ~acme_refusals.json |

    @S-5.5
    Scenario: A refused account is requested once, and not for every name
      Given an ACME server that refuses accounts with 403 "urn:ietf:params:acme:error:unsupportedContact"
      And listener 1 gets certificates for "a.example.test, b.example.test, c.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error has 3 lines
      And its standard error has a line with "a.example.test: no certificate"
      And its standard error has a line with "c.example.test: no certificate"
      And the ACME server was asked for 0 orders

    @S-5.5
    Scenario Outline: No handshake orders a certificate
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is running
      And the requests to the ACME server are counted
      When a client makes a TLS handshake:
        | name      | <name>      |
        | minimum   | <minimum>   |
        | protocols | <protocols> |
      Then the handshake <result>
      And the ACME server was asked nothing more
      And the ACME server was asked for 1 order

      Examples:
        | name               | minimum | protocols   | result                                  |
        | www.example.test   | 1.3     | h2          | succeeds                                |
        | WWW.Example.Test   | 1.2     | http/1.1    | succeeds                                |
        | other.example.test | 1.2     | h2          | fails with the alert "unrecognized name" |
        | www.example.test   | 1.2     | acme-tls/1  | fails with the alert "unrecognized name" |

  Rule: Each name is independent of the others

    @S-5.6 @S-5.2
    Scenario: Each of two names of one listener has its own certificate
      Given an ACME server
      And listener 1 gets certificates for "www.example.test, api.example.test" from the ACME server
      And the proxy is running
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate is for "www.example.test"
      When a client makes a TLS handshake for "api.example.test"
      Then the certificate is for "api.example.test"
      And the certificate comes from the ACME server
      When a client makes a TLS handshake for "none"
      Then the handshake fails
      And the ACME server was asked for 2 orders

    @S-5.6
    Scenario: A name that fails hides nothing of the others
      Given an ACME server that refuses the name "bad.example.test"
      And a certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test, bad.example.test, api.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "bad.example.test: no certificate from"
      And its standard error is one line with "rejectedIdentifier"
      And the log has a line "ACME_PROVISION" with:
        | domain | www.example.test |
        | source | cache            |
      And the log has a line "ACME_PROVISION" with:
        | domain | api.example.test |
        | source | order            |
      And the ACME server was asked for 1 order

    @S-5.4 @S-5.6
    Scenario: Two ACME listeners next to a manual one
      Given an ACME server
      And another listener
      And the setting "listeners[1].https_port" is ${https}
      And the setting "listeners[1].http_port" is ${http}
      And another listener
      And the site "git.example.test" is served from the upstream "app" by listener 3
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And listener 2 gets certificates for "api.example.test" from the ACME server
      And the proxy is running
      When a client makes a TLS handshake:
        | name     | www.example.test |
        | listener | 1                |
      Then the certificate comes from the ACME server
      When a client makes a TLS handshake:
        | name     | api.example.test |
        | listener | 2                |
      Then the certificate comes from the ACME server
      When a client makes a TLS handshake for "git.example.test"
      Then the certificate is trusted for "git.example.test"
      When a client makes a TLS handshake:
        | name     | api.example.test |
        | listener | 1                |
      Then the handshake fails with the alert "unrecognized name"
      And the mode of "acme1/acme_account+key" is "0600"
      And the mode of "acme2/acme_account+key" is "0600"

    @S-2.24 @S-5.6
    Scenario: Two listeners with one cache share the certificates, and each name is ordered once
      Given an ACME server
      And another listener
      And the setting "listeners[1].https_port" is ${https}
      And the setting "listeners[1].http_port" is ${http}
      And listener 1 gets certificates for "www.example.test, api.example.test" from the ACME server
      And listener 2 gets certificates for "www.example.test" from the ACME server
      And the setting "listeners[1].tls.acme_cache_dir" is "${dir}/acme1"
      When the proxy is running
      Then the ACME server was asked for 2 orders
      When a client makes a TLS handshake:
        | name     | www.example.test |
        | listener | 1                |
      Then the certificate comes from the ACME server
      When a client makes a TLS handshake:
        | name     | www.example.test |
        | listener | 2                |
      Then the certificate comes from the ACME server
      When a client makes a TLS handshake:
        | name     | api.example.test |
        | listener | 2                |
      Then the handshake fails with the alert "unrecognized name"
      And the metrics have:
        | reverse_proxy_acme_attempts_total{result="success"} | 2 |

    @S-2.33 @S-2.24
    Scenario: What the listeners have in common is written once
      Given an ACME server
      And another listener
      And the setting "listeners[1].https_port" is ${https}
      And the setting "listeners[1].http_port" is ${http}
      And the site "www.example.test" is served from the upstream "app" by listener 1
      And the site "api.example.test" is served from the upstream "app" by listener 2
      And all listeners get certificates for their sites from the ACME server, with the cache "shared"
      And the proxy is running
      When a client makes a TLS handshake for "api.example.test"
      Then the certificate comes from the ACME server
      And the mode of "shared/www.example.test" is "0600"
      And the mode of "shared/api.example.test" is "0600"
      And the ACME server was asked for 2 orders

    @S-4.2 @S-5.6
    Scenario: Every failing listener is named
      Given no ACME server
      And another listener
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And listener 2 gets certificates for "api.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error has 2 lines
      And its standard error has a line with "listeners[0].tls.acme_domains: www.example.test"
      And its standard error has a line with "listeners[1].tls.acme_domains: api.example.test"

    @S-5.1
    Scenario Outline: Only ACME listeners speak the protocol of the challenge
      Given no ACME server
      And a certificate "own" for "www.example.test"
      And another listener
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the proxy is running
      When a client makes a TLS handshake:
        | name      | www.example.test  |
        | listener  | <listener>        |
        | protocols | acme-tls/1, other |
      Then the handshake <result>

      Examples:
        | listener | result                                           |
        | 1        | agrees on "acme-tls/1"                           |
        | 2        | fails with the alert "no application protocol"   |

  Rule: The redirect port answers challenges before it redirects

    @S-13.2
    Scenario Outline: A token that no attempt knows is not found
      Given no ACME server
      And a certificate "own" for "www.example.test"
      And another listener
      And the site "git.example.test" is served from the upstream "app"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the proxy is running
      When a client requests "http://<host>/.well-known/acme-challenge/<token>"
      Then the answer is <status>

      Examples:
        | host               | token                                       | status |
        | www.example.test   | evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA | 404    |
        | www.example.test   |                                             | 404    |
        | other.example.test | x                                           | 404    |
        | git.example.test   | x                                           | 301    |

  Rule: Two processes with one cache directory know of each other

    @S-20.6
    Scenario: One process waits for what the other orders, and uses it
      Given an ACME server as it is shipped
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is started
      And the proxy is stopped while it orders "www.example.test"
      When the machine "second" is started with the cache of listener 1
      Then the machine "second" logs "ACME_WAITING domain=www.example.test pid="
      When the proxy is sent SIGCONT
      Then the proxy is ready
      And the machine "second" serves
      And the machine "second" logs "ACME_PROVISION domain=www.example.test source=cache"
      And the ACME server was asked for 1 order

    @S-20.6 @S-5.8
    Scenario: A process that waits for another one is stopped like any other, and continues when that one is killed
      Given an ACME server as it is shipped
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is started
      And the proxy is stopped while it orders "www.example.test"
      When the machine "second" is started with the cache of listener 1
      Then the machine "second" logs "ACME_WAITING domain=www.example.test"
      When the machine "second" is sent SIGTERM
      Then the machine "second" exits with 0 within 5 seconds
      Given the proxy is killed
      When the proxy is started
      Then the proxy is ready

    @S-20.6
    Scenario: What another process has renewed is served
      Given no ACME server
      And a certificate "first" for "www.example.test" that is valid for 3600 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "first" for "www.example.test"
      And the proxy is running
      And a client makes a TLS handshake for "www.example.test"
      And the machine "second" is started with the cache of listener 1
      And the machine "second" serves
      And a certificate "renewed" for "www.example.test"
      When the cache of listener 1 holds the certificate "renewed" for "www.example.test"
      Then the machines "second" serve the same certificate for "www.example.test" within 30 seconds
      And the machine "second" logs "ACME_RENEWED domain=www.example.test source=cache"
      And the log has a line "ACME_RENEWED" with:
        | source | cache |

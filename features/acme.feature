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
      When a client shakes hands for "www.example.test"
      Then the certificate comes from the ACME server
      And the certificate is for "www.example.test"
      When a client sends the request:
        | url    | https://www.example.test/ |
        | verify | no                        |
      Then the answer is 200 "app"

    @S-2.4 @S-5.4
    Scenario: Without acme_domains they are the hosts of the sites, and a reload that adds one is refused
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is running
      Then the ACME server was asked for 1 order
      When a client shakes hands for "www.example.test"
      Then the certificate comes from the ACME server
      When the site "new.example.test" is served from the upstream "app"
      Then a reload is refused with:
        | listeners[0].sites[1].host | certificates are ordered only at startup; restart the daemon to add it |
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 2
      And the command complains "listeners[0].sites[1].host: \"new.example.test\" has no certificate, and certificates are ordered only at startup; restart the daemon to add it"
      When the site "new.example.test" is taken out
      And the setting "listeners[0].sites[0].upstream_request_timeout_secs" is 7
      And the configuration is reloaded
      And a client shakes hands for "www.example.test"
      Then the certificate comes from the ACME server

    @S-2.4
    Scenario: A name of acme_domains becomes a site by a reload, and another one does not
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for "www.example.test, later.example.test" from the ACME server
      And the proxy is running
      When the site "later.example.test" is served from the upstream "app"
      And the configuration is reloaded
      And a client sends the request:
        | url    | https://later.example.test/ |
        | verify | no                          |
      Then the answer is 200 "app"
      When the site "never.example.test" is served from the upstream "app"
      And the setting "listeners[0].tls.acme_domains" is ["www.example.test", "later.example.test", "never.example.test"]
      Then a reload is refused with:
        | listeners[0].sites[2].host | "never.example.test" has no certificate |

    @S-5.4 @S-13.2
    Scenario: HTTP-01 on the redirect port is the fallback
      Given an ACME server that reaches only the redirect port
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is running
      Then the ACME server was asked for 2 orders
      When a client shakes hands for "www.example.test"
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
    Scenario: The cache is for nobody else
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a directory "acme1"
      And "acme1" has the mode "755"
      When the proxy is running
      Then the mode of "acme1" is "0700"
      And the mode of "acme1/www.example.test" is "0600"
      And the mode of "acme1/acme_account+key" is "0600"

    @S-4.2 @S-5.4
    Scenario Outline: What makes ACME impossible is told under its key
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

  Rule: A CA that fails is told in its own words

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
    Scenario: No client is served while the CA is slow, and the service manager hears about it
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
      When the service manager is told "EXTEND_TIMEOUT_USEC="
      And the proxy is sent SIGTERM
      Then the proxy exits with 0 within 10 seconds
      And nothing of the proxy is left

  Rule: A valid cached certificate needs no CA

    @S-5.4 @S-5.6
    Scenario: A restart takes the certificate from the cache while the CA is down
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is running
      And the ACME server goes away
      And the proxy is started again
      Then the log has a line "ACME_PROVISION" with:
        | domain | www.example.test |
        | source | cache            |
      And the log has a line "ACME_UNREACHABLE" with:
        | level     | WARN    |
        | directory | *       |
        | error     | *       |
        | next_try  | *       |
      When a client shakes hands for "www.example.test"
      Then the handshake succeeds
      And the certificate is for "www.example.test"

    @S-5.4
    Scenario: A certificate that plain autocert has cached is taken
      Given no ACME server
      And a certificate "own" for "www.example.test"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is running
      And a client shakes hands for "www.example.test"
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
      When the proxy is running
      And a client shakes hands for "www.example.test"
      Then the certificate comes from the ACME server

  Rule: Certificates are renewed while the daemon serves

    @S-5.4
    Scenario: A short-lived certificate is renewed without one failed handshake
      Given an ACME server whose certificates last 18 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the site "www.example.test" is served from the upstream "app"
      When the proxy is running
      And clients shake hands for "www.example.test" without end
      Then they see 3 certificates in turn and no handshake fails
      And the log has a line "ACME_RENEWED" with:
        | level     | INFO             |
        | domain    | www.example.test |
        | not_after | *                |

    @S-5.4
    Scenario: A renewal that fails is logged and tried again, and the old certificate serves on
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
      When a client shakes hands for "www.example.test"
      Then the certificate is "own"

    @S-5.4
    Scenario: A certificate that expires while the daemon runs serves on, loudly
      Given no ACME server
      And a certificate "own" for "www.example.test" that is valid for 8 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is running
      Then the log has a line "CERT_EXPIRED" with:
        | level  | ERROR            |
        | domain | www.example.test |
      When a client shakes hands for "www.example.test"
      Then the certificate is "own"

    @S-5.4
    Scenario: A CA that comes back renews what is due
      Given an ACME server whose certificates last 12 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is running
      And the ACME server goes away
      Then the log has a line "ACME_ERROR"
      When the ACME server comes back
      Then the log has a line "ACME_RENEWED"
      When a client shakes hands for "www.example.test"
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
      And the requests to the ACME server are counted
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the next try is not before 20"
      And its standard error is one line with "acme_refusals.json"
      When the proxy is started
      Then the proxy exits with 1
      And the ACME server was asked nothing since
      When "acme1/acme_refusals.json" is deleted
      And the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "no certificate from"
      And the ACME server was asked for 2 orders

    @S-5.5
    Scenario: A refusal of a real CA makes the next start wait
      Given an ACME server that reaches no port
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And the requests to the ACME server are counted
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the next try is not before 20"
      And the ACME server was asked nothing since

    @S-5.5
    Scenario: A memory of refusals that cannot be read does not stop the daemon
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And a file "acme1/acme_refusals.json" with "{"
      When the proxy is running
      Then the log has a line "ACME_ERROR" with:
        | error | ~acme_refusals.json |

    @S-5.5
    Scenario: A refused account is asked for once, and not for every name
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
      When the proxy is running
      And the requests to the ACME server are counted
      And a client shakes hands:
        | name      | <name>      |
        | minimum   | <minimum>   |
        | protocols | <protocols> |
      Then the handshake <result>
      And the ACME server was asked nothing since
      And the ACME server was asked for 1 order

      Examples:
        | name               | minimum | protocols   | result                                  |
        | www.example.test   | 1.3     | h2          | succeeds                                |
        | WWW.Example.Test   | 1.2     | http/1.1    | succeeds                                |
        | other.example.test | 1.2     | h2          | fails with the alert "unrecognized name" |
        | www.example.test   | 1.2     | acme-tls/1  | fails with the alert "unrecognized name" |

  Rule: Each name stands for itself

    @S-5.6 @S-5.2
    Scenario: Two names of one listener have a certificate each
      Given an ACME server
      And listener 1 gets certificates for "www.example.test, api.example.test" from the ACME server
      When the proxy is running
      And a client shakes hands for "www.example.test"
      Then the certificate is for "www.example.test"
      When a client shakes hands for "api.example.test"
      Then the certificate is for "api.example.test"
      And the certificate comes from the ACME server
      When a client shakes hands for "none"
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
    Scenario: Two ACME listeners beside a manual one
      Given an ACME server
      And another listener
      And the setting "listeners[1].https_port" is ${https}
      And the setting "listeners[1].http_port" is ${http}
      And another listener
      And the site "git.example.test" is served from the upstream "app" by listener 3
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And listener 2 gets certificates for "api.example.test" from the ACME server
      When the proxy is running
      And a client shakes hands:
        | name     | www.example.test |
        | listener | 1                |
      Then the certificate comes from the ACME server
      When a client shakes hands:
        | name     | api.example.test |
        | listener | 2                |
      Then the certificate comes from the ACME server
      When a client shakes hands for "git.example.test"
      Then the certificate is trusted for "git.example.test"
      When a client shakes hands:
        | name     | api.example.test |
        | listener | 1                |
      Then the handshake fails with the alert "unrecognized name"
      And the mode of "acme1/acme_account+key" is "0600"
      And the mode of "acme2/acme_account+key" is "0600"

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
    Scenario Outline: The protocol of the challenge is spoken by ACME listeners only
      Given no ACME server
      And a certificate "own" for "www.example.test"
      And another listener
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      When the proxy is running
      And a client shakes hands:
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
      When the proxy is running
      And a client requests "http://<host>/.well-known/acme-challenge/<token>"
      Then the answer is <status>

      Examples:
        | host               | token                                       | status |
        | www.example.test   | evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA | 404    |
        | www.example.test   |                                             | 404    |
        | other.example.test | x                                           | 404    |
        | git.example.test   | x                                           | 301    |

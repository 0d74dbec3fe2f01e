Feature: TLS towards upstreams
  A private CA, a name that differs from the address, and a certificate that the proxy shows: what an application on
  another machine, or an appliance with its own certificate, needs.

  Background:
    Given a private CA "inside"

  Rule: Only the CA that the configuration names is trusted

    @S-18.11 @S-6.8
    Scenario: An upstream with a certificate of a private CA
      Given an HTTPS upstream "app" with a certificate of the private CA "inside" for "app.internal"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~certificate |
      Given the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:inside}"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      Given the setting "listeners[0].sites[0].upstream_server_name" is "app.internal"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

    @S-18.11
    Scenario: The system's roots are not trusted next to a private CA
      Given an HTTPS upstream "app"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:inside}"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~certificate signed by unknown authority |

    @S-18.11 @S-2.33
    Scenario: A route has the CA of its site, or one of its own
      Given a private CA "other"
      And an HTTPS upstream "app" with a certificate of the private CA "inside" for "app.internal"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And an HTTPS upstream "api" with a certificate of the private CA "other" for "app.internal"
      And the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:inside}"
      And the setting "listeners[0].sites[0].upstream_server_name" is "app.internal"
      And the setting "listeners[0].sites[0].routes[0].path" is "/api"
      And the setting "listeners[0].sites[0].routes[0].upstream" is "${upstream:api}"
      And the setting "listeners[0].sites[0].routes[0].upstream_ca_path" is "${cert:other}"
      And the setting "listeners[0].sites[0].routes[1].path" is "/wrong"
      And the setting "listeners[0].sites[0].routes[1].upstream" is "${upstream:api}"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      When a client requests "https://git.example.test/api"
      Then the answer is 200 "api"
      # A connection that was verified with one CA is not used for a route with another.
      When a client requests "https://git.example.test/wrong"
      Then the answer is the plain error 502 "Bad Gateway"

  Rule: The proxy shows its certificate to an upstream that asks

    @S-18.11
    Scenario: Mutual TLS
      Given an HTTPS upstream "app" with a certificate of the private CA "inside" for "app.internal", which demands one of clients
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:inside}"
      And the setting "listeners[0].sites[0].upstream_server_name" is "app.internal"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~certificate required |
      Given the private CA "inside" issues the certificate "proxy"
      And the setting "listeners[0].sites[0].upstream_client_cert_path" is "${cert:proxy}"
      And the setting "listeners[0].sites[0].upstream_client_key_path" is "${key:proxy}"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

    @S-18.11
    Scenario: The log warns of a certificate that expires soon, and of one that has expired
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the private CA "inside" issues the certificate "proxy", which is valid for 6 seconds
      And the setting "listeners[0].sites[0].upstream_client_cert_path" is "${cert:proxy}"
      And the setting "listeners[0].sites[0].upstream_client_key_path" is "${key:proxy}"
      When the proxy is running
      Then the log has a line "UPSTREAM_CERT_EXPIRES" with:
        | level       | WARN             |
        | host        | git.example.test |
        | certificate | ${cert:proxy}    |
        | days_left   | 0                |
      And the log has a line "UPSTREAM_CERT_EXPIRED" with:
        | level       | ERROR            |
        | host        | git.example.test |
        | certificate | ${cert:proxy}    |
      And the metrics have:
        | reverse_proxy_certificate_expiry_timestamp_seconds{listener="",name="git.example.test",source="upstream"} | >0 |
        | reverse_proxy_certificate_expiry_warning_seconds{listener="",name="git.example.test",source="upstream"}   | >0 |

    @S-18.11
    Scenario: check warns of a certificate that expires soon, and refuses a key that does not fit
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the private CA "inside" issues the certificate "proxy", which is valid for 3600 seconds
      And the private CA "inside" issues the certificate "other"
      And the setting "listeners[0].sites[0].upstream_client_cert_path" is "${cert:proxy}"
      And the setting "listeners[0].sites[0].upstream_client_key_path" is "${key:proxy}"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints "upstream_client_cert_path" on stderr
      And the command prints "which the upstream is shown, expires at" on stderr
      Given the setting "listeners[0].sites[0].upstream_client_key_path" is "${key:other}"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      And the command prints "listeners[0].sites[0].upstream_client_key_path" on stderr
      And the command prints "private key does not match public key" on stderr

  Rule: A reload reads the files again, and no connection outlives what it was verified with

    @S-18.11 @S-3.2
    Scenario: A CA whose file was replaced is no longer trusted
      Given an HTTPS upstream "app" with a certificate of the private CA "inside" for "app.internal"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:inside}"
      And the setting "listeners[0].sites[0].upstream_server_name" is "app.internal"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" has 1 connection open
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" accepted 1 connection
      Given the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the upstream "app" accepted 1 connection
      Given a private CA "inside"
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command prints "upstream_ca_path"
      Given the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the upstream "app" has 0 connections open

Feature: Wildcard certificates, proved by the DNS

  A CA issues a certificate for a wildcard only after it has found a record in the DNS (DNS-01). The daemon serves that
  record itself, sends it to a name server, or asks a program of the operator to add it.

  Background:
    Given a name server for the scenario

  Rule: The daemon's own responder answers for the names that are delegated to it

    @S-20.4 @S-14.1 @S-5.12 @mount
    Scenario: A wildcard certificate is ordered, served and renewed
      Given an ACME server whose certificates last 20 seconds
      And the ACME server's name "_acme-challenge.apps.example.test" is an alias of "apps.example.test._acme-challenge.edge.test"
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is running
      Then the log has a line "ACME_PROVISION" with:
        | domain | *.apps.example.test |
        | source | order               |
      And the ACME server was asked for 2 orders
      And the mode of "acme1/_wildcard.apps.example.test" is "0600"
      When a client makes a TLS handshake for "git.apps.example.test"
      Then the certificate comes from the ACME server
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server
      When a client makes a TLS handshake for "a.git.apps.example.test"
      Then the handshake fails with the alert "unrecognized name"
      When a client makes a TLS handshake for "apps.example.test"
      Then the handshake fails with the alert "unrecognized name"
      When clients keep making TLS handshakes for "git.apps.example.test"
      Then they see 2 certificates in turn and no handshake fails

    @S-20.4 @mount
    Scenario: A restart needs no CA for a wildcard
      Given an ACME server
      And the ACME server's name "_acme-challenge.apps.example.test" is an alias of "apps.example.test._acme-challenge.edge.test"
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      When the proxy is started
      Then "${addr}:${https}" accepts connections
      When a client makes a TLS handshake for "git.apps.example.test"
      Then the certificate comes from the ACME server
      And the ACME server was asked for 1 order

    @S-20.4 @S-5.7 @S-4.7 @mount
    Scenario: A reload adds a wildcard, which the confined daemon proves
      Given an ACME server
      And the ACME server's name "_acme-challenge.apps.example.test" is an alias of "apps.example.test._acme-challenge.edge.test"
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "www.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is running
      Then the DNS responder answers "REFUSED" for the TXT record of "_acme-challenge.apps.example.test" over UDP
      Given the site "*.apps.example.test" is served from the upstream "app"
      And the configuration is reloaded
      When a client makes a TLS handshake for "git.apps.example.test"
      Then the certificate comes from the ACME server

    @S-20.4 @mount
    Scenario: Only what concerns challenges is answered
      Given an ACME server
      And the ACME server's name "_acme-challenge.apps.example.test" is an alias of "apps.example.test._acme-challenge.edge.test"
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is running
      Then the DNS responder answers "NOERROR edge.test." for the NS record of "_acme-challenge.apps.example.test" over UDP
      And the DNS responder answers "NOERROR edge.test." for the NS record of "_acme-challenge.edge.test" over TCP
      And the DNS responder answers "NOERROR edge.test. hostmaster.edge.test. 1 3600 600 86400 1" for the SOA record of "_acme-challenge.edge.test" over UDP
      And the DNS responder answers "NOERROR" for the TXT record of "_acme-challenge.apps.example.test" over TCP
      And the DNS responder answers "NOERROR" for the A record of "apps.example.test._acme-challenge.edge.test" over UDP
      And the DNS responder answers "NXDOMAIN" for the TXT record of "example.org._acme-challenge.edge.test" over UDP
      And the DNS responder answers "REFUSED" for the A record of "git.apps.example.test" over UDP
      And the DNS responder answers "REFUSED" for the NS record of "." over UDP
      And the DNS responder answers "REFUSED" for the TXT record of "_acme-challenge.example.org" over TCP

    @S-20.4 @mount
    Scenario: HTTPS is served during a flood of queries, which get ten answers a second
      Given an ACME server
      And the ACME server's name "_acme-challenge.apps.example.test" is an alias of "apps.example.test._acme-challenge.edge.test"
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And another listener
      And the site "git.example.test" is served from the upstream "app" by listener 2
      And the proxy is running
      And the DNS responder is flooded for 4 seconds by 2 senders with queries for "_acme-challenge.apps.example.test"
      When a client requests "https://git.example.test/" 20 times
      Then 20 of the answers are 200
      And the flood continues
      And the DNS responder has answered no sender more than 10 times a second, with at most 512 bytes
      And the metrics have:
        | reverse_proxy_dns_queries_total{result="dropped"} | >0 |

    @S-20.4 @mount
    Scenario: A missing record is named before the CA is asked to look for it
      Given an ACME server
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "_acme-challenge.apps.example.test: a record is missing at the name servers of example.test"
      And its standard error is one line with "_acme-challenge.apps.example.test. CNAME apps.example.test._acme-challenge.edge.test."
      And "acme1/acme_refusals.json" does not exist

    @S-20.4 @S-1.2 @mount
    Scenario: A check says which record is missing
      Given an ACME server
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints "listeners[0].tls.acme_domains: no certificate will come for *.apps.example.test" on stderr
      And the command prints "_acme-challenge.apps.example.test. CNAME apps.example.test._acme-challenge.edge.test." on stderr
      Given the ACME server's name "_acme-challenge.apps.example.test" is an alias of "apps.example.test._acme-challenge.edge.test"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command does not print "CNAME"

    @S-20.4 @S-4.2 @mount
    Scenario: An address that cannot be bound is named
      Given an ACME server
      And names are proved by the daemon's DNS responder as the host "edge.test"
      And the setting "acme.dns_bind" is "192.0.2.1:53"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "listeners[0].tls.acme_dns_bind: 192.0.2.1:53"

  Rule: A name server takes updates

    @S-20.4 @mount
    Scenario: The record of a wildcard is sent to a name server
      Given an ACME server
      And names are proved by updates of a name server that has the zone "apps.example.test"
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      When a client makes a TLS handshake for "git.apps.example.test"
      Then the certificate comes from the ACME server

    @S-20.4 @mount
    Scenario: A key that the name server does not know is named
      Given an ACME server
      And names are proved by updates of a name server that has the zone "apps.example.test"
      And the key of the updates is changed
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the server answers NOTAUTH (BADSIG)"
      And "acme1/acme_refusals.json" does not exist

  Rule: A program of the operator adds the record

    @S-20.4 @mount
    Scenario: A webhook is asked to add the record, and to remove it
      Given an ACME server
      And names are proved by a webhook
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      When a client makes a TLS handshake for "git.apps.example.test"
      Then the certificate comes from the ACME server
      And the webhook has added and removed 1 record

    @S-20.4 @mount
    Scenario: A webhook that fails is named
      Given an ACME server
      And names are proved by a webhook
      And the webhook answers 503
      And the site "*.apps.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "/present: HTTP 503 Service Unavailable: the zone is locked"

@redis
Feature: Several machines that share a store

  Each machine is a daemon of its own, with its own cache directory. A balancer leads the connections of clients and of
  the ACME server to the machines in turn.

  Background:
    Given an ACME server
    And a store
    And the site "www.example.test" is served from the upstream "app"
    And listener 1 gets certificates for its sites from the ACME server

  Rule: One machine orders, and all serve

    @S-20.5
    Scenario: Three machines that start at the same time order each name once, and any answers any other's validation
      Given 49 sites "n%.example.test" are served from the upstream "app"
      And a balancer distributes connections over the machines "A, B, C"
      And the machine "A" is started
      And the machine "B" is started
      When the machine "C" is started
      Then the machine "A" serves within 120 seconds
      And the machine "B" serves
      And the machine "C" serves
      And the ACME server was asked for 50 orders
      And the machines "A, B, C" serve the same certificate for "www.example.test" within 10 seconds
      And the machines "A, B, C" serve the same certificate for "n1.example.test" within 10 seconds
      And the machines "A, B, C" serve the same certificate for "n49.example.test" within 10 seconds
      And the machine "A" prints "in use by 3 machines" for "status --text"
      And the store holds no text "PRIVATE KEY"
      And the store holds no text "key_authorization"

    @S-20.5
    Scenario: HTTP-01 is answered by any machine, too
      Given an ACME server that reaches only the redirect port
      And listener 1 gets certificates for its sites from the ACME server
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      When the machine "B" is started
      Then the machine "A" serves
      And the machine "B" serves
      And the machines "A, B" serve the same certificate for "www.example.test" within 10 seconds

    @S-20.5
    Scenario: A renewal reaches all machines within 10 seconds, and no handshake fails
      Given a balancer distributes connections over the machines "A, B, C"
      And the machine "A" is started
      And the machine "B" is started
      And the machine "A" serves
      And the machine "B" serves
      # A machine that has asked the CA about a certificate does not ask again for hours.
      And the machine "A" logs "ACME_RENEWAL_INFO"
      And the machine "B" logs "ACME_RENEWAL_INFO"
      And clients keep making requests to "www.example.test"
      And a client makes a TLS handshake for "www.example.test"
      And the ACME server wants the certificate renewed now
      # It takes the certificate from the store, asks the CA about it, and renews it for all.
      When the machine "C" is started
      Then the machine "C" logs "ACME_RENEWED"
      And the machines "A, B, C" serve the same certificate for "www.example.test" within 10 seconds
      And no request and no handshake has failed
      And the ACME server was asked for 2 orders

    @S-20.5 @S-5.13
    Scenario Outline: A session resumes on another machine, and only under its name
      Given the site "git.example.test" is served from the upstream "app"
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the machine "B" is started
      And the machine "A" serves
      And the machine "B" serves
      And a client makes a TLS handshake:
        | name    | www.example.test |
        | machine | A                |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | one              |
      When a client makes a TLS handshake:
        | name    | www.example.test |
        | machine | B                |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | one              |
      Then the handshake is resumed
      When a client makes a TLS handshake:
        | name    | git.example.test |
        | machine | B                |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | one              |
      Then the handshake is a full one

      Examples:
        | version |
        | 1.2     |
        | 1.3     |

    @S-20.5 @S-4.3
    Scenario Outline: A session of another machine resumes only once the start of this one is complete
      Given the setting "header_timeout_secs" is 1
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the machine "A" serves
      And a client makes a TLS handshake:
        | name    | www.example.test |
        | machine | A                |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | one              |
      And the handshake succeeds
      And the site "new.example.test" is served from the upstream "app"
      And the ACME server hangs
      And the machine "B" is started
      And the machine "B" logs "ACME_PROVISION domain=www.example.test source=store"
      When a client makes a TLS handshake:
        | name    | www.example.test |
        | machine | B                |
        | minimum | <version>        |
        | maximum | <version>        |
      Then the handshake fails
      When a client makes a TLS handshake:
        | name    | www.example.test |
        | machine | B                |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | one              |
      Then the handshake fails as the one before
      And the machine "B" has logged no "STARTUP step=7"
      When the ACME server goes on
      Then the machine "B" serves
      When a client makes a TLS handshake:
        | name    | www.example.test |
        | machine | B                |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | one              |
      Then the handshake is resumed

      Examples:
        | version |
        | 1.2     |
        | 1.3     |

    @S-20.5
    Scenario: A machine that is killed while it orders holds up the others only until its lease expires
      Given an ACME server as it is shipped
      And listener 1 gets certificates for its sites from the ACME server
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the machine "A" logs "STARTUP step=6"
      And the machine "B" is started
      And the machine "B" logs "ACME_WAITING domain=www.example.test machine="
      And the machine "A" is killed
      When the leases in the store have 2 seconds left
      Then the machine "B" serves within 60 seconds
      And the machines "B" serve the same certificate for "www.example.test" within 10 seconds

    @S-20.5 @S-5.11
    Scenario: A machine that is killed between the certificate and the store gives it to the others after its start
      Given an ACME server that hangs at certificates
      And listener 1 gets certificates for its sites from the ACME server
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the ACME server was asked for certificates
      And the store hangs
      And the ACME server works again
      And the file "cache-A/www.example.test" contains "CERTIFICATE"
      And the machine "A" is killed
      And the store goes on
      When the machine "A" is started
      Then the machine "A" serves
      And the store has certificates that are not garbage
      When the machine "B" is started
      Then the machine "B" serves
      And the machines "A, B" serve the same certificate for "www.example.test" within 10 seconds
      And the ACME server was asked for 1 order

    @S-20.5 @S-5.11
    Scenario Outline: A machine that is killed while it waits for the answer about <requests> leaves its order to another
      Given an ACME server that hangs at <requests>
      And listener 1 gets certificates for its sites from the ACME server
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the ACME server was asked for <requests>
      And the machine "A" is killed
      And the ACME server works again
      And the leases in the store have 2 seconds left
      When the machine "B" is started
      Then the machine "B" serves within 60 seconds
      When the machine "A" is started
      Then the machine "A" serves
      And the machines "A, B" serve the same certificate for "www.example.test" within 10 seconds
      And the ACME server was asked for 1 order

      Examples:
        | requests      |
        | finalizations |
        | certificates  |

    @S-20.5 @S-5.11
    Scenario: The store goes away while a machine holds a lease, and has the certificate once it is back
      Given an ACME server that hangs at certificates
      And listener 1 gets certificates for its sites from the ACME server
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the ACME server was asked for certificates
      And the store is killed
      And the ACME server works again
      And the machine "A" serves
      When the store comes back
      Then the machine "A" logs "STORE_BACK"
      When the machine "B" is started
      Then the machine "B" serves
      And the machines "A, B" serve the same certificate for "www.example.test" within 10 seconds
      And the ACME server was asked for 1 order

    @S-20.5 @S-5.8
    Scenario: A machine that waits for another one to order can be stopped
      Given an ACME server that hangs at orders
      And listener 1 gets certificates for its sites from the ACME server
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the ACME server was asked for orders
      And the machine "B" is started
      And the machine "B" logs "ACME_WAITING domain=www.example.test machine="
      When the machine "B" is sent SIGTERM
      Then the machine "B" exits with 0 within 5 seconds

  Rule: The cache directory is enough while the store is away

    @S-20.5
    Scenario Outline: A machine starts and serves while the store is at fault, reports it, and uses it again
      Given a balancer distributes connections over the machines "A"
      And the machine "A" is started
      And the machine "A" serves
      And the machine "A" is sent SIGTERM
      And the machine "A" exits with 0 within 10 seconds
      And <fault>
      When the machine "A" is started
      Then the machine "A" serves
      And the machine "A" logs "WARN STORE_AWAY store=redis:// <cause>"
      And the machine "A" prints "<cause>" for "status --text"
      And the machines "A" serve the same certificate for "www.example.test" within 10 seconds
      When <mended>
      Then the machine "A" logs "STORE_BACK"
      And the machine "A" prints "in use by 1 machine" for "status --text"
      And the ACME server was asked for 1 order

      Examples:
        | fault                  | cause   | mended               |
        | the store is killed    | refused | the store comes back |
        | the store hangs        | answer  | the store goes on    |
        | the store is read-only | READONLY | the store can be written |

    @S-20.5
    Scenario: A store that lost everything, or holds garbage, is filled again
      Given a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the machine "A" serves
      When the store is emptied
      Then the machine "A" logs "STORE_AWAY emptied"
      And the machine "A" logs "STORE_BACK"
      And the store has certificates that are not garbage
      Given the machine "A" is sent SIGTERM
      And the machine "A" exits with 0 within 10 seconds
      And the values of the store are garbage
      And the machine "A" is started
      And the machine "A" serves
      And the machine "A" logs "STORE_VALUE value=certificate/"
      And the store has certificates that are not garbage
      When the machine "B" is started
      Then the machine "B" serves
      And the machines "A, B" serve the same certificate for "www.example.test" within 10 seconds
      And the ACME server was asked for 1 order

    @S-20.5
    Scenario: No fault of the store costs a request or a handshake
      Given a store that can be slow
      And a balancer distributes connections over the machines "A, B"
      And the machine "A" is started
      And the machine "B" is started
      And the machine "A" serves
      And the machine "B" serves
      And clients keep making requests to "www.example.test"
      # away
      When the store is killed
      Then the machine "A" logs "STORE_AWAY closed"
      And the machine "B" logs "STORE_AWAY closed"
      # empty
      When the store comes back
      Then the machine "A" prints "in use by 2 machines" for "status --text"
      And the machine "B" prints "in use by 2 machines" for "status --text"
      And the store has certificates that are not garbage
      # garbage
      Given the values of the store are garbage
      When the store closes all connections
      # Whichever machine reads them first replaces them.
      Then the store has certificates that are not garbage
      And no request and no handshake has failed
      # read-only
      When the store is read-only
      Then the machine "A" logs "STORE_AWAY READONLY"
      And no request and no handshake has failed
      When the store can be written
      Then the machine "A" prints "in use by 2 machines" for "status --text"
      # slow, but not too slow, then too slow
      When the store takes 1 second for each command
      Then no request and no handshake has failed
      When the store takes 4 seconds for each command
      Then the machine "A" logs "STORE_AWAY answer"
      And no request and no handshake has failed
      # another password than that of the configuration
      Given the store takes 0 seconds for each command
      And the store is killed
      And the store has the password "another"
      When the store comes back
      Then the machine "A" logs "STORE_AWAY NOAUTH"
      And the machine "B" logs "STORE_AWAY NOAUTH"
      And no request and no handshake has failed
      Given the store is killed
      And the store has the password ""
      When the store comes back
      Then the machine "A" logs "STORE_BACK"
      And the machine "B" logs "STORE_BACK"
      And no request and no handshake has failed
      And the ACME server was asked for 1 order

    @S-20.5
    Scenario: A password of the store is shown nowhere
      Given a store with the password "hidden-text"
      And a balancer distributes connections over the machines "A"
      When the machine "A" is started
      Then the machine "A" serves
      And the machine "A" has logged no "hidden-text"
      And the machine "A" prints "store redis://127." for "status --text"

    @S-20.5
    Scenario: A password of the store that was replaced needs no restart
      Given a file "password" with "the old one\n"
      And a store with the password in the file "password"
      And a balancer distributes connections over the machines "A"
      And the machine "A" is started
      And the machine "A" serves
      And the store is killed
      And the store has the password "the new one"
      And the store comes back
      And the machine "A" logs "STORE_AWAY WRONGPASS"
      When a file "password" with "the new one\n"
      Then the machine "A" logs "STORE_BACK"

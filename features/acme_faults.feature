Feature: Certificates while a disk, a CA or a machine fails

  Rule: A cache that cannot be written costs no certificate

    @S-5.11 @mount
    Scenario Outline: A certificate is renewed although the cache <fault>
      Given an ACME server whose certificates last 6 seconds
      And a small disk "acme1"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is running
      When the disk "acme1" <fault>
      Then the log has a line "ACME_ERROR" with:
        | level  | WARN             |
        | domain | www.example.test |
        | error  | ~<cause>         |
      And the log has a line "ACME_RENEWED" with:
        | domain | www.example.test |
        | source | order            |
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

      Examples:
        | fault        | cause                   |
        | is full      | no space left on device |
        | is read-only | read-only file system   |

    @S-5.11
    Scenario: A certificate is renewed although the cache was removed
      Given an ACME server whose certificates last 12 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is running
      And the directory "acme1" holds only "acme_account+key, acme_account.json, acme_renewals.json, www.example.test"
      When "acme1" is deleted
      Then the log has a line "ACME_RENEWED" with:
        | domain | www.example.test |
        | source | order            |
      And the log has a line "ACME_ERROR" with:
        | level | WARN                              |
        | error | ~the cache directory was removed  |
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

  Rule: A CA that is at fault at one request refuses no name

    @S-5.10
    Scenario Outline: A CA limits <requests>, and the next start gets the certificate
      Given an ACME server that refuses <requests> with 429 "urn:ietf:params:acme:error:rateLimited"
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "<cause>"
      And its standard error is one line with "start again when it answers"
      And "acme1/acme_refusals.json" does not exist
      Given the ACME server works again
      When the proxy is started
      Then the proxy is ready
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

      Examples:
        | requests       | cause                             |
        | directories    | rateLimited: refused by the suite |
        | nonces         | HTTP 429                          |
        | accounts       | rateLimited: refused by the suite |
        | orders         | rateLimited: refused by the suite |
        | authorizations | rateLimited: refused by the suite |
        | challenges     | rateLimited: refused by the suite |
        | finalizations  | rateLimited: refused by the suite |
        | certificates   | rateLimited: refused by the suite |

    @S-5.10 @S-5.5
    Scenario Outline: A CA limits <requests> for an hour, and is asked nothing until then
      Given an ACME server that refuses <requests> with 429 "urn:ietf:params:acme:error:rateLimited" and names a wait of 3600 seconds
      And listener 1 gets certificates for "www.example.test" from the ACME server
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the next try is not before 20"
      And the file "acme1/acme_refusals.json" contains "\"domain\": \"\""
      Given the requests to the ACME server are counted
      And the ACME server works again
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "the next try is not before 20"
      And the ACME server was asked nothing more
      Given "acme1/acme_refusals.json" is deleted
      When the proxy is started
      Then the proxy is ready

      Examples:
        | requests       |
        | directories    |
        | nonces         |
        | accounts       |
        | orders         |
        | authorizations |
        | challenges     |
        | finalizations  |
        | certificates   |

    @S-5.8 @S-5.9
    Scenario Outline: A CA hangs at <requests>, and a start with a certificate serves at once
      Given an ACME server that hangs at <requests>
      And a certificate "own" for "www.example.test"
      And the site "www.example.test" is served from the upstream "app"
      And the site "new.example.test" is served from the upstream "app"
      And listener 1 gets certificates for its sites from the ACME server
      And the cache of listener 1 holds the certificate "own" for "www.example.test"
      And the setting "listeners[0].tls.acme_start" is "available"
      When the proxy is running
      Then the ACME server was asked for <requests>
      When a client sends the request:
        | url    | https://www.example.test/ |
        | verify | no                        |
      Then the answer is 200 "app"
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 5 seconds
      And "acme1/acme_refusals.json" does not exist

      Examples:
        | requests       |
        | directories    |
        | nonces         |
        | accounts       |
        | orders         |
        | authorizations |
        | challenges     |
        | finalizations  |
        | certificates   |

    @S-5.8
    Scenario: A CA never ends a validation, and the start ends in its time
      Given an ACME server that never validates
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the setting "listeners[0].tls.acme_start_timeout_secs" is 3
      When the proxy is started
      Then the ACME server was asked for challenges
      And the proxy exits with 1
      And its standard error is one line with "within the 3 s of acme_start_timeout_secs; see what the CA waits for"
      And "acme1/acme_refusals.json" does not exist
      Given the ACME server works again
      When the proxy is started
      Then the proxy is ready
      And the ACME server was asked for 2 orders

  Rule: A daemon that is killed starts again

    @S-5.11 @S-20.6
    Scenario Outline: It is killed while it waits for the answer about <requests>
      Given an ACME server that hangs at <requests>
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the proxy is started
      And the ACME server was asked for <requests>
      And the proxy is killed
      And the ACME server works again
      When the proxy is started
      Then the proxy is ready
      And the ACME server was asked for <orders> orders
      And the directory "acme1" holds only "acme_account+key, acme_account.json, acme_renewals.json, www.example.test"
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

      Examples:
        | requests       | orders |
        | directories    | 1      |
        | nonces         | 1      |
        | accounts       | 1      |
        | orders         | 2      |
        | authorizations | 2      |
        | challenges     | 2      |
        | finalizations  | 1      |
        | certificates   | 1      |

    # A lock whose process has ended stays as a file, which the next order of the name takes and removes. So does an
    # order whose certificate was stored.
    @S-5.11 @S-20.6 @strace
    Scenario Outline: It is killed at the system call <call> for <path>
      Given an ACME server that believes every answer
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the next proxy is killed at the system call <call> for "<path>"
      And the proxy is started
      And the proxy ends by being killed
      When the proxy is started
      Then the proxy is ready
      And the ACME server was asked for <orders> orders
      And the directory "acme1" holds only "<left>acme_account+key, acme_account.json, acme_renewals.json, www.example.test"
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

      Examples:
        | call     | path                              | orders | left                                                     |
        | renameat | acme1/acme_account+key            | 1      |                                                          |
        | fsync    | acme1                             | 1      |                                                          |
        | renameat | acme1/acme_account.json           | 1      |                                                          |
        | openat   | acme1/acme_lock+www.example.test  | 1      |                                                          |
        | renameat | acme1/acme_order+www.example.test | 2      |                                                          |
        | renameat | acme1/www.example.test            | 1      |                                                          |
        | unlinkat | acme1/acme_order+www.example.test | 1      | acme_lock+www.example.test, acme_order+www.example.test, |
        | unlinkat | acme1/acme_lock+www.example.test  | 1      | acme_lock+www.example.test,                              |

    @S-5.11 @strace
    Scenario: It is killed as it writes the certificate that Pebble has issued, and the next start gets the same one
      Given an ACME server
      And listener 1 gets certificates for "www.example.test" from the ACME server
      And the next proxy is killed at the system call renameat for "acme1/www.example.test"
      And the proxy is started
      And the proxy ends by being killed
      When the proxy is started
      Then the proxy is ready
      And the ACME server was asked for 1 order
      When a client makes a TLS handshake for "www.example.test"
      Then the certificate comes from the ACME server

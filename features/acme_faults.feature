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

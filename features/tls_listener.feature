Feature: TLS listeners
  Which versions and suites are spoken, and which certificate a client gets: always one that covers the name it asked for,
  never a default one.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: TLS 1.2 and 1.3, and nothing older

    @S-5.1
    Scenario Outline: A client that speaks <minimum> to <maximum> <outcome>
      Given the proxy is running
      When a client makes a TLS handshake:
        | name    | git.example.test |
        | minimum | <minimum>        |
        | maximum | <maximum>        |
      Then the handshake <outcome>

      Examples:
        | minimum | maximum | outcome                                              |
        | 1.0     | 1.0     | fails with the alert "protocol version not supported" |
        | 1.0     | 1.1     | fails with the alert "protocol version not supported" |
        | 1.0     | 1.2     | speaks "TLS 1.2"                                      |
        | 1.2     | 1.3     | speaks "TLS 1.3"                                      |
        | 1.3     | 1.3     | speaks "TLS 1.3"                                      |

    @S-5.1
    Scenario Outline: With an <key> key TLS 1.2 is spoken with <suite>: <outcome>
      Given <kind> certificate "web" for "git.example.test"
      And listener 1 has the certificate "web"
      And the proxy is running
      When a client makes a TLS handshake:
        | name    | git.example.test |
        | maximum | 1.2              |
        | suites  | <suite>          |
      Then the handshake <outcome>

      Examples: the four that are spoken
        | key   | kind   | suite                                   | outcome                                        |
        | ECDSA | a      | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 | uses "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" |
        | ECDSA | a      | TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 | uses "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" |
        | RSA   | an RSA | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256   | uses "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"   |
        | RSA   | an RSA | TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384   | uses "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"   |

      Examples: others that a client could offer
        | key   | kind   | suite                                         | outcome                             |
        | ECDSA | a      | TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 | fails with the alert "handshake failure" |
        | ECDSA | a      | TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA          | fails with the alert "handshake failure" |
        | RSA   | an RSA | TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256   | fails with the alert "handshake failure" |
        | RSA   | an RSA | TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA            | fails with the alert "handshake failure" |
        | RSA   | an RSA | TLS_RSA_WITH_AES_128_GCM_SHA256               | fails with the alert "handshake failure" |

    @S-5.1
    Scenario Outline: A client that offers the protocols "<offered>" agrees on "<agreed>"
      Given the proxy is running
      When a client makes a TLS handshake:
        | name      | git.example.test |
        | protocols | <offered>        |
      Then the handshake succeeds
      And the handshake agrees on "<agreed>"

      Examples:
        | offered     | agreed   |
        | h2,http/1.1 | h2       |
        | http/1.1,h2 | h2       |
        | http/1.1    | http/1.1 |

    @S-5.1
    Scenario: A client that offers no protocol speaks HTTP/1.1
      Given the proxy is running
      When a client makes a TLS handshake for "git.example.test"
      Then the handshake succeeds
      And the handshake agrees on ""
      When a client requests "https://git.example.test/" over "HTTP/1.1"
      Then the answer is 200 "app"

    @S-5.1
    Scenario: A listener that is not in ACME mode does not answer a CA's validation
      Given the proxy is running
      When a client makes a TLS handshake:
        | name      | git.example.test |
        | protocols | acme-tls/1       |
      Then the handshake fails with the alert "no application protocol"

  Rule: The name picks the certificate

    @S-5.2 @S-5.3
    Scenario Outline: With two certificates a client that asks for <name> gets "<certificate>"
      Given a certificate "first" for "git.example.test, www.git.example.test"
      And a certificate "second" for "*.wild.example.test"
      And listener 1 has the certificate "first"
      And listener 1 also has the certificate "second"
      And the proxy is running
      When a client makes a TLS handshake for "<name>"
      Then the handshake succeeds
      And the certificate is "<certificate>"
      And the certificate is trusted for "<name>"

      Examples:
        | name                  | certificate |
        | git.example.test      | first       |
        | www.git.example.test  | first       |
        | GIT.Example.TEST      | first       |
        | any.wild.example.test | second      |

    @S-5.2
    Scenario Outline: A name that no certificate covers gets an alert and no certificate: <name>
      Given a certificate "first" for "git.example.test"
      And a certificate "second" for "*.wild.example.test"
      And listener 1 has the certificate "first"
      And listener 1 also has the certificate "second"
      And the proxy is running
      When a client makes a TLS handshake for "<name>"
      Then the handshake fails with the alert "unrecognized name"
      And the log has a line "TLS_REFUSED" with:
        | client_ip   | ~127.  |
        | server_name | <name> |
        | error       | ~name  |

      Examples:
        | name                    |
        | other.example.test      |
        | wild.example.test       |
        | a.any.wild.example.test |

    @S-5.15 @S-8.6
    Scenario: Refused handshakes of one client are logged at most once in 10 s, whatever the names, and those of another client separately
      Given the proxy is running
      And a client makes a TLS handshake for "one.example.org"
      And a client makes a TLS handshake for "two.example.org"
      And a client makes a TLS handshake for "three.example.org"
      When a client makes a TLS handshake:
        | name   | four.example.org |
        | client | bob              |
      Then the handshake fails with the alert "unrecognized name"
      And the log has 2 lines "TLS_REFUSED"
      And the log has a line "TLS_REFUSED" with:
        | client_ip   | ${client:}      |
        | server_name | one.example.org |
      And the log has a line "TLS_REFUSED" with:
        | client_ip   | ${client:bob}    |
        | server_name | four.example.org |
      And the log has a line "TLS_REFUSED" with:
        | client_ip   | ${client:}        |
        | server_name | three.example.org |
        | repeated    | 2                 |

    @S-5.2
    Scenario: Without a name the certificate of a listener that has exactly one is used
      Given the proxy is running
      When a client makes a TLS handshake for "none"
      Then the handshake succeeds
      And the certificate is "listener1"

    @S-5.2
    Scenario: Without a name a listener with two certificates refuses the handshake and logs the client
      Given a certificate "first" for "git.example.test"
      And a certificate "second" for "other.example.test"
      And listener 1 has the certificate "first"
      And listener 1 also has the certificate "second"
      And the proxy is running
      When a client makes a TLS handshake for "none"
      Then the handshake fails with the alert "unrecognized name"
      And the log has a line "TLS_REFUSED" with:
        | client_ip | *              |
        | error     | ~no server name |

    @S-5.2
    Scenario: A certificate of one listener is not shown by another
      Given another listener
      And the site "two.test" is served from the upstream "app" by listener 2
      And a certificate "two" for "two.test"
      And listener 2 has the certificate "two"
      And the proxy is running
      When a client makes a TLS handshake:
        | name     | two.test |
        | listener | 1        |
      Then the handshake fails with the alert "unrecognized name"
      When a client makes a TLS handshake:
        | name     | two.test |
        | listener | 2        |
      Then the handshake succeeds
      And the certificate is "two"

    @S-5.3
    Scenario: A certificate that expires soon causes a warning, and an expired one is still served and causes an error
      Given a certificate "short" for "git.example.test" that is valid for 6 seconds
      And listener 1 has the certificate "short"
      When the proxy is running
      Then the log has a line "CERT_EXPIRES" with:
        | level     | WARN             |
        | domain    | git.example.test |
        | not_after | *                |
        | days_left | 0                |
      And the log has a line "CERT_EXPIRED" with:
        | level     | ERROR            |
        | domain    | git.example.test |
      When a client makes a TLS handshake for "git.example.test"
      Then the handshake succeeds
      And the certificate is "short"

    @S-5.3
    Scenario: With an ECDSA and an RSA certificate for one name a client gets the one that it can verify
      Given an RSA certificate "rsa" for "git.example.test"
      And a certificate "ecdsa" for "git.example.test"
      And listener 1 has the certificate "ecdsa"
      And listener 1 also has the certificate "rsa"
      And the proxy is running
      When a client makes a TLS handshake:
        | name    | git.example.test                      |
        | maximum | 1.2                                   |
        | suites  | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 |
      Then the handshake succeeds
      And the certificate is "rsa"
      When a client makes a TLS handshake:
        | name    | git.example.test                        |
        | maximum | 1.2                                     |
        | suites  | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 |
      Then the handshake succeeds
      And the certificate is "ecdsa"

  Rule: A session belongs to the server name that it was made for

    @S-5.13
    Scenario Outline: A session of TLS <version> for <first> is offered for <second>: the handshake <outcome>
      Given a certificate "web" for "git.example.test, www.example.test"
      And listener 1 has the certificate "web"
      And the proxy is running
      When a client makes a TLS handshake:
        | name    | <first>   |
        | minimum | <version> |
        | maximum | <version> |
        | session | alice     |
      Then the handshake is a full one
      When a client makes a TLS handshake:
        | name    | <second>  |
        | minimum | <version> |
        | maximum | <version> |
        | session | alice     |
      Then the handshake <outcome>

      Examples:
        | version | first            | second             | outcome                                  |
        | 1.2     | git.example.test | git.example.test   | is resumed                               |
        | 1.2     | git.example.test | GIT.example.test   | is resumed                               |
        | 1.2     | git.example.test | www.example.test   | is a full one                            |
        | 1.2     | git.example.test | none               | is a full one                            |
        | 1.2     | none             | none               | is resumed                               |
        | 1.2     | none             | git.example.test   | is a full one                            |
        | 1.2     | git.example.test | other.example.test | fails with the alert "unrecognized name" |
        | 1.3     | git.example.test | git.example.test   | is resumed                               |
        | 1.3     | git.example.test | GIT.example.test   | is resumed                               |
        | 1.3     | git.example.test | www.example.test   | is a full one                            |
        | 1.3     | git.example.test | none               | is a full one                            |
        | 1.3     | none             | none               | is resumed                               |
        | 1.3     | none             | git.example.test   | is a full one                            |
        | 1.3     | git.example.test | other.example.test | fails with the alert "unrecognized name" |

    @S-5.13
    Scenario Outline: A reload keeps the sessions of TLS <version> of the names that are still served, and no others
      Given a certificate "web" for "git.example.test, www.example.test"
      And listener 1 has the certificate "web"
      And the proxy is running
      And a client makes a TLS handshake:
        | name    | git.example.test |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | alice            |
      And a client makes a TLS handshake:
        | name    | www.example.test |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | bob              |
      And a certificate "web" for "git.example.test"
      And the configuration is reloaded
      When a client makes a TLS handshake:
        | name    | git.example.test |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | alice            |
      Then the handshake is resumed
      When a client makes a TLS handshake:
        | name    | www.example.test |
        | minimum | <version>        |
        | maximum | <version>        |
        | session | bob              |
      Then the handshake fails with the alert "unrecognized name"
      And the log has a line "TLS_REFUSED" with:
        | server_name | www.example.test |

      Examples:
        | version |
        | 1.2     |
        | 1.3     |

    @S-5.13
    Scenario: Two pairs for the same names are one certificate for a client without a name
      Given an RSA certificate "rsa" for "git.example.test, www.example.test"
      And a certificate "ecdsa" for "www.example.test, git.example.test"
      And listener 1 has the certificate "ecdsa"
      And listener 1 also has the certificate "rsa"
      And the proxy is running
      When a client makes a TLS handshake:
        | name    | none                                  |
        | maximum | 1.2                                   |
        | suites  | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 |
      Then the handshake succeeds
      And the certificate is "rsa"
      When a client makes a TLS handshake for "none"
      Then the handshake succeeds
      And the certificate is "ecdsa"

  Rule: A self-signed certificate is only for the listener's sites

    @S-5.2
    Scenario: A listener that makes its own certificate covers its sites
      Given listener 1 makes its own certificate
      And the site "other.example.test" is served from the upstream "app"
      And the proxy is running
      When a client makes a TLS handshake for "other.example.test"
      Then the handshake succeeds
      And the certificate is for "git.example.test, other.example.test"
      When a client makes a TLS handshake for "third.example.test"
      Then the handshake fails with the alert "unrecognized name"

    @S-3.5
    Scenario Outline: A site that a reload adds gets a certificate too over <protocol>
      Given clients speak <protocol>
      And listener 1 makes its own certificate
      And the proxy is running
      And the site "new.example.test" is served from the upstream "app"
      And the configuration is reloaded
      When a client makes a TLS handshake for "new.example.test"
      Then the handshake succeeds
      When a client sends the request:
        | url    | https://new.example.test/ |
        | verify | no                        |
      Then the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A client that stops sending is cut off

    @S-12.4
    Scenario: A client that sends no ClientHello is cut off after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      When a client opens a connection to "tcp://${addr}:${https}"
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms

    @S-12.4
    Scenario: A client that sends its ClientHello byte by byte is cut off after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "\x16\x03\x01"
      Then the connection is closed within 8000 ms

    @S-5.1
    Scenario: Plain HTTP on the HTTPS port reaches no site
      Given the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test

        """
      Then the connection is closed
      And the upstream "app" received nothing

  Rule: Plain HTTP on the HTTPS port is reported to the client

    @S-5.14
    Scenario Outline: <what> gets 400 and the end of the connection
      Given the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "<bytes>"
      Then the client receives the answer 400
      And the answer has the body "<body>"
      And the answer has the field "Content-Type" with "text/plain; charset=utf-8"
      And the answer has the field "Connection" with "close"
      And the connection is closed within 8000 ms
      And the connection is closed with nothing more
      And the upstream "app" received nothing
      And the log has a line "BAD_REQUEST" with:
        | client_ip | ${client:}                     |
        | status    | 400                            |
        | error     | plain HTTP on a port for HTTPS |

      Examples:
        | what                       | bytes                                                                                            | body                    |
        | A request                  | GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                               | This port speaks HTTPS. |
        | HEAD                       | HEAD / HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                              |                         |
        | An absolute-form target    | GET http://git.example.test/ HTTP/1.1\r\nHost: git.example.test\r\n\r\n                        | This port speaks HTTPS. |
        | A long method              | PROPFIND / HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                          | This port speaks HTTPS. |
        | HTTP/1.0                   | GET / HTTP/1.0\r\n\r\n                                                                          | This port speaks HTTPS. |
        | An upload that is sent     | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 200000\r\n\r\n${x*200000}         | This port speaks HTTPS. |
        | An upload that never comes | POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 200000\r\n\r\n                    | This port speaks HTTPS. |
        | HTTP/2 in the clear        | PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n                                                               | This port speaks HTTPS. |

    @S-5.14
    Scenario: What is neither TLS nor HTTP gets no answer
      Given the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "SSH-2.0-OpenSSH_9.2\r\n"
      Then the connection is closed with nothing more

    @S-5.14 @S-7.1
    Scenario: It costs a token like any other request
      Given the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 400
      Given a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 429
      And the connection is closed

    @S-5.14 @S-4.3
    Scenario: In step 7 it is not answered
      Given the setting "header_timeout_secs" is 2
      And an HTTPS upstream "ca" that waits
      And listener 1 orders a certificate for "git.example.test" from the CA at "https://${upstream:ca}/directory"
      When the proxy is started
      Then the upstream "ca" received 1 request
      Given a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the connection is closed with nothing more
      When the upstream "ca" is released
      Then the proxy exits with 1

  Rule: A self-signed listener has a certificate for each of its names

    @S-5.2
    Scenario: With 10,000 sites each name has a certificate of its own
      Given 10000 sites "n%.example.test" are served from the upstream "app"
      And listener 1 makes its own certificate
      And the proxy is running
      When a client makes a TLS handshake for "n9999.example.test"
      Then the certificate is for "n9999.example.test"
      When a client makes a TLS handshake for "n1.example.test"
      Then the certificate is for "n1.example.test"
      When a client makes a TLS handshake for "n10001.example.test"
      Then the handshake fails with the alert "unrecognized name"

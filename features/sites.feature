Feature: Sites
  A site has a host, and may have further names. Each may be a wildcard for one label.

  Rule: A name is matched exactly first, then as a wildcard for one label

    @S-14.1
    Scenario Outline: The host <host> over <protocol> is answered <status>
      Given listener 1 makes its own certificate
      And the site "*.apps.example.test" is served from the upstream "apps"
      And the site "own.apps.example.test" is served from the upstream "own"
      And the site "example.test" is served from the upstream "main"
      And the setting "listeners[0].sites[2].aliases" is ["www.example.test", "*.www.example.test"]
      And the proxy is running
      When a client sends the request:
        | url      | https://example.test/ |
        | protocol | <protocol>            |
        | verify   | no                    |
        | header   | Host: <host>          |
      Then the answer is <status> "<body>"

      Examples:
        | host                     | protocol | status | body |
        | a.apps.example.test      | HTTP/1.1 | 200    | apps |
        | A.Apps.example.test:8443 | HTTP/1.1 | 200    | apps |
        | a.apps.example.test.     | HTTP/2   | 200    | apps |
        | own.apps.example.test    | HTTP/1.1 | 200    | own  |
        | own.apps.example.test    | HTTP/2   | 200    | own  |
        | www.example.test         | HTTP/1.1 | 200    | main |
        | WWW.example.test         | HTTP/2   | 200    | main |
        | x.www.example.test       | HTTP/2   | 200    | main |

    @S-14.1
    Scenario Outline: The host <host> is not a site over <protocol>
      Given the site "*.apps.example.test" is served from the upstream "apps"
      And the proxy is running
      When a client sends the request:
        | url      | https://example.test/ |
        | protocol | <protocol>            |
        | header   | Host: <host>          |
      Then the answer is <status>
      And the upstream "apps" received nothing

      Examples:
        | host                  | protocol | status |
        | apps.example.test     | HTTP/1.1 | 404    |
        | a.b.apps.example.test | HTTP/1.1 | 404    |
        | a.b.apps.example.test | HTTP/2   | 404    |
        | .apps.example.test    | HTTP/1.1 | 400    |
        | *.apps.example.test   | HTTP/1.1 | 400    |

    @S-14.1
    Scenario: A certificate that is made for the sites has their aliases and wildcards
      Given listener 1 makes its own certificate
      And the site "*.apps.example.test" is served from the upstream "apps"
      And the setting "listeners[0].sites[0].aliases" is ["example.test"]
      And the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers with:
        | certificates[0].names[0] | *.apps.example.test |
        | certificates[0].names[1] | example.test        |

    @S-14.1 @S-2.4
    Scenario: Certificates are ordered for the aliases too
      Given an ACME server
      And the site "www.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].aliases" is ["alias.example.test"]
      And listener 1 gets certificates for its sites from the ACME server
      And the proxy is running
      When a client makes a TLS handshake for "alias.example.test"
      Then the certificate comes from the ACME server
      Given the setting "listeners[0].sites[0].aliases" is ["alias.example.test", "new.example.test"]
      And the configuration is reloaded
      When a client makes a TLS handshake for "new.example.test"
      Then the certificate comes from the ACME server

    @S-14.1 @S-14.8
    Scenario: The status and the difference have the aliases of a site
      Given the site "example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].aliases" is ["www.example.test", "web.example.test"]
      And the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers with:
        | site_traffic[0].host       | example.test     |
        | site_traffic[0].aliases#   | 2                |
        | site_traffic[0].aliases[0] | www.example.test |
      Given the setting "listeners[0].sites[0].aliases" is ["www.example.test", "new.example.test"]
      And the site "other.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[1].aliases" is ["more.example.test"]
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command names each of:
        | site added: other.example.test with more.example.test on ${addr}:${https}                             |
        | site changed: example.test on ${addr}:${https}: aliases added new.example.test; removed web.example.test |

    @S-14.1 @S-3.1
    Scenario: A reload adds and removes an alias
      Given the site "example.test" is served from the upstream "app"
      And the proxy is running
      And the setting "listeners[0].sites[0].aliases" is ["www.example.test"]
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command prints nothing on stderr
      Given the configuration is reloaded
      When a client requests "https://www.example.test/"
      Then the answer is 200 "app"
      Given the setting "listeners[0].sites[0].aliases" is left out
      And the configuration is reloaded
      When a client requests "https://www.example.test/"
      Then the answer is 404

    @S-14.1
    Scenario: A wildcard where names are ordered from a CA is refused with the reason
      Given the site "*.example.test" is served from the upstream "app"
      And the setting "listeners[0].tls" is {mode = "acme", acme_contact = "mailto:a@example.test"}
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].sites[0].host: | is a wildcard, whose certificate needs DNS-01 | write each name out |

  Rule: Aliases are redirected if the site is configured so

    @S-14.6
    Scenario Outline: <method> of <target> at an alias over <protocol>
      Given the site "example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].aliases" is ["www.example.test", "*.www.example.test"]
      And the setting "listeners[0].sites[0].redirect_aliases" is true
      And the proxy is running
      When a client sends the request:
        | url      | https://example.test<target>  |
        | method   | <method>                      |
        | protocol | <protocol>                    |
        | header   | Host: www.example.test        |
      Then the answer is 308
      And the answer has the field "Location" with "https://example.test:${https}<target>"
      And the upstream "app" received nothing
      And the metrics have:
        | reverse_proxy_requests_total{site="example.test",method="<method>",status="3xx"} | 1 |
      And the log has a line "REQUEST" with:
        | host     | www.example.test |
        | status   | 308              |
        | upstream | -                |

      Examples:
        | method | target          | protocol |
        | GET    | /a/b?c=d&e=%2F  | HTTP/1.1 |
        | POST   | //other.test/.. | HTTP/1.1 |
        | HEAD   | /%0d%0ax?       | HTTP/2   |

    @S-14.6 @S-2.7
    Scenario: An alias that is another site's host is refused
      Given the site "example.test" is served from the upstream "app"
      And the site "www.example.test" is served from the upstream "www"
      And the setting "listeners[0].sites[0].aliases" is ["www.example.test"]
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].sites[1].host: \"www.example.test\" is listeners[0].sites[0].aliases[0] already; write each host once in a listener" on stderr

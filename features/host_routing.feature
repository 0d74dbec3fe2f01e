Feature: Host routing

  Only the host of a request decides to which site it goes.

  Background:
    Given the site "git.example.test" is served from the upstream "git"
    And the site "www.example.test" is served from the upstream "www"

  Rule: The host picks the site, lower-cased and without its port

    @S-6.1
    Scenario Outline: <host> over <protocol> is the site of <upstream>
      Given the proxy is running
      When a client sends the request:
        | url      | https://git.example.test/ |
        | protocol | <protocol>                |
        | header   | Host: <host>              |
      Then the answer is 200 "<upstream>"

      Examples:
        | host                  | protocol | upstream |
        | git.example.test      | HTTP/1.1 | git      |
        | www.example.test      | HTTP/1.1 | www      |
        | GIT.Example.TEST      | HTTP/1.1 | git      |
        | git.example.test:8443 | HTTP/1.1 | git      |
        | Git.example.test:443  | HTTP/1.1 | git      |
        | git.example.test.     | HTTP/1.1 | git      |
        | git.example.test      | HTTP/2   | git      |
        | www.example.test:8443 | HTTP/2   | www      |
        | WWW.example.test      | HTTP/2   | www      |
        | www.example.test      | HTTP/2   | www      |
        | GIT.Example.TEST      | HTTP/2   | git      |
        | git.example.test:8443 | HTTP/2   | git      |
        | Git.example.test:443  | HTTP/2   | git      |
        | git.example.test.     | HTTP/2   | git      |

    @S-6.1
    Scenario Outline: The host of the request decides, not the name of the handshake, over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | sni    | git.example.test          |
        | header | Host: www.example.test    |
      Then the answer is 200 "www"
      And the upstream "git" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.1
    Scenario Outline: A host written in capitals in the configuration is the same site over <protocol>
      Given clients speak <protocol>
      And the site "Mixed.Example.TEST" is served from the upstream "mixed"
      And the proxy is running
      When a client requests "https://mixed.example.test/"
      Then the answer is 200 "mixed"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: An unknown host is answered 404 and a missing or bad one 400

    @S-6.1
    Scenario Outline: <host> over <protocol> is answered 404
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | Host: <host>              |
      Then the answer is the plain error 404 "Not Found"
      And the upstream "git" received nothing
      And the upstream "www" received nothing

      Examples:
        | host                  | protocol |
        | unknown.example.test  | HTTP/1.1 |
        | example.test          | HTTP/1.1 |
        | a.git.example.test    | HTTP/1.1 |
        | git.example.test.evil | HTTP/1.1 |
        | 127.0.0.1             | HTTP/1.1 |
        | [::1]:443             | HTTP/1.1 |
        | unknown.example.test  | HTTP/2   |
        | example.test          | HTTP/2   |
        | a.git.example.test    | HTTP/2   |
        | git.example.test.evil | HTTP/2   |
        | 127.0.0.1             | HTTP/2   |
        | [::1]:443             | HTTP/2   |

    @S-6.1
    Scenario Outline: A request with <what> is answered 400
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\n<fields>Connection: close\r\n\r\n"
      Then the client receives the answer 400
      And the connection is closed with nothing more
      And the upstream "git" received nothing
      And the upstream "www" received nothing

      Examples:
        | what                          | fields                                               |
        | no host                       |                                                      |
        | an empty host                 | Host:\r\n                                            |
        | only a port                   | Host: :443\r\n                                       |
        | two hosts                     | Host: git.example.test\r\nHost: www.example.test\r\n |
        | the same host twice           | Host: git.example.test\r\nHost: git.example.test\r\n |
        | a port that is not a number   | Host: git.example.test:abc\r\n                       |
        | a port above 65535            | Host: git.example.test:70000\r\n                     |
        | a path in the host            | Host: git.example.test/x\r\n                         |
        | user information in the host  | Host: user@git.example.test\r\n                      |
        | a space in the host           | Host: git.example.test evil\r\n                      |
        | a quote in the host           | Host: git.example.test\x22\r\n                       |

    @S-6.1
    Scenario: HTTP/1.0 without a host is answered 400
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.0\r\n\r\n"
      Then the client receives the answer 400
      And the connection is closed with nothing more

  Rule: Two names that disagree are answered 400, and an absolute-form target overrides Host

    @S-6.1
    Scenario: Host and :authority that disagree are answered 400
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test" the fields:
        | :method    | GET              |
        | :scheme    | https            |
        | :path      | /                |
        | :authority | git.example.test |
        | host       | www.example.test |
      Then the answer is 400
      And the upstream "git" received nothing
      And the upstream "www" received nothing

    @S-6.1
    Scenario: Host and :authority that agree are one host
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test" the fields:
        | :method    | GET              |
        | :scheme    | https            |
        | :path      | /a               |
        | :authority | git.example.test |
        | host       | git.example.test |
      Then the answer is 200 "git"
      And the upstream "git" received the field "Host" with "git.example.test"

    @S-6.1
    Scenario: Without :authority the host field of HTTP/2 counts
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test" the fields:
        | :method | GET              |
        | :scheme | https            |
        | :path   | /a               |
        | host    | www.example.test |
      Then the answer is 200 "www"

    @S-6.1
    Scenario: Without any host HTTP/2 is answered 400
      Given the proxy is running
      When a client sends over HTTP/2 to "https://git.example.test" the fields:
        | :method | GET   |
        | :scheme | https |
        | :path   | /a    |
      Then the answer is 400

    @S-6.1
    Scenario: An absolute-form target overrides Host, and reaches the upstream as a path
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET https://www.example.test/a%2fb?c=d HTTP/1.1
        Host: git.example.test
        Connection: close

        """
      Then the client receives the answer 200
      And the answer has the body "www"
      And the upstream "www" received "GET /a%2fb?c=d"
      And the upstream "www" received the field "Host" with "www.example.test"
      And the upstream "git" received nothing

    @S-6.1
    Scenario: An absolute-form target without a path means the root
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends:
        """
        GET https://www.example.test HTTP/1.1
        Host: www.example.test
        Connection: close

        """
      Then the client receives the answer 200
      And the upstream "www" received "GET /"

  Rule: The health path is answered whatever the host

    @S-6.2
    Scenario Outline: <method> of the health path with the host <host> is answered 200 over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/health |
        | method | <method>                        |
        | header | Host: <host>                    |
      Then the answer is 200 ""
      And the upstream "git" received nothing

      Examples:
        | method | host                 | protocol |
        | GET    | git.example.test     | HTTP/1.1 |
        | HEAD   | git.example.test     | HTTP/1.1 |
        | GET    | unknown.example.test | HTTP/1.1 |
        | GET    | 127.0.0.1            | HTTP/1.1 |
        | GET    | git.example.test     | HTTP/2   |
        | HEAD   | git.example.test     | HTTP/2   |
        | GET    | unknown.example.test | HTTP/2   |
        | GET    | 127.0.0.1            | HTTP/2   |

    @S-6.2
    Scenario: The health path of HTTP/1.0 needs no host
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /health HTTP/1.0\r\n\r\n"
      Then the client receives the answer 200
      And the answer has an empty body

    @S-6.2
    Scenario Outline: Other methods on the health path go to the site over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends "POST" to "https://git.example.test/health" with the body "x"
      Then the answer is 200 "git"
      And the upstream "git" received "POST /health"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.2
    Scenario Outline: With the health path <path> the request for <target> goes <where> over <protocol>
      Given clients speak <protocol>
      And the setting "https_health_path" is "<path>"
      And the proxy is running
      When a client requests "https://git.example.test<target>"
      Then the answer is 200 "<where>"

      Examples:
        | path     | target    | where | protocol |
        |          | /health   | git   | HTTP/1.1 |
        | /-/alive | /health   | git   | HTTP/1.1 |
        | /-/alive | /-/alive  |       | HTTP/1.1 |
        | /health  | /health/x | git   | HTTP/1.1 |
        |          | /health   | git   | HTTP/2   |
        | /-/alive | /health   | git   | HTTP/2   |
        | /-/alive | /-/alive  |       | HTTP/2   |
        | /health  | /health/x | git   | HTTP/2   |

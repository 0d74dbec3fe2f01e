Feature: Health
  Balancers and supervisors use a separate port on 127.0.0.1, and clients of the HTTPS listeners a path. Both report
  whether this process serves, and nothing about upstreams.

  Background:
    Given the site "a.example.test" is served from the upstream "app"

  Rule: The health port answers one path

    @S-9.1
    Scenario: GET is 200 and empty
      Given the proxy is running
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 200
      And the answer has an empty body
      And the answer has no field "Server"

    @S-9.1
    Scenario: HEAD is 200
      Given the proxy is running
      When a client sends "HEAD" to "http://127.0.0.1:${health}/health"
      Then the answer is 200

    @S-9.1
    Scenario Outline: Anything else is 404: <method> <target>
      Given the proxy is running
      When a client sends "<method>" to "http://127.0.0.1:${health}<target>"
      Then the answer is 404

      Examples:
        | method | target      |
        | GET    | /           |
        | GET    | /health/    |
        | GET    | //health    |
        | GET    | /%68ealth   |
        | GET    | /healthz    |
        | POST   | /health     |
        | DELETE | /health     |
        | OPTIONS| /health     |

    @S-9.1
    Scenario: Only 127.0.0.1 has the port
      When the proxy is running
      Then "127.0.0.1:${health}" accepts connections
      And "${addr}:${health}" refuses connections
      And "127.0.0.2:${health}" refuses connections

    @S-9.1
    Scenario: Port 0 disables it
      Given the setting "health_check_port" is 0
      When the proxy is running
      Then "127.0.0.1:${health}" refuses connections
      When a client requests "https://a.example.test/"
      Then the answer is 200 "app"

    @S-9.1
    Scenario: A head that is too large costs the client its connection
      Given the proxy is running
      And a client opens a connection to "tcp://127.0.0.1:${health}"
      When the client sends "GET /health HTTP/1.1\r\nHost: x\r\nX: ${x*20000}\r\n\r\n"
      Then the client receives the answer 431
      And the connection is closed

  Rule: It reports whether this process serves

    @S-9.2
    Scenario Outline: An upstream that is down makes no difference, and none is asked, over <protocol>
      Given clients speak <protocol>
      And no upstream "gone"
      And the site "b.example.test" is served from the upstream "gone"
      And the proxy is running
      And a client requests "https://b.example.test/"
      And the answer is 502
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 200
      And the upstream "app" received nothing

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-9.2 @S-11.1
    Scenario Outline: During shutdown it is 503 over <protocol>
      Given clients speak <protocol>
      And an upstream "slow" that waits
      And the site "c.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "one" begins to request "https://c.example.test/"
      And the upstream "slow" received 1 request
      And the proxy is sent SIGTERM
      And the log has a new line "SHUTDOWN"
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 503
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the proxy exits with 0
      And "127.0.0.1:${health}" refuses connections

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-4.2 @S-9.1
    Scenario: A health port that is in use ends the start
      Given something else listens on "127.0.0.1:${health}"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "startup step 4 (health_port): health_check_port"

  Rule: The HTTPS listeners answer the health path whatever the Host

    @S-6.2
    Scenario Outline: <method> over <protocol> is 200 and empty, for the host <host>
      Given the proxy is running
      When a client sends the request:
        | url      | https://a.example.test/health |
        | method   | <method>                      |
        | protocol | <protocol>                    |
        | header   | Host: <host>                  |
      Then the answer is 200
      And the answer has an empty body
      And the upstream "app" received nothing

      Examples:
        | method | protocol | host                 |
        | GET    | HTTP/1.1 | a.example.test       |
        | HEAD   | HTTP/1.1 | unknown.example.test |
        | GET    | HTTP/2   | unknown.example.test |
        | HEAD   | HTTP/2   | a.example.test       |

    @S-6.2
    Scenario Outline: Another method goes to the site over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client sends "POST" to "https://a.example.test/health" with the body "x"
      Then the answer is 200 "app"
      And the upstream "app" received "POST /health"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.2
    Scenario Outline: An empty path is not accepted over <protocol>
      Given clients speak <protocol>
      And the setting "https_health_path" is ""
      And the proxy is running
      When a client requests "https://a.example.test/health"
      Then the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.2 @S-3.1
    Scenario Outline: A reload changes the path over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      And a client requests "https://a.example.test/up"
      And the answer is 200 "app"
      And the setting "https_health_path" is "/up"
      And the configuration is reloaded
      When a client requests "https://a.example.test/up"
      Then the answer is 200
      And the answer has an empty body
      When a client requests "https://a.example.test/health"
      Then the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

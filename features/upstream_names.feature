Feature: Upstreams that are named

  The name of an upstream means the addresses that it has at the time. They are looked up in the background; requests
  wait for a look-up only while no address is known.

  Background:
    Given a name server for the scenario
    And the site "git.example.test" is served from "app.internal.test" with the port of the upstream "old"
    And an upstream "new" with the port of the upstream "old"
    And the name "app.internal.test" resolves to the upstream "old"

  Rule: A name is looked up again, and connections to addresses that it had before are not used again

    @S-6.19 @mount
    Scenario Outline: A reload follows a name that has moved over <protocol>, though the old server still answers
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/" 5 times
      Then 5 of the answers are 200
      And the upstream "old" accepted 1 connection
      And the name server was asked for "app.internal.test" 1 time
      Given the name "app.internal.test" resolves to the upstream "new"
      When the configuration is reloaded
      Then the upstream "old" has 0 connections open
      And the log has a line "UPSTREAM_ADDRESSES" with:
        | level | INFO              |
        | name  | app.internal.test |
        | old   | *                 |
        | new   | *                 |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"
      And the upstream "old" received 5 requests

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.19 @mount
    Scenario Outline: A connection that is in use when its name moves is not used again over <protocol>
      Given clients speak <protocol>
      And an upstream "old" that waits
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/"
      And the upstream "old" received 1 request
      And the name "app.internal.test" resolves to the upstream "new"
      And the configuration is reloaded
      When the upstream "old" is released
      Then the client "alice" is answered 200
      And the answer has the body "old"
      And the upstream "old" has 0 connections open
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-6.19 @mount
    Scenario: Without a reload it is followed within half a minute
      Given the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      When the name "app.internal.test" resolves to the upstream "new"
      Then the name server is asked for "app.internal.test" within 32 seconds
      And the log has a line "UPSTREAM_ADDRESSES"
      And the upstream "old" has 0 connections open
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

    @S-6.19 @mount
    Scenario: A server that is replaced by one at another address is found immediately
      Given the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      Given the name "app.internal.test" resolves to the upstream "new"
      And the upstream "old" goes away
      And the log lines so far are ignored
      When the client "alice" requests "https://git.example.test/" until the answer is 200
      Then the answer has the body "new"

    @S-6.19 @mount
    Scenario: The hosts file counts too
      Given the name "app.internal.test" is removed
      And the hosts file has the name "app.internal.test" for the upstream "old"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      Given the hosts file has the name "app.internal.test" for the upstream "new"
      When the configuration is reloaded
      Then the log has a line "UPSTREAM_ADDRESSES"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"
      And the name server was asked for "app.internal.test" 0 times

  Rule: A look-up that fails keeps the last addresses, and delays no request

    @S-6.19 @mount
    Scenario Outline: A name server that <what> makes no site unavailable
      Given the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      Given <failure>
      And the configuration is reloaded
      And the upstream "old" closes its connections
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      And the answer came within 1000 ms
      And the log has a line "UPSTREAM_LOOKUP" with:
        | level | WARN              |
        | name  | app.internal.test |
        | error | *                 |
        | kept  | *                 |
      And the log has no line "UPSTREAM_ADDRESSES"

      Examples:
        | what                      | failure                                 |
        | answers nobody            | the name server stops answering         |
        | does not know it any more | the name "app.internal.test" is removed |
        | has a fault               | the name server answers only SERVFAIL   |

    # The upstream closes each connection after its answer, so that the load needs new ones all the time.
    @S-6.19 @mount
    Scenario Outline: A name server that <what> under load costs no request
      Given the proxy is running
      And a steady load on "https://git.example.test/"
      And an upstream "old" that answers once on each connection and closes it
      And the load has made 50 requests
      And <failure>
      When the configuration is reloaded
      Then the log has a line "UPSTREAM_LOOKUP" with:
        | level | WARN              |
        | name  | app.internal.test |
        | error | *                 |
        | kept  | *                 |
      And the load makes 200 more requests
      And the steady load has lost no request
      And the log has no line "UPSTREAM_ADDRESSES"

      Examples:
        | what                      | failure                                 |
        | answers nobody            | the name server stops answering         |
        | does not know it any more | the name "app.internal.test" is removed |
        | has a fault               | the name server answers only SERVFAIL   |

    @S-6.19 @S-6.9 @mount
    Scenario: A request for a name that was never found waits for a look-up no longer than for a connection, and others do not wait
      Given the site "www.example.test" is served from the upstream "www"
      And the setting "listeners[0].sites[0].upstream_connect_timeout_secs" is 2
      And the name server stops answering
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/"
      When a client requests "https://www.example.test/"
      Then the answer is 200 "www"
      And the answer came within 1000 ms
      And the client "alice" is answered 504
      And the log has a line "UPSTREAM_ERROR" with:
        | error | ~upstream_connect_timeout_secs |
      And the runbook has a row under "504" for the error of the line "UPSTREAM_ERROR"
      Given the name server answers again
      When the client "alice" requests "https://git.example.test/" until the answer is 200
      Then the answer has the body "old"

    @S-6.19 @mount
    Scenario: A name that does not exist is answered 502
      Given the name "app.internal.test" is removed
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"

  Rule: A name means all its addresses

    @S-6.19 @mount
    Scenario Outline: An address that <fails> does not keep a request from the others over <protocol>
      Given clients speak <protocol>
      And <other>
      And an upstream "beside" with the port of the upstream "other"
      And the site "www.example.test" is served from "two.internal.test" with the port of the upstream "other"
      And the name "two.internal.test" resolves to the upstreams "other, beside"
      And the proxy is running
      When a client requests "https://www.example.test/" 5 times
      Then 5 of the answers are 200
      And the upstream "beside" received 5 requests

      Examples:
        | fails         | other                                                | protocol |
        | refuses       | no upstream "other"                                  | HTTP/1.1 |
        | refuses       | no upstream "other"                                  | HTTP/2   |
        | never answers | an upstream "other" that does not accept connections | HTTP/1.1 |
        | never answers | an upstream "other" that does not accept connections | HTTP/2   |

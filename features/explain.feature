Feature: What would happen to a request, without sending it
  A configuration carries its own tests, and an operator asks which rule takes a request. The code that serves requests
  answers both.

  Background:
    Given the site "app.example.test" is served from the upstream "app"
    And the settings:
      | listeners[0].sites[0].routes[0].path            | "/api"                        |
      | listeners[0].sites[0].routes[0].upstream        | "127.0.0.1:4000"              |
      | listeners[0].sites[0].routes[0].strip_prefix    | true                          |
      | listeners[0].sites[0].routes[1].path            | "/old"                        |
      | listeners[0].sites[0].routes[1].redirect        | "https://other.test/new{path}" |

  Rule: [[expect]] tests the configuration

    @S-21.2
    Scenario: A configuration that meets its expectations is checked, started and reloaded
      Given the settings:
        | expect[0].request  | "GET https://app.example.test/api/x" |
        | expect[0].from     | "203.0.113.9"                        |
        | expect[0].route    | "/api"                               |
        | expect[0].upstream | "127.0.0.1:4000"                     |
        | expect[0].site     | "app.example.test"                   |
        | expect[0].client_ip | "203.0.113.9"                       |
        | expect[1].request  | "GET https://app.example.test/old/x" |
        | expect[1].status   | 308                                  |
        | expect[1].location | "https://other.test/new/old/x"       |
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      Given the proxy is running
      When the configuration is reloaded

    @S-21.2
    Scenario: check names every expectation that is not met, with its line and what was found
      Given the settings:
        | expect[0].request  | "GET https://app.example.test/apix"  |
        | expect[0].route    | "/api"                               |
        | expect[1].request  | "GET https://app.example.test/old/x" |
        | expect[1].status   | 301                                  |
        | expect[2].request  | "GET https://app.example.test/api"   |
        | expect[2].status   | 200                                  |
        | expect[3].request  | "GET https://app.example.test/"      |
        | expect[3].from     | "203.0.113.9"                        |
        | expect[3].client_ip | "203.0.113.10"                      |
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      And the command prints nothing
      And the command prints 4 lines on stderr
      And the command names each of:
        | expect[0].route  | (line  | "GET https://app.example.test/apix" is forwarded to http://${upstream:app}; got none, want "/api" |
        | expect[1].status | (line  | is redirected with 308 to "https://other.test/new/old/x", by the route "/old"; got "308", want "301" |
        | expect[2].status | (line  | its status is the upstream's and not known here; write upstream in place of status |
        | expect[3].client_ip | (line | got "203.0.113.9", want "203.0.113.10" |

    @S-21.2
    Scenario: A start, a reload and a diff refuse a file that does not meet its expectations
      Given the settings:
        | expect[0].request  | "GET https://app.example.test/old/x" |
        | expect[0].status   | 301                                  |
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "startup step 2 (dynamic_config): expect[0].status (line "
      Given the setting "expect[0].status" is 308
      And the proxy is running
      And the setting "expect[0].status" is 301
      When the command "reverse-proxy diff --config ${config} --text" is run
      Then the command exits with 2
      And the command prints "got \"308\", want \"301\"" on stderr
      When the command "reverse-proxy reload --config ${config} --text" is run
      Then the command exits with 1
      And the command prints "got \"308\", want \"301\"" on stderr

    @S-21.2
    Scenario: A request for a host that no site has is an error, whatever is expected
      Given the settings:
        | expect[0].request  | "GET https://ap.example.test/" |
        | expect[0].status   | 404                            |
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      And the command prints "no site has the host \"ap.example.test\"; write a host that a site has; did you mean \"app.example.test\"?" on stderr

    @S-21.2
    Scenario: An entry that expects nothing is an error
      Given the setting "expect[0].request" is "GET https://app.example.test/"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command prints "expect[0]: expects nothing; write one or more of route, upstream, status" on stderr

  Rule: explain says what would happen to a request

    @S-21.1
    Scenario: By a configuration file, without a daemon
      When the command "reverse-proxy explain --config ${config} --text --from 203.0.113.9 https://app.example.test/api/x?y" is run
      Then the command exits with 0
      And the command prints nothing on stderr
      And the command names each of:
        | => forwarded to http://127.0.0.1:4000 as "/x?y", by the route "/api" | |
        | site       | app.example.test (listeners[0].sites[0]) |
        | route      | path = "/api"                            |
        | rate limit | (from the file), for 203.0.113.9       |
        | X-Forwarded-Prefix: /api | |
        | X-Real-IP: 203.0.113.9 | |
      When the command "reverse-proxy explain --config ${config} -X POST https://app.example.test/old/x" is run
      Then the command exits with 0
      And the command prints "\"status\":308,\"location\":\"https://other.test/new/old/x\""

    @S-21.1 @S-18.10
    Scenario: Backups come after the other upstreams, wherever they are in the file
      Given the settings:
        | listeners[0].sites[0].upstream     | left out |
        | listeners[0].sites[0].upstreams    | [{ address = "127.0.0.1:5000", backup = true }, "127.0.0.1:5001"] |
      When the command "reverse-proxy explain --config ${config} --text https://app.example.test/" is run
      Then the command prints "=> forwarded to http://127.0.0.1:5001 or http://127.0.0.1:5000 (backup)"
      When the command "reverse-proxy explain --config ${config} --json https://app.example.test/" is run
      Then the command prints "\"upstreams\":[\"http://127.0.0.1:5001\",\"http://127.0.0.1:5000 (backup)\"]"

    @S-21.1 @S-14.3
    Scenario: A path that can be read in two ways
      When the command "reverse-proxy explain --config ${config} --text https://app.example.test/x/..%2fapi" is run
      Then the command exits with 0
      And the command names each of:
        | => answered 400: the path is ambiguous |         |
        | as it came: | /x/..%2fapi -> no route            |
        | may be read: | /api -> the route /api            |
      And the command does not print "X-Real-IP"

    @S-21.1 @S-19.2
    Scenario: The fields of the request, and the merged rules for it and for its response
      Given the settings:
        | body.limit_bytes                                    | 5                                                    |
        | request_headers                                     | { set = { "X-Level" = "file" }, remove = ["Cookie"] } |
        | response_headers.set                                | { "X-Frame-Options" = "DENY", "X-Level" = "file" }   |
        | listeners[0].sites[0].response_headers.set          | { "X-Level" = "site" }                               |
        | listeners[0].sites[0].routes[0].response_headers    | { remove = ["X-Frame-Options"] }                     |
        | listeners[0].sites[0].routes[0].body_limit_bytes    | 7                                                    |
        | listeners[0].sites[0].routes[0].concurrent          | 3                                                    |
      When the command "reverse-proxy explain --config ${config} --text -H Cookie:a=b -H X-Own:1 https://app.example.test/api" is run
      Then the command exits with 0
      And the command names each of:
        | body limit | 7 bytes        |
        | X-Own: 1   |                |
        | X-Level: file |             |
        | set X-Level: site | site    |
        | remove X-Frame-Options | route |
      And the command does not print "Cookie: a=b"
      And the command does not print "DENY"

    @S-21.1
    Scenario: By the running daemon, which adds the state, sends nothing and takes no token
      Given the settings:
        | rate_limit.requests_per_second | 0.001 |
        | rate_limit.burst               | 2     |
      And the proxy is running
      When the command "reverse-proxy explain --text --from 127.0.0.99 --socket ${admin_socket} https://app.example.test/" is run
      Then the command exits with 0
      And the command prints "2 tokens left"
      When the command "reverse-proxy explain --text --from 127.0.0.99 --socket ${admin_socket} https://app.example.test/" is run
      Then the command prints "2 tokens left"
      And the upstream "app" received nothing
      Given the command "reverse-proxy maintenance app.example.test on --socket ${admin_socket}" is run
      When the command "reverse-proxy explain --text --socket ${admin_socket} https://app.example.test/" is run
      Then the command prints "answered 503: the site is in maintenance"
      And the command prints "now in maintenance"

  Rule: diff shows requests that would be answered differently

    @S-21.3
    Scenario: Requests of the changed site, before and after
      Given the proxy is running
      And the setting "listeners[0].sites[0].routes[0].upstream" is "127.0.0.1:4001"
      When the command "reverse-proxy diff --config ${config} --text" is run
      Then the command exits with 1
      And the command names each of:
        | answered differently: GET https://app.example.test/api on | forwarded to http://127.0.0.1:4000 as "/", by the route "/api" -> forwarded to http://127.0.0.1:4001 |

    @S-21.3
    Scenario: Requests of [[expect]] entries in either file, five for a site, and the same after a reload
      Given the site "other.example.test" is served from the upstream "app"
      And the settings:
        | expect[0].request  | "GET https://app.example.test/api/of-the-old-file" |
        | expect[0].route    | "/api"                                             |
      And the proxy is running
      And the settings:
        | listeners[0].sites[0].routes[0].upstream | "127.0.0.1:4001" |
        | expect[0].request  | "PUT https://app.example.test/api/of-the-new-file" |
        | expect[0].route    | "/api"                                             |
        | listeners[0].sites[0].routes[1].redirect | "https://other.test/newer{path}" |
        | listeners[0].sites[0].routes[2]          | { path = "/more", respond = 403 } |
      When the command "reverse-proxy diff --config ${config} --text" is run
      Then the command exits with 1
      And the command names each of:
        | answered differently: GET https://app.example.test/api/of-the-old-file on | as "/of-the-old-file" | 127.0.0.1:4001 |
        | answered differently: PUT https://app.example.test/api/of-the-new-file on | as "/of-the-new-file" | 127.0.0.1:4001 |
      And the command does not print "GET https://other.example.test"
      And the command does not print "/more/"
      When the command "reverse-proxy reload --config ${config} --text" is run
      Then the command exits with 0
      And the command prints "answered differently: PUT https://app.example.test/api/of-the-new-file on"
      When the command "reverse-proxy reload --config ${config} --text" is run
      Then the command does not print "answered differently"

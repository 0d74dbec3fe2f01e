Feature: The configuration of routes

  A mistake in a route is an error at load, which names the key, the line and the site, and says what to write.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A path that requests could spell in more than one way is refused

    @S-14.2 @S-1.8
    Scenario Outline: <path> as a path
      Given the setting "listeners[0].sites[0].routes[0].<kind>" is "<path>"
      And the setting "listeners[0].sites[0].routes[0].respond" is 404
      When the configuration is validated
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command prints "listeners[0].sites[0].routes[0].<kind> (line " on stderr
      And the command prints ", git.example.test): " on stderr
      And the command prints "<why>" on stderr
      And the command prints "write <write>" on stderr

      Examples:
        | kind       | path           | why                     | write           |
        | path       | api            | not begin with a slash  | \"/api\"        |
        | path       | /a?b=c         | it has a query          | \"/a\"          |
        | path_exact | /a#b           | it has a fragment       | \"/a\"          |
        | path       | /%61pi         | it is percent-encoded   | \"/api\"        |
        | path       | /a//b          | it has an empty segment | \"/a/b\"        |
        | path       | /a/            | it ends with a slash    | \"/a\"          |
        | path       | /a/../b        | it has the segment      | \"/b\"          |
        | path_exact | /a/.           | it has the segment      | \"/a\"          |
        | path       | /a;v=1         | it has the character    | \"/a\"          |
        | path       | /a b           | it has the character    | one as in \"/api\" |
        | path       | /ä             | it has the character    | one as in \"/api\" |

    @S-14.2
    Scenario Outline: <methods> as methods
      Given the settings:
        | listeners[0].sites[0].routes[0].path    | "/a"      |
        | listeners[0].sites[0].routes[0].methods | <methods> |
        | listeners[0].sites[0].routes[0].respond | 404       |
      When the configuration is validated
      Then the command exits with 1
      And the command prints "<says>" on stderr

      Examples:
        | methods            | says                                       |
        | ["get"]            | methods are case-sensitive; write \"GET\"  |
        | []                 | write the methods, as in                   |
        | ["GET", "GET"]     | write each method once                     |
        | ["CONNECT"]        | is answered with 405 before any route      |
        | ["G T"]            | is not a method                            |

  Rule: Each route can be chosen, whatever the order in the file

    @S-14.2
    Scenario: Two routes that cannot be told apart are one error that names both
      Given the settings:
        | listeners[0].sites[0].routes[0].path     | "/a"             |
        | listeners[0].sites[0].routes[0].respond  | 404              |
        | listeners[0].sites[0].routes[1].path     | "/a"             |
        | listeners[0].sites[0].routes[1].upstream | "127.0.0.1:1"    |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command prints "listeners[0].sites[0].routes[1].path: \"/a\" takes the same requests as listeners[0].sites[0].routes[0].path" on stderr
      Given the setting "listeners[0].sites[0].routes[1].methods" is ["GET"]
      When the configuration is validated
      Then the command exits with 0

    @S-14.2
    Scenario: A route that the health path hides
      Given the settings:
        | https_health_path                          | "/up"  |
        | listeners[0].sites[0].routes[0].path_exact | "/up"  |
        | listeners[0].sites[0].routes[0].methods    | ["GET"] |
        | listeners[0].sites[0].routes[0].respond    | 404    |
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].sites[0].routes[0].path_exact: \"/up\" can never be chosen, because https_health_path" on stderr

  Rule: A route does one thing

    @S-14.6
    Scenario: None, or two
      Given the settings:
        | listeners[0].sites[0].routes[0].path     | "/a"          |
        | listeners[0].sites[0].routes[1].path     | "/b"          |
        | listeners[0].sites[0].routes[1].upstream | "127.0.0.1:1" |
        | listeners[0].sites[0].routes[1].redirect | "/c"          |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 2 lines on stderr
      And the command names each of:
        | listeners[0].sites[0].routes[0]: has no action            | write one of upstream, redirect and respond |
        | listeners[0].sites[0].routes[1].redirect: is there next to upstream | leave one out                    |

    @S-14.4
    Scenario Outline: strip_prefix <where>
      Given the settings:
        | listeners[0].sites[0].routes[0].<kind>       | "/a"     |
        | listeners[0].sites[0].routes[0].<action>     | <value>  |
        | listeners[0].sites[0].routes[0].strip_prefix | true     |
      When the configuration is validated
      Then the command exits with <code>
      And the command names each of:
        | <says> |

      Examples:
        | where                   | kind       | action   | value         | code | says                                             |
        | of a prefix             | path       | upstream | "127.0.0.1:1" | 0    | configuration OK                                 |
        | of an exact path        | path_exact | upstream | "127.0.0.1:1" | 1    | strip_prefix: would leave nothing of path_exact  |
        | without an upstream     | path       | respond  | 404           | 1    | strip_prefix: has no effect without an upstream  |

    @S-2.6
    Scenario: A site with routes needs no upstream, and one with neither is refused
      Given the setting "listeners[0].sites[0].upstream" is left out
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].sites[0].upstream: missing" on stderr
      Given the setting "listeners[0].sites[0].routes[0].path" is "/"
      And the setting "listeners[0].sites[0].routes[0].respond" is 503
      When the configuration is validated
      Then the command exits with 0

  Rule: A redirect leads to where the file says, and ends

    @S-14.6
    Scenario Outline: A redirect to <target>
      Given the settings:
        | listeners[0].sites[0].routes[0].path     | "/old"     |
        | listeners[0].sites[0].routes[0].redirect | "<target>" |
      When the configuration is validated
      Then the command exits with 1
      And the command prints "listeners[0].sites[0].routes[0].redirect: " on stderr
      And the command prints "<says>" on stderr

      Examples:
        | target                         | says                              |
        | //evil.example                 | the name of another host          |
        | /{path}                        | the name of another host          |
        | https://{host}.evil.example/   | its host must be a name           |
        | /new{uri}                      | does not begin {host}, {path} or {query}  |
        | https://example.com:0/         | its port is not from 1 to 65535   |
        | /new\\r\\nX: y                 | must be percent-encoded           |
        | /old                           | redirects \"/old\" without an end |
        | https://{host}/old/new         | redirects \"/old\" without an end |
        | https://git.example.test{path} | redirects \"/old\" without an end |

    @S-14.6
    Scenario: A loop over another route, an alias and another site
      Given the site "www.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[0].aliases            | ["code.example.test"]               |
        | listeners[0].sites[0].redirect_aliases   | true                                |
        | listeners[0].sites[0].routes[0].path     | "/a"                                |
        | listeners[0].sites[0].routes[0].redirect | "/b"                                |
        | listeners[0].sites[0].routes[1].path     | "/b"                                |
        | listeners[0].sites[0].routes[1].redirect | "https://www.example.test/"         |
        | listeners[0].sites[1].routes[0].path     | "/"                                 |
        | listeners[0].sites[1].routes[0].redirect | "https://code.example.test/a{query}" |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 3 lines on stderr
      And the command prints "listeners[0].sites[0].routes[0].redirect: redirects \"/a\" without an end, over listeners[0].sites[0].routes[1].redirect and listeners[0].sites[1].routes[0].redirect and listeners[0].sites[0].redirect_aliases; write a target that is not redirected again" on stderr

  Rule: A fixed answer is complete and valid before it is served

    @S-14.6
    Scenario Outline: <what> as respond_file is refused without waiting for it
      Given <given>
      And the settings:
        | listeners[0].sites[0].routes[0].path         | "/closed" |
        | listeners[0].sites[0].routes[0].respond      | 503       |
        | listeners[0].sites[0].routes[0].respond_file | "<path>"  |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 1 line on stderr
      And the command prints "listeners[0].sites[0].routes[0].respond_file: " on stderr
      And the command prints "<says>" on stderr

      Examples:
        | what                 | given                              | path          | says              |
        | Nothing              | a directory "empty"                | ${dir}/gone   | no such file      |
        | A directory          | a directory "conf"                 | ${dir}/conf   | is a directory    |
        | A named pipe         | a named pipe "pipe"                | ${dir}/pipe   | is a named pipe   |
        | A file above 1 MiB   | a file "big" of 1048577 bytes      | big           | at most 1048576   |

    @S-14.6 @S-3.2 @S-4.7
    Scenario: A reload reads the file of a fixed answer again, inside the sandbox, and refuses one that has gone
      Given a file "pages/closed.html" with "closed"
      And the settings:
        | listeners[0].sites[0].routes[0].path         | "/closed"           |
        | listeners[0].sites[0].routes[0].respond      | 503                 |
        | listeners[0].sites[0].routes[0].respond_file | "pages/closed.html" |
      And the proxy is running
      And a file "pages/closed.html" with "still closed"
      And the configuration is reloaded
      And "pages/closed.html" is deleted
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].sites[0].routes[0].respond_file | no such file |

  Rule: A route inherits from its site what it does not set

    @S-2.33
    Scenario: A value of a site is checked once, and a route may have another one
      Given the settings:
        | listeners[0].sites[0].upstream_scheme           | "ftp"         |
        | listeners[0].sites[0].routes[0].path            | "/a"          |
        | listeners[0].sites[0].routes[0].upstream        | "127.0.0.1:1" |
        | listeners[0].sites[0].routes[1].path            | "/b"          |
        | listeners[0].sites[0].routes[1].upstream        | "127.0.0.1:2" |
        | listeners[0].sites[0].routes[1].upstream_scheme | "gopher"      |
      When the configuration is validated
      Then the command exits with 1
      And the command prints 2 lines on stderr
      And the command names each of:
        | listeners[0].sites[0].upstream_scheme: "ftp"              |
        | listeners[0].sites[0].routes[1].upstream_scheme: "gopher" |

    @S-2.33
    Scenario: Requests get the time of their route, and else that of their site
      Given an upstream "slow" that never answers
      And the settings:
        | listeners[0].sites[0].upstream                                | "${upstream:slow}" |
        | listeners[0].sites[0].upstream_request_timeout_secs           | 1                  |
        | listeners[0].sites[0].routes[0].path                          | "/inherits"        |
        | listeners[0].sites[0].routes[0].upstream                      | "${upstream:slow}" |
        | listeners[0].sites[0].routes[1].path                          | "/overrides"       |
        | listeners[0].sites[0].routes[1].upstream_request_timeout_secs | 3                  |
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 900 ms
      When a client requests "https://git.example.test/inherits"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 900 ms
      When a client requests "https://git.example.test/overrides/x"
      Then the answer is the plain error 504 "Gateway Timeout"
      And the answer came after 2900 ms

    @S-2.33
    Scenario: A reload changes a route, and what it inherits from its site
      Given the site "other.example.test" is served from the upstream "other"
      And the settings:
        | listeners[0].sites[0].upstream_connect_timeout_secs | 1                   |
        | listeners[0].sites[0].routes[0].path                | "/api"              |
        | listeners[0].sites[0].routes[0].upstream            | "${upstream:other}" |
      And the proxy is running
      When a client requests "https://git.example.test/api/x"
      Then the answer is 200 "other"
      Given the setting "listeners[0].sites[0].upstream_scheme" is "https"
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "upstream_scheme http -> https"
      Given the configuration is reloaded
      When a client requests "https://git.example.test/api/x"
      Then the answer is the plain error 504 "Gateway Timeout"
      Given the setting "listeners[0].sites[0].routes[0].upstream_scheme" is "http"
      And the configuration is reloaded
      When a client requests "https://git.example.test/api/x"
      Then the answer is 200 "other"

Feature: Access
  A site or a route can say whom it lets in: by address and by password. What others have got wrong in public must not get
  past it: another spelling of a path, a header field of the client's own, an answer that needs no upstream.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    # The password of ann is "open sesame".
    And a file "users" with "# the staff\n\nann:$2a$04$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG\n"

  Rule: A rule that cannot be right is refused, with what to write

    @S-16.1 @S-16.2 @S-16.5
    Scenario: Lists and password files with faults
      Given a file "networks" with "10.0.0.0/8\n\n10.0.0.1/8 # a machine\nexample.com\n"
      And a file "hashes" with "ann:$apr1$x$y\n\nbob:{SHA}x\neve\nann:$2y$17$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG\n"
      And the settings:
        | access.allow_file                                   | "networks"   |
        | listeners[0].sites[0].access.basic_users_file       | "hashes"     |
        | listeners[0].sites[0].routes[0].path                | "/a"         |
        | listeners[0].sites[0].routes[0].access.satisfy      | "one"        |
        | listeners[0].sites[0].routes[0].access.deny         | ["::1/128x"] |
      When the configuration is validated
      Then the command exits with 1
      And the command complains in 8 lines
      And the command names every one of:
        | access.allow_file                               | networks", line 3: | "10.0.0.0/8" is the network      |
        | access.allow_file                               | networks", line 4: | "example.com" is not a network   |
        | listeners[0].sites[0].access.basic_users_file   | hashes": line 1:   | the MD5 hash of Apache (apr1)    |
        | listeners[0].sites[0].access.basic_users_file   | hashes": line 3:   | a SHA-1 hash                     |
        | listeners[0].sites[0].access.basic_users_file   | hashes": line 4:   | has no colon                     |
        | listeners[0].sites[0].access.basic_users_file   | hashes": line 5:   | the bcrypt cost 17 takes seconds |
        | listeners[0].sites[0].routes[0].access.satisfy  | "one" is not       | write "all" or "any"             |
        | listeners[0].sites[0].routes[0].access.deny[0]  | "::1/128x" is not  | write a network                  |

  Rule: Lists say which addresses are let in

    @S-16.1 @S-16.5 @S-2.33
    Scenario Outline: A site, its route and a route for everybody, over <protocol>
      Given clients speak <protocol>
      And a file "office" with "${client:ann}\n"
      And the settings:
        | listeners[0].sites[0].access.allow_file        | "office"           |
        | listeners[0].sites[0].routes[0].path           | "/admin"           |
        | listeners[0].sites[0].routes[0].access.deny    | ["${client:ann}"]  |
        | listeners[0].sites[0].routes[1].path_exact     | "/robots.txt"      |
        | listeners[0].sites[0].routes[1].respond        | 200                |
        | listeners[0].sites[0].routes[1].access.allow_file | ""              |
        | listeners[0].sites[0].routes[2].path           | "/old"             |
        | listeners[0].sites[0].routes[2].redirect       | "/new"             |
      And the proxy is running
      When the client "ann" requests "https://git.example.test/" 1 times
      Then the answer is 200 "app"
      When the client "ann" requests "https://git.example.test/admin" 1 times
      Then the answer is the plain error 403 "Forbidden"
      When the client "eve" requests "https://git.example.test/" 1 times
      Then the answer is the plain error 403 "Forbidden"
      When the client "eve" requests "https://git.example.test/old" 1 times
      Then the answer is 403
      When the client "eve" requests "https://git.example.test/robots.txt" 1 times
      Then the answer is 200
      When the client "eve" requests "https://git.example.test/robots.txt/..%2fadmin" 1 times
      Then the answer is 400
      And the upstream "app" received 1 request
      And the log has a line "REQUEST" with:
        | client_ip | ${client:eve}       |
        | path      | /old                |
        | status    | 403                 |
        | route     | /old                |
        | error     | client not in allow |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.1
    Scenario: A reload reads the list again, and a faulty one changes nothing
      Given a file "office" with "192.0.2.0/24\n"
      And the setting "listeners[0].sites[0].access.allow_file" is "office"
      And the proxy is running
      When the client "ann" requests "https://git.example.test/" 1 times
      Then the answer is 403
      When a file "office" with "${client:ann}/32\n"
      And the configuration is reloaded
      And the client "ann" requests "https://git.example.test/" 1 times
      Then the answer is 200
      When a file "office" with "192.0.2.0/24\n${client:ann}/33\n"
      And a reload is refused with:
        | listeners[0].sites[0].access.allow_file | line 2 |
      And the client "ann" requests "https://git.example.test/" 1 times
      Then the answer is 200

  Rule: A password is asked for, and a wrong one is logged

    @S-16.2 @S-16.5
    Scenario Outline: No password, a wrong one and the right one, over <protocol>
      Given clients speak <protocol>
      And the setting "listeners[0].sites[0].access.basic_users_file" is "users"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 401 "Unauthorized"
      And the answer has the field "WWW-Authenticate" with "Basic realm=\"git.example.test\", charset=\"UTF-8\""
      When a client sends the request:
        | url    | https://git.example.test/a?b             |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW0= |
      Then the answer is 401
      And the log has a line "AUTH_FAILED" with:
        | host      | git.example.test |
        | path      | /a               |
        | status    | 401              |
        | rule      | basic            |
        | user      | ann              |
      And the upstream "app" received nothing
      When a client sends the request:
        | url    | https://git.example.test/                    |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW1l |
      Then the answer is 200 "app"
      And the upstream "app" received the field "Authorization" with "Basic YW5uOm9wZW4gc2VzYW1l"
      And the log has 1 lines "AUTH_FAILED"
      And the metrics have:
        | reverse_proxy_access_refusals_total{site="git.example.test",rule="basic"} | 2 |
        | reverse_proxy_password_checks_total{result="right"}                                                    | 1 |
        | reverse_proxy_password_checks_total{result="wrong"}                                                    | 1 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.2
    Scenario: A reload that changes the password file forgets the passwords of the one before
      Given the setting "listeners[0].sites[0].access.basic_users_file" is "users"
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/                    |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW1l |
      Then the answer is 200
      # The new password is "rosebud".
      When a file "users" with "ann:$2a$04$7l9h.J3UfGNZ6RuUk4byY.XoNfZfbDujsEuoWLPPV7ZouJMc6p7pK\n"
      And the configuration is reloaded
      And a client sends the request:
        | url    | https://git.example.test/                    |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW1l |
      Then the answer is 401

    @S-16.5
    Scenario: With satisfy = "any", the office needs no password, and a denied client has none that is right
      Given the settings:
        | listeners[0].sites[0].access.allow            | ["${client:office}"] |
        | listeners[0].sites[0].access.deny             | ["${client:eve}"]    |
        | listeners[0].sites[0].access.basic_users_file | "users"              |
        | listeners[0].sites[0].access.satisfy          | "any"                |
      And the proxy is running
      When the client "office" requests "https://git.example.test/" 1 times
      Then the answer is 200
      When the client "home" requests "https://git.example.test/" 1 times
      Then the answer is 401
      When a client sends the request:
        | url    | https://git.example.test/                    |
        | client | home                                         |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW1l |
      Then the answer is 200
      When a client sends the request:
        | url    | https://git.example.test/                    |
        | client | eve                                          |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW1l |
      Then the answer is 403
      When the command "reverse-proxy explain --config ${config} --text --from ${client:home} https://git.example.test/" is run
      Then the command prints "does not have the client"
      And the command prints "no password: refused"
      And the command prints "answered by    access"

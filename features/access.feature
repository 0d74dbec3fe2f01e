Feature: Access
  A site or a route can restrict its clients, for example by address and by password. Well-known mistakes of other
  servers must not get past the rules: another spelling of a path, a header field of the client's own, an answer that
  needs no upstream.

  Background:
    Given the site "git.example.test" is served from the upstream "app"
    # The password of ann is "open sesame".
    And a file "users" with "# the staff\n\nann:$2a$04$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG\n"

  Rule: An invalid rule is refused, with what to write

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
      And the command prints 8 lines on stderr
      And the command names each of:
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
      When the client "ann" requests "https://git.example.test/"
      Then the answer is 200 "app"
      When the client "ann" requests "https://git.example.test/admin"
      Then the answer is the plain error 403 "Forbidden"
      When the client "eve" requests "https://git.example.test/"
      Then the answer is the plain error 403 "Forbidden"
      When the client "eve" requests "https://git.example.test/old"
      Then the answer is 403
      When the client "eve" requests "https://git.example.test/robots.txt"
      Then the answer is 200
      When the client "eve" requests "https://git.example.test/robots.txt/..%2fadmin"
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
      When the client "ann" requests "https://git.example.test/"
      Then the answer is 403
      Given a file "office" with "${client:ann}/32\n"
      And the configuration is reloaded
      When the client "ann" requests "https://git.example.test/"
      Then the answer is 200
      Given a file "office" with "192.0.2.0/24\n${client:ann}/33\n"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].sites[0].access.allow_file | line 2 |
      When the client "ann" requests "https://git.example.test/"
      Then the answer is 200

  Rule: A password is requested, and a wrong one is logged

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
      And the log has 1 line "AUTH_FAILED"
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
      Given a file "users" with "ann:$2a$04$7l9h.J3UfGNZ6RuUk4byY.XoNfZfbDujsEuoWLPPV7ZouJMc6p7pK\n"
      And the configuration is reloaded
      When a client sends the request:
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
      When the client "office" requests "https://git.example.test/"
      Then the answer is 200
      When the client "home" requests "https://git.example.test/"
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

  Rule: No client can take the processor, or another client's turn, with passwords

    @S-16.2 @S-12.6
    Scenario Outline: A flood of wrong passwords from <clients> addresses
      Given the site "wiki.example.test" is served from the upstream "app"
      # bcrypt of the cost 10: each password takes about 80 ms, and much longer with the race detector.
      And a file "slow" with "ann:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n"
      And the setting "listeners[0].sites[0].access.basic_users_file" is "slow"
      And the setting "max_connections" is 2000
      And the proxy is running
      When <clients> clients flood "https://git.example.test/" with wrong passwords
      Then the client "visitor" is answered 200 by "https://wiki.example.test/" over 20 new connections, most of them within a second
      And the metrics have:
        | reverse_proxy_password_checks_total{result="busy"} | >0 |

      Examples:
        | clients |
        | 1       |
        | 1000    |

  Rule: A service is asked about each request

    @S-16.3 @S-16.5
    Scenario Outline: A service that lets a request pass, with the fields that it vouches for, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that answers:
        """
        HTTP/1.1 200 OK
        Remote-User: ann
        Remote-Groups: staff,admins
        X-Other: 1
        Set-Cookie: session=new
        Content-Length: 2

        ok\
        """
      And the settings:
        | listeners[0].sites[0].access.forward_auth           | "http://${upstream:auth}/verify?rd=1"         |
        | listeners[0].sites[0].access.forward_auth_headers   | ["Remote-User", "Remote-Groups", "Set-Cookie"] |
        | listeners[0].sites[0].routes[0].path                | "/public"                                     |
        | listeners[0].sites[0].routes[0].access.forward_auth | ""                                            |
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/a%20b?c |
        | method | POST                             |
        | body   | text                             |
        | header | Cookie: session=old              |
        | header | remote_user: eve                 |
        | header | Remote-Groups: root              |
        | header | X-Forwarded-Uri: /public         |
      Then the answer is 200 "app"
      And the answer has the field "Set-Cookie" with "session=new"
      And the upstream "auth" received "GET /verify?rd=1"
      And the upstream "auth" received the field "Host" with "${upstream:auth}"
      And the upstream "auth" received the field "Cookie" with "session=old"
      And the upstream "auth" received the field "X-Forwarded-Method" with "POST"
      And the upstream "auth" received the field "X-Forwarded-Uri" with "/a%20b?c"
      And the upstream "auth" received the field "X-Forwarded-Proto" with "https"
      And the upstream "auth" received no field "Remote-Groups"
      And the upstream "app" received the field "Remote-User" with "ann"
      And the upstream "app" received the field "Remote-Groups" with "staff,admins"
      And the upstream "app" received no field "remote_user"
      And the upstream "app" received no field "X-Other"
      And the upstream "app" received the body "text"
      When a client sends the request:
        | url    | https://git.example.test/public |
        | header | Remote-User: eve                |
        | header | X-Client-Cert-Subject: CN=eve   |
      Then the answer is 200
      And the upstream "app" received no field "Remote-User"
      And the upstream "app" received no field "X-Client-Cert-Subject"
      And the upstream "auth" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.3
    Scenario Outline: No client can claim <field>, not even by another route to the upstream, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that answers:
        """
        HTTP/1.1 200 OK
        Remote-User: ann
        Content-Length: 0

        \
        """
      And the site "wiki.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[0].access.forward_auth         | "http://${upstream:auth}/" |
        | listeners[0].sites[0].access.forward_auth_headers | ["Remote-User"]            |
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/ |
        | header | <field>: eve              |
      Then the answer is 200 "app"
      And the upstream "app" received the field "Remote-User" with "ann"
      When a client sends the request:
        | url    | https://wiki.example.test/ |
        | header | <field>: eve               |
      Then the answer is 200 "app"
      And the upstream "app" received no field "<field>"

      Examples:
        | field       | protocol |
        | Remote-User | HTTP/1.1 |
        | remote_user | HTTP/1.1 |
        | Remote.User | HTTP/1.1 |
        | Remote-User | HTTP/2   |
        | remote.user | HTTP/2   |

    @S-16.3
    Scenario Outline: A WebSocket does not get around the service, and renews the session too, over <protocol>
      Given clients speak <protocol>
      And an upstream "chat" that switches to "websocket"
      And an upstream "auth" that answers:
        """
        HTTP/1.1 200 OK
        Remote-User: ann
        Set-Cookie: session=new
        Content-Length: 0

        \
        """
      And an upstream "login" that answers:
        """
        HTTP/1.1 401 Unauthorized
        Content-Length: 0

        \
        """
      And the settings:
        | listeners[0].sites[0].upstream                      | "${upstream:chat}"            |
        | listeners[0].sites[0].access.forward_auth           | "http://${upstream:auth}/"    |
        | listeners[0].sites[0].access.forward_auth_headers   | ["Remote-User", "Set-Cookie"] |
        | listeners[0].sites[0].routes[0].path                | "/admin"                      |
        | listeners[0].sites[0].routes[0].access.forward_auth | "http://${upstream:login}/"   |
      And the proxy is running
      When a client requests a WebSocket from "https://git.example.test/admin"
      Then the answer is 401
      And the upstream "chat" received nothing
      When a client requests a WebSocket from "https://git.example.test/chat"
      Then the answer has the field "Set-Cookie" with "session=new"
      And the upstream "chat" received the field "Remote-User" with "ann"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.3
    Scenario Outline: The service is not asked about the path <path>, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that answers:
        """
        HTTP/1.1 200 OK
        Content-Length: 0

        \
        """
      And the setting "listeners[0].sites[0].access.forward_auth" is "http://${upstream:auth}/"
      And the proxy is running
      When a client sends the request:
        | url | https://git.example.test<path> |
      Then the answer is 400
      And the upstream "auth" received nothing
      And the upstream "app" received nothing
      And the log has a line "REQUEST" with:
        | status | 400            |
        | error  | ambiguous path |

      Examples:
        | path                | protocol |
        | /public/../admin    | HTTP/1.1 |
        | /public/%2e%2e/x    | HTTP/1.1 |
        | /public/..;a=b/x    | HTTP/1.1 |
        | /public%2f..%2fx    | HTTP/1.1 |
        | /public/../admin    | HTTP/2   |

    @S-16.3
    Scenario Outline: A service that refuses a request, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that answers:
        """
        HTTP/1.1 302 Found
        Location: https://login.example.test/?rd=x
        Set-Cookie: a=b
        Content-Type: text/html
        Content-Length: 5

        login\
        """
      And the setting "listeners[0].sites[0].access.forward_auth" is "http://${upstream:auth}/verify"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 302 "login"
      And the answer has the field "Location" with "https://login.example.test/?rd=x"
      And the answer has the field "Set-Cookie" with "a=b"
      And the answer has the field "Content-Type" with "text/html"
      And the upstream "app" received nothing
      And the log has a line "REQUEST" with:
        | status | 302                     |
        | error  | refused by forward_auth |
      And the metrics have:
        | reverse_proxy_access_refusals_total{site="git.example.test",rule="forward_auth"} | 1 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.3
    Scenario Outline: Nothing is added to what a service answers without a type, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that answers:
        """
        HTTP/1.1 403 Forbidden
        Content-Length: 2

        no\
        """
      And the setting "listeners[0].sites[0].access.forward_auth" is "http://${upstream:auth}/"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 403
      And the answer has no field "Content-Type"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.3
    Scenario Outline: A service that <fault>: no request passes, over <protocol>
      Given clients speak <protocol>
      And <service>
      And the setting "listeners[0].sites[0].access.forward_auth" is "http://${upstream:auth}/"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is <status>
      And the answer came within 9000 ms
      And the upstream "app" received nothing
      And the log has a line "UPSTREAM_ERROR" with:
        | upstream | ${upstream:auth} |
        | error    | <error>          |

      Examples:
        | fault                         | service                                                     | status | error                            | protocol |
        | never answers                 | an upstream "auth" that never answers                       | 504    | no whole answer within 5 seconds | HTTP/1.1 |
        | never ends its head           | an upstream "auth" that sends its head one byte every 50 ms | 504    | no whole answer within 5 seconds | HTTP/1.1 |
        | stops in its answer           | an upstream "auth" that stops in the middle of its answer   | 504    | no whole answer within 5 seconds | HTTP/1.1 |
        | breaks its answer off         | an upstream "auth" that sends half of its answer and closes | 502    | unexpected EOF                   | HTTP/1.1 |
        | is not there                  | no upstream "auth"                                          | 502    | connection refused               | HTTP/1.1 |
        | answers a gigabyte            | an upstream "auth" that answers with 1073741824 bytes       | 502    | the answer has more than 64 KiB  | HTTP/1.1 |
        | never answers                 | an upstream "auth" that never answers                       | 504    | no whole answer within 5 seconds | HTTP/2   |
        | never ends its head           | an upstream "auth" that sends its head one byte every 50 ms | 504    | no whole answer within 5 seconds | HTTP/2   |
        | stops in its answer           | an upstream "auth" that stops in the middle of its answer   | 504    | no whole answer within 5 seconds | HTTP/2   |
        | breaks its answer off         | an upstream "auth" that sends half of its answer and closes | 502    | unexpected EOF                   | HTTP/2   |
        | is not there                  | no upstream "auth"                                          | 502    | connection refused               | HTTP/2   |
        | answers a gigabyte            | an upstream "auth" that answers with 1073741824 bytes       | 502    | the answer has more than 64 KiB  | HTTP/2   |

    @S-16.3 @S-12.8
    Scenario Outline: A long refusal of a service goes to the client part by part, <framing>, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that refuses requests "<framing>" with "${a*9000}|${b*30000}|${c*25512}|${d*1024}"
      And the setting "listeners[0].sites[0].access.forward_auth" is "http://${upstream:auth}/"
      And the proxy is running
      When the client "eve" begins to request "https://git.example.test/"
      Then the client "eve" has received "${a*9000}"
      When the upstream "auth" is released
      Then the client "eve" has received "${b*30000}"
      When the upstream "auth" is released
      Then the client "eve" has received "${c*25512}"
      When the upstream "auth" is released
      Then the client "eve" is answered 403
      And the answer has a body of 65536 bytes
      And the upstream "app" received nothing
      And the log has no line "UPSTREAM_ERROR"

      Examples:
        | framing       | protocol |
        | with a length | HTTP/1.1 |
        | in chunks     | HTTP/1.1 |
        | with a length | HTTP/2   |
        | in chunks     | HTTP/2   |

    @S-16.3
    Scenario Outline: A long refusal that <fault> is cut at the client, <framing>, over <protocol>
      Given clients speak <protocol>
      And an upstream "auth" that refuses requests "<framing>" with "${a*9000}|${b*30000}|${c*<last>}"<closes>
      And the setting "listeners[0].sites[0].access.forward_auth" is "http://${upstream:auth}/"
      And the proxy is running
      When the client "eve" begins to request "https://git.example.test/"
      Then the client "eve" has received "${a*9000}"
      When the upstream "auth" is released
      Then the client "eve" has received "${b*30000}"
      When the upstream "auth" is released
      Then the request of the client "eve" fails
      And the answer is 403 and cut short
      And the answer has at most 65536 bytes
      And the upstream "app" received nothing
      And the log has a line "UPSTREAM_ERROR" with:
        | upstream | ${upstream:auth} |
        | error    | <error>          |
      When an upstream "auth" that answers 403 with the body "no"
      And the client "eve" requests "https://git.example.test/"
      Then the answer is 403 "no"

      Examples:
        | fault                | framing       | last  | closes                            | error                           | protocol |
        | breaks off           | with a length | 25512 | , and closes before the last part | unexpected EOF                  | HTTP/1.1 |
        | breaks off           | in chunks     | 25512 | , and closes before the last part | unexpected EOF                  | HTTP/1.1 |
        | has more than 64 KiB | in chunks     | 26537 |                                   | the answer has more than 64 KiB | HTTP/1.1 |
        | breaks off           | with a length | 25512 | , and closes before the last part | unexpected EOF                  | HTTP/2   |
        | breaks off           | in chunks     | 25512 | , and closes before the last part | unexpected EOF                  | HTTP/2   |
        | has more than 64 KiB | in chunks     | 26537 |                                   | the answer has more than 64 KiB | HTTP/2   |

    @S-16.3
    Scenario: A password for one person or the service for all others
      Given an upstream "auth" that answers 403 with the body "ask the service"
      And the settings:
        | listeners[0].sites[0].access.basic_users_file | "users"                   |
        | listeners[0].sites[0].access.forward_auth     | "http://${upstream:auth}" |
        | listeners[0].sites[0].access.satisfy          | "any"                     |
      And the proxy is running
      When a client sends the request:
        | url    | https://git.example.test/                 |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW1l |
      Then the answer is 200 "app"
      And the upstream "auth" received nothing
      When a client sends the request:
        | url    | https://git.example.test/                 |
        | header | Authorization: Basic YW5uOm9wZW4gc2VzYW0= |
      Then the answer is 403 "ask the service"
      And the log has 1 line "AUTH_FAILED"
      When a client requests "https://git.example.test/"
      Then the answer is 403 "ask the service"
      And the log has 1 line "AUTH_FAILED"

  Rule: A site may ask its clients for certificates

    @S-16.4
    Scenario: Invalid keys
      Given a private CA "staff"
      And the settings:
        | listeners[0].sites[0].client_cert                          | "sometimes"         |
        | listeners[0].sites[1]                                      | { host = "b.example.test", upstream = "127.0.0.1:1", client_ca_path = "missing.pem" } |
        | listeners[0].sites[2]                                      | { host = "c.example.test", upstream = "127.0.0.1:1", client_ca_path = "${cert:staff}", access = { allow = ["::1"], satisfy = "any" } } |
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | listeners[0].sites[0].client_cert      | "sometimes" is not a choice           |
        | listeners[0].sites[0].client_ca_path   | missing; write the PEM file           |
        | listeners[0].sites[1].client_ca_path   | no such file                          |
        | listeners[0].sites[2].access.satisfy   | would let every client in             |

    @S-16.4
    Scenario Outline: Clients with a certificate, without one, and of another CA, over <protocol>
      Given clients speak <protocol>
      And a private CA "staff"
      And a private CA "others"
      And the private CA "staff" issues the certificate "ann"
      And the private CA "others" issues the certificate "eve"
      And the setting "listeners[0].sites[0].client_ca_path" is "${cert:staff}"
      And the proxy is running
      When a client sends the request:
        | url         | https://git.example.test/       |
        | certificate | ann                             |
        | header      | X-Client-Cert-Subject: CN=root  |
        | header      | x_client_cert_fingerprint: 00   |
      Then the answer is 200 "app"
      And the upstream "app" received the field "X-Client-Cert-Subject" with "CN=ann"
      And the upstream "app" received no field "x_client_cert_fingerprint"
      When a client makes a TLS handshake:
        | name        | git.example.test |
        | certificate | eve              |
      Then the handshake fails
      And the log has a line "TLS_REFUSED" with:
        | server_name | git.example.test                                                  |
        | error       | the client's certificate was not issued by a CA in client_ca_path |
      When a client makes a TLS handshake for "git.example.test"
      Then the handshake fails
      And the upstream "app" received 1 request

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.4
    Scenario Outline: A request for another site than the handshake's gets 421, over <protocol>
      Given clients speak <protocol>
      And a private CA "staff"
      And the private CA "staff" issues the certificate "ann"
      And the site "open.example.test" is served from the upstream "app"
      And the site "shop.example.test" is served from the upstream "app"
      And the settings:
        | listeners[0].sites[0].client_ca_path | "${cert:staff}" |
        | listeners[0].sites[2].client_ca_path | "${cert:staff}" |
        | listeners[0].sites[2].client_cert    | "optional"      |
      And the proxy is running
      When a client sends the request:
        | url         | https://git.example.test/ |
        | sni         | open.example.test         |
      Then the answer is the plain error 421 "Misdirected Request"
      When a client sends the request:
        | url         | https://open.example.test/ |
        | sni         | git.example.test           |
        | certificate | ann                        |
      Then the answer is 421
      When a client sends the request:
        | url         | https://shop.example.test/ |
        | sni         | git.example.test           |
        | certificate | ann                        |
      Then the answer is 421
      And the upstream "app" received nothing
      When a client requests "https://shop.example.test/"
      Then the answer is 200
      And the upstream "app" received no field "X-Client-Cert-Subject"
      # The same client uses its connection to the shop, as browsers do over HTTP/2, and then makes a new one.
      When a client requests "https://open.example.test/"
      Then the answer is 421
      When the client "bob" requests "https://open.example.test/"
      Then the answer is 200
      And the metrics have:
        | reverse_proxy_access_refusals_total{site="git.example.test",rule="certificate"} | 1 |

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-16.4 @S-12.12
    Scenario Outline: A reload <change>: a client over HTTP/2 is told to make a new connection
      # A browser uses the connection of a host again for that host, whatever it is answered there.
      Given a private CA "staff"
      And the settings:
        | listeners[0].sites[1] | { host = "shop.example.test", upstream = "${upstream:app}"<before> } |
      And the proxy is running
      And a client speaks HTTP/2 with "https://shop.example.test"
      When it opens 1 stream for "/"
      Then its last stream is answered 200
      Given a private CA "staff"
      And the settings:
        | listeners[0].sites[1].client_ca_path | "${cert:staff}" |
        | listeners[0].sites[1].client_cert    | "optional"      |
      And the configuration is reloaded
      When it opens 1 stream for "/"
      Then its last stream is answered 421
      And it receives GOAWAY with "NO_ERROR"
      And it is closed

      Examples:
        | change                              | before                                                       |
        | has another CA                      | , client_ca_path = "${cert:staff}", client_cert = "optional" |
        | makes the site ask for certificates |                                                              |

    @S-16.4
    Scenario: A connection that is used for another site is kept for its own
      Given a private CA "staff"
      And the site "open.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].client_ca_path" is "${cert:staff}"
      And the proxy is running
      And a client speaks HTTP/2 with "https://open.example.test"
      When it opens a stream with the fields ":method=GET; :scheme=https; :path=/; :authority=git.example.test"
      Then its last stream is answered 421
      And a further stream on it is answered 200
      And its GOAWAY frames are ""

    @S-16.4 @S-5.13
    Scenario Outline: Sessions with TLS <version> across sites, and after a reload with another CA
      Given a private CA "staff"
      And the private CA "staff" issues the certificate "ann"
      And the site "open.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].client_ca_path" is "${cert:staff}"
      And the proxy is running
      When a client makes a TLS handshake:
        | name    | open.example.test |
        | maximum | <version>         |
        | session | one               |
      Then the handshake is a full one
      When a client makes a TLS handshake:
        | name    | git.example.test |
        | maximum | <version>        |
        | session | one              |
      Then the handshake fails
      When a client makes a TLS handshake:
        | name        | git.example.test |
        | maximum     | <version>        |
        | session     | two              |
        | certificate | ann              |
      Then the handshake is a full one
      When a client makes a TLS handshake:
        | name        | git.example.test |
        | maximum     | <version>        |
        | session     | two              |
        | certificate | ann              |
      Then the handshake is resumed
      Given a private CA "staff"
      And the configuration is reloaded
      When a client makes a TLS handshake:
        | name        | git.example.test |
        | maximum     | <version>        |
        | session     | two              |
        | certificate | ann              |
      Then the handshake fails

      Examples:
        | version |
        | 1.2     |
        | 1.3     |

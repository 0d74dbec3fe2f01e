Feature: Upstreams at Unix sockets
  An application on the same machine that listens on a Unix socket: no port to choose, and the permissions of a file decide who
  may connect.

  Rule: It is an upstream like any other

    @S-18.8
    Scenario Outline: Requests over <protocol> reach it, with what every upstream gets
      Given clients speak <protocol>
      And an upstream "app" at the Unix socket "app.sock"
      And the site "git.example.test" is served from the upstream "app"
      And the proxy is running
      When a client requests "https://git.example.test/a?b"
      Then the answer is 200 "app"
      When a client requests "https://git.example.test/c"
      Then the answer is 200 "app"
      And the upstream "app" accepted 1 connection
      And the upstream "app" received the field "Host" with "git.example.test"
      And the upstream "app" received the field "X-Forwarded-Proto" with "https"
      And the log has a line "REQUEST" with:
        | path     | /c               |
        | upstream | ${upstream:app}  |
      When the command "reverse-proxy explain --config ${config} https://git.example.test/x" is run
      Then the command prints "http://${upstream:app}"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-18.8 @S-18.11
    Scenario: TLS over a Unix socket
      Given a private CA "inside"
      And an HTTPS upstream "app" at the Unix socket "app.sock" with a certificate of the private CA "inside" for "app.internal"
      And the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream_scheme" is "https"
      And the setting "listeners[0].sites[0].upstream_ca_path" is "${cert:inside}"
      And the setting "listeners[0].sites[0].upstream_server_name" is "app.internal"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

  Rule: What is wrong with the socket is in the log line, and in check

    @S-18.8
    Scenario Outline: <what> is a 502
      Given the site "git.example.test" is served from the upstream "app"
      And <given>
      And the setting "listeners[0].sites[0].upstream" is "unix:${dir}/<path>"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      And the log has a line "UPSTREAM_ERROR" with:
        | upstream | unix:${dir}/<path> |
        | error    | ~<error>           |
      And the runbook has a row under "502" for the error of the line "UPSTREAM_ERROR"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints "<warning>" on stderr

      Examples:
        | what                                | given                        | path     | error                             | warning                         |
        | A missing socket                    | a directory "d"              | app.sock | no such file or directory         | there is no such socket         |
        | A file                              | a file "app.sock" with "x"   | app.sock | it is a file and not a socket     | it is a file and not a socket   |
        | A directory                         | a directory "d"              | d        | it is a directory and not a socket | it is a directory and not a socket |
        | A socket that nobody listens on     | a stale socket "app.sock"    | app.sock | no program listens on the socket  |                                 |

    @S-18.8
    Scenario: The proxy's own admin socket gets a warning
      Given the site "git.example.test" is served from the upstream "app"
      And the setting "listeners[0].sites[0].upstream" is "unix:${admin_socket}"
      When the command "reverse-proxy check --config ${config}" is run
      Then the command prints "is this proxy's own admin_socket_path" on stderr

  Rule: A replaced socket leads to the new program

    @S-18.8
    Scenario: An application is replaced while the old one lives on
      Given an upstream "old" at the Unix socket "app.sock"
      And the site "git.example.test" is served from the upstream "old"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      And the upstream "old" has 1 connection open
      Given an upstream "new" at the Unix socket "next.sock"
      When "next.sock" is renamed to "app.sock"
      Then the upstream "old" has 0 connections open
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

    @S-18.8
    Scenario: An application that is restarted
      Given an upstream "old" at the Unix socket "app.sock"
      And the site "git.example.test" is served from the upstream "old"
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "old"
      Given the upstream "old" goes away
      When a client requests "https://git.example.test/"
      Then the answer is the plain error 502 "Bad Gateway"
      Given an upstream "new" at the Unix socket "app.sock"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "new"

Feature: Admin socket
  A Unix socket for the operator and the deployment pipeline: one command for each connection, one line of JSON as the
  answer, and no access for other users of the machine.

  Background:
    Given the site "a.example.test" is served from the upstream "app"

  Rule: status shows what an operator wants to see

    @S-10.1
    Scenario: All of it is there
      Given another listener
      And the setting "listeners[1].http_port" is 0
      And listener 2 makes its own certificate
      And the site "b.test" is served from the upstream "app" by listener 2
      And the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers with:
        | status                     | ok                        |
        | sites                      | 2                         |
        | version                    | *                         |
        | revision                   | *                         |
        | go_version                 | ~go1.                     |
        | pid                        | *                         |
        | config.path                | ${config}                 |
        | config.hash                | *                         |
        | config.loaded_at           | ~Z                        |
        | config.file_differs        | false                     |
        | last_reload                | null                      |
        | listeners#                 | 2                         |
        | listeners[0].https         | ${addr}:${https}          |
        | listeners[0].http          | ${addr}:${http}           |
        | listeners[0].tls_mode      | manual                    |
        | listeners[1].https         | ${addr2}:${https2}        |
        | listeners[1].tls_mode      | self_signed               |
        | certificates#              | 2                         |
        | certificates[0].listener   | ${addr}:${https}          |
        | certificates[0].names[0]   | example.test              |
        | certificates[0].names[1]   | *.example.test            |
        | certificates[0].source     | manual                    |
        | certificates[0].not_after  | ~Z                        |
        | certificates[1].names[0]   | b.test                    |
        | certificates[1].source     | self_signed               |
        | connections                | 0                         |
        | requests_in_flight         | 0                         |
        | descriptors.used           | *                         |
        | descriptors.allowed        | *                         |
        | rate_limited_clients       | 0                         |
      And the admin socket's answer contains "\"uptime_secs\":"

    @S-10.1
    Scenario: It counts connections and requests in flight
      Given an upstream "slow" that waits
      And the site "c.example.test" is served from the upstream "slow"
      And the proxy is running
      And the client "one" begins to request "https://c.example.test/"
      And the client "two" begins to request "https://c.example.test/"
      And the upstream "slow" received 2 requests
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections          | 2 |
        | requests_in_flight   | 2 |
        | rate_limited_clients | 2 |

    @S-10.1
    Scenario: It reports that the file differs from what is in use, until a reload
      Given the proxy is running
      And the setting "rate_limit.burst" is 7
      And the configuration file is written
      When the admin command "status" is sent
      Then the admin socket answers with:
        | config.file_differs | true |
      Given the admin command "reload" is sent
      When the admin command "status" is sent
      Then the admin socket answers with:
        | config.file_differs | false |

    @S-10.1
    Scenario: A missing file differs
      Given the proxy is running
      And "${config}" is deleted
      When the admin command "status" is sent
      Then the admin socket answers with:
        | status              | ok   |
        | config.file_differs | true |

    @S-10.1
    Scenario: It shows how the last reload ended, whoever requested it
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      When a reload is requested
      Then the reload is refused
      When the admin command "status" is sent
      Then the admin socket answers with:
        | last_reload.status    | error             |
        | last_reload.time      | ~Z                |
        | last_reload.message   | *                 |
        | last_reload.errors#   | 1                 |
        | last_reload.errors[0] | ~rate_limit.burst |
      Given the setting "rate_limit.burst" is 5
      And the configuration is reloaded
      When the admin command "status" is sent
      Then the admin socket answers with:
        | last_reload.status | ok |

    @S-10.1
    Scenario: A reloaded certificate is shown
      Given the proxy is running
      And a certificate "listener1" for "a.example.test,new.example.test"
      And the admin command "reload" is sent
      When the admin command "status" is sent
      Then the admin socket answers with:
        | certificates#          | 1               |
        | certificates[0].names# | 2               |
        | certificates[0].names  | ~new.example.test |

  Rule: reload puts the file to use and says whether that worked

    @S-10.1 @S-3.2
    Scenario: It worked
      Given the proxy is running
      And the site "b.example.test" is served from the upstream "other"
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status | ok |
        | sites  | 2  |
      When a client requests "https://b.example.test/"
      Then the answer is 200 "other"
      And the log has a new line "CONFIG_RELOAD" with:
        | status | success |
        | sites  | 2       |

    @S-10.1 @S-3.2
    Scenario: It did not, and every error is named
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      And the setting "body.limit_bytes" is -1
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status    | error              |
        | message   | *                  |
        | errors#   | 2                  |
        | errors[0] | ~body.limit_bytes (line |
        | errors[1] | ~rate_limit.burst (line |
      When a client requests "https://a.example.test/"
      Then the answer is 200 "app"

    @S-10.1 @S-3.4
    Scenario: Static keys that changed are named
      Given the proxy is running
      And the setting "max_connections" is 99
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status           | ok                |
        | restart_required | ~max_connections  |

  Rule: One command a connection: a line in, a line out, the end

    @S-10.1
    Scenario: A carriage return before the end of the line is not part of the command
      Given the proxy is running
      When "status\r\n" is sent to the admin socket
      Then the admin socket answers "ok" with the message ""

    @S-10.1
    Scenario: A second command is not answered
      Given the proxy is running
      When "reload\nstatus\nreload\n" is sent to the admin socket
      Then the admin socket answers "{\"status\":\"ok\",\"sites\":1,\"difference\":{},\"path\":\"${config}\"}"
      And the log has 1 line "CONFIG_RELOAD"

    @S-10.2
    Scenario Outline: Unknown commands are repeated, escaped: <command>
      Given the proxy is running
      When "<command>\n" is sent to the admin socket
      Then the admin socket answers "{\"status\":\"error\",\"message\":\"unknown command: <shown>\"}"

      Examples:
        | command      | shown             |
        | restart      | restart           |
        | STATUS       | STATUS            |
        | status now   | status now        |
        | \x1b[2J      | \\\\x1b[2J        |
        | a\x00b       | a\\\\x00b         |
        | \xff\xfe     | \\\\xff\\\\xfe    |

    @S-10.2
    Scenario: A long unknown command is clipped
      Given the proxy is running
      When "${x*65}\n" is sent to the admin socket
      Then the admin socket answers "{\"status\":\"error\",\"message\":\"unknown command: ${x*64}...\"}"

    @S-10.2 @S-10.3
    Scenario: The longest command is read
      Given the proxy is running
      When "${x*4096}\n" is sent to the admin socket
      Then the admin socket answers "error" with the message "unknown command: xxx"

    @S-10.2 @S-10.3
    Scenario Outline: Input other than a line is invalid: <what>
      Given the proxy is running
      When "<input>" is sent to the admin socket
      Then the admin socket answers "{\"status\":\"error\",\"message\":\"invalid input\"}"
      When the admin command "status" is sent
      Then the admin socket answers "ok" with the message ""

      Examples:
        | what                         | input          |
        | nothing                      |                |
        | an empty line                | \n             |
        | an empty line with CR        | \r\n           |
        | a blank line                 | \x20\t\n       |
        | a command without an end     | status         |
        | a command with only a CR     | status\r       |
        | 4097 bytes                   | ${x*4097}\n    |
        | a megabyte without a newline | ${x*1048576}   |

    @S-10.3
    Scenario: A client has five seconds to send a command
      Given the proxy is running
      When a client of the admin socket sends "stat" and then nothing
      Then the admin socket answers "{\"status\":\"error\",\"message\":\"invalid input\"}"
      And the end of that connection came after 4900 ms

    @S-10.3
    Scenario: The seventeenth client waits until one of sixteen is gone
      Given the proxy is running
      And 16 clients connect to the admin socket and send nothing
      When one more client sends the admin command "status"
      Then this client has no answer yet
      When these clients disconnect from the admin socket
      Then this client is answered
      And the admin socket answers "ok" with the message ""

    @S-10.3
    Scenario: Fifteen silent clients do not block others
      Given the proxy is running
      And 15 clients connect to the admin socket and send nothing
      When one more client sends the admin command "status"
      Then this client is answered
      And the admin socket answers "ok" with the message ""

    @S-10.3 @S-11.1
    Scenario: Silent clients do not delay a shutdown
      Given the proxy is running
      And 3 clients connect to the admin socket and send nothing
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 4 seconds

    @S-12.3 @S-8.6
    Scenario: A client that cannot be accepted waits until it can be
      Given the proxy is running
      And the proxy can open no more files
      When one more client sends the admin command "status"
      Then the log has a line "ACCEPT_ERROR" with:
        | level    | ERROR                |
        | listener | admin                |
        | error    | ~too many open files |
      And this client has no answer yet
      When the proxy can open files again
      Then this client is answered
      And the admin socket answers "ok" with the message ""

  Rule: Only root and the daemon's user may use it

    @S-10.4
    Scenario: Only its owner has access to the socket
      When the proxy is running
      Then the mode of "${admin_socket}" is "0600"

    @S-10.4 @root
    Scenario: Another user who reaches the socket is refused and logged
      Given the proxy is running
      When another user sends the admin command "reload"
      Then the admin socket answers "{\"status\":\"error\",\"message\":\"permission denied\"}"
      And the log has a new line "ADMIN_REFUSED" with:
        | level | WARN  |
        | uid   | 65534 |
      And the log has no line "CONFIG_RELOAD"
      When the admin command "status" is sent
      Then the admin socket answers "ok" with the message ""

    @S-10.4 @root
    Scenario: A daemon that runs as an ordinary user answers that user and root
      Given the proxy will be started as an ordinary user
      And the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers "ok" with the message ""
      When another user sends the admin command "reload"
      Then the admin socket answers "{\"status\":\"ok\",\"sites\":1,\"difference\":{},\"path\":\"${config}\"}"
      And the log has a new line "CONFIG_RELOAD" with:
        | status | success |
      And the log has no line "ADMIN_REFUSED"

  Rule: Only an unused socket is ever removed, and only the daemon's own at the end

    @S-10.5
    Scenario: A stale socket is replaced
      Given a stale socket "${admin_socket}"
      And the proxy is running
      When the admin command "status" is sent
      Then the admin socket answers "ok" with the message ""

    @S-10.5
    Scenario: The socket of a daemon that was killed is replaced
      Given the proxy is running
      And the proxy is killed
      And the proxy is started again
      When the admin command "status" is sent
      Then the admin socket answers "ok" with the message ""

    @S-4.4 @S-10.5
    Scenario: A live one is not touched, and startup continues without
      Given a live socket "${admin_socket}"
      When the proxy is running
      Then the log has a line "ADMIN_SOCKET_IN_USE" with:
        | level | WARN            |
        | path  | ${admin_socket} |
      When a client requests "https://a.example.test/"
      Then the answer is 200 "app"
      And "${admin_socket}" is a socket
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And "${admin_socket}" is a socket

    @S-10.5 @S-4.2
    Scenario: A file in its place is left untouched
      Given a file "${admin_socket}" with "precious"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "startup step 5 (admin_socket): admin_socket_path: ${admin_socket} exists and is a regular file"
      And the file "${admin_socket}" is "precious"

    @S-10.5 @S-4.2
    Scenario: A directory in its place is left untouched
      Given a directory "${admin_socket}"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "exists and is a directory"
      And "${admin_socket}" is a directory

    @S-10.5 @S-4.2
    Scenario: A symbolic link in its place is left untouched, and so is its target
      Given a stale socket "target.sock"
      And a symbolic link "${admin_socket}" to "${dir}/target.sock"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "exists and is a symbolic link"
      And "${admin_socket}" is a link
      And "target.sock" is a socket

    @S-10.5 @S-4.2
    Scenario: A directory that is missing is named
      Given the setting "admin_socket_path" is "${dir}/missing/admin.sock"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "no such file or directory; create its directory"

    @S-10.5 @S-11.1
    Scenario: It is removed at shutdown
      Given the proxy is running
      And "${admin_socket}" is a socket
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And "${admin_socket}" does not exist

    @S-10.5
    Scenario: What has taken its place is not removed at shutdown
      Given the proxy is running
      And "${admin_socket}" is renamed to "old.sock"
      And a file "${admin_socket}" with "somebody else's"
      When the proxy is sent SIGTERM
      Then the proxy exits with 0
      And the file "${admin_socket}" is "somebody else's"

    @S-10.1
    Scenario: An empty path means no socket
      Given the setting "admin_socket_path" is ""
      When the proxy is running
      Then "${admin_socket}" does not exist
      When a client requests "https://a.example.test/"
      Then the answer is 200 "app"

  Rule: reverse-proxy itself is the client

    @S-1.4
    Scenario: status prints the answer and exits with 0
      Given the proxy is running
      When the command "reverse-proxy --config ${config} status" is run
      Then the command exits with 0
      And the command prints "{\"status\":\"ok\",\"uptime_secs\":"
      And the command prints nothing on stderr

    @S-1.4
    Scenario: reload exits with 0 when it worked
      Given the proxy is running
      When the command "reverse-proxy reload --socket ${admin_socket}" is run
      Then the command exits with 0
      And the command prints "{\"status\":\"ok\",\"sites\":1,"

    @S-1.4
    Scenario: reload exits with 1 when it did not
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      When the command "reverse-proxy reload --socket ${admin_socket}" is run
      Then the command exits with 1
      And the command prints "\"errors\":[\"rate_limit.burst:"

    @S-1.4
    Scenario: Without a daemon it says so
      When the command "reverse-proxy --config ${config} status" is run
      Then the command exits with 1
      And the command prints nothing
      And the command prints 1 line on stderr
      And the command prints "reverse-proxy: status: ${admin_socket}: no such file or directory; is the daemon running" on stderr

    @S-1.4
    Scenario: A stale socket does not count as a daemon
      Given a stale socket "${admin_socket}"
      When the command "reverse-proxy --config ${config} reload" is run
      Then the command exits with 1
      And the command prints "connection refused; the daemon that made this socket is no longer running" on stderr

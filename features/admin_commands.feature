Feature: Admin commands ask the right daemon
  `reload`, `status`, `diff` and `reopen` find the admin socket in the configuration file that --config names. They fail, and change
  nothing, when that file does not say where the socket is, and when the daemon at the socket runs another file.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A file that does not name the socket is an error, never a reason to try the default

    @S-1.7
    Scenario Outline: <command> with <what>
      Given a file "other.toml" with "<text>"
      And the proxy is running
      When the command "reverse-proxy <command> --config ${dir}/other.toml" is run
      Then the command exits with <code>
      And the command prints nothing
      And the command prints 1 line on stderr
      And the command prints "reverse-proxy: <command>: ${dir}/other.toml: <says>" on stderr
      And the command prints "use --socket PATH" on stderr
      And the log has no line "CONFIG_RELOAD"
      And the log has no line "LOG_REOPENED"

      Examples:
        | command | what                        | text                             | code | says                                   |
        | reload  | an empty file               |                                  | 1    | is empty                               |
        | status  | an empty file               |                                  | 1    | is empty                               |
        | diff    | an empty file               |                                  | 2    | is empty                               |
        | reopen  | an empty file               |                                  | 1    | is empty                               |
        | reload  | nothing but white space     | \n\n                             | 1    | is empty                               |
        | reload  | nothing but a comment       | # later\n                        | 1    | holds no key                           |
        | reload  | what is no TOML             | [[listeners                      | 1    | line 1                                 |
        | diff    | what is no TOML             | [[listeners                      | 2    | line 1                                 |
        | reload  | a socket that is a number   | admin_socket_path = 5\n          | 1    | admin_socket_path: must be a string    |
        | status  | a relative socket           | admin_socket_path = \"x.sock\"\n | 1    | admin_socket_path: must be an absolute |
        | reload  | a socket that is turned off | admin_socket_path = \"\"\n       | 1    | admin_socket_path: the admin socket is |

    @S-1.7
    Scenario Outline: <command> with a file that is not there
      Given the proxy is running
      When the command "reverse-proxy <command> --config ${dir}/missing.toml" is run
      Then the command exits with <code>
      And the command prints nothing
      And the command prints 1 line on stderr
      And the command prints "reverse-proxy: <command>: ${dir}/missing.toml: no such file" on stderr
      And the command prints "use --socket PATH" on stderr

      Examples:
        | command | code |
        | reload  | 1    |
        | status  | 1    |
        | diff    | 2    |
        | reopen  | 1    |

  Rule: A daemon that runs another file refuses, and changes nothing

    @S-1.7
    Scenario Outline: <command> --<form> with another file that has the same socket
      Given the proxy is running
      And a file "other.toml" with "admin_socket_path = \"${admin_socket}\"\n"
      And the site "git.example.test" is moved to the upstream "app2"
      And the configuration file is written
      When the command "reverse-proxy <command> --<form> --config ${dir}/other.toml" is run
      Then the command exits with <code>
      And the command names each of:
        | this daemon runs ${config}, not ${dir}/other.toml; nothing was changed | --socket |
      And the log has no line "CONFIG_RELOAD"
      And the log has no line "LOG_REOPENED"
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

      Examples:
        | command | form | code |
        | reload  | text | 1    |
        | reload  | json | 1    |
        | status  | text | 1    |
        | status  | json | 1    |
        | diff    | text | 2    |
        | diff    | json | 2    |
        | reopen  | text | 1    |
        | reopen  | json | 1    |

    @S-1.7
    Scenario: --config is compared with the daemon of --socket too, whether the file exists or not
      Given the proxy is running
      When the command "reverse-proxy reload --socket ${admin_socket} --config ${dir}/missing.toml" is run
      Then the command exits with 1
      And the command prints "this daemon runs ${config}, not ${dir}/missing.toml"
      And the log has no line "CONFIG_RELOAD"
      When the command "reverse-proxy reload --socket ${admin_socket} --config ${config}" is run
      Then the command exits with 0
      When the command "reverse-proxy reload --socket ${admin_socket}" is run
      Then the command exits with 0

    @S-1.7
    Scenario: status --watch ends when another daemon answers
      Given the proxy is running
      And a file "other.toml" with "admin_socket_path = \"${admin_socket}\"\n"
      When the command "reverse-proxy status --watch --config ${dir}/other.toml" is run
      Then the command exits with 1
      And the command prints nothing
      And the command prints "this daemon runs ${config}, not ${dir}/other.toml" on stderr

  Rule: The same file by another name is the same file

    @S-1.7
    Scenario: Through a symbolic link
      Given a symbolic link "current.toml" to "${config}"
      And the proxy is running
      When the command "reverse-proxy reload --config ${dir}/current.toml" is run
      Then the command exits with 0
      When the command "reverse-proxy diff --config ${dir}/./current.toml" is run
      Then the command exits with 0

    @S-1.7
    Scenario: The name that the daemon was started with, after another file has taken its place
      Given the proxy is running
      And the site "git.example.test" is moved to the upstream "app2"
      And the configuration file is written
      And "${config}" is renamed to "next.toml"
      And a symbolic link "${config}" to "${dir}/next.toml"
      When the command "reverse-proxy reload --config ${config}" is run
      Then the command exits with 0
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app2"

  Rule: The answer names the file that the daemon runs, and the protocol checks it

    @S-1.7 @S-10.1
    Scenario Outline: <command> on the socket
      Given the proxy is running
      When "<command>\n" is sent to the admin socket
      Then the admin socket answers with:
        | status  | ok        |
        | <field> | ${config} |
      When "<command> {\"config\":\"${config}\"}\n" is sent to the admin socket
      Then the admin socket answers with:
        | status  | ok        |
        | <field> | ${config} |
      When "<command> {\"config\":\"/etc/other.toml\"}\n" is sent to the admin socket
      Then the admin socket answers with:
        | status  | error                                          |
        | message | ~this daemon runs ${config}, not /etc/other.toml |
        | path    | ${config}                                      |
      When "<command> {\"config\":\"${config}\",\"force\":true}\n" is sent to the admin socket
      Then the admin socket answers "error" with the message "invalid input"

      Examples:
        | command | field       |
        | reload  | path        |
        | diff    | path        |
        | status  | config.path |

    @S-1.7 @S-3.2
    Scenario: So does a refusal
      Given the proxy is running
      And the setting "rate_limit.burst" is 0
      And the configuration file is written
      When the admin command "reload" is sent
      Then the admin socket answers with:
        | status | error     |
        | path   | ${config} |
      When the admin command "diff" is sent
      Then the admin socket answers with:
        | status | error     |
        | path   | ${config} |

  Rule: The exit codes of diff distinguish changes from a daemon that cannot be asked

    @S-1.5
    Scenario Outline: 2 for <what>
      When the command "reverse-proxy diff <flags>" is run
      Then the command exits with 2
      And the command prints nothing
      And the command prints 1 line on stderr

      Examples:
        | what                       | flags                               |
        | no daemon                  | --config ${config}                  |
        | no socket                  | --socket ${dir}/missing.sock        |
        | a socket that is no socket | --socket ${config}                  |
        | no file                    | --config ${dir}/missing.toml        |
        | a wrong usage              | --no-such-flag                      |

    @S-1.5
    Scenario: 0 for no change, 1 for changes, and 2 for a file that a reload would refuse
      Given the proxy is running
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 0
      Given the setting "rate_limit.burst" is 77
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 1
      Given the setting "rate_limit.burst" is 0
      When the command "reverse-proxy diff --config ${config}" is run
      Then the command exits with 2

Feature: Sandbox
  Once it serves, the process gives up what it no longer needs: it cannot gain privileges, and Landlock leaves it only
  the files and directories of its configuration. All other features run inside it too: reloads, reopened logs,
  renewals, status and shutdown.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: After the start the process can do less

    @S-4.7
    Scenario: No thread can gain privileges, and status and the log show what else was given up
      When the proxy is running
      Then no thread of the proxy can gain privileges
      And the sandbox of the proxy is the one that this kernel supports
      And the log has the events in this order:
        | STARTUP step=8 |
        | SANDBOX        |
        | STARTUP step=9 |

    @S-4.7 @S-3.2 @landlock
    Scenario: A reload cannot read a file outside of the directories that the configuration named at the start
      Given the proxy is running
      And the setting "listeners[0].tls.cert_path" is "/usr/lib/os-release"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].tls.cert_path | permission denied; let the user that runs the proxy read it; or restart the daemon: its sandbox has the directories that the configuration named at the start |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

    @S-4.7 @strace
    Scenario: A kernel without Landlock is reported, and the daemon serves
      Given the proxy will be started on a kernel without Landlock
      When the proxy is running
      Then no thread of the proxy can gain privileges
      And the log has a line "SANDBOX" with:
        | level  | WARN                                    |
        | status | unavailable                             |
        | error  | the kernel was built without Landlock   |
      When the admin command "status" is sent
      Then the admin socket answers with:
        | sandbox.state | unavailable                           |
        | sandbox.error | the kernel was built without Landlock |
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

  Rule: Everything that a daemon has to do while it serves still works

    @S-4.7 @S-3.5 @S-3.2
    Scenario: Reloads, with a configuration and certificates that were replaced, and a link with a new target
      Given a certificate "one" for "git.example.test"
      And a certificate "two" for "git.example.test"
      And a symbolic link "live.pem" to "${cert:one}"
      And a symbolic link "live.key" to "${key:one}"
      And the setting "listeners[0].tls.cert_path" is "${dir}/live.pem"
      And the setting "listeners[0].tls.key_path" is "${dir}/live.key"
      And the proxy is running
      And "live.pem" is deleted
      And "live.key" is deleted
      And a symbolic link "live.pem" to "${cert:two}"
      And a symbolic link "live.key" to "${key:two}"
      And the site "git.example.test" is moved to the upstream "app2"
      And the configuration is reloaded
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app2"

    @S-4.7 @S-8.3
    Scenario: The log is reopened in its own directory
      Given a directory "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the proxy is running
      And "logs/proxy.log" is renamed to "logs/proxy.log.1"
      And the proxy is sent SIGUSR1
      And the log has a new line "LOG_REOPENED"
      When a client requests "https://git.example.test/after"
      Then the file "logs/proxy.log" contains "path=/after"

    @S-4.7 @S-8.3 @landlock
    Scenario: A recreated log directory is a different one, and the log says so; a restart uses it
      Given a directory "logs"
      And the setting "logging.log_file_path" is "${dir}/logs/proxy.log"
      And the proxy is running
      And "logs" is renamed to "moved"
      And a directory "logs"
      When the proxy is sent SIGUSR1
      Then the log has a new line "LOG_REOPENED" with:
        | status | error                                                                                               |
        | error  | ~permission denied; let the daemon's user write there, or restart it if its directory was created again |
      When a client requests "https://git.example.test/again"
      Then the file "moved/proxy.log" contains "path=/again"
      When the proxy is started again
      Then "logs/proxy.log" is a file

    @S-4.7 @S-11.1
    Scenario: The shutdown leaves nothing behind
      Given the proxy is running
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 10 seconds
      And nothing of the proxy is left
      And "${admin_socket}" does not exist

  Rule: It can be turned off

    @S-4.7
    Scenario: sandbox = "off"
      Given the setting "sandbox" is "off"
      When the proxy is running
      Then threads of the proxy can gain privileges
      And the log has no line "SANDBOX"
      When the admin command "status" is sent
      Then the admin socket answers with:
        | sandbox.state | off |
      Given the setting "listeners[0].tls.cert_path" is "/usr/lib/os-release"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].tls.cert_path | /usr/lib/os-release |

    @S-4.7 @S-3.4
    Scenario: It can be turned off only at a restart
      Given the proxy is running
      And the setting "sandbox" is "off"
      When the configuration is reloaded
      Then the log has a line "CONFIG_DRIFT" with:
        | key     | sandbox |
        | running | on      |
        | file    | off     |
      And no thread of the proxy can gain privileges

    @S-4.7
    Scenario: Another value is refused
      Given the setting "sandbox" is "strict"
      When the configuration is validated
      Then the command exits with 1
      And the command names each of:
        | sandbox: "strict" is not a state; write "on" or "off" |

Feature: Where an error of the configuration is

  Every error and every warning names the key, its line in the file, and the host of its site where there is one,
  whichever command reports it.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: The line is that of the key, or of the table that lacks it

    @S-1.8
    Scenario Outline: <command> names line and host of an error in one of many sites
      Given the configuration file is:
        """
        # The sites of the team
        [[listeners]]
        bind_addr = "127.0.0.1"
        [listeners.tls]
        mode = "self_signed"

        [[listeners.sites]]
        host = "one.example.test"   # upstream = "here"
        upstream = "127.0.0.1:3000"

        [[listeners.sites]]

        host = "Two.example.test"
        aliases = [
          "[[listeners.sites]]", # no name
        ]

        [[listeners.sites]]
        "host" = "three.example.test"
        upstream = "http://127.0.0.1"
          [[listeners.sites.routes]]
          path = "/a"
          respond = 42
        """
      When the command "reverse-proxy <command> --config ${config}" is run
      Then the command exits with 1
      And the command prints 4 lines on stderr
      And the command prints "listeners[0].sites[1].upstream (line 11, two.example.test): missing; write the host:port to forward to" on stderr
      And the command prints "listeners[0].sites[1].aliases[0] (line 15, two.example.test): \"[[listeners.sites]]\" is not a valid host name" on stderr
      And the command prints "listeners[0].sites[2].upstream (line 20, three.example.test): \"http://127.0.0.1\" has a scheme" on stderr
      And the command prints "listeners[0].sites[2].routes[0].respond (line 23, three.example.test): 42 is not a response status" on stderr

      Examples:
        | command    |
        | --validate |
        | check      |

    @S-1.8
    Scenario: A key outside the sites has a line and no host, and a table that is missing altogether has neither
      Given the configuration file is "max_connections = 100\n\n[body]\nlimit_bytes = -1\n"
      When the configuration is validated
      Then the command exits with 1
      And the command prints "body.limit_bytes (line 4): -1 is out of range" on stderr
      And the command prints "listeners: missing; write at least one [[listeners]] table" on stderr

    @S-1.8
    Scenario: A warning has its place too
      Given the configuration file is:
        """
        health_check_port = 9999
        [[listeners]]
        bind_addr = "127.0.0.1"
        tls = { mode = "self_signed" }
        sites = [
          { host = "one.example.test", upstream = "127.0.0.1:3000" },
          { host = "two.example.test", upstream = "127.0.0.1:9999" },
        ]
        """
      When the command "reverse-proxy check --config ${config}" is run
      Then the command exits with 0
      And the command prints "warning: listeners[0].sites[1].upstream (line 7, two.example.test): \"127.0.0.1:9999\" is this proxy's own health_check_port" on stderr
      When the command "reverse-proxy check --json --config ${config}" is run
      Then the command prints "\"line\":7,\"host\":\"two.example.test\"}]"

    @S-1.8
    Scenario: A value that would forge a place is not treated as a host
      Given the setting "listeners[0].sites[0].host" is "a): ok\nforged"
      And the setting "listeners[0].sites[0].upstream" is 5
      When the configuration is validated
      Then the command exits with 1
      And the command prints 2 lines on stderr

  Rule: A start, a reload and a diff report it as well

    @S-1.8
    Scenario: A start with a broken file
      Given the configuration file ends with:
        """
        [[listeners.sites]]
        host = "two.example.test"
        """
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "listeners[0].sites[1].upstream (line "
      And its standard error has a line with ", two.example.test): missing; write the host:port"

    @S-1.8
    Scenario: A port that cannot be bound
      Given something else listens on "${addr}:${https}"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "startup step 6 (bind_listeners): listeners[0].https_port (line "

    @S-1.8
    Scenario: A reload and a diff, in the answer, in the log and in the status
      Given the proxy is running
      And the setting "listeners[0].sites[0].upstream_scheme" is "ftp"
      When a reload is requested
      Then the reload is refused with:
        | listeners[0].sites[0].upstream_scheme | "ftp" is not an upstream scheme |
      And the log has a line "CONFIG_ERROR" with:
        | key  | listeners[0].sites[0].upstream_scheme |
        | line | *                                     |
        | host | git.example.test                      |
      When the command "reverse-proxy diff --text --config ${config}" is run
      Then the command exits with 2
      And the command prints ", git.example.test): \"ftp\" is not an upstream scheme" on stderr
      When the command "reverse-proxy reload --text --config ${config}" is run
      Then the command exits with 1
      And the command prints "listeners[0].sites[0].upstream_scheme (line " on stderr
      When the command "reverse-proxy status --text --config ${config}" is run
      Then the command prints "listeners[0].sites[0].upstream_scheme (line "

  Rule: A mistyped command or flag gets a suggestion, as keys do

    @S-1.8
    Scenario Outline: <mistyped>
      When the command "reverse-proxy <mistyped>" is run
      Then the command exits with 2
      And the command prints 1 line on stderr
      And the command prints "did you mean \"<meant>\"?; see reverse-proxy --help" on stderr

      Examples:
        | mistyped       | meant      |
        | relaod         | reload     |
        | statu          | status     |
        | chek           | check      |
        | dif            | diff       |
        | reopne         | reopen     |
        | --validte      | --validate |
        | reload --sokcet x | --socket |

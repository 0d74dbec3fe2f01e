Feature: Header rules

  The configuration sets, defaults and removes header fields of requests and responses, for all sites, for a site or for a
  route.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A rule is checked when the configuration is loaded

    @S-19.1
    Scenario: Rules that would break framing, or say who the client is, are refused with the reason
      Given the configuration file ends with:
        """
        [listeners.sites.request_headers]
        set = { "Content-Length" = "5", "X-Forwarded-For" = "10.0.0.1", "X_Real_IP" = "10.0.0.1" }
        remove = ["Transfer-Encoding", "Host"]
        [listeners.sites.response_headers]
        set = { "Connection" = "close", "Set-Cookie" = "a=b" }
        remove = ["Date"]
        """
      When the configuration is validated
      Then the command exits with 1
      And the command complains in 8 lines
      And the command names every one of:
        | request_headers.set.Content-Length:  | it says where the body ends             | leave it out        |
        | request_headers.set.X-Forwarded-For: | the proxy sets it itself                | leave it out        |
        | request_headers.set.X_Real_IP:       | the proxy sets it itself                | leave it out        |
        | request_headers.remove[0]:           | it is about one connection              | leave it out        |
        | request_headers.remove[1]:           | can only be set                         | write it in set     |
        | response_headers.set.Connection:     | it is about one connection              | leave it out        |
        | response_headers.set.Set-Cookie:     | take away every cookie                  | write it in default |
        | response_headers.remove[0]:          | the time of the response                | leave it out        |

    @S-19.1
    Scenario Outline: A value that is none is refused: <value>
      Given the setting "response_headers.set" is { "X-A" = <value> }
      When the configuration is validated
      Then the command exits with 1
      And the command names every one of:
        | response_headers.set.X-A: | <wrong> | <right> |

      Examples:
        | value               | wrong                                         | right                                                              |
        | "a\\nX-Evil: 1"     | has a line break                              | on one line                                                        |
        | "a\u0000b"          | has a control character                       | leave it out                                                       |
        | " a"                | has a blank at its beginning or end           | without                                                            |
        | ""                  | is empty                                      | or the name in remove                                              |
        | "{remote_addr}"     | has "{remote_addr}", which is no placeholder  | write one of {client_ip}, {host}, {request_id} and {scheme}, or {{ |
        | "{host"             | has a { that begins no placeholder            | {{                                                                 |

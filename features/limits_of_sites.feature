Feature: Limits of a site or a route
  A site or a route can have limits of its own. The most specific one counts, and nobody can use up for others what all
  clients share.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A limit that cannot be meant is refused with what to write

    @S-17.1 @S-7.6
    Scenario: Limits of a site and of a route that are out of range
      Given the settings:
        | listeners[0].sites[0].concurrent                      | -1    |
        | listeners[0].sites[0].rate_limit                      | 5     |
        | listeners[0].sites[0].routes[0].path                  | "/a"  |
        | listeners[0].sites[0].routes[0].rate_limit.burst      | 0     |
        | listeners[0].sites[0].routes[0].total_requests_per_second | 2e9   |
        | listeners[0].sites[0].routes[0].body_limit_byte       | 1     |
      When the configuration is validated
      Then the command exits with 1
      And the command complains in 5 lines
      And the command names every one of:
        | listeners[0].sites[0].concurrent                           | -1 is out of range         | write a number of requests   |
        | listeners[0].sites[0].rate_limit                           | is the number 5            | a table is needed            |
        | listeners[0].sites[0].routes[0].rate_limit.burst           | 0 is out of range          | write a number above 0       |
        | listeners[0].sites[0].routes[0].total_requests_per_second  | 2e+09 is out of range      | or 0 for no limit            |
        | listeners[0].sites[0].routes[0].body_limit_byte            | unknown key                | did you mean "body_limit_bytes"? |

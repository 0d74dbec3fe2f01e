Feature: Memory

  What clients ask for costs memory only as far as it has an upstream connection, or room among the answers that clients
  have yet to take.

  Background:
    Given an upstream "small" that answers with 1024 bytes
    And the site "small.example.test" is served from the upstream "small"
    And an upstream "stuck" that never answers
    And the site "stuck.example.test" is served from the upstream "stuck"
    And the setting "max_connections" is 256
    And the setting "rate_limit.requests_per_second" is 1000000
    And the setting "rate_limit.burst" is 1000000

  Rule: Answers that their client does not take give way, and others are answered within a second

    @S-12.8
    Scenario: A client that takes no answer of many requests of a few bytes
      When the proxy is running
      And the client "mallory", which opens no window, makes over 30 HTTP/2 connections to "https://small.example.test" 250 requests each of "a few bytes"
      Then the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      And the log has a line "ANSWER_SHARE" with:
        | level     | WARN              |
        | client_ip | ${client:mallory} |
        | share     | 4194304           |
      And the log has no line "ANSWER_SHARE" with:
        | client_ip | ${client:alice} |
      And the metrics have:
        | reverse_proxy_answers_over_share_total | >0 |

    @S-12.8
    Scenario: A client that takes few answers late loses none
      When the proxy is running
      And the client "bob", which opens no window, makes over 1 HTTP/2 connections to "https://small.example.test" 3 requests each of "a few bytes"
      And the client "alice" is answered 200 by "https://small.example.test/" over 7 new connections, most of them within a second
      Then the log has no line "ANSWER_SHARE"
      And the metrics have:
        | reverse_proxy_answers_over_share_total | 0 |

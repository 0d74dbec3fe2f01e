Feature: Startup

  @S-4.5
  Scenario: READY=1 comes when every port answers
    Given the site "git.example.test" is served from the upstream "app"
    When the proxy is running
    And a client requests "https://git.example.test/a%20b?c=%2f"
    Then the answer is 200 "app"
    And the upstream "app" received "GET /a%20b?c=%2f"

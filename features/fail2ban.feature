@fail2ban
Feature: fail2ban
  The shipped filters and jails under the real fail2ban-server: clients that abuse the proxy are banned, rotations of
  the log do not interfere, and nothing that a client sends bans another client.

  In each scenario the client "judge" comes last and is banned by every jail: by then fail2ban has read all before it.

  Background:
    Given an upstream "app"
    And an upstream "empty" that answers 404 with the body "nothing here"
    And an upstream "locked" that answers 401 with the body "who are you"
    And the site "git.example.test" is served from the upstream "app"
    And the site "empty.example.test" is served from the upstream "empty"
    And the site "locked.example.test" is served from the upstream "locked"
    And the setting "logging.log_file_path" is "${dir}/proxy.log"
    And the setting "rate_limit.requests_per_second" is 0.001
    And the setting "rate_limit.burst" is 70

  Rule: Clients that abuse the proxy are banned, by the jail for what they did, and no others

    @S-8.5
    Scenario Outline: A flood, a search for pages and passwords, and a scan are banned in the format <format>, and ordinary use is not
      Given the setting "logging.format" is "<format>"
      And the proxy is running
      And fail2ban watches "proxy.log" with the shipped jails
      And the client "flooder" requests "https://git.example.test/login" 70 times
      And the client "flooder" keeps requesting "https://git.example.test/login" until the jail "reverse-proxy" bans it
      And the client "guesser" requests "https://locked.example.test/login" 60 times
      And the client "crawler" requests "https://empty.example.test/page" 30 times
      And the client "crawler" requests "https://unknown.example.test/page" 30 times
      And the client "scanner" requests "https://empty.example.test/wp-login.php"
      And the client "scanner" requests "https://empty.example.test/old/.env"
      And the client "scanner" requests "https://unknown.example.test/.git/config"
      # A browser misses a favicon, a build server is asked for its password, and a WordPress has its users.
      And the client "browser" requests "https://empty.example.test/favicon.ico" 20 times
      And the client "browser" requests "https://git.example.test/page" 50 times
      And the client "builder" requests "https://locked.example.test/user/repo.git/config" 30 times
      And the client "builder" requests "https://git.example.test/user/repo.git/config" 40 times
      And the client "author" requests "https://git.example.test/wp-login.php" 30 times
      And the client "author" requests "https://empty.example.test/wp-login.php" 2 times
      # An office behind one address is over the limit for a moment.
      And the client "office" requests "https://git.example.test/" 89 times
      And the client "judge" requests "https://empty.example.test/.env" 70 times
      When the client "judge" keeps requesting "https://empty.example.test/.env" until the jail "reverse-proxy" bans it
      Then fail2ban has banned only:
        | reverse-proxy        | ${client:flooder} |
        | reverse-proxy-denied | ${client:guesser} |
        | reverse-proxy-denied | ${client:crawler} |
        | reverse-proxy-scan   | ${client:scanner} |
        | reverse-proxy        | ${client:judge}   |
        | reverse-proxy-denied | ${client:judge}   |
        | reverse-proxy-scan   | ${client:judge}   |

      Examples:
        | format |
        | text   |
        | json   |

  Rule: A page does not count as an offence, however many of its images are refused

    @S-7.7 @S-8.5
    Scenario Outline: 600 simultaneous images over <protocol> in the format <format>, and an attacker who continues
      Given the setting "logging.format" is "<format>"
      # On a busy machine the handshakes of all images take longer than the 10 seconds of the default.
      And the setting "header_timeout_secs" is 60
      And clients speak <protocol>
      And the proxy is running
      And fail2ban watches "proxy.log" with the shipped jails
      When the client "visitor" loads "https://git.example.test/thumbnail" 600 times as a browser does
      Then 70 of the answers are 200
      And 530 of the answers are 429
      Given the client "attacker" requests "https://empty.example.test/.env" 70 times
      When the client "attacker" keeps requesting "https://empty.example.test/.env" until the jail "reverse-proxy" bans it
      Then fail2ban has banned only:
        | reverse-proxy        | ${client:attacker} |
        | reverse-proxy-denied | ${client:attacker} |
        | reverse-proxy-scan   | ${client:attacker} |

      Examples:
        | protocol | format |
        | HTTP/1.1 | text   |
        | HTTP/2   | text   |
        | HTTP/1.1 | json   |
        | HTTP/2   | json   |

  Rule: A rotation of the log hides no client

    @S-8.3 @S-8.5 @logrotate
    Scenario Outline: Offences before and after rotations count together, in the format <format>
      Given the setting "logging.format" is "<format>"
      And the proxy is running
      And fail2ban watches "proxy.log" with the shipped jails
      And the client "scanner" requests "https://empty.example.test/.env"
      When the client "guesser" requests "https://locked.example.test/login" 40 times
      Then fail2ban has counted 41 offences in the jail "reverse-proxy-denied"
      And fail2ban has counted 1 offence in the jail "reverse-proxy-scan"
      Given logrotate rotates the logs with the shipped file
      And the log has a new line "LOG_REOPENED"
      And the client "scanner" requests "https://empty.example.test/.env"
      When the client "guesser" requests "https://locked.example.test/login" 10 times
      Then fail2ban has counted 52 offences in the jail "reverse-proxy-denied"
      And fail2ban has counted 2 offences in the jail "reverse-proxy-scan"
      Given logrotate rotates the logs with the shipped file
      And the log has a new line "LOG_REOPENED"
      And the client "guesser" requests "https://locked.example.test/login" 10 times
      And the client "scanner" requests "https://empty.example.test/.env"
      And the client "judge" requests "https://empty.example.test/.env" 70 times
      When the client "judge" keeps requesting "https://empty.example.test/.env" until the jail "reverse-proxy" bans it
      Then fail2ban has banned only:
        | reverse-proxy-denied | ${client:guesser} |
        | reverse-proxy-scan   | ${client:scanner} |
        | reverse-proxy        | ${client:judge}   |
        | reverse-proxy-denied | ${client:judge}   |
        | reverse-proxy-scan   | ${client:judge}   |

      Examples:
        | format |
        | text   |
        | json   |

  Rule: Nothing that a client sends bans another client, not even with jails that ban at the first offence

    @S-8.5
    Scenario Outline: Forged requests over HTTP/1.1 in the format <format>
      Given the setting "logging.format" is "<format>"
      And the proxy is running
      And fail2ban watches "proxy.log" with the shipped jails and bans at the first offence
      And the client "attacker" opens a connection to "https://empty.example.test"
      # The path: a line's end in percent, quotes and a backslash, the separators of Unicode, a prefix of the journal.
      And the client sends:
        """
        GET /%0d%0a2026-11-27T00:00:00.000Z%20WARN%20RATE_LIMIT%20client_ip=10.0.0.1%20host=a%20path=/%20status=429 HTTP/1.1
        Host: empty.example.test

        """
      And the client receives the answer 404
      And the client sends:
        """
        GET /"client_ip=10.0.0.2\\"status=404\xe2\x80\xa82026-11-27T00:00:00.000Z\xe2\x80\xa9WARN\xc2\x85RATE_LIMIT\xc2\xa0client_ip=10.0.0.2 HTTP/1.1
        Host: empty.example.test

        """
      And the client receives the answer 404
      And the client sends:
        """
        GET /"}{"time":"2026-11-27T00:00:00.000Z","level":"WARN","event":"RATE_LIMIT","client_ip":"10.0.0.3","host":"a","path":"/","status":429} HTTP/1.1
        Host: empty.example.test

        """
      And the client receives the answer 404
      # The method, which is a token, and header fields that must not be logged at all.
      And the client sends:
        """
        GETclient_ip_10.0.0.4 /.env HTTP/1.1
        Host: empty.example.test
        User-Agent: "client_ip=10.0.0.5 host=a path=/.env status=429
        Referer: https://10.0.0.5/wp-login.php client_ip=10.0.0.5 status=404
        X-Forwarded-For: 10.0.0.6
        X-Real-IP: 10.0.0.6
        Forwarded: for=10.0.0.6
        True-Client-IP: 10.0.0.6

        """
      And the client receives the answer 404
      # The authority of an absolute target, and hosts.
      And the client sends:
        """
        GET https://10.0.0.7/.env HTTP/1.1
        Host: 10.0.0.7

        """
      And the client receives the answer 404
      And the client "attacker" opens a connection to "https://empty.example.test"
      And the client sends:
        """
        GET /.env HTTP/1.1
        Host: a"client_ip=10.0.0.8"status=404

        """
      And the connection is closed
      And the client "attacker" opens a connection to "https://empty.example.test"
      And the client sends:
        """
        GET /\n2026-11-27T00:00:00.000Z WARN RATE_LIMIT client_ip=10.0.0.9 host=a path=/ status=429 HTTP/1.1
        Host: empty.example.test

        """
      And the connection is closed
      And the client "attacker" opens a connection to "https://empty.example.test"
      And the client sends:
        """
        GET /.env\r2026-11-27T00:00:00.000Z WARN RATE_LIMIT client_ip=10.0.0.10 host=a path=/ status=429 HTTP/1.1
        Host: empty.example.test

        """
      And the connection is closed
      And a client makes a TLS handshake for "client_ip=10.0.0.11 host=a path=/.env status=404"
      And the handshake fails
      And the client "attacker" requests "https://empty.example.test/${x*3000}client_ip=10.0.0.12"
      When the client "judge" requests "https://empty.example.test/.env" 71 times
      Then every line of the file "proxy.log" is plain ASCII
      And every line of the file "proxy.log" is well-formed
      And fail2ban has banned only:
        | reverse-proxy-denied | ${client:attacker} |
        | reverse-proxy-scan   | ${client:attacker} |
        | reverse-proxy        | ${client:judge}    |
        | reverse-proxy-denied | ${client:judge}    |
        | reverse-proxy-scan   | ${client:judge}    |

      Examples:
        | format |
        | text   |
        | json   |

    @S-8.5
    Scenario Outline: Forged requests over HTTP/2 in the format <format>
      Given the setting "logging.format" is "<format>"
      And the proxy is running
      And fail2ban watches "proxy.log" with the shipped jails and bans at the first offence
      And the client "attacker" speaks HTTP/2 with "https://empty.example.test"
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=empty.example.test; :path=/%0a2026-11-27T00:00:00.000Z%20WARN%20RATE_LIMIT%20client_ip=10.0.0.1%20host=a%20path=/%20status=429"
      And its last stream is answered 404
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=empty.example.test; :path=/\"client_ip=10.0.0.2\\\\\"status=404\\xe2\\x80\\xa8WARN\\xc2\\x85RATE_LIMIT"
      And its last stream is answered 404
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=empty.example.test; :path=/\"},{\"event\":\"RATE_LIMIT\",\"client_ip\":\"10.0.0.3\",\"status\":429}"
      And its last stream is answered 404
      And it opens a stream with the fields ":method=GETclient_ip_10.0.0.4; :scheme=https; :authority=empty.example.test; :path=/.env; user-agent=client_ip=10.0.0.5 status=404; x-forwarded-for=10.0.0.6; forwarded=for=10.0.0.6"
      And its last stream is answered 404
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=10.0.0.7; :path=/.env"
      And its last stream is answered 404
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=a client_ip=10.0.0.8 status=404; :path=/.env"
      And its last stream is refused
      And it opens a stream with the fields ":method=GET; :scheme=https; :authority=empty.example.test; :path=/\\n2026-11-27T00:00:00.000Z WARN RATE_LIMIT client_ip=10.0.0.9 host=a path=/ status=429"
      And its last stream is refused
      And it opens a stream with the fields ":method=GET client_ip=10.0.0.10; :scheme=https; :authority=empty.example.test; :path=/.env"
      And its last stream is refused
      And it opens a stream with the fields ":method=GET; :scheme=https client_ip=10.0.0.11; :authority=empty.example.test; :path=/.env"
      And its last stream is refused
      When the client "judge" requests "https://empty.example.test/.env" 71 times
      Then every line of the file "proxy.log" is plain ASCII
      And every line of the file "proxy.log" is well-formed
      And fail2ban has banned only:
        | reverse-proxy-denied | ${client:attacker} |
        | reverse-proxy-scan   | ${client:attacker} |
        | reverse-proxy        | ${client:judge}    |
        | reverse-proxy-denied | ${client:judge}    |
        | reverse-proxy-scan   | ${client:judge}    |

      Examples:
        | format |
        | text   |
        | json   |

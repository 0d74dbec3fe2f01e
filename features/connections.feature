Feature: Connections

  How the daemon copes with slow and idle clients, with many of them, and with a shortage of descriptors.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: Errors of accept back off

    @S-12.3 @S-8.6
    Scenario Outline: Without a descriptor left, a connection to <port> waits, costs next to nothing and is finally served
      Given the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200
      Given the proxy can open no more files
      When the client "alice" begins to request "<url>"
      Then the log has a line "ACCEPT_ERROR" with:
        | level    | ERROR |
        | listener | *     |
        | error    | ~too many open files |
      And the proxy uses at most 400 ms of processor time within 1500 ms
      And the log has 1 line "ACCEPT_ERROR"
      And the client "alice" has no answer yet
      When the proxy can open files again
      Then the client "alice" is answered <status>

      Examples:
        | port              | url                                | status |
        | the HTTPS port    | https://git.example.test/          | 200    |
        | the redirect port | http://git.example.test/           | 301    |
        | the health port   | http://127.0.0.1:${health}/health  | 200    |

    @S-12.3
    Scenario Outline: A connection that is open is served while no other can be accepted over <protocol>
      Given clients speak <protocol>
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      Given the log has a line "REQUEST"
      And the proxy can open no more files
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the answer came over the connection of the one before
      Given the proxy can open files again
      When the client "new" requests "https://git.example.test/"
      Then the answer is 200 "app"

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: A request head that never ends is cut off

    @S-12.4
    Scenario Outline: Half a request head on <port> is cut after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "<url>"
      When the client sends "GET / HTTP/1.1\r\nHost: git.exa"
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms
      And the upstream "app" received nothing

      Examples:
        | port              | url                      |
        | the HTTPS port    | https://git.example.test |
        | the redirect port | http://git.example.test  |
        | the health port   | tcp://127.0.0.1:${health} |

    @S-12.4
    Scenario: A whole head in time is not cut
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.exa"
      Then the connection stays open
      When the client sends "mple.test\r\n\r\n"
      Then the client receives the answer 200

    @S-12.4
    Scenario Outline: A head that arrives one byte at a time is cut off too on <port>
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "<url>"
      When the client sends "GET /${x*100} HTTP/1.1\r\nHost: git.example.test\r\n", one byte every 200 ms
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms
      And the upstream "app" received nothing

      Examples:
        | port              | url                      |
        | the HTTPS port    | https://git.example.test |
        | the redirect port | http://git.example.test  |

    @S-12.4
    Scenario: The head of a second request is cut like that of the first
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\nGET /second HT"
      Then the client receives the answer 200
      And the connection is closed within 8000 ms
      And the connection is closed with nothing more
      And the upstream "app" received 1 request

    @S-12.4
    Scenario Outline: A handshake of which <what> comes is cut after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "<bytes>"
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms
      And the log has a line "CONNECTION_ERROR" with:
        | level     | DEBUG            |
        | client_ip | ${client:}       |
        | listener  | ${addr}:${https} |

      Examples:
        | what          | bytes                                |
        | nothing       |                                      |
        | half a record | \x16\x03\x01\x02\x00\x01\x00\x01\xfc |

    @S-12.4
    Scenario: A handshake that arrives one byte at a time is cut off too
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "tcp://${addr}:${https}"
      When the client sends "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${x*100}", one byte every 200 ms
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms

    @S-12.4
    Scenario: A connection without a request is closed after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      When a client opens a connection to "https://git.example.test"
      Then the connection is not closed before 900 ms
      And the connection is closed within 8000 ms

  Rule: A connection without a request in flight is closed after connection_idle_timeout_secs

    @S-12.1
    Scenario: An idle connection is closed in time
      Given the setting "connection_idle_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the connection is not closed before 900 ms
      And the connection is closed within 8000 ms
      And the connection is closed with nothing more

    @S-12.1
    Scenario: A connection of HTTP/2 without a request is closed in time
      Given the setting "connection_idle_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/" over "HTTP/2"
      Then the answer is 200
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections | 1 |
      And the proxy has closed all connections

    @S-12.1
    Scenario: Each request restarts the time
      Given the setting "connection_idle_timeout_secs" is 2
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /1 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the connection stays open for 1200 ms
      When the client sends "GET /2 HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the connection is not closed before 3100 ms

    @S-12.1
    Scenario Outline: A request in flight is not idle while its upstream works, over <protocol>
      Given an upstream "app" that waits
      And the setting "connection_idle_timeout_secs" is 1
      And the setting "header_timeout_secs" is 1
      And the proxy is running
      And the client "alice" begins to request "https://git.example.test/" over "<protocol>"
      And the upstream "app" received 1 request
      And a client opens a connection to "https://git.example.test"
      When the client sends "GET /health HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      And the connection is closed
      And the client "alice" has no answer yet
      When the upstream "app" is released
      Then the client "alice" is answered 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.1 @S-6.7
    Scenario Outline: An answer that streams slowly is not idle over <protocol>
      Given an upstream "app" that sends 25 bytes, one every 100 ms
      And the setting "connection_idle_timeout_secs" is 1
      And the proxy is running
      When a client requests "https://git.example.test/" over "<protocol>"
      Then the answer is 200 "........................."
      And the answer came after 2400 ms

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.1 @S-6.9
    Scenario: A body that arrives slowly is not idle
      Given an upstream "app" that echoes bodies
      And the setting "connection_idle_timeout_secs" is 1
      And the setting "header_timeout_secs" is 1
      And the setting "body_idle_timeout_secs" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends "POST / HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 15\r\n\r\n"
      When the client sends "123456789012345", one byte every 150 ms
      Then the client receives the answer 200
      And the answer has the body "123456789012345"

  Rule: max_connections bounds all connections

    @S-12.2
    Scenario: At the limit the connection that has been idle longest is closed to make room
      Given the setting "max_connections" is 2
      And the proxy is running
      And the client "old" opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      And the client receives the answer 200
      And the connection stays open for 300 ms
      And the client "young" opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      And the client receives the answer 200
      And the client "new" opens a connection to "https://git.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200
      When the next steps use the connection of the client "old"
      Then the connection is closed with nothing more
      When the next steps use the connection of the client "young"
      Then the connection stays open
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections | 2 |

    @S-12.2
    Scenario: A connection without a request counts as idle only since it was opened
      Given the setting "max_connections" is 2
      And the proxy is running
      And the client "old" opens a connection to "https://git.example.test"
      And the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      And the client receives the answer 200
      And the connection stays open for 300 ms
      And the client "fresh" opens a connection to "https://git.example.test"
      And the connection stays open
      When a client requests "https://git.example.test/"
      Then the answer is 200
      When the next steps use the connection of the client "old"
      Then the connection is closed with nothing more
      Given the next steps use the connection of the client "fresh"
      When the client sends "GET / HTTP/1.1\r\nHost: git.example.test\r\n\r\n"
      Then the client receives the answer 200

    @S-12.2
    Scenario Outline: Idle connections <where> make room as well
      Given the setting "max_connections" is 1
      And the proxy is running
      And a client requests "<first>" over "<protocol>"
      And the metrics have:
        | reverse_proxy_connections{protocol="<kept>",state="idle"} | 1 |
      When a client requests "<second>"
      Then the answer is <status>

      Examples:
        | where             | first                     | protocol | kept   | second                    | status |
        | of HTTP/2         | https://git.example.test/ | HTTP/2   | HTTP/2 | https://git.example.test/ | 200    |
        | of the HTTPS port | https://git.example.test/ | HTTP/1.1 | HTTP/1 | http://git.example.test/  | 301    |

    @S-12.2
    Scenario Outline: Without an idle one, new connections wait and are served when one ends, next to requests over <protocol>
      # It begins its responses at once: requests to an upstream that answers nothing give way to waiting clients.
      Given an upstream "slow" that streams "one|two"
      And the site "slow.example.test" is served from the upstream "slow"
      And the setting "max_connections" is 2
      And the proxy is running
      And the client "one" begins to request "https://slow.example.test/" over "<protocol>"
      And the client "two" begins to request "https://slow.example.test/" over "<protocol>"
      And the upstream "slow" received 2 requests
      And the client "three" begins to request "https://git.example.test/"
      When the client "four" begins to request "http://git.example.test/"
      Then the client "three" has no answer yet
      And the client "four" has no answer yet
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections        | 2 |
        | requests_in_flight | 2 |
      When the upstream "slow" is released
      Then the client "three" is answered 200
      And the answer has the body "app"
      And the client "four" is answered 301
      When the upstream "slow" is released
      Then the client "one" is answered 200
      And the client "two" is answered 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.2
    Scenario Outline: A request in flight is never cut for room over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that streams "one|two"
      And the setting "max_connections" is 1
      And the proxy is running
      And the client "one" begins to request "https://git.example.test/"
      And the client "one" has received "one"
      When the client "two" begins to request "https://git.example.test/health"
      Then the client "two" has no answer yet
      When the upstream "app" is released
      Then the client "one" is answered 200
      And the answer has the body "onetwo"
      And the client "two" is answered 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.2 @S-12.6
    Scenario: A request that arrived before the answer to the previous one is answered while others wait for room
      Given an upstream "app" that waits
      And the setting "max_connections" is 1
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the client sends:
        """
        GET /1 HTTP/1.1
        Host: git.example.test

        """
      And the upstream "app" received 1 request
      And the client sends:
        """
        GET /2 HTTP/1.1
        Host: git.example.test

        """
      And the client "two" begins to request "https://git.example.test/health"
      And the client "two" has no answer yet
      When the upstream "app" is released
      Then the client receives the answer 200
      Given the upstream "app" received 2 requests
      When the upstream "app" is released
      Then the client receives the answer 200
      And the client "two" is answered 200

    @S-12.2 @S-12.4
    Scenario Outline: Silent connections to <port> do not keep requests over <protocol> out for longer than header_timeout_secs
      Given clients speak <protocol>
      And the setting "max_connections" is 2
      And the setting "header_timeout_secs" is 1
      And the proxy is running
      And the client "silent" opens a connection to "tcp://${addr}:${<port>}"
      And the client "still" opens a connection to "tcp://${addr}:${<port>}"
      When a client requests "https://git.example.test/"
      Then the answer is 200

      Examples:
        | port  | protocol |
        | https | HTTP/1.1 |
        | http  | HTTP/1.1 |
        | https | HTTP/2   |

    @S-12.2 @S-9.1
    Scenario Outline: The health port and the admin socket are not kept out over <protocol>
      Given clients speak <protocol>
      And an upstream "app" that waits
      And the setting "max_connections" is 1
      And the proxy is running
      And the client "one" begins to request "https://git.example.test/"
      And the upstream "app" received 1 request
      And the client "two" begins to request "https://git.example.test/"
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 200
      When the admin command "status" is sent
      Then the admin socket answers with:
        | connections | 1 |
      When the upstream "app" is released
      Then the client "one" is answered 200
      When the upstream "app" is released
      Then the client "two" is answered 200

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.2 @S-11.1 @S-11.2
    Scenario Outline: At a shutdown a connection that was accepted and waits for room over <protocol> is served
      Given clients speak <protocol>
      And an upstream "app" that waits
      And the setting "max_connections" is 1
      And the proxy is running
      And the client "one" begins to request "https://git.example.test/"
      And the upstream "app" received 1 request
      And the client "two" begins to request "https://git.example.test/"
      And the proxy has accepted 2 connections on "${addr}:${https}"
      And the proxy is sent SIGTERM
      And "${addr}:${https}" refuses connections
      When the upstream "app" is released
      Then the client "one" is answered 200
      When the upstream "app" is released
      Then the client "two" is answered 200
      And the proxy exits with 0 within 10 seconds

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

    @S-12.2 @S-11.1
    Scenario Outline: A shutdown waits for one that waits for room over <protocol> no longer than for others
      Given clients speak <protocol>
      And the setting "shutdown_timeout_secs" is 1
      And an upstream "stuck" that never answers
      And the site "stuck.example.test" is served from the upstream "stuck"
      And the setting "max_connections" is 1
      And the proxy is running
      And the client "one" begins to request "https://stuck.example.test/"
      And the upstream "stuck" received 1 request
      And the client "two" begins to request "https://stuck.example.test/"
      And the proxy has accepted 2 connections on "${addr}:${https}"
      When the proxy is sent SIGTERM
      Then the request of the client "two" fails
      And the proxy exits with 0 within 10 seconds

      Examples:
        | protocol |
        | HTTP/1.1 |
        | HTTP/2   |

  Rule: Every connection has a deadline, on the redirect and health ports too

    @S-12.9 @S-13.4
    Scenario Outline: <what> ends soon after the answer
      Given the setting "body_idle_timeout_secs" is 3600
      And the setting "connection_idle_timeout_secs" is 3600
      And the proxy is running
      And a client opens a connection to "http://git.example.test"
      When the client sends "<bytes>"
      Then the client receives the answer 301
      And the proxy has closed all connections

      Examples:
        | what                       | bytes                                                                                                 |
        | A body that never comes    | POST /x HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\n                             |
        | Half a chunk               | POST /x HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf            |
        | A client that waits for us | POST /x HTTP/1.1\r\nHost: git.example.test\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n     |
        | A GET                      | GET /x HTTP/1.1\r\nHost: git.example.test\r\n\r\n                                                      |

    @S-12.9 @S-13.4
    Scenario: A body that trickles ends soon after the answer
      Given the setting "body_idle_timeout_secs" is 3600
      And the proxy is running
      When the client "slow" keeps 1 connections to "http://git.example.test" open, which send "POST /x HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100000\r\n\r\n" and then "x" every 100 ms
      Then the metrics have:
        | reverse_proxy_connections_accepted_total | >2 |

    @S-12.9 @S-9.1
    Scenario Outline: <what> to the health port ends at a deadline
      Given the proxy is running
      And a client opens a connection to "tcp://127.0.0.1:${health}"
      When the client sends "<bytes>"
      Then the connection is closed within 15000 ms

      Examples:
        | what                    | bytes                                                                                      |
        | A body that never comes | POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n                         |
        | Half a chunk            | POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf        |

    @S-12.9 @S-11.1
    Scenario Outline: A shutdown waits for no body that <port> does not want
      Given the setting "shutdown_timeout_secs" is 300
      And the setting "body_idle_timeout_secs" is 3600
      And the proxy is running
      And the client "mallory" opens a connection to "<url>"
      And the client sends "POST /x HTTP/1.1\r\nHost: git.example.test\r\nContent-Length: 100\r\n\r\n"
      And the client receives the answer <status>
      And the client "mallet" opens a connection to "<url>"
      And the client sends "POST /x HTTP/1.1\r\nHost: git.example.test\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf"
      And the client receives the answer <status>
      When the proxy is sent SIGTERM
      Then the proxy exits with 0 within 15 seconds
      And the log has a line "SHUTDOWN" with:
        | phase  | done     |
        | status | complete |

      Examples:
        | port              | url                       | status |
        | the redirect port | http://git.example.test   | 301    |
        | the health port   | tcp://127.0.0.1:${health} | 404    |

    @S-12.9 @S-9.1
    Scenario: The connections to the health port are bounded, whoever holds them
      Given the proxy is running
      When the client "mallory" keeps 200 connections to "tcp://127.0.0.1:${health}" open, which send "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
      Then the client "alice" is answered 200 by "http://127.0.0.1:${health}/health" over 7 new connections, most of them within a second
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

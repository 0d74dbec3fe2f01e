Feature: Socket activation
  The service manager may hold the ports and pass them to each daemon that it starts. Then a restart loses no
  connection: while no daemon runs, new connections wait in the backlogs of the sockets.

  Background:
    Given the site "git.example.test" is served from the upstream "app"

  Rule: A restart loses nothing

    @S-11.3 @S-11.2 @S-4.6
    Scenario: Twenty restarts under a load of new connections, and no request is refused or reset
      Given the ports of the listeners are held outside
      And the proxy is running
      And clients that open a connection for each request put load on "https://git.example.test/"
      When the proxy is restarted 20 times under the load
      Then the steady load has lost no request

    @S-11.3
    Scenario: A client that connects while no daemon runs is answered by the next one
      Given the ports of the listeners are held outside
      And the proxy is running
      And the proxy is sent SIGTERM
      And the proxy exits with 0 within 10 seconds
      And the client "waiting" begins to request "https://git.example.test/"
      When the proxy is started again
      Then the client "waiting" is answered 200
      And the answer has the body "app"

    @S-11.3 @S-11.2
    Scenario: A connection that was accepted and has sent no request yet is answered during the shutdown
      Given the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the proxy has accepted 1 connection on "${addr}:${https}"
      And the proxy is sent SIGTERM
      And "${addr}:${https}" refuses connections
      When the client sends:
        """
        GET / HTTP/1.1
        Host: git.example.test

        """
      Then the client receives "\r\nConnection: close\r\n"
      And the client receives the answer 200
      And the answer has the body "app"
      And the connection is closed with nothing more
      And the proxy exits with 0 within 10 seconds

    @S-11.3 @S-11.2
    Scenario: So is one on the redirect port
      Given the proxy is running
      And a client opens a connection to "http://git.example.test"
      And the client sends "GET /a HTTP/1.1\r\n"
      And the proxy has accepted 1 connection on "${addr}:${http}"
      And the proxy is sent SIGTERM
      And "${addr}:${http}" refuses connections
      When the client sends "Host: git.example.test\r\n\r\n"
      Then the client receives "\r\nConnection: close\r\n"
      And the client receives the answer 301
      And the connection is closed with nothing more
      And the proxy exits with 0 within 10 seconds

    @S-11.3
    Scenario: A connection without a request does not delay a shutdown for long
      Given the setting "shutdown_timeout_secs" is 300
      And the proxy is running
      And a client opens a connection to "https://git.example.test"
      And the proxy has accepted 1 connection on "${addr}:${https}"
      When the proxy is sent SIGTERM
      Then the connection is closed with nothing more
      And the proxy exits with 0 within 20 seconds
      And the log has a line "SHUTDOWN" with:
        | phase  | done     |
        | status | complete |

  Rule: Sockets are matched to the ports of the configuration by their addresses

    @S-4.6
    Scenario: Sockets of every port, the health port's too, whatever their order and names
      Given a socket on "127.0.0.1:${health}" is held outside with the name "health"
      And a socket on "${addr}:${http}" is held outside with the name "reverse-proxy.socket"
      And a socket on "${addr}:${https}" is held outside
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      When a client requests "http://git.example.test/"
      Then the answer is 301
      When a client requests "http://127.0.0.1:${health}/health"
      Then the answer is 200 ""

    @S-4.6 @systemd
    Scenario: The real systemd-socket-activate starts the daemon at the first connection
      Given the proxy will be started by systemd-socket-activate
      And the proxy is started
      And "${addr}:${https}" accepts connections
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"
      And the log has a line "STARTUP" with:
        | step | 10 |

    @S-4.6 @S-4.2
    Scenario: A socket that no port wants ends the start, with both sides named
      Given the ports of the listeners are held outside
      And a socket on "127.0.0.1:${port:odd}" is held outside with the name "odd"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "LISTEN_FDS: the sockets do not match the configuration: 127.0.0.1:${port:odd} (odd) is not a port"
      And its standard error has a line with "passed: ${addr}:${http}, ${addr}:${https}, 127.0.0.1:${port:odd} (odd)"
      And its standard error has a line with "configured: listeners[0].https_port ${addr}:${https}, listeners[0].http_port ${addr}:${http}, health_check_port 127.0.0.1:${health}"

    @S-4.6 @S-4.2
    Scenario: A port without its socket ends the start, with both sides named
      Given a socket on "${addr}:${https}" is held outside
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "listeners[0].http_port ${addr}:${http} was not passed; passed: ${addr}:${https}; configured: "

    @S-4.6 @S-4.2
    Scenario: A socket with the name of another port ends the start
      Given a socket on "${addr}:${https}" is held outside with the name "http-0"
      And a socket on "${addr}:${http}" is held outside with the name "https-0"
      When the proxy is started
      Then the proxy exits with 1
      And its standard error is one line with "${addr}:${https} (http-0) has the address of listeners[0].https_port"

    @S-4.6 @S-4.2
    Scenario: Descriptors that are not sockets end the start
      Given the proxy will be started with the environment variable "LISTEN_FDS" set to "1"
      And the proxy will be started with 1 inherited files
      When the proxy is started as the process that the sockets are for
      Then the proxy exits with 1
      And its standard error is one line with "LISTEN_FDS: descriptor 3: it is not a socket"

    @S-4.6 @S-4.2
    Scenario Outline: LISTEN_FDS="<value>" ends the start
      Given the proxy will be started with the environment variable "LISTEN_FDS" set to "<value>"
      When the proxy is started as the process that the sockets are for
      Then the proxy exits with 1
      And its standard error is one line with "LISTEN_FDS: "

      Examples:
        | value                |
        | all                  |
        | -1                   |
        | 18446744073709551616 |
        | 60000                |

    @S-4.6
    Scenario: Sockets for another process are ignored
      Given the proxy will be started with the environment variable "LISTEN_FDS" set to "1"
      And the proxy will be started with the environment variable "LISTEN_PID" set to "1"
      And the proxy will be started with 1 inherited files
      And the proxy is running
      When a client requests "https://git.example.test/"
      Then the answer is 200 "app"

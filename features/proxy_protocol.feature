Feature: The PROXY protocol

  A balancer that passes connections on names the client at the beginning of each. Only trusted balancers may, and no
  connection is accepted without it.

  Background:
    Given the site "a.example.test" is served from the upstream "app"
    And the settings:
      | listeners[0].proxy_protocol  | "required"             |
      | listeners[0].trusted_proxies | ["${client:balancer}"] |

  Rule: A connection belongs to the client that its header names

    @S-15.3 @S-15.1
    Scenario Outline: <case>, over <protocol>
      Given the connections of the client "balancer" begin with "<header>"
      And clients speak <protocol>
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/x     |
        | client | balancer                     |
        | header | X-Forwarded-For: 192.0.2.66  |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "<client>"
      And the upstream "app" received the field "X-Forwarded-For" with "<chain>"
      And the log has a line "REQUEST" with:
        | client_ip | <client> |

      Examples:
        | case                                        | protocol | client             | chain                          | header |
        | Version 1 with IPv4                         | HTTP/1.1 | 203.0.113.9        | 203.0.113.9                    | PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n |
        | Version 1 with IPv4                         | HTTP/2   | 203.0.113.9        | 203.0.113.9                    | PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n |
        | Version 1 with IPv6                         | HTTP/1.1 | 2001:db8::9        | 2001:db8::9                    | PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n |
        | Version 2 with IPv4                         | HTTP/1.1 | 203.0.113.9        | 203.0.113.9                    | \r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\x01\xbb |
        | Version 2 with IPv4                         | HTTP/2   | 203.0.113.9        | 203.0.113.9                    | \r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\x01\xbb |
        | Version 2 with TLVs                         | HTTP/1.1 | 203.0.113.9        | 203.0.113.9                    | \r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\x01\xbb\x04\0\x01x |
        | Version 2 with a TLV that has no end        | HTTP/1.1 | 203.0.113.9        | 203.0.113.9                    | \r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\x01\xbb\x04\xff\xffx |

    @S-15.3
    Scenario Outline: The address of the socket counts for <case>
      # The balancer is a trusted proxy, and the client whom it names in a field counts then.
      Given the connections of the client "balancer" begin with "<header>"
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/x    |
        | client | balancer                    |
        | header | X-Forwarded-For: 192.0.2.66 |
      Then the answer is 200
      And the upstream "app" received the field "X-Forwarded-For" with "192.0.2.66, ${client:balancer}"

      Examples:
        | case              | header |
        | LOCAL             | \r\n\r\n\0\r\nQUIT\n\x20\0\0\0 |
        | UDP               | \r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\x01\xbb |
        | an unknown family | \r\n\r\n\0\r\nQUIT\n\x21\x51\0\x02ab |
        | UNKNOWN           | PROXY UNKNOWN 203.0.113.9 192.0.2.1 4711 443\r\n |

    @S-15.3 @S-15.2
    Scenario: The peer of the connection is logged too, and limits go by the client
      Given the connections of the client "balancer" begin with "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
      And the setting "rate_limit.requests_per_second" is 0.001
      And the setting "rate_limit.burst" is 1
      And the proxy is running
      When the client "balancer" requests "https://a.example.test/" 2 times
      Then the answer is 429
      And the log has a line "RATE_LIMIT" with:
        | client_ip | 203.0.113.9        |
        | peer_ip   | ${client:balancer} |
      Given the connections of the client "balancer" begin with "PROXY TCP4 203.0.113.10 192.0.2.1 4711 443\r\n"
      When a client sends the request:
        | url    | https://a.example.test/ |
        | client | balancer                |
      Then the answer is 200

    @S-15.3
    Scenario: A name without a certificate is refused to the client that the header names
      Given the connections of the client "balancer" begin with "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
      And the proxy is running
      When a client makes a TLS handshake:
        | name   | unknown.test |
        | client | balancer     |
      Then the handshake fails with the alert "unrecognized name"
      And the log has a line "TLS_REFUSED" with:
        | client_ip | 203.0.113.9 |

    @S-15.3
    Scenario: The redirect port needs the header too
      Given the connections of the client "balancer" begin with "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"
      And the proxy is running
      When a client sends the request:
        | url    | http://a.example.test/x |
        | client | balancer                |
      Then the answer is 301
      Given the client "stranger" opens a connection to "http://a.example.test"
      When the client sends "GET / HTTP/1.1\r\nHost: a.example.test\r\n\r\n"
      Then the connection is closed with nothing more
      And the log has a line "PROXY_REFUSED" with:
        | peer_ip | ${client:stranger} |

    @S-15.3
    Scenario: The header may arrive byte by byte, and with the handshake
      Given the proxy is running
      And the client "balancer" opens a connection to "tcp://${addr}:${http}"
      And the client sends "PRO"
      And the client sends "XY TCP4 203.0.113.9 192.0"
      And the client sends ".2.1 4711 443\r"
      When the client sends "\nGET / HTTP/1.1\r\nHost: a.example.test\r\n\r\n"
      Then the client receives the answer 301

  Rule: Without a header from a trusted balancer there is no connection

    @S-15.3
    Scenario Outline: <case> is refused, and nothing of it is answered
      Given the proxy is running
      And the client "<client>" opens a connection to "tcp://${addr}:${https}"
      When the client sends "<bytes>"
      Then the connection is closed with nothing more
      And the log has a line "PROXY_REFUSED" with:
        | peer_ip  | ${client:<client>} |
        | listener | ${addr}:${https}   |
        | error    | ~<error>           |
        | level    | WARN               |
      And the metrics have:
        | reverse_proxy_connections_proxy_refused_total | 1 |

      Examples:
        | case                               | client   | error                    | bytes |
        | A stranger with a header           | stranger | not in trusted_proxies   | PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n |
        | TLS without a header               | balancer | does not begin with      | \x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 |
        | HTTP without a header              | balancer | does not begin with      | GET / HTTP/1.1\r\n\r\n |
        | A header that is not well-formed   | balancer | not well-formed          | PROXY TCP4 203.0.113.9\r\n |
        | A header of version 1 that is long | balancer | more than 107 bytes      | PROXY TCP4 ${x*200} |
        | A header of version 2 that is long | balancer | more than 4096 bytes     | \r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff |
        | A header of version 3              | balancer | another version          | \r\n\r\n\0\r\nQUIT\n\x31\x11\0\0 |
        | An unknown command                 | balancer | unknown command          | \r\n\r\n\0\r\nQUIT\n\x22\x11\0\0 |
        | Addresses that are too short       | balancer | too short                | \r\n\r\n\0\r\nQUIT\n\x21\x21\0\x0cabcdefghijkl |

    @S-15.3
    Scenario: A second header is not TLS
      Given the proxy is running
      And the client "balancer" opens a connection to "tcp://${addr}:${https}"
      When the client sends "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\nPROXY TCP4 203.0.113.10 192.0.2.1 4711 443\r\n"
      Then the connection is closed
      And the log has a line "CONNECTION_ERROR" with:
        | client_ip | 203.0.113.9 |

    @S-15.3
    Scenario: A header inside TLS is not a request
      Given the connections of the client "balancer" begin with "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
      And the proxy is running
      And the client "balancer" opens a connection to "https://a.example.test"
      When the client sends "PROXY TCP4 203.0.113.10 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\nHost: a.example.test\r\n\r\n"
      Then the client receives the answer 400
      And the upstream "app" received nothing

    @S-15.3 @S-12.4
    Scenario Outline: A header that <does> is cut off after header_timeout_secs
      Given the setting "header_timeout_secs" is 1
      And the proxy is running
      And the client "balancer" opens a connection to "tcp://${addr}:${https}"
      When the client sends <bytes>
      Then the connection is closed with nothing more
      And the log has a line "PROXY_REFUSED" with:
        | error | ~within header_timeout_secs |

      Examples:
        | does                  | bytes                                                                        |
        | does not end          | "PROXY TCP4 203.0.113.9"                                                     |
        | is slow               | "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n", one byte every 200 ms       |
        | is slow, in version 2 | "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09", one byte every 200 ms |

    @S-15.3 @S-8.6
    Scenario: Many refusals of one peer are one line
      Given the proxy is running
      When the client "stranger" opens a connection to "tcp://${addr}:${https}"
      Then the connection is closed with nothing more
      When the client "stranger" opens a connection to "tcp://${addr}:${https}"
      Then the connection is closed with nothing more
      When the client "stranger" opens a connection to "tcp://${addr}:${https}"
      Then the connection is closed with nothing more
      And the log has 1 line "PROXY_REFUSED"

    @S-15.3
    Scenario Outline: proxy_protocol is <value> with <trusted> as trusted_proxies: the file is refused
      Given the settings:
        | listeners[0].proxy_protocol  | <value>   |
        | listeners[0].trusted_proxies | <trusted> |
      When the configuration is validated
      Then the command exits with 1
      And the command prints "<complaint>" on stderr

      Examples:
        | value      | trusted       | complaint                                              |
        | "optional" | ["10.0.0.1"]  | is not a state; write                                  |
        | "required" | left out      | needs trusted_proxies, because nobody else can connect then |

  Rule: Real balancers send it

    @S-15.3 @haproxy
    Scenario Outline: HAProxy sends the header with <option>, over <protocol>
      Given the setting "listeners[0].trusted_proxies" is ["127.0.0.1"]
      And the proxy is running
      And HAProxy runs with:
        """
        frontend clients
          mode tcp
          bind 127.0.0.1:${port:haproxy}
          default_backend proxy
        backend proxy
          mode tcp
          server proxy ${addr}:${https} <option>
        """
      When a client sends the request:
        | url      | https://127.0.0.1:${port:haproxy}/x |
        | protocol | <protocol>                          |
        | client   | visitor                             |
        | sni      | a.example.test                      |
        | header   | Host: a.example.test                |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "${client:visitor}"
      And the upstream "app" received the field "X-Forwarded-For" with "${client:visitor}"
      And the log has a line "REQUEST" with:
        | client_ip | ${client:visitor} |
        | peer_ip   | 127.0.0.1         |

      Examples:
        | option        | protocol |
        | send-proxy    | HTTP/1.1 |
        | send-proxy-v2 | HTTP/1.1 |
        | send-proxy    | HTTP/2   |
        | send-proxy-v2 | HTTP/2   |
        | send-proxy-v2 proxy-v2-options ssl,cert-cn,crc32c,unique-id | HTTP/1.1 |

    @S-15.3 @nginx
    Scenario: nginx sends the header with proxy_protocol
      Given the setting "listeners[0].trusted_proxies" is ["127.0.0.1"]
      And the proxy is running
      And nginx runs with:
        """
        load_module /usr/lib/nginx/modules/ngx_stream_module.so;
        stream {
            server {
                listen 127.0.0.1:${port:nginx};
                proxy_pass ${addr}:${https};
                proxy_protocol on;
            }
        }
        """
      When a client sends the request:
        | url      | https://127.0.0.1:${port:nginx}/x |
        | protocol | HTTP/2                            |
        | client   | visitor                           |
        | sni      | a.example.test                    |
        | header   | Host: a.example.test              |
      Then the answer is 200
      And the upstream "app" received the field "X-Real-IP" with "${client:visitor}"

    @S-15.3 @hitch
    Scenario Outline: hitch, which terminates TLS, sends the header to the redirect port with <option>
      Given a certificate "hitch" for "a.example.test"
      And the setting "listeners[0].trusted_proxies" is ["127.0.0.1"]
      And the setting "logging.level" is "debug"
      And the proxy is running
      And hitch runs with:
        """
        frontend = "[127.0.0.1]:${port:hitch}"
        backend = "[${addr}]:${http}"
        pem-file = {
          cert = "${cert:hitch}"
          private-key = "${key:hitch}"
        }
        workers = 1
        user = "nobody"
        <option> = on
        """
      When a client sends the request:
        | url      | https://127.0.0.1:${port:hitch}/x |
        | client   | visitor                           |
        | sni      | a.example.test                    |
        | header   | Host: a.example.test              |
      Then the answer is 301
      And the log has no line "PROXY_REFUSED"

      Examples:
        | option         |
        | write-proxy-v1 |
        | write-proxy-v2 |

  Rule: A CA validates names through a balancer too

    @S-15.3 @S-5.4 @haproxy
    Scenario Outline: <challenge> is validated through HAProxy, which sends the header with <option>
      # Both ports of the listener want the header, and the CA reaches only HAProxy.
      Given an ACME server that validates HTTP-01 at the port "${port:http}" and TLS-ALPN-01 at the port "<tls port>"
      And listener 1 gets certificates for "a.example.test" from the ACME server
      And the setting "listeners[0].trusted_proxies" is ["127.0.0.1"]
      And HAProxy runs with:
        """
        frontend http
          mode tcp
          bind ${addr}:${port:http}
          default_backend http
        backend http
          mode tcp
          server proxy ${addr}:${http} <option>
        frontend https
          mode tcp
          bind ${addr}:${port:https}
          default_backend https
        backend https
          mode tcp
          server proxy ${addr}:${https} <option>
        """
      When the proxy is running
      Then the ACME server was asked for <orders> orders
      And the log has a line "ACME_PROVISION" with:
        | domain | a.example.test |
      When a client sends the request:
        | url      | https://${addr}:${port:https}/x |
        | client   | visitor                         |
        | sni      | a.example.test                  |
        | verify   | no                              |
        | header   | Host: a.example.test            |
      Then the answer is 200 "app"
      And the upstream "app" received the field "X-Real-IP" with "${client:visitor}"
      And the log has no line "PROXY_REFUSED"

      Examples:
        | challenge   | tls port      | orders | option        |
        | TLS-ALPN-01 | ${port:https} | 1      | send-proxy    |
        | HTTP-01     | 0             | 2      | send-proxy-v2 |

  Rule: An upstream is told who the client is

    @S-15.4 @haproxy
    Scenario Outline: HAProxy as the upstream reads version <version> from clients that speak <protocol>
      Given the settings:
        | listeners[0].proxy_protocol                   | left out                    |
        | listeners[0].trusted_proxies                  | ["${client:proxy}"]         |
        | listeners[0].sites[0].upstream                | "127.0.0.1:${port:haproxy}" |
        | listeners[0].sites[0].upstream_proxy_protocol | "<version>"                 |
      And clients speak <protocol>
      And HAProxy runs with:
        """
        frontend application
          mode http
          bind 127.0.0.1:${port:haproxy} accept-proxy
          http-request return status 200 content-type text/plain lf-string "%[src] to %[dst]:%[dst_port]"
        """
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/ |
        | client | alice                   |
      Then the answer is 200 "${client:alice} to ${addr}:${https}"
      # Nobody gets a connection with the name of another.
      When a client sends the request:
        | url    | https://a.example.test/ |
        | client | bob                     |
      Then the answer is 200 "${client:bob} to ${addr}:${https}"
      When a client sends the request:
        | url    | https://a.example.test/ |
        | client | alice                   |
      Then the answer is 200 "${client:alice} to ${addr}:${https}"
      When a client sends the request:
        | url    | https://a.example.test/      |
        | client | proxy                        |
        | header | X-Forwarded-For: 203.0.113.9 |
      Then the answer is 200 "203.0.113.9 to ${addr}:${https}"
      When a client sends the request:
        | url    | https://a.example.test/       |
        | client | proxy                         |
        | header | X-Forwarded-For: 203.0.113.10 |
      Then the answer is 200 "203.0.113.10 to ${addr}:${https}"

      Examples:
        | version | protocol |
        | v1      | HTTP/1.1 |
        | v1      | HTTP/2   |
        | v2      | HTTP/1.1 |
        | v2      | HTTP/2   |

    @S-15.4 @nginx
    Scenario: The header comes before TLS to the upstream, as nginx expects it
      Given a certificate "upstream" for "127.0.0.1"
      And the settings:
        | listeners[0].proxy_protocol                   | left out                  |
        | listeners[0].trusted_proxies                  | left out                  |
        | listeners[0].sites[0].upstream                | "127.0.0.1:${port:nginx}" |
        | listeners[0].sites[0].upstream_scheme         | "https"                   |
        | listeners[0].sites[0].upstream_proxy_protocol | "v2"                      |
      And nginx runs with:
        """
        http {
            access_log off;
            server {
                listen 127.0.0.1:${port:nginx} ssl proxy_protocol;
                ssl_certificate ${cert:upstream};
                ssl_certificate_key ${key:upstream};
                location / { return 200 "$proxy_protocol_addr"; }
            }
        }
        """
      And the proxy is running
      When a client sends the request:
        | url    | https://a.example.test/ |
        | client | alice                   |
      Then the answer is 200 "${client:alice}"

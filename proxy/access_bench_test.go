package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"net"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
)

// BenchmarkAskAService asks a service on loopback over a kept connection: what forward_auth adds to a request, with the time of
// the service.
func BenchmarkAskAService(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nRemote-User: ann\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	upstreams := newUpstreams(10)
	b.Cleanup(upstreams.close)
	of := config.Route{Upstreams: config.OneUpstream(ln.Addr().String()), Settings: config.Settings{UpstreamScheme: "http", ConnectTimeout: patience, RequestTimeout: patience}}
	service := newRoute(&site{}, "access", of)
	timer := &deadline.Timer{Owner: new(exchange), Sweeper: deadline.NewSweeper()}
	r := getRequest("/verify")
	r.Fields = fieldList("Cookie", "session=0123456789abcdef", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/", "X-Forwarded-For", "192.0.2.7")
	b.ReportAllocs()
	for b.Loop() {
		got, err := newQuestion(upstreams.target(service, 0), r, asker{timer: timer}).ask(context.Background(), time.Minute)
		if err != nil || got.status != 200 {
			b.Fatal(got, err)
		}
	}
}

// BenchmarkAHandshakeWithAClientCertificate makes full handshakes with TLS 1.3 on both sides, at a site that asks for nothing and
// at one that demands a certificate.
func BenchmarkAHandshakeWithAClientCertificate(b *testing.B) {
	ca := newTestCA(b, "CA", nil)
	certificate := ca.issue(b, pkix.Name{CommonName: "ann"}, -time.Minute, time.Hour)
	of := &demands{}
	of.use(map[string]*clientDemand{"a.test": demandFor("a.test", ca, "1", true)})
	address, _ := demandingServer(b, of, "plain.test", "a.test")
	for _, host := range []string{"plain.test", "a.test"} {
		b.Run(host, func(b *testing.B) {
			for b.Loop() {
				if _, err := shake(b, address, host, tls.VersionTLS13, nil, certificate); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

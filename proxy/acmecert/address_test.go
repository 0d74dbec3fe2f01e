package acmecert

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"reverse-proxy/proxy/waittest"
)

// connAt is a connection of a client to an address of this machine.
type connAt struct {
	net.Conn
	addr string
}

// LocalAddr implements net.Conn.
func (c connAt) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.addr), Port: 443} }

func TestAClientWithoutAServerNameGetsTheCertificateOfItsAddress(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		names []string
		at    string
		want  string // "" for none
	}{
		"the address of the server picks the certificate":     {[]string{"www.example.test", "192.0.2.1", "2001:db8::1"}, "192.0.2.1", "192.0.2.1"},
		"an IPv6 address is matched too":                      {[]string{"www.example.test", "192.0.2.1", "2001:db8::1"}, "2001:db8::1", "2001:db8::1"},
		"a mapped address is matched as IPv4":                 {[]string{"192.0.2.1", "192.0.2.2"}, "::ffff:192.0.2.2", "192.0.2.2"},
		"a translated address gets the only address":          {[]string{"www.example.test", "192.0.2.1"}, "10.0.0.1", "192.0.2.1"},
		"a translated address gets none of two addresses":     {[]string{"192.0.2.1", "192.0.2.2"}, "10.0.0.1", ""},
		"a single name is enough":                             {[]string{"www.example.test"}, "10.0.0.1", "www.example.test"},
		"a single address is enough":                          {[]string{"192.0.2.1"}, "10.0.0.1", "192.0.2.1"},
		"several names without an address get none":           {[]string{"www.example.test", "api.example.test"}, "10.0.0.1", ""},
		"a client without a connection gets the only address": {[]string{"www.example.test", "192.0.2.1"}, "", "192.0.2.1"},
	} {
		s := newTestACMESource(t, acmeTestConfig(t, "https://127.0.0.1:1/dir", "", tc.names...), true, &waittest.Buffer{})
		var want *tls.Certificate
		for _, d := range s.names.Load().list {
			certificate := makeACMETestCert(t, d.name, now, now.Add(time.Hour))
			s.manager.install(d, certificate)
			if d.name == tc.want {
				want = certificate
			}
		}
		hello := &tls.ClientHelloInfo{}
		if tc.at != "" {
			hello.Conn = connAt{addr: tc.at}
		}
		if got := s.Certificate(hello); got != want {
			t.Errorf("%s: got %v, want the certificate of %q", name, got, tc.want)
		}
	}
}

func TestTheNameThatAValidationIsAbout(t *testing.T) {
	for name, want := range map[string]string{
		"www.Example.test.":        "www.example.test",
		"1.2.0.192.in-addr.arpa":   "192.0.2.1",
		"1.2.0.192.IN-ADDR.arpa":   "192.0.2.1",
		"2.0.192.in-addr.arpa":     "2.0.192.in-addr.arpa",
		"999.2.0.192.in-addr.arpa": "999.2.0.192.in-addr.arpa",
		"[2001:db8::1]":            "2001:db8::1",
		"192.0.2.1":                "192.0.2.1",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": "2001:db8::1",
		"x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": "x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		"1.0.ip6.arpa": "1.0.ip6.arpa",
	} {
		if got := challengedDomain(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

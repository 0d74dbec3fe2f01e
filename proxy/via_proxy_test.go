package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/prefixes"
)

// trustedNetworks returns the clients of a listener that trusts the networks, which name the client in the field.
func trustedNetworks(header string, networks ...string) config.Clients {
	var list []netip.Prefix
	for _, network := range networks {
		list = append(list, netip.MustParsePrefix(network))
	}
	return config.Clients{Networks: list, Trusted: prefixes.New(list), Header: header}
}

// requestFrom returns a request of a peer with field lines as in `Name: value`.
func requestFrom(peer string, lines ...string) *Request {
	addr := netip.MustParseAddr(peer)
	r := &Request{Client: addr, ClientText: addr.String(), Peer: addr, Method: "GET", Target: "/", Authority: "a.test", Port: "443"}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		r.Fields.Add(name, strings.TrimSpace(value))
	}
	return r
}

func TestATrustedProxySaysWhoTheClientIs(t *testing.T) {
	clients := trustedNetworks("X-Forwarded-For", "10.0.0.0/8")
	longID := strings.Repeat("a", 128)
	for _, test := range []struct {
		name                           string
		lines                          []string
		client, chain, proto, host, id string
	}{
		{"the proxy says nothing", nil, "10.0.0.1", "10.0.0.1", "", "", ""},
		{"the proxy names a client", []string{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9", "203.0.113.9, 10.0.0.1", "", "", ""},
		{"the proxy names a chain", []string{"X-Forwarded-For: 192.0.2.66, 203.0.113.9, 10.0.0.7", "x-forwarded-for: 10.0.0.8,10.0.0.9"},
			"203.0.113.9", "203.0.113.9, 10.0.0.7, 10.0.0.8,10.0.0.9, 10.0.0.1", "", "", ""},
		{"the chain ends at an element that is not an address", []string{"X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.7"}, "10.0.0.7", "10.0.0.7, 10.0.0.1", "", "", ""},
		{"addresses are in another spelling", []string{"X-Forwarded-For: [2001:DB8::0001]:4711, ::ffff:10.0.0.7"}, "2001:db8::1", "2001:db8::1, ::ffff:10.0.0.7, 10.0.0.1", "", "", ""},
		{"the proxy names a scheme and a host", []string{"X-Forwarded-Proto: HTTP", "X-Forwarded-Host: b.test:8443"}, "10.0.0.1", "10.0.0.1", "http", "b.test:8443", ""},
		{"the proxy names two schemes and two hosts", []string{"X-Forwarded-Proto: http, https", "X-Forwarded-Host: b.test, c.test"}, "10.0.0.1", "10.0.0.1", "", "", ""},
		{"the fields come twice", []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: http", "X-Forwarded-Host: b.test", "X-Forwarded-Host: b.test"}, "10.0.0.1", "10.0.0.1", "", "", ""},
		{"the scheme and the host are invalid", []string{"X-Forwarded-Proto: wss", "X-Forwarded-Host: b.test/x"}, "10.0.0.1", "10.0.0.1", "", "", ""},
		{"the proxy names an ID", []string{"X-Request-Id: " + longID}, "10.0.0.1", "10.0.0.1", "", "", longID},
		{"the ID is too long", []string{"X-Request-Id: a" + longID}, "10.0.0.1", "10.0.0.1", "", "", ""},
		{"the ID is not a token", []string{"X-Request-Id: a b"}, "10.0.0.1", "10.0.0.1", "", "", ""},
		{"the names of the fields are in other spellings", []string{"X_Forwarded_For: 203.0.113.9", "X_Forwarded_Proto: http", "X-Forwarded-For-: 203.0.113.9"}, "10.0.0.1", "10.0.0.1", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := requestFrom("10.0.0.1", test.lines...)
			var v viaProxy
			v.find(r, &clients, nil)
			if r.Client.String() != test.client || r.ClientText != test.client || v.chain != test.chain {
				t.Errorf("got the client %v (%q) and the chain %q, want %s and %q", r.Client, r.ClientText, v.chain, test.client, test.chain)
			}
			if v.proto != test.proto || v.host != test.host || v.id != test.id {
				t.Errorf("got %q, %q and %q, want %q, %q and %q", v.proto, v.host, v.id, test.proto, test.host, test.id)
			}
			if peer := r.otherPeer(); peer.IsValid() != (test.client != "10.0.0.1") {
				t.Errorf("got the other peer %v", peer)
			}
		})
	}
}

func TestWithoutAFieldForTheClientATrustedProxyIsTheClient(t *testing.T) {
	clients := trustedNetworks("", "10.0.0.0/8")
	r := requestFrom("10.0.0.1", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http")
	var v viaProxy
	v.find(r, &clients, nil)
	if r.Client.String() != "10.0.0.1" || v.chain != "10.0.0.1" || v.proto != "http" {
		t.Errorf("got the client %v, the chain %q and %q", r.Client, v.chain, v.proto)
	}
}

func TestFindingTheClientAllocatesNothing(t *testing.T) {
	clients := trustedNetworks("X-Forwarded-For", "10.0.0.0/8")
	r := requestFrom("10.0.0.1", "X-Forwarded-For: 192.0.2.66, 203.0.113.9, 10.0.0.7", "X-Forwarded-Proto: https", "X-Request-Id: abc")
	before, scratch := *r, make([]byte, 0, 256)
	var v viaProxy
	if n := testing.AllocsPerRun(100, func() {
		*r, v = before, viaProxy{}
		scratch = v.find(r, &clients, scratch[:0])
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestAnExplanationSaysHowTheClientWasFound(t *testing.T) {
	clients := trustedNetworks("X-Forwarded-For", "10.0.0.0/8")
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{nil, "the trusted proxy 10.0.0.1, which has sent no X-Forwarded-For"},
		{[]string{"X-Forwarded-For: unknown"}, "the trusted proxy 10.0.0.1; the last element of its X-Forwarded-For is not an address"},
		{[]string{"X-Forwarded-For: 203.0.113.9"}, "named by the trusted proxy 10.0.0.1 in line 1 of 1 of X-Forwarded-For, read from the right: the first address that is not a trusted proxy's"},
		{[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.0.0.2"}, "in line 1 of 2 of X-Forwarded-For"},
		{[]string{"X-Forwarded-For: unknown", "X-Forwarded-For: 10.0.0.2"}, "in line 2 of 2 of X-Forwarded-For, read from the right: the last address before an element that is not one"},
		{[]string{"X-Forwarded-For: 10.0.0.2"}, "there is no further one, and all are trusted proxies"},
	} {
		r := requestFrom("10.0.0.1", test.lines...)
		var v viaProxy
		v.find(r, &clients, nil)
		if got := v.how(r.Fields, clients.Header, netip.MustParseAddr("10.0.0.1")); !strings.Contains(got, test.want) {
			t.Errorf("%q: got %q, want it to contain %q", test.lines, got, test.want)
		}
	}
}

// TestWhatATrustedProxyPassesOnAndNobodyCanReadCostsItNothing refuses malformed heads through a trusted proxy, which
// name no client. The bucket of the proxy's own requests stays full, and no line for jails names the proxy.
func TestWhatATrustedProxyPassesOnAndNobodyCanReadCostsItNothing(t *testing.T) {
	p := newTestPipeline(t)
	p.dynamic.Load().sites[0].clients = trustedNetworks("X-Forwarded-For", "192.0.2.7/32")
	refuse := func(fields Fields) int {
		x, client := new(exchange), &fakeClient{}
		r := &Request{Client: getRequest("/").Client, Method: "-", Target: "-", Fields: fields}
		x.reset(r, client, &deadline.Timer{Owner: x, Sweeper: deadline.NewSweeper()}, 0)
		p.refuse(x, answerStatus(statusBadRequest), "no request")
		return client.status
	}
	for i := range 7 {
		if got, want := refuse(nil), map[bool]int{true: statusBadRequest, false: statusTooManyRequests}[i < 5]; got != want {
			t.Errorf("head %d: got %d, want %d", i+1, got, want)
		}
	}
	if x := p.handleOne(getRequest("/"), &fakeClient{}); x.status != statusOK {
		t.Errorf("got %d for a request of the proxy, want 200", x.status)
	}
	if got := refuse(fieldList("X-Forwarded-For", "203.0.113.9")); got != statusBadRequest {
		t.Errorf("got %d for a malformed head of a known client, want 400", got)
	}
	if err := p.pipeline.log.Close(); err != nil {
		t.Fatal(err)
	}
	if log := p.log.String(); strings.Contains(log, "RATE_LIMIT") || strings.Count(log, "BAD_REQUEST") != 6 {
		t.Errorf("got the log %q, want six heads and no limit", log)
	}
}

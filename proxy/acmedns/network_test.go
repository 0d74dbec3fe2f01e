package acmedns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"github.com/miekg/dns"
)

func address4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }

// testNet is a small DNS of loopback addresses with one port.
type testNet struct {
	t    *testing.T
	port string
}

// newTestNet finds a port.
func newTestNet(t *testing.T) *testNet {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	return &testNet{t, port}
}

// serve answers at an address by handler, with an answer to the question that it may change.
func (n *testNet) serve(address string, handler func(name string, reply *dns.Msg)) {
	n.t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, n.port))
	if err != nil {
		n.t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		handler(strings.ToLower(q.Question[0].Name), reply)
		_ = w.WriteMsg(reply)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	<-started
	n.t.Cleanup(func() { server.Shutdown(); <-ended })
}

// resolver serves a resolver that knows these records, and says of everything else that it does not exist.
func (n *testNet) resolver(address string, records ...string) *Network {
	known := parseRecords(n.t, records)
	n.serve(address, func(name string, reply *dns.Msg) {
		exists := false
		for _, rr := range known {
			if rr.Header().Name == name {
				exists = true
				if rr.Header().Rrtype == reply.Question[0].Qtype {
					reply.Answer = append(reply.Answer, rr)
				}
			}
		}
		if !exists {
			reply.Rcode = dns.RcodeNameError
		}
	})
	return &Network{Resolvers: []string{net.JoinHostPort(address, n.port)}, Port: n.port}
}

// authority serves an authoritative server with these records. NS records below the zone are delegations.
func (n *testNet) authority(address, zone string, records ...string) {
	known := parseRecords(n.t, records)
	n.serve(address, func(name string, reply *dns.Msg) {
		reply.Authoritative = true
		for _, rr := range known {
			switch owner := rr.Header().Name; {
			case rr.Header().Rrtype == dns.TypeNS && owner != zone && dns.IsSubDomain(owner, name):
				reply.Authoritative, reply.Ns = false, append(reply.Ns, rr)
			case owner == name && (rr.Header().Rrtype == reply.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME):
				reply.Answer = append(reply.Answer, rr)
			}
		}
		if len(reply.Answer)+len(reply.Ns) == 0 {
			reply.Rcode = dns.RcodeNameError
		}
	})
}

func parseRecords(t *testing.T, texts []string) []dns.RR {
	t.Helper()
	var records []dns.RR
	for _, text := range texts {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rr)
	}
	return records
}

// wildcardChallenge is the challenge of *.example.com, with its text.
func wildcardChallenge() (acme.Challenge, string) {
	challenge := acme.Challenge{Type: acme.ChallengeTypeDNS01, Identifier: acme.Identifier{Type: "dns", Value: "example.com"}, KeyAuthorization: "token.print"}
	return challenge, challenge.DNS01KeyAuthorization()
}

// noProvider keeps no records.
type noProvider struct{}

func (noProvider) Present(context.Context, string, string) error { return nil }
func (noProvider) CleanUp(context.Context, string, string) error { return nil }

func TestTheWaitAsksTheAuthoritativeServers(t *testing.T) {
	challenge, value := wildcardChallenge()
	text := func(owner string) string { return fmt.Sprintf(`%s 60 IN TXT %q`, owner, value) }
	other := `_acme-challenge.example.com. 60 IN TXT "an earlier one"`
	way := []string{"example.com. 60 IN NS ns1.example.com.", "example.com. 60 IN NS ns2.example.com.", "ns1.example.com. 60 IN A 127.0.53.1", "ns2.example.com. 60 IN A 127.0.53.2",
		"example.net. 60 IN NS ns.example.net.", "ns.example.net. 60 IN A 127.0.53.3", "deep.example.net. 60 IN A 127.0.53.4"}
	for name, tc := range map[string]struct {
		first, second, third, fourth []string // the records of four servers; nil for one that does not answer
		want                         string   // a part of the error, or "" for none
	}{
		"all have it":                       {[]string{text("_acme-challenge.example.com."), other}, []string{text("_acme-challenge.example.com.")}, nil, nil, ""},
		"a secondary does not have it yet":  {[]string{text("_acme-challenge.example.com.")}, []string{other}, nil, nil, "_acme-challenge.example.com: the TXT record of the challenge is missing at the name server ns2.example.com (127.0.53.2)"},
		"a secondary does not answer":       {[]string{text("_acme-challenge.example.com.")}, nil, nil, nil, ""},
		"none answers":                      {nil, nil, nil, nil, "none of the name servers of example.com answers"},
		"none has it":                       {[]string{other}, []string{}, nil, nil, "is missing at the name server ns1.example.com (127.0.53.1)"},
		"a CNAME leads to another zone":     {[]string{"_acme-challenge.example.com. 60 IN CNAME x.example.net."}, []string{}, []string{text("x.example.net.")}, nil, ""},
		"the record is next to its CNAME":   {[]string{"_acme-challenge.example.com. 60 IN CNAME x.example.net."}, []string{text("_acme-challenge.example.com.")}, []string{}, nil, "x.example.net: the TXT record of the challenge is missing at the name server ns.example.net"},
		"a CNAME leads into a delegation":   {[]string{"_acme-challenge.example.com. 60 IN CNAME x.y.example.net."}, []string{}, []string{"y.example.net. 60 IN NS deep.example.net."}, []string{text("x.y.example.net.")}, ""},
		"a CNAME leads in a circle":         {[]string{"_acme-challenge.example.com. 60 IN CNAME x.example.net."}, []string{}, []string{"x.example.net. 60 IN CNAME _acme-challenge.example.com."}, nil, "more than 8 CNAME records"},
		"a delegation leads to no address":  {[]string{"_acme-challenge.example.com. 60 IN NS nowhere.example.org."}, []string{}, nil, nil, "the name servers of _acme-challenge.example.com have no addresses (nowhere.example.org.)"},
		"a CNAME leads to a zone of nobody": {[]string{"_acme-challenge.example.com. 60 IN CNAME x.example.org."}, []string{}, nil, nil, "x.example.org: the resolver of this machine knows no name servers"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTestNet(t)
			network := n.resolver("127.0.53.9", way...)
			for address, server := range map[string]struct {
				zone    string
				records []string
			}{"127.0.53.1": {"example.com.", tc.first}, "127.0.53.2": {"example.com.", tc.second}, "127.0.53.3": {"example.net.", tc.third}, "127.0.53.4": {"y.example.net.", tc.fourth}} {
				if server.records != nil {
					n.authority(address, server.zone, server.records...)
				}
			}
			solver := NewSolver(noProvider{}, network)
			solver.timeout = time.Minute
			if tc.want != "" {
				// What is missing is the result of one look, which a wait this short may interrupt on a busy machine.
				err := solver.ready(t.Context(), challenge.DNS01TXTRecordName()+".", value)
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				solver.timeout = 100 * time.Millisecond
			}
			err := solver.Wait(t.Context(), challenge)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "after 100ms: ")) {
				t.Errorf("got %v from the wait, want an error only if %q", err, tc.want)
			}
		})
	}
}

func TestTheWaitEndsWhenTheRecordIsThere(t *testing.T) {
	challenge, value := wildcardChallenge()
	n := newTestNet(t)
	network := n.resolver("127.0.53.9", "example.com. 60 IN NS ns1.example.com.", "ns1.example.com. 60 IN A 127.0.53.1")
	records := NewRecords("")
	records.SetNames("test", []string{"*.example.com"})
	asked := make(chan struct{}, 100)
	n.serve("127.0.53.1", func(name string, reply *dns.Msg) {
		records.fill(reply, dns.OpcodeQuery)
		asked <- struct{}{}
	})
	solver := NewSolver(noProvider{}, network)
	ended := make(chan error, 1)
	go func() { ended <- solver.Wait(t.Context(), challenge) }()
	<-asked
	select {
	case err := <-ended:
		t.Fatalf("got %v before the record was there", err)
	default:
	}
	records.Present(t.Context(), challenge.DNS01TXTRecordName()+".", value)
	if err := <-ended; err != nil {
		t.Errorf("got %v, want the record found", err)
	}
}

func TestTheWaitEndsWithItsContext(t *testing.T) {
	challenge, _ := wildcardChallenge()
	ctx, cancel := context.WithCancelCause(t.Context())
	solver := NewSolver(noProvider{}, &Network{Resolvers: []string{"127.0.53.9:1"}})
	ended := make(chan error, 1)
	go func() { ended <- solver.Wait(ctx, challenge) }()
	cause := fmt.Errorf("shutting down")
	cancel(cause)
	if err := <-ended; err != cause {
		t.Errorf("got %v, want %v", err, cause)
	}
}

func TestAMissingDelegationNamesTheRecordToAdd(t *testing.T) {
	challenge, value := wildcardChallenge()
	for name, tc := range map[string]struct {
		host    string
		records []string // of the zone example.com
		net     []string // of the zone example.net
		want    string
	}{
		"the zone has no record":                               {"", []string{}, nil, `a record is missing at the name servers of example.com: add "_acme-challenge.example.com. NS example.com."`},
		"the delegation is there":                              {"", []string{"_acme-challenge.example.com. 60 IN NS example.com."}, nil, ""},
		"the zone has no record, and the responder has a host": {"edge.example.net", []string{}, nil, `add "_acme-challenge.example.com. CNAME example.com._acme-challenge.edge.example.net."`},
		"the CNAME leads to a delegation":                      {"edge.example.net", []string{"_acme-challenge.example.com. 60 IN CNAME example.com._acme-challenge.edge.example.net."}, []string{"_acme-challenge.edge.example.net. 60 IN NS edge.example.net."}, ""},
		"the CNAME leads to a name without a delegation":       {"edge.example.net", []string{"_acme-challenge.example.com. 60 IN CNAME example.com._acme-challenge.edge.example.net."}, []string{}, `example.com._acme-challenge.edge.example.net: a record is missing at the name servers of example.net: add "_acme-challenge.edge.example.net. NS edge.example.net."`},
		"the CNAME leads to another place":                     {"edge.example.net", []string{"_acme-challenge.example.com. 60 IN CNAME x.example.net."}, []string{}, `leads to x.example.net, which is not ours; let it lead to example.com._acme-challenge.edge.example.net`},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTestNet(t)
			network := n.resolver("127.0.53.9", "example.com. 60 IN NS ns1.example.com.", "ns1.example.com. 60 IN A 127.0.53.1", "example.com. 60 IN A 127.0.53.5",
				"example.net. 60 IN NS ns.example.net.", "ns.example.net. 60 IN A 127.0.53.3", "edge.example.net. 60 IN A 127.0.53.5")
			n.authority("127.0.53.1", "example.com.", tc.records...)
			if tc.net != nil {
				n.authority("127.0.53.3", "example.net.", tc.net...)
			}
			records := NewRecords(tc.host)
			records.SetNames("test", []string{"*.example.com"})
			solver := NewSolver(records, network)
			check := func(when string) {
				t.Helper()
				err := solver.ready(t.Context(), challenge.DNS01TXTRecordName()+".", value)
				if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
					t.Errorf("%s: got %v, want %q", when, err, tc.want)
				}
			}
			check("while the machine cannot reach itself")
			if tc.want != "" {
				return
			}
			n.serve("127.0.53.5", func(_ string, reply *dns.Msg) { records.fill(reply, dns.OpcodeQuery) })
			records.Present(t.Context(), challenge.DNS01TXTRecordName()+".", value)
			check("while the responder answers")
			records.CleanUp(t.Context(), challenge.DNS01TXTRecordName()+".", value)
			tc.want = "is missing at the name server"
			check("while another machine answers")
		})
	}
}

func TestTheResolversAreThoseOfNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	n := &Network{Config: path}
	for text, want := range map[string][]string{
		"": {"127.0.0.1:53"},
		"nameserver 192.0.2.1\nnameserver 2001:db8::1\n": {"192.0.2.1:53", "[2001:db8::1]:53"},
		"search example.com\nnameserver 192.0.2.2\n":     {"192.0.2.2:53"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := n.resolvers(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, want := n.resolvers(), []string{"127.0.0.1:53"}; !slices.Equal(got, want) {
		t.Errorf("without a file: got %q, want %q", got, want)
	}
}

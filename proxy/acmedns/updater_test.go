package acmedns

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"reverse-proxy/conformance/namedtest"
	"reverse-proxy/proxy/config"
)

// The keys of the test's name server: one for each algorithm, and one that may update nothing.
var (
	testSecret  = base64.StdEncoding.EncodeToString([]byte("a secret of the test's, which is long"))
	otherSecret = base64.StdEncoding.EncodeToString([]byte("another secret, which nobody has told"))
)

// fixed returns a secret that nobody replaces.
func fixed(secret string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return secret, nil }
}

// startNamed starts BIND's name server with the zone example.com, which the keys may update, and returns its address and port.
func startNamed(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a process")
	}
	var keys, names strings.Builder
	for _, algorithm := range config.DNSKeyAlgorithms() {
		fmt.Fprintf(&keys, "key %q { algorithm %s; secret %q; };\n", "key-"+algorithm, algorithm, testSecret)
		fmt.Fprintf(&names, "key %q; ", "key-"+algorithm)
	}
	return namedtest.ForTest(t, namedtest.Options{Zone: "example.com", Host: "127.0.0.1",
		Statements: fmt.Sprintf("%skey \"powerless\" { algorithm hmac-sha256; secret %q; };\nzone \"example.com\" { type primary; file \"zone\"; allow-update { %s}; };\n",
			keys.String(), testSecret, names.String())})
}

// textsAt returns the TXT records of a name.
func textsAt(t *testing.T, address, name string) string {
	t.Helper()
	reply, err := query(t.Context(), address, name, dns.TypeTXT, false)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, rr := range reply.Answer {
		texts = append(texts, rr.(*dns.TXT).Txt...)
	}
	return strings.Join(texts, " ")
}

func TestUpdatesOfARealNameServer(t *testing.T) {
	address := startNamed(t)
	const name = "_acme-challenge.example.com."
	for _, algorithm := range config.DNSKeyAlgorithms() {
		for _, zone := range []string{"", "example.com"} {
			u := &Updater{Server: address, Zone: zone, KeyName: "key-" + algorithm, Algorithm: algorithm, Secret: fixed(testSecret)}
			for range 2 { // what is there already does not matter
				if err := u.Present(t.Context(), name, "one"); err != nil {
					t.Fatalf("%s: %v", algorithm, err)
				}
			}
			if err := u.Present(t.Context(), name, "two"); err != nil {
				t.Fatal(err)
			}
			if got := textsAt(t, address, name); got != "one two" && got != "two one" {
				t.Errorf("%s: got %q, want both texts", algorithm, got)
			}
			for range 2 {
				if err := u.CleanUp(t.Context(), name, "one"); err != nil {
					t.Fatal(err)
				}
			}
			if got := textsAt(t, address, name); got != "two" {
				t.Errorf("%s: got %q, want the text that was not removed", algorithm, got)
			}
			if err := u.CleanUp(t.Context(), name, "two"); err != nil {
				t.Fatal(err)
			}
		}
	}

	good := Updater{Server: address, KeyName: "key-hmac-sha256", Algorithm: "hmac-sha256", Secret: fixed(testSecret)}
	for problem, tc := range map[string]struct {
		change func(*Updater)
		name   string
		want   string
	}{
		"an unknown key is refused":               {func(u *Updater) { u.KeyName = "nobody" }, name, "NOTAUTH (BADKEY); compare the name"},
		"another secret is refused":               {func(u *Updater) { u.Secret = fixed(otherSecret) }, name, "NOTAUTH (BADSIG); compare the name"},
		"another algorithm is refused":            {func(u *Updater) { u.Algorithm = "hmac-sha512" }, name, "NOTAUTH (BADKEY); compare the name"},
		"a key without the right is refused":      {func(u *Updater) { u.KeyName = "powerless" }, name, "REFUSED; allow the key"},
		"a zone that it does not have is refused": {func(u *Updater) { u.Zone = "example.org" }, "_acme-challenge.example.org.", "NOTAUTH; name a zone"},
		"a name of another zone is refused":       {func(u *Updater) { u.Zone = "example.com" }, "_acme-challenge.example.org.", "NOTZONE; name the zone"},
		"a zone that nobody names is not found":   {func(*Updater) {}, "_acme-challenge.example.org.", "does not say which zone has _acme-challenge.example.org (REFUSED)"},
	} {
		u := good
		tc.change(&u)
		if err := u.Present(t.Context(), tc.name, "one"); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: got %v, want %s and %q", problem, err, address, tc.want)
		}
	}
}

func TestAnUpdateFollowsCNAMERecords(t *testing.T) {
	address := startNamed(t)
	n := newTestNet(t)
	u := &Updater{Server: address, KeyName: "key-hmac-sha256", Algorithm: "hmac-sha256", Secret: fixed(testSecret),
		Network: n.resolver("127.0.53.9", "_acme-challenge.example.org. 60 IN CNAME org.example.com.")}
	if err := u.Present(t.Context(), "_acme-challenge.example.org.", "one"); err != nil {
		t.Fatal(err)
	}
	if got := textsAt(t, address, "org.example.com."); got != "one" {
		t.Errorf("got %q, want the text at the end of the CNAME record", got)
	}
	if err := u.CleanUp(t.Context(), "_acme-challenge.example.org.", "one"); err != nil {
		t.Fatal(err)
	}
	if got := textsAt(t, address, "org.example.com."); got != "" {
		t.Errorf("got %q, want no text", got)
	}
}

// TestAForgedAnswerIsNotBelieved plays a server that accepts everything and does not know the key.
func TestAForgedAnswerIsNotBelieved(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{Listener: ln, NotifyStartedFunc: func() { close(started) },
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		Handler:       dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetReply(q)) })}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	<-started
	u := &Updater{Server: ln.Addr().String(), Zone: "example.com", KeyName: "key", Algorithm: "hmac-sha256", Secret: fixed(testSecret)}
	if err := u.Present(t.Context(), "_acme-challenge.example.com.", "one"); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("got %v, want an error", err)
	}
	server.Shutdown()
	<-ended
}

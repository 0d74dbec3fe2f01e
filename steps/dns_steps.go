package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// dnsSteps are the steps about names that are proved to a CA by records in the DNS. They need a name server for the
// scenario.
func (w *World) dnsSteps() []step {
	return []step{
		{`names are proved by the daemon's DNS responder as the host {string}`, w.useResponder, "The host has the responder's address, 98 of the scenario's, and `_acme-challenge.` and the host is delegated to it. Sets `dns`, `dns_bind` and `dns_host` in `[acme]`."},
		{`names are proved by a webhook`, w.useWebhook, "Of a program of the suite, which wants the field `Authorization: Bearer secret` and keeps the records at the ACME server's names. Sets the keys in `[acme]`."},
		{`the webhook answers {int}`, w.setHookStatus, "And does nothing."},
		{`the webhook has added and removed {int} record(s)`, w.hookRecords, ""},
		{`names are proved by updates of a name server that has the zone {string}`, w.useUpdates, "BIND's, with a key. Sets the keys in `[acme]`."},
		{`the key of the updates is changed`, w.useOtherKey, "With the same name."},
		{`the ACME server's name {string} is an alias of {string}`, w.leadByCNAME, "By a CNAME record."},
		{`the DNS responder answers {string} for the {word} record of {string} over {word}`, w.responderAnswers, "The code, as in `NOERROR` or `REFUSED`, and the values of the records, or the code only."},
		{`the DNS responder is flooded for {int} seconds by {int} senders with queries for {string}`, w.floodResponder, "As fast as they can, each from its own address, in the background: at least for that time, and until `the flood continues`."},
		{`the DNS responder has answered no sender more than {int} times a second, with at most {int} bytes`, w.floodBounded, "Waits for the end of the flood."},
		{`the flood continues`, w.floodRunning, ""},
	}
}

// responderAddress is the address of the daemon's responder.
func (w *World) responderAddress() string { return net.JoinHostPort(w.addresses.address(98), "53") }

// setDNS sets keys of `[acme]`.
func (w *World) setDNS(keys map[string]any) error {
	for name, value := range keys {
		if err := w.config.set("acme."+name, value); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) useResponder(host string) error {
	if w.names == nil {
		return errors.New("the scenario has no names of its own")
	}
	if err := w.names.server.addZone("_acme-challenge."+host, w.addresses.address(98)); err != nil {
		return err
	}
	return w.setDNS(map[string]any{"dns": "responder", "dns_bind": w.responderAddress(), "dns_host": host})
}

func (w *World) leadByCNAME(name, target string) error { return w.acme.pebble.SetCNAME(name, target) }

// dnsHook is the program that a webhook calls.
type dnsHook struct {
	mu             sync.Mutex
	status         int
	added, removed int
}

func (w *World) useWebhook() error {
	hook := &dnsHook{status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		hook.mu.Lock()
		defer hook.mu.Unlock()
		var record struct{ FQDN, Value string }
		switch {
		case hook.status != http.StatusOK:
			http.Error(rw, "the zone is locked", hook.status)
		case r.Header.Get("Authorization") != "Bearer secret":
			http.Error(rw, "who are you?", http.StatusUnauthorized)
		case r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&record) != nil:
			http.Error(rw, "not a record", http.StatusBadRequest)
		case r.URL.Path == "/present" && w.acme.pebble.SetTXT(record.FQDN, record.Value) == nil:
			hook.added++
		case r.URL.Path == "/cleanup" && w.acme.pebble.ClearTXT(record.FQDN) == nil:
			hook.removed++
		default:
			http.NotFound(rw, r)
		}
	}))
	w.dnsHook = hook
	w.cleanup(func() error { server.Close(); return nil })
	file := w.path("webhook.secret")
	if err := os.WriteFile(file, []byte("Authorization: Bearer secret\n"), 0o600); err != nil {
		return err
	}
	return w.setDNS(map[string]any{"dns": "webhook", "dns_present_url": server.URL + "/present", "dns_cleanup_url": server.URL + "/cleanup", "dns_header_file": file})
}

func (w *World) setHookStatus(status int) error {
	w.dnsHook.mu.Lock()
	defer w.dnsHook.mu.Unlock()
	w.dnsHook.status = status
	return nil
}

func (w *World) hookRecords(want int) error {
	return w.eventually(func() error {
		w.dnsHook.mu.Lock()
		defer w.dnsHook.mu.Unlock()
		if w.dnsHook.added != want || w.dnsHook.removed != want {
			return fmt.Errorf("got %d added and %d removed, want %d", w.dnsHook.added, w.dnsHook.removed, want)
		}
		return nil
	})
}

func (w *World) responderAnswers(want, recordType, name, network string) error {
	rrtype, ok := dns.StringToType[recordType]
	if !ok {
		return fmt.Errorf("%q is not a type of records", recordType)
	}
	var reply *dns.Msg
	err := w.eventually(func() (err error) { // an address is answered ten times a second
		client := &dns.Client{Net: strings.ToLower(network), Timeout: time.Second}
		reply, _, err = client.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), rrtype), w.responderAddress())
		return err
	})
	if err != nil {
		return err
	}
	got := dns.RcodeToString[reply.Rcode]
	for _, rr := range reply.Answer {
		got += " " + strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// dnsFlood is a flood of the responder.
type dnsFlood struct {
	senders sync.WaitGroup
	least   time.Duration
	// stop is called once the flood may end; stopped is then done.
	stopped context.Context
	stop    context.CancelFunc

	mu sync.Mutex
	// took is the time for which the slowest sender has sent.
	took time.Duration
	// most is the largest number of answers to one sender, and longest the length of the longest.
	most, longest int
	running       int
}

func (w *World) floodResponder(seconds, senders int, name string) error {
	query, err := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT).Pack()
	if err != nil {
		return err
	}
	flood := &dnsFlood{least: time.Duration(seconds) * time.Second, running: senders}
	flood.stopped, flood.stop = context.WithCancel(w.ctx)
	w.dnsFlood = flood
	for i := range senders {
		conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(w.addresses.address(120 + i))}}).Dial("udp", w.responderAddress())
		if err != nil {
			return err
		}
		flood.senders.Go(func() { flood.run(conn, query) })
	}
	w.cleanup(func() error { flood.stop(); flood.senders.Wait(); return nil })
	return nil
}

// run sends until the time is over and the flood may end, and counts the answers.
func (f *dnsFlood) run(conn net.Conn, query []byte) {
	began := time.Now()
	var counted sync.WaitGroup
	counted.Go(func() { f.count(conn) })
	for time.Since(began) < f.least || f.stopped.Err() == nil {
		_, _ = conn.Write(query)
	}
	took := time.Since(began)
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	counted.Wait()
	conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	f.took = max(f.took, took)
}

// count counts the answers until a read fails.
func (f *dnsFlood) count(conn net.Conn) {
	packet := make([]byte, 64<<10)
	answers, longest := 0, 0
	for {
		n, err := conn.Read(packet)
		if err != nil {
			break
		}
		answers, longest = answers+1, max(longest, n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most, f.longest = max(f.most, answers), max(f.longest, longest)
}

func (w *World) floodRunning() error {
	w.dnsFlood.mu.Lock()
	defer w.dnsFlood.mu.Unlock()
	if w.dnsFlood.running == 0 {
		return errors.New("the flood is over")
	}
	w.dnsFlood.stop()
	return nil
}

func (w *World) floodBounded(perSecond, longest int) error {
	f := w.dnsFlood
	f.senders.Wait()
	if allowed := perSecond * (int(f.took/time.Second) + 1); f.most == 0 || f.most > allowed {
		return fmt.Errorf("got %d answers to one sender in %v, want some and at most %d", f.most, f.took, allowed)
	}
	if f.longest > longest {
		return fmt.Errorf("got an answer of %d bytes, want at most %d", f.longest, longest)
	}
	return nil
}

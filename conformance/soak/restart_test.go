package soak

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSoakRollingRestart is part of `make soak`: three upstreams are restarted one after the other, each drained before, and then
// all at once while their site is paused, under 2,000 requests a second. It prints how many the machine has made.
func TestSoakRollingRestart(t *testing.T) {
	if os.Getenv("SOAK_MINUTES") == "" {
		t.Skip("make soak runs this")
	}
	for _, wire := range []Wire{{Name: "HTTP/1.1"}, {Name: "HTTP/2", HTTP2: true}} {
		t.Run(wire.Name, func(t *testing.T) {
			d := newDaemon(t)
			d.Admin = filepath.Join(d.Dir, "admin.sock")
			load, err := NewBalancedOver(wire, "", "a.test", 3, d.Port, false)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(load.Close)
			load.Rate, load.Clients, load.Pause = 2000, 32, 0
			if err := d.ConfigureText(load.Site("", 0, 1, 2)); err != nil {
				t.Fatal(err)
			}
			startDaemon(t, d)
			reached, err := load.Restart(d)
			if err != nil {
				t.Error(err)
			}
			t.Logf("%v, %.0f a second of the %d wanted", load, reached, load.Rate)
		})
	}
}

func TestTheJudgeOfARestartFindsARequestThatWasLostOrSentTwice(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		seen   map[string]int
		want   string
	}{
		{"the request was answered", 200, map[string]int{"x": 1}, ""},
		{"the request was lost", 502, map[string]int{"x": 1}, "502"},
		{"the request was sent twice", 200, map[string]int{"x": 2}, "sent 2 times"},
		{"the request was never sent", 200, nil, "sent 0 times"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &Balanced{members: []*member{{seen: test.seen}}, results: []result{{id: "x", method: "GET", status: test.status}}}
			err := b.judgeRestart()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

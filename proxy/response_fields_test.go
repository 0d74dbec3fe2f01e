package proxy

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAReasonPhraseIsPassedOnUpToABound(t *testing.T) {
	for _, test := range []struct{ reason, want string }{
		{"", ""},
		{"Made up", "Made up"},
		{strings.Repeat("x", maxReasonBytes), strings.Repeat("x", maxReasonBytes)},
		{strings.Repeat("x", maxReasonBytes+1), ""},
	} {
		if got := passedReason(test.reason); got != test.want {
			t.Errorf("passedReason(%q) = %q, want %q", test.reason, got, test.want)
		}
	}
}

func TestTheTextOfADateIsThatOfItsSecond(t *testing.T) {
	var dates dateText
	start := time.Date(2026, 12, 31, 23, 59, 58, 999_999_999, time.FixedZone("east", 7200))
	for _, step := range []time.Duration{0, 1, time.Second, 2 * time.Second, -time.Hour, 24 * time.Hour} {
		at := start.Add(step)
		if got, want := dates.at(at), at.UTC().Format(http.TimeFormat); got != want {
			t.Errorf("the text for %v is %q, want %q", at, got, want)
		}
	}
}

func TestTheTextOfADateIsFormattedOnceASecond(t *testing.T) {
	var dates dateText
	now := time.Unix(1_700_000_000, 0)
	if n := testing.AllocsPerRun(100, func() { _ = dates.at(now) }); n > 0 {
		t.Errorf("%v allocations for a second that was formatted already", n)
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 1000 {
				at := now.Add(time.Duration(i%3+worker) * time.Second)
				if got, want := dates.at(at), at.UTC().Format(http.TimeFormat); got != want {
					t.Errorf("got %q for %q", got, want)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAnOfferOfHTTPIsKnownInAnyVersion(t *testing.T) {
	for upgrade, want := range map[string]bool{
		"h2c": true, "H2C": true, "h2c/2.0": true, "h2c-14": true, "websocket, h2c": true, "h2c,websocket": true, " h2c ": true, "HTTP/2.0": true, "h2": true,
		"": false, "websocket": false, "websocket/13": false, "TLS/1.0": false, "derp": false, "h2x": false, "xh2c": false, "x/h2c": false,
	} {
		if got := offersHTTP(upgrade); got != want {
			t.Errorf("offersHTTP(%q) = %v", upgrade, got)
		}
	}
}

func TestMaxForwards(t *testing.T) {
	for _, test := range []struct {
		value, want string
		last        bool
	}{
		{"0", "0", true}, {"00", "00", true}, {"1", "0", false}, {"010", "9", false}, {"2147483648", "2147483647", false},
		{strings.Repeat("9", 40), "2147483647", false}, {"", "", false}, {"-1", "-1", false}, {"+1", "+1", false}, {"1 0", "1 0", false}, {"0, 1", "0, 1", false},
	} {
		r := Request{Fields: Fields{{Name: "max-forwards", Value: test.value}}}
		last := r.isAtLastHop()
		r.countForwards()
		if got := r.Fields[0].Value; got != test.want || last != test.last {
			t.Errorf("%q: got %q and %v, want %q and %v", test.value, got, last, test.want, test.last)
		}
	}
}

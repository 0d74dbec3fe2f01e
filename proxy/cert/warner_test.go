package cert

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// watchedLines runs a Warner over certificates for a while. It returns the events in its log, each with the number of
// days since the start.
func watchedLines(t *testing.T, during time.Duration, certificates func(since time.Duration) []Info) []string {
	t.Helper()
	var lines []string
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		var out bytes.Buffer
		log, err := eventlog.New(eventlog.Options{Level: eventlog.LevelInfo}, &out)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), during)
		defer cancel()
		NewWarner(log, func() []Info { return certificates(time.Now().UTC().Sub(began)) }).Run(ctx)
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(out.String()) {
			at, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			when, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, when.Sub(began).Round(time.Hour).String()+" "+rest)
		}
	})
	return lines
}

// day returns midnight of day n, counted from 0, of a synctest bubble, whose clock begins at midnight of 2000-01-01.
func day(n int) time.Time { return time.Date(2000, 1, 1+n, 0, 0, 0, 0, time.UTC) }

func TestACertificateThatExpiresSoonIsWarnedAboutDailyAndThenAnError(t *testing.T) {
	got := watchedLines(t, 17*24*time.Hour+time.Minute, func(time.Duration) []Info {
		return []Info{{Listener: "127.0.0.1:443", Names: []string{"a.test", "b.test"}, Source: config.TLSModeManual, NotAfter: day(17)}}
	})
	if len(got) != 15 {
		t.Fatalf("got %d lines, want a warning a day and the end:\n%s", len(got), strings.Join(got, "\n"))
	}
	want := []string{
		"73h0m0s WARN CERT_EXPIRES domain=a.test,b.test listener=127.0.0.1:443 not_after=2000-01-18T00:00:00Z days_left=13",
		"97h0m0s WARN CERT_EXPIRES domain=a.test,b.test listener=127.0.0.1:443 not_after=2000-01-18T00:00:00Z days_left=12",
		"408h0m0s ERROR CERT_EXPIRED domain=a.test,b.test listener=127.0.0.1:443 not_after=2000-01-18T00:00:00Z",
	}
	if diff := cmp.Diff(want, []string{got[0], got[1], got[len(got)-1]}); diff != "" {
		t.Errorf("the lines differ (-want +got):\n%s", diff)
	}
}

func TestACertificateForUpstreamsIsWarnedAboutWithItsFile(t *testing.T) {
	got := watchedLines(t, 6*24*time.Hour+time.Minute, func(time.Duration) []Info {
		return []Info{{ForUpstreams: "/etc/proxy.pem", Names: []string{"a.test"}, Source: config.TLSModeManual, NotBefore: day(0), NotAfter: day(6)}}
	})
	want := []string{
		"97h0m0s WARN UPSTREAM_CERT_EXPIRES host=a.test certificate=/etc/proxy.pem not_after=2000-01-07T00:00:00Z days_left=1",
		"121h0m0s WARN UPSTREAM_CERT_EXPIRES host=a.test certificate=/etc/proxy.pem not_after=2000-01-07T00:00:00Z days_left=0",
		"144h0m0s ERROR UPSTREAM_CERT_EXPIRED host=a.test certificate=/etc/proxy.pem not_after=2000-01-07T00:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the lines differ (-want +got):\n%s", diff)
	}
}

func TestAShortLivedCertificateIsWarnedAboutInItsLastThird(t *testing.T) {
	got := watchedLines(t, 6*24*time.Hour-time.Minute, func(time.Duration) []Info {
		return []Info{{Listener: "127.0.0.1:443", Names: []string{"a.test"}, Source: config.TLSModeManual, NotBefore: day(0), NotAfter: day(6)}}
	})
	want := []string{
		"97h0m0s WARN CERT_EXPIRES domain=a.test listener=127.0.0.1:443 not_after=2000-01-07T00:00:00Z days_left=1",
		"121h0m0s WARN CERT_EXPIRES domain=a.test listener=127.0.0.1:443 not_after=2000-01-07T00:00:00Z days_left=0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the lines differ (-want +got):\n%s", diff)
	}
}

func TestARenewedCertificateIsNotWarnedAbout(t *testing.T) {
	got := watchedLines(t, 40*24*time.Hour, func(since time.Duration) []Info {
		end := day(20)
		if since > 5*24*time.Hour {
			end = day(110) // as after a reload
		}
		return []Info{
			{Names: []string{"a.test"}, Source: config.TLSModeManual, NotAfter: end},
			{Names: []string{"acme.test"}, Source: config.TLSModeACME, NotAfter: day(3)}, // the code that renews it reports its expiry
		}
	})
	if len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

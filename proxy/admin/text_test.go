package admin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/sandbox"
)

func TestNumbersOfBytesAreShortAndClear(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 102400: "100 KiB", 1<<40 + 1<<39: "1.5 TiB", 1<<64 - 1: "16.0 EiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes: got %q, want %q", n, got, want)
		}
	}
}

func TestTheColumnsOfATableAreAligned(t *testing.T) {
	var b strings.Builder
	small := table{header: []string{"NAME", ">COUNT", "REST"}}
	small.row("ä", "5", "x")
	small.row("long one", "1234567", "")
	small.row("", "", "more")
	small.write(&b)
	want := "NAME        COUNT  REST\nä               5  x\nlong one  1234567\n                   more\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("the table differs (-want +got):\n%s", diff)
	}
	b.Reset()
	empty := table{header: []string{"NAME"}}
	empty.write(&b)
	if b.String() != "" {
		t.Errorf("a table without rows: got %q, want nothing", b.String())
	}
}

func TestTheStateOfTheSandboxIsOneLineForPeople(t *testing.T) {
	for _, test := range []struct {
		status sandbox.Status
		want   string
	}{
		{sandbox.Status{State: config.SandboxOn, LandlockABI: 7}, "on, Landlock ABI 7"},
		{sandbox.Status{State: config.SandboxOff}, "off"},
		{sandbox.Status{State: "unavailable", Error: "the kernel\nhas none"}, "unavailable: the kernel\\u000ahas none"},
		{sandbox.Status{}, "-"}, // an older daemon
	} {
		if got := sandboxText(test.status); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.status, got, test.want)
		}
	}
}

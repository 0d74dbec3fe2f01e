package eventlog

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/eventlog/eventlogtest"
)

func TestTextValues(t *testing.T) {
	for _, tt := range []struct {
		name, value, want string
	}{
		{"a word is bare", "git.example.com", `git.example.com`},
		{"a path with all bare punctuation is bare", "/a-b_c.d~e!$&'()*+,;:@%20[]{}|<>^`#?", "/a-b_c.d~e!$&'()*+,;:@%20[]{}|<>^`#?"},
		{"the empty value is quoted", "", `""`},
		{"a space is quoted", "a b", `"a b"`},
		{"an equals sign is quoted", "a=b", `"a=b"`},
		{"a quote is escaped", `a"b`, `"a\"b"`},
		{"a backslash is escaped", `a\b`, `"a\\b"`},
		{"a newline is escaped", "a\nb", `"a\nb"`},
		{"a carriage return is escaped", "a\rb", `"a\rb"`},
		{"a tab is escaped", "a\tb", `"a\tb"`},
		{"NUL is escaped", "a\x00b", `"a\x00b"`},
		{"an ANSI colour is escaped", "\x1b[31m", `"\x1b[31m"`},
		{"DEL is escaped", "a\x7f", `"a\x7f"`},
		{"a C1 control character is escaped", "a\u0085b", `"a\u0085b"`},
		{"the line separator is escaped", "a\u2028b", `"a\u2028b"`},
		{"printable text beyond ASCII is escaped", "é", `"\u00e9"`},
		{"a character beyond the BMP is escaped", "😀", `"\U0001f600"`},
		{"a lone byte of invalid UTF-8 is escaped as a byte", "a\xffb", `"a\xffb"`},
		{"a surrogate in UTF-8 is escaped byte by byte", "\xed\xa0\x80", `"\xed\xa0\x80"`},
		{"the replacement character differs from an invalid byte", "\ufffd", `"\ufffd"`},
		{"a forged field stays one value", "x status=200 client_ip=1.2.3.4", `"x status=200 client_ip=1.2.3.4"`},
		{"2048 bytes are shown whole", strings.Repeat("a", 2048), strings.Repeat("a", 2048)},
		{"2049 bytes are clipped and quoted", strings.Repeat("a", 2049), `"` + strings.Repeat("a", 2048) + `\u2026"`},
		{"a clip within a two-byte character moves before it", strings.Repeat("a", 2047) + "éa",
			`"` + strings.Repeat("a", 2047) + `\u2026"`},
		{"a cut after a whole character stays", strings.Repeat("a", 2046) + "éa", `"` + strings.Repeat("a", 2046) + `\u00e9\u2026"`},
		{"a clip within a four-byte character moves before it", strings.Repeat("a", 2045) + "😀",
			`"` + strings.Repeat("a", 2045) + `\u2026"`},
		{"a clip within bytes that are not UTF-8 stays", strings.Repeat("a", 2040) + strings.Repeat("\x80", 20),
			`"` + strings.Repeat("a", 2040) + strings.Repeat(`\x80`, 8) + `\u2026"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(appendTextValue(nil, tt.value)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAddressesInLines(t *testing.T) {
	for _, tt := range []struct {
		name string
		ip   netip.Addr
		want string
	}{
		{"an IPv4 address stays", netip.MustParseAddr("203.0.113.50"), "203.0.113.50"},
		{"an IPv6 address has its shortest form", netip.MustParseAddr("2001:0db8:0::7"), "2001:db8::7"},
		{"an IPv4-mapped address is shown as IPv4", netip.MustParseAddr("::ffff:203.0.113.50"), "203.0.113.50"},
		{"a zone is left out", netip.MustParseAddr("fe80::1%eth0"), "fe80::1"},
		{"a missing address is a dash", netip.Addr{}, "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := string(Line{}.Addr("ip", tt.ip).buf), " ip="+tt.want; got != want {
				t.Errorf("text: got %q, want %q", got, want)
			}
			if got, want := string(Line{json: true}.Addr("ip", tt.ip).buf), `,"ip":"`+tt.want+`"`; got != want {
				t.Errorf("JSON: got %q, want %q", got, want)
			}
			if got, want := Addr("ip", tt.ip), Str("ip", tt.want); got != want {
				t.Errorf("Addr: got %v, want %v", got, want)
			}
		})
	}
}

func TestLogTimeIsRFC3339InUTCWithMilliseconds(t *testing.T) {
	base := time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", 5*3600+1800))
	for i := range 5000 {
		at := base.Add(time.Duration(i) * 7_654_321_987_123)
		want := at.UTC().Format("2006-01-02T15:04:05.000Z")
		if got := string(appendLogTime(nil, at)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestALineHasItsTimeInUTC(t *testing.T) {
	kathmandu := time.FixedZone("", 5*3600+45*60)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, kathmandu)
	for json, want := range map[bool]string{
		false: "2026-01-01T21:19:05.678Z INFO EVENT",
		true:  `{"time":"2026-01-01T21:19:05.678Z","level":"INFO","event":"EVENT"`,
	} {
		if line := startLine(nil, json, now, LevelInfo, "EVENT"); string(line.buf) != want {
			t.Errorf("JSON %v: got %s, want %s", json, line.buf, want)
		}
	}
}

func TestAClockOutOfRangeKeepsTheLayout(t *testing.T) {
	for year, want := range map[int]string{-5: "0000", 12345: "9999"} {
		got := string(appendLogTime(nil, time.Date(year, 1, 2, 3, 4, 5, 6e6, time.UTC)))
		if want += "-01-02T03:04:05.006Z"; got != want {
			t.Errorf("year %d: got %s, want %s", year, got, want)
		}
	}
}

func TestErrOfNoErrorDoesNotCrash(t *testing.T) {
	if got, want := Err(nil), Str("error", "none"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLinesBelowTheLevelAreNotWritten(t *testing.T) {
	levels := []Level{LevelTrace, LevelDebug, LevelInfo, LevelWarn, LevelError}
	for i, min := range levels {
		t.Run(fmt.Sprintf("level %v", min), func(t *testing.T) {
			l, taken := eventlogtest.Record(t, New, Options{Level: min})
			var want, got []string
			for j, level := range levels {
				l.Log(level, "SHUTDOWN")
				l.Repeating(level, level.String(), "SHUTDOWN")
				if j >= i {
					want = append(want, level.String(), level.String())
				}
				if l.Enabled(level) != (j >= i) {
					t.Errorf("Enabled(%v): got %v, want %v", level, l.Enabled(level), j >= i)
				}
			}
			for line := range strings.Lines(taken()) {
				got = append(got, strings.Fields(line)[1])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("levels of the lines (-want +got):\n%s", diff)
			}
		})
	}
}

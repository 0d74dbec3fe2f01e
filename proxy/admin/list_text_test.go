package admin

import (
	"fmt"
	"strings"
	"testing"

	"reverse-proxy/proxy/config"
)

func TestAChangedListShowsWhatWasAddedAndRemoved(t *testing.T) {
	var long []string
	for i := range 100 {
		long = append(long, fmt.Sprintf("%d.example.com", i))
	}
	swapped := append([]string{}, long...)
	swapped[98] = "new.example.com"
	for _, c := range []struct {
		name string
		got  string
		want string
	}{
		{"one entry of many is replaced", KeyChange{"listeners[0].tls.acme_domains", strings.Join(long, ", "), strings.Join(swapped, ", ")}.text(),
			"listeners[0].tls.acme_domains added new.example.com; removed 98.example.com"},
		{"an entry of a key that needs a restart is added", driftText(config.Drift{Key: "listeners[0].tls.certificates", Running: "/a.pem with /a.key", File: "/a.pem with /a.key, /b.pem with /b.key"}),
			"listeners[0].tls.certificates added /b.pem with /b.key"},
		{"one entry is removed", KeyChange{"listeners[0].tls.acme_domains", "a.test, b.test", "a.test"}.text(), "listeners[0].tls.acme_domains removed b.test"},
		{"the order changes", KeyChange{"listeners[0].tls.acme_domains", "a.test, b.test", "b.test, a.test"}.text(),
			"listeners[0].tls.acme_domains the same in another order or number"},
		{"there were none before", KeyChange{"listeners[0].tls.acme_domains", "", "a.test"}.text(), "listeners[0].tls.acme_domains (none) -> a.test"},
		{"a text with commas is not a list", KeyChange{"listeners[0].tls.acme_contact", "a, b", "a, c"}.text(), "listeners[0].tls.acme_contact a, b -> a, c"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
	names := CertificateChange{OldNames: long, NewNames: swapped}.text()
	if !strings.Contains(names, "(added new.example.com; removed 98.example.com)") {
		t.Errorf("got %q, want the names that came and went", names)
	}
	many := listChangeText(nil, long)
	if !strings.HasSuffix(many, "19.example.com and 80 more, which --json shows") {
		t.Errorf("got %q, want %d names and the number of the others", many, maxListedEntries)
	}
	if hostile := listChangeText(nil, []string{"\x1b[2J"}); strings.Contains(hostile, "\x1b") {
		t.Errorf("got %q, want it printable", hostile)
	}
}

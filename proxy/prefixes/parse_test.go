package prefixes

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestAListHasOneNetworkOnALine(t *testing.T) {
	const file = "\xef\xbb\xbf# Networks of the office\r\n\n10.0.0.0/8\r\n  192.0.2.7  # one machine\n2001:db8::/32\n10.1.0.0/16"
	got, problems := ParseList([]byte(file))
	want := networks(t, "10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "10.1.0.0/16")
	if !slices.Equal(got, want) || problems != nil {
		t.Errorf("got %v, %v; want %v", got, problems, want)
	}
}

func TestAListNamesTheLinesThatAreNoNetworks(t *testing.T) {
	tests := []struct{ line, want string }{
		{"10.0.0.0/33", `line 2: "10.0.0.0/33" is not a network`},
		{"10.0.0.1/8", `line 2: "10.0.0.1/8" has bits after its length; "10.0.0.0/8" is the network`},
		{"2001:db8::1/32", `"2001:db8::/32" is the network`},
		{"::ffff:10.0.0.0/104", `is an IPv4 network in IPv6 form`},
		{"fe80::1%eth0", `has a zone`},
		{"fe80::/10%eth0", `is not a network`},
		{"example.com", `"example.com" is not a network`},
		{"10.0.0.0/8 192.0.2.0/24", `is not a network`},
		{"10.0.0.0/8;", `is not a network`},
		{"\x00", `is not a network`},
		{strings.Repeat("9", 1000), `999...`},
	}
	for _, test := range tests {
		_, problems := ParseList([]byte("192.0.2.0/24\n" + test.line + "\n192.0.3.0/24\n"))
		if len(problems) != 1 || !strings.Contains(problems[0], test.want) {
			t.Errorf("%q: got %q, want one with %q", test.line, problems, test.want)
		}
		if len(strings.Join(problems, "")) > 300 {
			t.Errorf("%q: the problem has %d bytes", test.line, len(problems[0]))
		}
	}
	if _, problems := ParseList([]byte(strings.Repeat("x\n", 1000))); len(problems) != maxProblems {
		t.Errorf("got %d problems, want %d", len(problems), maxProblems)
	}
}

func TestAListHasABound(t *testing.T) {
	var file bytes.Buffer
	for i := range MaxNetworks {
		fmt.Fprintf(&file, "10.%d.%d.%d\n", i>>16, i>>8&255, i&255)
	}
	list, problems := ParseList(file.Bytes())
	if len(list) != MaxNetworks || problems != nil {
		t.Fatalf("got %d networks, %v; want %d", len(list), problems, MaxNetworks)
	}
	s := New(list)
	if !s.Contains(netip.MustParseAddr("10.1.0.1")) || s.Contains(netip.MustParseAddr("10.2.0.0")) {
		t.Error("the set has other addresses than its list")
	}
	file.WriteString("192.0.2.1\n")
	if _, problems := ParseList(file.Bytes()); len(problems) != 1 || !strings.Contains(problems[0], "line 100001 is one network too many") {
		t.Errorf("got %q, want the line over the bound", problems)
	}
}

func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8\n", "# x\n::/0", "1.2.3.4/33\n\n", "\xef\xbb\xbf10.0.0.1", "10.0.0.0/8#a", "a\r\nb\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, problems := ParseList(data)
		for _, problem := range problems {
			if strings.ContainsAny(problem, "\n\r\x00") {
				t.Errorf("the problem %q has a control character", problem)
			}
		}
		if len(problems) > 0 {
			return
		}
		s := New(list)
		for _, network := range list {
			if network != network.Masked() || !s.Contains(network.Addr()) {
				t.Errorf("the set has not all of %v", network)
			}
		}
	})
}

package proxyproto

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// v2 returns a header of version 2.
func v2(command, family byte, rest string) string {
	return beginV2 + string([]byte{command, family, byte(len(rest) >> 8), byte(len(rest))}) + rest
}

const (
	tcp4 = "\xcb\x00\x71\x09\xc0\x00\x02\x01\x12\x67\x01\xbb"                                                                                                 // 203.0.113.9:4711 to 192.0.2.1:443
	tcp6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x12\x67\x01\xbb" // [2001:db8::9]:4711 to [2001:db8::1]:443
)

// validHeaders are headers with the source and the destination that they name, as text; "" for none.
var validHeaders = []struct{ header, want string }{
	{"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n", "203.0.113.9:4711 192.0.2.1:443"},
	{"PROXY TCP4 255.255.255.254 255.255.255.255 65535 65535\r\n", "255.255.255.254:65535 255.255.255.255:65535"},
	{"PROXY TCP4 203.0.113.9 192.0.2.1 0 0\r\n", "203.0.113.9:0 192.0.2.1:0"},
	{"PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n", "[2001:db8::9]:4711 [2001:db8::1]:443"},
	{"PROXY TCP6 ::ffff:203.0.113.9 ::ffff:192.0.2.1 4711 443\r\n", "203.0.113.9:4711 192.0.2.1:443"},
	{"PROXY UNKNOWN\r\n", ""},
	{"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", ""},
	{"PROXY UNKNOWN 203.0.113.9 whatever\r\n", ""},
	{v2(0x21, 0x11, tcp4), "203.0.113.9:4711 192.0.2.1:443"},
	{v2(0x21, 0x21, tcp6), "[2001:db8::9]:4711 [2001:db8::1]:443"},
	{v2(0x21, 0x11, tcp4+"\x04\x00\x01x"), "203.0.113.9:4711 192.0.2.1:443"},                                                   // with a TLV
	{v2(0x21, 0x11, tcp4+strings.Repeat("\xff", MaxV2-fixedV2-12)), "203.0.113.9:4711 192.0.2.1:443"},                          // TLVs without end, within the bound
	{v2(0x21, 0x21, strings.Repeat("\x00", 10)+"\xff\xff"+"\xcb\x00\x71\x09"+tcp6[16:]), "203.0.113.9:4711 [2001:db8::1]:443"}, // IPv4-mapped
	{v2(0x20, 0x00, ""), ""},
	{v2(0x20, 0x11, tcp4), ""}, // LOCAL, whatever follows
	{v2(0x20, 0x11, ""), ""},
	{v2(0x21, 0x00, ""), ""},
	{v2(0x21, 0x12, tcp4), ""},
	{v2(0x21, 0x22, tcp6), ""},
	{v2(0x21, 0x31, strings.Repeat("/", 216)), ""},
	{v2(0x21, 0x32, strings.Repeat("/", 216)), ""},
	{v2(0x21, 0x41, "abc"), ""},
}

func TestAHeaderNamesTheSourceAndTheDestination(t *testing.T) {
	for _, test := range validHeaders {
		data := test.header + "\x16\x03\x01PROXY TCP4"
		h, n, err := Parse([]byte(data))
		got := ""
		if h.Source.IsValid() {
			got = h.Source.String() + " " + h.Destination.String()
		}
		if err != nil || n != len(test.header) || got != test.want {
			t.Errorf("%.80q: got %q, %d, %v; want %q, %d", test.header, got, n, err, test.want, len(test.header))
		}
		for i := range test.header {
			if _, n, err := Parse([]byte(test.header[:i])); err != ErrIncomplete || n != i {
				t.Errorf("%.80q: the first %d bytes: got %d, %v; want them to be incomplete", test.header, i, n, err)
				break
			}
		}
	}
}

func TestWhatIsNoHeaderIsRefused(t *testing.T) {
	for _, test := range []struct {
		data string
		want error
	}{
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", errNone},
		{"GET / HTTP/1.1\r\n", errNone},
		{"proxy TCP4 203.0.113.9 192.0.2.1 4711 443\r\n", errNone},
		{" PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n", errNone},
		{"PROXY\r\n", errNone},
		{"PROXY  TCP4 203.0.113.9 192.0.2.1 4711 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9  192.0.2.1 4711 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443 \r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\n", errSyntaxV1},
		{"PROXY TCP4\r\n", errSyntaxV1},
		{"PROXY TCP5 203.0.113.9 192.0.2.1 4711 443\r\n", errSyntaxV1},
		{"PROXY TCP4 2001:db8::9 2001:db8::1 4711 443\r\n", errSyntaxV1},
		{"PROXY TCP6 203.0.113.9 192.0.2.1 4711 443\r\n", errSyntaxV1},
		{"PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 04711 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 +1 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.9 192.0.2.1 -1 443\r\n", errSyntaxV1},
		{"PROXY TCP4 203.0.113.09 192.0.2.1 1 443\r\n", errSyntaxV1},
		{"PROXY TCP4 0.0.0.0 192.0.2.1 1 443\r\n", errSource},
		{"PROXY TCP6 ff02::1 2001:db8::1 1 443\r\n", errSource},
		{"PROXY UNKNOWN" + strings.Repeat(" ", MaxV1) + "\r\n", errLongV1},
		{"PROXY " + strings.Repeat("x", MaxV1), errLongV1},
		{v2(0x11, 0x11, tcp4), errVersion},
		{v2(0x31, 0x11, tcp4), errVersion},
		{v2(0x22, 0x11, tcp4), errCommand},
		{v2(0x21, 0x11, tcp4[:11]), errShortV2},
		{v2(0x21, 0x21, tcp4), errShortV2}, // an address of another family
		{v2(0x21, 0x12, ""), errShortV2},
		{v2(0x21, 0x31, "/"), errShortV2},
		{v2(0x21, 0x11, tcp4+strings.Repeat("\x00", MaxV2-fixedV2-11)), errLongV2},
		{v2(0x20, 0x00, strings.Repeat("\x00", 65535)), errLongV2},
		{v2(0x21, 0x11, strings.Repeat("\x00", 12)), errSource},
	} {
		if h, n, err := Parse([]byte(test.data)); err != test.want || n != 0 || h != (Header{}) {
			t.Errorf("%.80q: got %v, %d, %v; want %v", test.data, h, n, err, test.want)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	addrs := []string{"203.0.113.9:4711", "192.0.2.1:443", "[2001:db8::9]:0", "[fe80::1%eth0]:65535", "[::ffff:203.0.113.9]:80"}
	for _, source := range addrs {
		for _, destination := range addrs {
			h := Header{netip.MustParseAddrPort(source), netip.MustParseAddrPort(destination)}
			want := h
			for _, addr := range []*netip.AddrPort{&want.Source, &want.Destination} {
				*addr = netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port())
			}
			for name, data := range map[string][]byte{"v1": AppendV1(nil, h), "v2": AppendV2(nil, h)} {
				if got, n, err := Parse(data); got != want || n != len(data) || err != nil {
					t.Errorf("%s of %v: got %v, %d, %v from %q", name, h, got, n, err, data)
				}
			}
		}
	}
	for _, data := range [][]byte{AppendV1(nil, Header{}), AppendV2(nil, Header{}), AppendLocal(nil)} {
		if h, n, err := Parse(data); h != (Header{}) || n != len(data) || err != nil {
			t.Errorf("%q: got %v, %d, %v; want a header that says nothing", data, h, n, err)
		}
	}
}

func TestHeadersCostNoAllocation(t *testing.T) {
	room := make([]byte, 0, MaxV1)
	for _, test := range validHeaders {
		data := []byte(test.header)
		if n := testing.AllocsPerRun(100, func() {
			h, _, _ := Parse(data)
			AppendV1(room, h)
			AppendV2(room, h)
		}); n != 0 {
			t.Errorf("%.60q: got %v allocations, want 0", test.header, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range validHeaders {
		f.Add([]byte(test.header))
		f.Add([]byte(test.header[:len(test.header)/2]))
	}
	f.Add([]byte("PROXY " + strings.Repeat("x", 200)))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, n, err := Parse(data)
		switch {
		case n > len(data), n > MaxV2, n > MaxV1 && data[0] == 'P':
			t.Fatalf("%d bytes of %d are the header", n, len(data))
		case errors.Is(err, ErrIncomplete):
			if n != len(data) {
				t.Fatalf("an incomplete header has %d bytes of %d", n, len(data))
			}
		case err != nil:
			if n != 0 || h != (Header{}) {
				t.Fatalf("got %v, %d with %v", h, n, err)
			}
		case n < len("PROXY UNKNOWN\r\n"): // the shortest header
			t.Fatalf("a header has %d bytes", n)
		default:
			if again, m, err := Parse(data[:n]); again != h || m != n || err != nil {
				t.Fatalf("the header by itself is %v, %d, %v", again, m, err)
			}
			if h.Source.IsValid() {
				if again, _, err := Parse(AppendV2(nil, h)); again != h || err != nil {
					t.Fatalf("%v is written as %v, %v", h, again, err)
				}
			}
		}
		// However the bytes arrive, the outcome is the same.
		for cut := range min(len(data), 64) {
			if _, _, early := Parse(data[:cut]); early != nil && early != ErrIncomplete && (err == nil || err == ErrIncomplete) {
				t.Fatalf("the first %d bytes: %v, and all: %v", cut, early, err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, header := range []string{validHeaders[0].header, v2(0x21, 0x11, tcp4)} {
		data := []byte(header)
		b.Run(fmt.Sprintf("v%d", 1+bytes.Count(data[:1], []byte("\r"))), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package http2

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// response encodes the head of a response.
func response(e *HeadEncoder, status int, list ...string) []byte {
	b := e.AppendStatus(nil, status)
	for i := 0; i+1 < len(list); i += 2 {
		b = e.AppendField(b, list[i], list[i+1])
	}
	return b
}

// checkBlock decodes a block with another codec and compares the fields.
func checkBlock(t *testing.T, d *hpack.Decoder, block []byte, want ...string) []hpack.HeaderField {
	t.Helper()
	fields, err := d.DecodeFull(block)
	if err != nil {
		t.Fatalf("got %v, want a block that decodes: %x", err, block)
	}
	var got []string
	for _, field := range fields {
		got = append(got, field.Name, field.Value)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	return fields
}

func TestResponsesAreDecodedByAnotherCodec(t *testing.T) {
	e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
	for _, status := range []int{200, 204, 206, 304, 400, 404, 500, 103, 301, 503, 599} {
		checkBlock(t, d, response(e, status), ":status", fmt.Sprint(status))
	}
	names := []string{
		"accept-ranges", "access-control-allow-origin", "age", "allow", "authorization", "cache-control", "content-disposition",
		"content-encoding", "content-language", "content-length", "content-location", "content-range", "content-type", "date", "etag",
		"expires", "last-modified", "link", "location", "proxy-authenticate", "proxy-authorization", "refresh", "retry-after", "server",
		"set-cookie", "strict-transport-security", "vary", "via", "www-authenticate", "x-other", strings.Repeat("x-long", 20),
	}
	for _, value := range []string{"", "a", "a value", strings.Repeat("long ", 50) + "."} {
		for range 2 {
			for _, name := range names {
				capital := strings.ToUpper(name[:1]) + name[1:]
				checkBlock(t, d, response(e, 200, capital, value), ":status", "200", name, value)
			}
		}
	}
	checkBlock(t, d, e.AppendContentLength(nil, 9223372036854775807), "content-length", "9223372036854775807")
	checkBlock(t, d, e.AppendContentLength(nil, 0), "content-length", "0")
}

func TestARepeatedFieldCostsOneByte(t *testing.T) {
	e := NewHeadEncoder()
	list := []string{"Content-Type", "text/html; charset=utf-8", "Date", "Tue, 24 Nov 2026 21:44:38 GMT", "X-Frame-Options", "DENY"}
	response(e, 200, list...)
	if got := response(e, 200, list...); len(got) != 4 {
		t.Errorf("got %d bytes (%x), want 4: one byte for each field", len(got), got)
	}
}

func TestSecretAndUniqueFieldsStayOutOfTheTable(t *testing.T) {
	e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
	list := []string{"set-cookie", "id=secret", "www-authenticate", "Basic", "etag", "\"1\"", "location", "/x"}
	first := response(e, 200, list...)
	if second := response(e, 200, list...); len(first) != len(second) || len(e.table.entries) != 0 {
		t.Errorf("got %d and %d bytes and %d entries, want the same and none", len(first), len(second), len(e.table.entries))
	}
	fields := checkBlock(t, d, first, append([]string{":status", "200"}, list...)...)
	if !fields[1].Sensitive || !fields[2].Sensitive || fields[3].Sensitive {
		t.Errorf("got %v, want cookies and credentials marked as never indexed", fields)
	}
}

func TestTheTableStaysInStepWhenEntriesLeave(t *testing.T) {
	e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
	for i := range 5000 {
		name, value := fmt.Sprintf("x-%d", i%97), strings.Repeat("v", i%301)
		checkBlock(t, d, response(e, 200, name, value), ":status", "200", name, value)
		size := 0
		for _, entry := range e.table.entries {
			size += entry.size()
		}
		if size != e.table.size || size > HeaderTableBytes || len(e.table.bytes) > 2*HeaderTableBytes {
			t.Fatalf("got a table of %d (counted %d) and %d bytes of memory, want at most 4096 and twice as much", size, e.table.size, len(e.table.bytes))
		}
	}
}

func TestAClientMayMakeTheTableSmaller(t *testing.T) {
	e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
	checkBlock(t, d, response(e, 200, "x-a", "1"), ":status", "200", "x-a", "1")
	e.SetTableSize(0)
	e.SetTableSize(200)
	checkBlock(t, d, response(e, 200, "x-a", "1"), ":status", "200", "x-a", "1")
	if e.table.limit != 200 || len(e.table.entries) != 1 {
		t.Errorf("got the limit %d and %d entries, want 200 and what was sent since", e.table.limit, len(e.table.entries))
	}
	e.SetTableSize(0)
	checkBlock(t, d, response(e, 200, "x-a", "1"), ":status", "200", "x-a", "1")
	if len(e.table.entries) != 0 {
		t.Errorf("got %d entries in a table of 0, want none", len(e.table.entries))
	}
	e.SetTableSize(1 << 20)
	if e.table.limit != HeaderTableBytes {
		t.Errorf("got the limit %d, want no more than %d", e.table.limit, HeaderTableBytes)
	}
	checkBlock(t, d, response(e, 200, "x-a", "1"), ":status", "200", "x-a", "1")
}

func TestTheTableStaysInStepWhenAClientEmptiesIt(t *testing.T) {
	e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
	for i := range 40 {
		value := fmt.Sprint(i, strings.Repeat("y", 700))
		for range 2 {
			checkBlock(t, d, response(e, 200, "x-a", value), ":status", "200", "x-a", value)
		}
		e.SetTableSize(0)
		e.SetTableSize(HeaderTableBytes)
	}
	if len(e.table.bytes) > 2*HeaderTableBytes {
		t.Errorf("got %d bytes kept, want at most %d", len(e.table.bytes), 2*HeaderTableBytes)
	}
}

func TestTrailersAnnounceANewTableSizeToo(t *testing.T) {
	e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
	checkBlock(t, d, response(e, 200, "x-a", "1"), ":status", "200", "x-a", "1")
	e.SetTableSize(0)
	checkBlock(t, d, e.AppendField(e.Begin(nil), "X-Sum", "1"), "x-sum", "1")
	if got := e.Begin(nil); len(got) != 0 {
		t.Errorf("got %x at the beginning of the next block, want the new size announced once", got)
	}
}

func FuzzEncoder(f *testing.F) {
	f.Add("Content-Type", "text/html", "set-cookie", "a=b", uint32(4096))
	f.Add("x-a", "", "x-b", strings.Repeat("y", 900), uint32(100))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, size uint32) {
		e, d := NewHeadEncoder(), hpack.NewDecoder(4096, nil)
		for i := range 4 {
			if i == 2 {
				e.SetTableSize(size)
			}
			lowered := func(name string) string {
				b := make([]byte, len(name))
				lower(b, name)
				return string(b)
			}
			checkBlock(t, d, response(e, 200+i, name1, value1, name2, value2), ":status", fmt.Sprint(200+i),
				lowered(name1), value1, lowered(name2), value2)
		}
	})
}

func TestSteadyHeadsAllocateNothing(t *testing.T) {
	e := NewHeadEncoder()
	out := make([]byte, 0, 1024)
	encodeAll := func() {
		out = e.AppendStatus(out[:0], 200)
		out = e.AppendField(out, "Content-Type", "text/html")
		out = e.AppendField(out, "Set-Cookie", "id=1")
		out = e.AppendContentLength(out, 1024)
	}
	encodeAll()
	if allocs := testing.AllocsPerRun(100, encodeAll); allocs != 0 {
		t.Errorf("encoding: got %v allocations a head, want none", allocs)
	}
	d, head := NewHeadDecoder(), Head{}
	var block []byte
	decodeAll := func() {
		_ = d.Begin(&head, false, block)
		_, _, _ = d.End()
	}
	block = encode(request("accept", "*/*", "user-agent", "test")...)
	decodeAll()
	block = []byte{0x82, 0x87, 0x80 | 64, 0x80 | 65, 0x80 | 63, 0x80 | 62} // the same, all from the tables
	if malformed, refused := func() (string, any) {
		_ = d.Begin(&head, false, block)
		m, r, _ := d.End()
		return m, r
	}(); malformed != "" {
		t.Fatalf("got %q %v, want the same request", malformed, refused)
	}
	if allocs := testing.AllocsPerRun(100, decodeAll); allocs != 0 {
		t.Errorf("decoding: got %v allocations a head, want none", allocs)
	}
}

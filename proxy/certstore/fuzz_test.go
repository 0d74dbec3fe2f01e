package certstore

import (
	"bytes"
	"testing"
)

// FuzzOpen covers what a server may hold under a name.
func FuzzOpen(f *testing.F) {
	s, err := newSealer(testSecret)
	if err != nil {
		f.Fatal(err)
	}
	good := s.seal("n", 7, []byte("value"))
	f.Add("n", good)
	f.Add("m", good)
	f.Add("n", good[:headBytes])
	f.Add("n", []byte{})
	f.Fuzz(func(t *testing.T, name string, sealed []byte) {
		data, version, err := s.open(name, sealed)
		if err == nil && (name != "n" || version != 7 || string(data) != "value" || !bytes.Equal(sealed, good)) {
			t.Fatalf("got %q, version %d of %q, want that only what was sealed is opened", data, version, name)
		}
	})
}

// FuzzParseChanges covers an answer of the server that is not what was asked for.
func FuzzParseChanges(f *testing.F) {
	f.Add("1-0", "name", "n", 2)
	f.Add("", "", "", 0)
	f.Fuzz(func(t *testing.T, id, field, value string, shape int) {
		entry := []any{[]byte(id), []any{[]byte(field), []byte(value)}}
		reply := []any{[]any{[]byte("stream"), []any{entry}}}
		switch shape % 5 {
		case 0:
			reply = []any{value}
		case 1:
			reply = []any{[]any{[]byte("stream")}}
		case 3:
			reply = []any{[]any{[]byte("stream"), []any{[]any{entry}}}}
		case 4:
			reply = []any{[]any{[]byte("stream"), []any{[]any{[]byte(id), nil}}}}
		}
		names, last, ok := parseChanges(reply)
		if !ok && (names != nil || last != "") {
			t.Fatalf("got %q, %q of an answer that cannot be read", names, last)
		}
	})
}

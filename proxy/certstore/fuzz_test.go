package certstore

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzOpen covers what a server may have under a name.
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

// FuzzParseChanges covers an answer that is not a list of changes.
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

// FuzzReplies covers everything that a server may send: the client must read without a panic what the bounds let
// pass.
func FuzzReplies(f *testing.F) {
	for _, c := range replies() {
		f.Add([]byte(c.reply[:min(len(c.reply), 8<<10)]))
	}
	f.Add([]byte("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\nname\r\n$1\r\nn\r\n"))
	f.Add([]byte("*-1\r\n$-1\r\n:-12\r\n*0\r\n$0\r\n\r\n+OK\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		replies, err := receive(sent)
		for _, reply := range replies {
			if _, ok := reply.([]any); ok {
				parseChanges(reply.([]any))
			}
		}
		scanner := new(replyScanner)
		var refused error
		for i := 0; i < len(sent) && refused == nil; i++ { // byte by byte, with the same result
			refused = scanner.scan(sent[i : i+1])
		}
		if at := new(replyScanner).scan(sent); (at == nil) != (refused == nil) {
			t.Fatalf("got %v at once, %v byte by byte", at, refused)
		}
		if refused == nil && err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("got %v of the client for what the bounds let pass", err)
		}
	})
}

package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestMessagesComeBackAsTheyWereWritten(t *testing.T) {
	var pipe bytes.Buffer
	want := []string{"", "one", strings.Repeat("x", 100_000)}
	for _, message := range want {
		if err := writeMessage(&pipe, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	for _, message := range want {
		if got, err := readMessage(&pipe); string(got) != message || err != nil {
			t.Errorf("got %d bytes, %v; want %d bytes", len(got), err, len(message))
		}
	}
	if _, err := readMessage(&pipe); err != io.EOF {
		t.Errorf("got %v at the end, want EOF", err)
	}
}

func TestAMessageThatIsCutOffOrTooLongIsAnError(t *testing.T) {
	for _, text := range []string{"\x00\x00", "\x00\x00\x00\x05abc", "\xff\xff\xff\xffabc"} {
		if got, err := readMessage(strings.NewReader(text)); err == nil || err == io.EOF {
			t.Errorf("%q: got %q, %v; want an error", text, got, err)
		}
	}
}

// The fields as protoc's encoding has them: a varint of number<<3|type, and then the value.
func TestFieldsAreEncodedAsProtocolBuffers(t *testing.T) {
	got := appendNumber(nil, serverUseTLS, 0)
	got = appendNumber(got, clientPort, 8443)
	got = appendBytes(got, clientHost, []byte("localhost"))
	if want := "\x20\x00\x38\xfb\x41\x32\x09localhost"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestABadCommandLineIsRefused(t *testing.T) {
	for _, line := range []string{"connectshim", "connectshim client", "connectshim client -port 1 -cert /nonexistent -- true", "connectshim other -port 1 -cert /dev/null -- true"} {
		if err := run(strings.Fields(line)); err == nil {
			t.Errorf("%s: got no error, want one", line)
		}
	}
}

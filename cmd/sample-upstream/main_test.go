package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRunPrintsItsAddressAndEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-listen", "127.0.0.1:0", "-name", "one"}, w) }()
	line := make([]byte, 100)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "listening on ")
	if !ok {
		t.Fatalf("got the line %q, want `listening on ADDR`", line[:n])
	}
	resp, err := http.Get("http://" + addr + "/a%2Fb?q=%20")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got echo
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Target != "/a%2Fb?q=%20" || got.Upstream != "one" || got.Host != addr {
		t.Errorf("got %+v, want the target, the name and the host as sent", got)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("got the error %v, want none after the context ended", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("run did not end with its context")
	}
}

func TestRunNamesTheAddressItCannotTake(t *testing.T) {
	err := run(t.Context(), []string{"-listen", "127.0.0.1:99999"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:99999") {
		t.Errorf("got the error %v, want one that names the address", err)
	}
}

func TestPaths(t *testing.T) {
	server := httptest.NewServer(newHandler("sample"))
	t.Cleanup(server.Close)
	tests := []struct {
		name, path string
		status     int
		body       string
		failing    bool
	}{
		{"a stream ends after its last event", "/stream?count=2&interval_ms=1", 200, "data: event 1\n\ndata: event 2\n\n", false},
		{"bytes are as many as asked for", "/bytes/20", 200, "0123456789abcdef0123", false},
		{"no bytes are an empty body", "/bytes/x", 200, "", false},
		{"a sleep ends with an answer", "/sleep/1", 200, "slept\n", false},
		{"a status is the one asked for", "/status/404", 404, "", false},
		{"a status out of range is refused", "/status/7", 400, "the status must be 200 to 999\n", false},
		{"a trailer follows the body", "/trailers", 200, "body with a trailer\n", false},
		{"hints come before the answer", "/hints", 200, "after the hints\n", false},
		{"an early answer does not wait for the body", "/early", 413, "early\n", false},
		{"half a body is cut off", "/close-early", 200, "only half\n", true},
		{"garbage is no answer", "/garbage", 0, "", true},
		{"nothing is no answer", "/nothing", 0, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, err := http.Get(server.URL + test.path)
			if err != nil {
				if !test.failing || test.status != 0 {
					t.Fatalf("got the error %v, want status %d", err, test.status)
				}
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != test.status || string(body) != test.body {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, test.status, test.body)
			}
			if test.failing != errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got the error %v, want a cut body: %v", err, test.failing)
			}
			if test.path == "/trailers" && resp.Trailer.Get("X-Checksum") != "42" {
				t.Errorf("got the trailers %v, want X-Checksum: 42", resp.Trailer)
			}
		})
	}
}

func TestHintsSends103First(t *testing.T) {
	server := httptest.NewServer(newHandler("sample"))
	t.Cleanup(server.Close)
	var codes []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		codes = append(codes, code)
		if header.Get("Link") == "" {
			t.Error("got no Link field in the 103, want one")
		}
		return nil
	}}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", server.URL+"/hints", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(codes) != 1 || codes[0] != 103 || resp.Header.Get("Link") != "" {
		t.Errorf("got the codes %v and Link %q in the answer, want one 103 and no Link", codes, resp.Header.Get("Link"))
	}
}

func TestEchoReportsTheBody(t *testing.T) {
	server := httptest.NewServer(newHandler("sample"))
	t.Cleanup(server.Close)
	resp, err := http.Post(server.URL+"/", "text/plain", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got echo
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got.BodyBytes != 3 || got.BodySHA256 != sum || got.Method != "POST" {
		t.Errorf("got %+v, want POST with 3 bytes of SHA-256 %s", got, sum)
	}
}

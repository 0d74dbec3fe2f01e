package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// echo is what the server answers to a request that no other path handles.
type echo struct {
	// Upstream is the server's name, so that a client can distinguish two servers.
	Upstream string `json:"upstream"`
	// Method is the request's method.
	Method string `json:"method"`
	// Target is the request target, byte for byte as received.
	Target string `json:"target"`
	// Proto is the protocol version of the request.
	Proto string `json:"proto"`
	// Host is the value of the Host field.
	Host string `json:"host"`
	// Headers are the other fields as received.
	Headers http.Header `json:"headers"`
	// Trailers are the fields after a chunked body.
	Trailers http.Header `json:"trailers,omitempty"`
	// BodyBytes is the length of the body.
	BodyBytes int64 `json:"body_bytes"`
	// BodySHA256 is its lower-case hexadecimal SHA-256.
	BodySHA256 string `json:"body_sha256"`
	// Error is why the body could not be read completely.
	Error string `json:"error,omitempty"`
}

// newHandler returns the handler of all paths. It echoes requests for any other path.
func newHandler(name string) http.Handler {
	mux := map[string]func(http.ResponseWriter, *http.Request, string){
		"stream":      stream,
		"bytes":       sendBytes,
		"sleep":       sleep,
		"status":      status,
		"trailers":    trailers,
		"hints":       hints,
		"early":       early,
		"close-early": closeEarly,
		"garbage":     garbage,
		"nothing":     nothing,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if handle, ok := mux[first]; ok {
			handle(w, r, rest)
			return
		}
		echoBack(w, r, name)
	})
}

// echoBack reads the whole body and answers with what it received.
func echoBack(w http.ResponseWriter, r *http.Request, name string) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	got := echo{
		Upstream: name, Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Headers: r.Header, Trailers: r.Trailer, BodyBytes: n, BodySHA256: hex.EncodeToString(sum.Sum(nil)),
	}
	if err != nil {
		got.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(got)
}

// stream sends server-sent events and flushes each: /stream?count=5&interval_ms=100.
func stream(w http.ResponseWriter, r *http.Request, _ string) {
	count := number(r.URL.Query().Get("count"), 5)
	interval := time.Duration(number(r.URL.Query().Get("interval_ms"), 100)) * time.Millisecond
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for i := range count {
		if i > 0 && !wait(r, interval) {
			return
		}
		if _, err := io.WriteString(w, "data: event "+strconv.FormatInt(i+1, 10)+"\n\n"); err != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
	}
}

// sendBytes answers with that many bytes: /bytes/1048576.
func sendBytes(w http.ResponseWriter, _ *http.Request, arg string) {
	left := number(arg, 0)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
	block := []byte(strings.Repeat("0123456789abcdef", 2048))
	for left > 0 {
		n, err := w.Write(block[:min(left, int64(len(block)))])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

// sleep answers 200 after that many milliseconds: /sleep/500.
func sleep(w http.ResponseWriter, r *http.Request, arg string) {
	if wait(r, time.Duration(number(arg, 0))*time.Millisecond) {
		_, _ = io.WriteString(w, "slept\n")
	}
}

// status answers with that status code: /status/404. It answers 400 to a code out of range.
func status(w http.ResponseWriter, _ *http.Request, arg string) {
	code := number(arg, 0)
	if code < 200 || code > 999 {
		http.Error(w, "the status must be 200 to 999", http.StatusBadRequest)
		return
	}
	w.WriteHeader(int(code))
}

// trailers answers in chunks, followed by a trailer field.
func trailers(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Trailer", "X-Checksum")
	_, _ = io.WriteString(w, "body with a trailer\n")
	_ = http.NewResponseController(w).Flush()
	w.Header().Set("X-Checksum", "42")
}

// hints sends 103 Early Hints before its answer.
func hints(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Link", "</style.css>; rel=preload; as=style")
	w.WriteHeader(http.StatusEarlyHints)
	w.Header().Del("Link")
	_, _ = io.WriteString(w, "after the hints\n")
}

// number parses s as a non-negative number. If that fails it returns otherwise.
func number(s string, otherwise int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// wait waits for d and reports whether the client is still there.
func wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

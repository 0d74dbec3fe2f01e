package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
)

// fuzzedPath is one dataPath for all runs of a fuzz target in a process, with an upstream whose response each run sets.
type fuzzedPath struct {
	*dataPath
	client *tls.Config

	mu sync.Mutex
	// answer is the upstream's response to each request, in pieces. early reports whether it is sent at the end of the
	// request's head.
	answer []byte
	piece  int
	early  bool
	// got is what each connection has received.
	got []*bytes.Buffer
	// open is the number of the upstream's connections, and begun the number that there ever were; last is the number of
	// the one from lastPeer.
	open, begun, last int
	lastPeer          string
	upstream          string
}

// Bounds of a run: larger inputs find nothing that smaller ones do not.
const (
	maxFuzzedBytes = 40 << 10
	fuzzedRunTime  = 20 * time.Second
)

func newFuzzedPath(f *testing.F) *fuzzedPath {
	p := new(fuzzedPath)
	p.upstream = scriptedUpstream(f, nil, p.serveUpstream)
	p.dataPath = startPath(f, p.upstream, func(o *pathOptions) {
		o.header, o.idle, o.request, o.bodyIdle = 2*time.Second, 2*time.Second, 2*time.Second, 2*time.Second
		o.bodyLimit, o.level = 1000, eventlog.LevelError
		o.requestRules = compileRules(f, headers.Request, "set X-Rule: for {host} by {client_ip}", "remove X-Removed")
		o.responseRules = compileRules(f, headers.Response, "set X-Rule: for {host} by {client_ip}", "remove X-Removed")
	})
	p.client = &tls.Config{
		InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
	return p
}

// serveUpstream is the upstream's side: it answers what it considers requests, and leaves unless its answer is one whole
// response.
func (p *fuzzedPath) serveUpstream(n int, r *bufio.Reader, conn net.Conn) {
	p.mu.Lock()
	answer, piece, early, got := p.answer, p.piece, p.early, new(bytes.Buffer)
	p.got = append(p.got, got)
	p.open++
	p.begun++
	if conn.RemoteAddr().String() == p.lastPeer {
		p.last = n
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
	}()
	answered := 0
	buffer := make([]byte, 4096)
	for {
		n, err := r.Read(buffer)
		p.mu.Lock()
		got.Write(buffer[:n])
		requests := requestsIn(got.Bytes())
		p.mu.Unlock()
		for ; answered < len(requests); answered++ {
			request := requests[answered]
			if !request.whole && !early && !request.head.ExpectContinue {
				break
			}
			if writeInPieces(conn, answer, piece) != nil || !isWholeResponse(answer, request.head.Method) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func writeInPieces(w io.Writer, data []byte, size int) error {
	for part := range slices.Chunk(data, size) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// isWholeResponse reports whether an upstream that has sent this answer can get another request.
func isWholeResponse(answer []byte, method string) bool {
	var head http1.Response
	n, err := head.Parse(answer, 0)
	if err != nil {
		return false
	}
	kind, length := head.BodyOf(method)
	return head.KeepAlive && (kind == http1.BodyNone || kind == http1.BodyLength) && int64(len(answer)-n) == length
}

// seenRequest is a request as found in a stream of bytes.
type seenRequest struct {
	head         http1.Request
	target, host string
	body         []byte
	// whole reports whether its body is complete, broken whether it can never be.
	whole, broken bool
	// end is the index after it.
	end int
}

// requestsIn parses consecutive requests as far as they are valid; the last one may lack its body.
func requestsIn(data []byte) []seenRequest {
	var all []seenRequest
	for at := 0; ; {
		var request seenRequest
		n, err := request.head.Parse(data[at:], 0)
		if err != nil {
			return all
		}
		at += n
		request.target, request.host = string(request.head.AppendTarget(nil)), request.head.Host
		if request.head.Authority != "" {
			request.host = request.head.Authority
		}
		if request.head.Chunked {
			at += request.decode(data[at:])
		} else {
			length := int(min(int64(len(data)-at), request.head.ContentLength))
			request.body, request.whole = data[at:at+length], int64(length) == request.head.ContentLength
			at += length
		}
		request.end = at
		all = append(all, request)
		if !request.whole || !request.head.KeepAlive {
			return all
		}
	}
}

// decode reads a chunked body and returns the number of bytes that it took.
func (s *seenRequest) decode(data []byte) (taken int) {
	var decoder http1.ChunkedDecoder
	for taken < len(data) && !s.whole {
		part, n, done, err := decoder.Decode(data[taken:])
		s.body = append(s.body, part...)
		taken += n
		s.whole, s.broken = done, err != nil
		if s.broken {
			break
		}
	}
	return taken
}

// run sends the bytes on a new connection. Once all has ended, it returns the response, and what each of the upstream's
// connections received.
func (p *fuzzedPath) run(t *testing.T, request []byte, piece int, answer []byte, answerPiece int, early bool) (response []byte, got [][]byte) {
	p.mu.Lock()
	p.answer, p.piece, p.early, p.got = answer, answerPiece, early, nil
	p.mu.Unlock()
	tcp, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(tcp, p.client)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(fuzzedRunTime))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		if writeInPieces(conn, request, piece) == nil {
			_ = conn.CloseWrite()
		}
	}()
	response, err = io.ReadAll(conn)
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		t.Fatalf("the connection did not end; so far came %q", response)
	}
	_ = conn.Close()
	<-wrote
	waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 && p.pipeline.inFlight.Load() == 0 })
	for _, pool := range p.shared.upstreams.all() {
		for conn := pool.take(nil); conn != nil; conn = pool.take(nil) {
			pool.drop(conn)
		}
	}
	p.settleUpstream(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, buffer := range p.got {
		got = append(got, buffer.Bytes())
	}
	return response, got
}

// settleUpstream waits until the upstream has accepted and ended all connections. One that is accepted after all others
// shows that no more are to come.
func (p *fuzzedPath) settleUpstream(t *testing.T) {
	p.mu.Lock() // held until the upstream can know the connection
	last, err := net.Dial("tcp", p.upstream)
	if err != nil {
		p.mu.Unlock()
		t.Fatal(err)
	}
	p.last, p.lastPeer = 0, last.LocalAddr().String()
	p.mu.Unlock()
	_ = last.Close()
	waitFor(t, "the upstream's connections to end", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.open == 0 && p.last > 0 && p.begun == p.last
	})
}

// checkUpstream checks that an upstream's connection received only requests that the client sent, from the given index on,
// and returns the index of the last one.
func checkUpstream(t *testing.T, got []byte, sent []seenRequest, from int, raw []byte) int {
	t.Helper()
	requests := requestsIn(got)
	end := 0
	for i := range requests {
		r := &requests[i]
		for from < len(sent) && !r.isOf(&sent[from]) {
			from++
		}
		if from == len(sent) {
			t.Fatalf("the upstream got %q, which the client has not sent", got)
		}
		for name, want := range map[string]string{"X-Real-IP": "127.0.0.1", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": r.host, "X-Forwarded-Port": "443", "X-Rule": "for a.test by 127.0.0.1"} {
			if n := countFields(r.head.Fields, name); n != 1 || r.head.Fields.Get(name) != want {
				t.Fatalf("the upstream got %d lines of %s: %q", n, name, got)
			}
		}
		if countFields(r.head.Fields, "X-Removed") > 0 {
			t.Fatalf("the upstream got a field that a rule removes: %q", got)
		}
		for _, field := range r.head.Fields {
			switch field.Name {
			case "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port":
			default:
				if headers.Believed.Has(field.Name) {
					t.Fatalf("the upstream got the client's %s: %q", field.Name, got)
				}
			}
		}
		if r.broken {
			t.Fatalf("the upstream got invalid chunks: %q", got)
		}
		end = r.end
	}
	rest := got[end:]
	if len(requests) > 0 && requests[len(requests)-1].head.Upgrade != "" {
		if !bytes.Contains(raw, rest) {
			t.Fatalf("the upstream got %q in a tunnel, which the client has not sent", rest)
		}
		return from
	}
	if len(rest) > 0 {
		t.Fatalf("the upstream got %q, of which %q is not a request", got, rest)
	}
	return from
}

func countFields(fields Fields, name string) (n int) {
	for _, field := range fields {
		if headers.NewNameSet(true, []string{name}).Has(field.Name) {
			n++
		}
	}
	return n
}

// isOf reports whether the upstream's request is the client's, possibly with its body cut off.
func (s *seenRequest) isOf(sent *seenRequest) bool {
	if s.head.Method != sent.head.Method || s.target != sent.target || s.host != sent.host || !bytes.HasPrefix(sent.body, s.body) {
		return false
	}
	return !s.whole || sent.whole && len(s.body) == len(sent.body)
}

// checkResponses checks that the client received one response after another to its requests, of which the last may be cut
// off.
func checkResponses(t *testing.T, response []byte, sent []seenRequest) {
	t.Helper()
	count := 0
	for at := 0; at < len(response); {
		var head http1.Response
		n, err := head.Parse(response[at:], 0)
		if err == http1.ErrIncomplete {
			return
		}
		if err != nil {
			t.Fatalf("the client got %q, of which %q is not a response: %v", response, response[at:], err)
		}
		at += n
		if head.Status == 101 {
			return
		}
		if head.Status < 200 {
			continue
		}
		if count > len(sent) {
			t.Fatalf("the client got more responses than it sent requests: %q", response)
		}
		method, minor := "-", 1
		if count < len(sent) {
			method, minor = sent[count].head.Method, sent[count].head.Minor
		}
		count++
		kind, length := head.BodyOf(method)
		switch kind {
		case http1.BodyUntilClose:
			if minor != 0 {
				t.Fatalf("the client got a response whose end it cannot know: %q", response)
			}
			return
		case http1.BodyLength:
			at += int(min(length, int64(len(response)-at)))
		case http1.BodyChunked:
			var body seenRequest
			at += body.decode(response[at:])
			if body.broken {
				t.Fatalf("the client got invalid chunks: %q", response)
			}
		}
		if !head.KeepAlive && at != len(response) {
			t.Fatalf("the client got %q after the last response of %q", response[at:], response)
		}
	}
}

// FuzzDataPath sends the bytes of a client and the answer of an upstream through the whole data path, in pieces.
func FuzzDataPath(f *testing.F) {
	p := newFuzzedPath(f)
	for _, seed := range dataPathSeeds {
		for _, piece := range []uint8{0, 1, 10} {
			f.Add([]byte(seed.request), piece, []byte(seed.answer), piece, len(seed.request)%2 == 0)
		}
	}
	goroutines := 0
	f.Fuzz(func(t *testing.T, request []byte, piece uint8, answer []byte, answerPiece uint8, early bool) {
		if len(request) > maxFuzzedBytes || len(answer) > maxFuzzedBytes {
			return
		}
		response, got := p.run(t, request, pieceSize(piece, len(request)), answer, pieceSize(answerPiece, len(answer)), early)
		sent := requestsIn(request)
		from := 0
		for _, received := range got {
			from = checkUpstream(t, received, sent, from, request)
		}
		checkResponses(t, response, sent)
		if goroutines == 0 {
			goroutines = runtime.NumGoroutine()
		}
		waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+5 })
	})
}

// pieceSize returns the size of the pieces: large enough to make only a few, or a run would take needlessly long.
func pieceSize(piece uint8, length int) int {
	if piece == 0 {
		return max(1, length)
	}
	return max(int(piece), length/200+1)
}

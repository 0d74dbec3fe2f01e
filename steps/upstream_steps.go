package steps

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) upstreamSteps() []step {
	behaving := func(make func(name string) behaviour) func(string) error {
		return func(name string) error { return w.startUpstream(name, nil, make(name)) }
	}
	return []step{
		{`an upstream {string}`, behaving(func(name string) behaviour { return plain(200, name) }),
			"Answers 200 with its name as the body. The sentences below, used again for the same name, change what it does from then on. Its address is `${upstream:NAME}`."},
		{`an upstream {string} that answers {int} with the body {string}`, w.upstreamAnswers, ""},
		{`an upstream {string} that answers:`, w.upstreamAnswersRaw, "Exact bytes: each line ends in CRLF unless it ends in a backslash; `\\r`, `\\n`, `\\t`, `\\0`, `\\\\` and `\\xNN` are those bytes. The connection stays open."},
		{`an upstream {string} that answers and closes:`, w.upstreamAnswersCloses, "The same, and then closes the connection."},
		{`an upstream {string} that answers before the body:`, w.upstreamAnswersEarly, "The same, without waiting for the request's body, which it reads afterwards."},
		{`an upstream {string} that answers with {int} bytes`, w.upstreamSends, ""},
		{`an upstream {string} that echoes bodies`, behaving(func(string) behaviour { return echoing }), "Answers 200 with the request's body."},
		{`an upstream {string} that never answers`, behaving(func(string) behaviour { return silent }), ""},
		{`an upstream {string} that closes without answering`, behaving(func(string) behaviour { return answeringAndClosing("") }), ""},
		{`an upstream {string} that stops in the middle of its answer`, behaving(func(string) behaviour { return stalling }), "It keeps the connection open."},
		{`an upstream {string} that sends half of its answer and closes`, behaving(func(string) behaviour {
			return answeringAndClosing("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly half\n")
		}), ""},
		{`an upstream {string} that answers once on each connection and closes it`, behaving(func(name string) behaviour { return thenClosing(plain(200, name)) }), "It does not announce that, so that the proxy may have kept the connection."},
		{`an upstream {string} that waits`, behaving(func(name string) behaviour { return holding(plainAnswer(200, name)) }), "Answers with its name when it is released."},
		{`an upstream {string} that streams {string}`, w.upstreamStreams, "Chunks separated by `|`. The first is sent at once, each other one when the upstream is released."},
		{`an upstream {string} that sends {int} bytes, one every {int} ms`, w.upstreamTrickles, ""},
		{`the upstream {string} is released`, w.release, "Lets one waiting answer go on; waits until there is one."},
		{`an HTTPS upstream {string}`, w.httpsUpstream, "Speaks TLS with a certificate for its address, from the CA that the daemon trusts."},
		{`an HTTPS upstream {string} with a certificate for {string}`, w.httpsUpstreamFor, ""},
		{`an HTTPS upstream {string} with a certificate that nobody trusts`, w.httpsUpstreamUntrusted, ""},
		{`an HTTPS upstream {string} that waits`, w.httpsUpstreamWaits, "Answers with its name when it is released."},
		{`no upstream {string}`, w.noUpstream, "Its address refuses connections."},
		{`an upstream {string} that does not accept connections`, w.blackHole, "Connecting to it neither succeeds nor fails."},
		{`an upstream {string} that never speaks`, w.muteUpstream, "It accepts connections and reads and sends nothing."},
		{`an upstream {string} that greets with {string}`, w.greetingUpstream, "It sends exact bytes as soon as it is connected to, as servers of other protocols do, and closes."},
		{`the upstream {string} closes its connections`, w.dropUpstream, ""},
		{`the upstream {string} goes away`, w.stopUpstream, "Closes its connections and refuses new ones."},
		{`the sample upstream {string}`, w.sampleUpstream, "A process of cmd/sample-upstream: echoes what it got as JSON; /stream, /bytes/N, /sleep/MS, /status/N, /trailers, /hints, /early, /close-early, /garbage, /nothing."},
	}
}

func (w *World) upstreamAnswers(name string, status int, body string) error {
	return w.startUpstream(name, nil, plain(status, body))
}

func (w *World) rawUpstream(name string, text *godog.DocString, make func(string) behaviour) error {
	answer, err := rawBytes(text.Content)
	if err != nil {
		return err
	}
	return w.startUpstream(name, nil, make(answer))
}

func (w *World) upstreamAnswersRaw(name string, text *godog.DocString) error {
	return w.rawUpstream(name, text, answering)
}

func (w *World) upstreamAnswersCloses(name string, text *godog.DocString) error {
	return w.rawUpstream(name, text, answeringAndClosing)
}

func (w *World) upstreamAnswersEarly(name string, text *godog.DocString) error {
	return w.rawUpstream(name, text, answeringEarly)
}

func (w *World) upstreamSends(name string, count int) error {
	return w.startUpstream(name, nil, sendingBytes(int64(count)))
}

func (w *World) upstreamStreams(name, chunks string) error {
	return w.startUpstream(name, nil, streaming(strings.Split(chunks, "|")))
}

func (w *World) upstreamTrickles(name string, count, ms int) error {
	return w.startUpstream(name, nil, trickling(count, time.Duration(ms)*time.Millisecond))
}

// upstream returns the one of that name.
func (w *World) upstream(name string) (*upstream, error) {
	if up, ok := w.upstreams[name]; ok && up.listener != nil {
		return up, nil
	}
	return nil, fmt.Errorf("there is no scripted upstream %q", name)
}

func (w *World) release(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	select {
	case up.release <- struct{}{}:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("nothing waits in the upstream %q", name)
	}
}

func (w *World) httpsUpstream(name string) error {
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.httpsUpstreamFor(name, hostOnly(address))
}

func (w *World) httpsUpstreamFor(name, list string) error {
	return w.startHTTPS(name, w.suite.ca, names(list), plain(200, name))
}

func (w *World) httpsUpstreamUntrusted(name string) error {
	other, err := newAuthority()
	if err != nil {
		return err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.startHTTPS(name, other, []string{hostOnly(address)}, plain(200, name))
}

func (w *World) httpsUpstreamWaits(name string) error {
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.startHTTPS(name, w.suite.ca, []string{hostOnly(address)}, holding(plainAnswer(200, name)))
}

func (w *World) startHTTPS(name string, ca *authority, names []string, behave behaviour) error {
	cert, err := ca.pair(names...)
	if err != nil {
		return err
	}
	return w.startUpstream(name, &tls.Config{Certificates: []tls.Certificate{cert}}, behave)
}

func (w *World) noUpstream(name string) error {
	w.remembered["absent:"+name] = "yes"
	_, err := w.upstreamAddress(name)
	return err
}

// blackHole makes a listening socket whose queue is full, so that the kernel drops further connections' first packets.
func (w *World) blackHole(name string) error {
	if err := w.noUpstream(name); err != nil {
		return err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	host, portText, _ := net.SplitHostPort(address)
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.cleanup(func() error { return syscall.Close(socket) })
	at := &syscall.SockaddrInet4{Port: port, Addr: [4]byte(net.ParseIP(host).To4())}
	if err := syscall.Bind(socket, at); err != nil {
		return err
	}
	if err := syscall.Listen(socket, 0); err != nil {
		return err
	}
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return nil // the queue is full
		}
		w.cleanup(conn.Close)
	}
	return errors.New("the kernel goes on accepting connections for a queue of length 0")
}

// muteUpstream listens and leaves accepting to the kernel's queue, so that connections are made and nobody answers.
func (w *World) muteUpstream(name string) error {
	if err := w.noUpstream(name); err != nil {
		return err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	w.cleanup(listener.Close)
	return nil
}

func (w *World) greetingUpstream(name, text string) error {
	greeting, err := unescape(text)
	if err != nil {
		return err
	}
	if err := w.noUpstream(name); err != nil {
		return err
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	w.cleanup(listener.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, greeting)
			_ = conn.Close()
		}
	}()
	return nil
}

func (w *World) dropUpstream(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	up.dropConnections()
	return nil
}

func (w *World) stopUpstream(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	up.close()
	return nil
}

func (w *World) sampleUpstream(name string) error {
	p, err := w.start("sample-upstream", exec.Command(w.suite.SampleUpstream, "-listen", w.addresses.address(11)+":0", "-name", name))
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		for _, line := range p.stdout.lines() {
			if address, ok := strings.CutPrefix(line, "listening on "); ok {
				w.upstreams[name] = &upstream{name: name, address: address}
				return nil
			}
		}
		return fmt.Errorf("the sample upstream does not tell its address: %s", p.stderr.text())
	})
}

func (w *World) receivedSteps() []step {
	return []step{
		{`the upstream {string} received {int} request(s)`, w.receivedCount, "Waits until there are that many, and fails if there are more."},
		{`the upstream {string} received nothing`, w.receivedNothing, ""},
		{`the upstream {string} received {string}`, w.receivedRequest, "The method and target of the last request: `GET /a%20b?c`."},
		{`the upstream {string} received no {string}`, w.receivedNoRequest, "No request with that method and target."},
		{`the upstream {string} received the field {string} with {string}`, w.receivedField, "Of the last request, here and below. Exactly one field of that name with that value."},
		{`the upstream {string} received the fields {string} with {string}`, w.receivedFields, "Several of one name: values separated by `|`."},
		{`the upstream {string} received no field {string}`, w.receivedNoField, ""},
		{`the upstream {string} received the bytes:`, w.receivedBytes, "The exact head, each line ended by CRLF and the empty line added."},
		{`the upstream {string} received the body {string}`, w.receivedBody, ""},
		{`the upstream {string} received a body of {int} bytes`, w.receivedBodySize, "Waits for it."},
		{`the upstream {string} received the trailer {string} with {string}`, w.receivedTrailer, ""},
		{`the upstream {string} received no whole body`, w.receivedCutBody, "The proxy gave the request up before its end."},
		{`the upstream {string} received no request whole`, w.receivedNothingWhole, "What it received, if anything, was given up."},
		{`the upstream {string} has {int} connection(s) open`, w.upstreamConns, "Waits for it."},
		{`the upstream {string} was connected to {int} time(s)`, w.upstreamAccepted, "Connections in all, not requests."},
		{`the upstream {string} was connected to at most {int} times`, w.upstreamAcceptedAtMost, ""},
		{`the request to the upstream {string} is given up`, w.upstreamGone, "The proxy closes the connection of the last request, where the upstream never answers, stops or streams."},
	}
}

// lastReceived returns the last request, and waits for the first.
func (w *World) lastReceived(name string) (last received, err error) {
	up, err := w.upstream(name)
	if err != nil {
		return last, err
	}
	err = w.eventually(func() error {
		requests := up.received()
		if len(requests) == 0 {
			return fmt.Errorf("the upstream %q has received no request", name)
		}
		last = requests[len(requests)-1]
		return nil
	})
	return last, err
}

func (w *World) receivedCount(name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	err = w.eventually(func() error {
		if got := len(up.received()); got < want {
			return fmt.Errorf("got %d requests, want %d", got, want)
		}
		return nil
	})
	if got := len(up.received()); err == nil && got > want {
		err = fmt.Errorf("got %d requests, want %d", got, want)
	}
	return err
}

func (w *World) receivedNothing(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	if got := up.received(); len(got) > 0 {
		return fmt.Errorf("got %d requests, the first %q, want none", len(got), got[0].head)
	}
	return nil
}

func (w *World) receivedRequest(name, want string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := req.method + " " + req.target; got != want {
		return fmt.Errorf("got %q, want %q", clip(got), clip(want))
	}
	return nil
}

func (w *World) receivedNoRequest(name, unwanted string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	for _, req := range up.received() {
		if got := req.method + " " + req.target; got == unwanted {
			return fmt.Errorf("got %q, want no such request", clip(got))
		}
	}
	return nil
}

func (w *World) receivedField(name, field, want string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := values(req.fields, field); len(got) != 1 || got[0] != want {
		return fmt.Errorf("got %s: %q, want one, %q", field, got, want)
	}
	return nil
}

func (w *World) receivedFields(name, field, want string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := strings.Join(values(req.fields, field), "|"); got != want {
		return fmt.Errorf("got %s: %q, want %q", field, got, want)
	}
	return nil
}

func (w *World) receivedNoField(name, field string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := values(req.fields, field); len(got) > 0 {
		return fmt.Errorf("got %s: %q, want no such field", field, got)
	}
	return nil
}

func (w *World) receivedBytes(name string, text *godog.DocString) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	want, err := rawBytes(text.Content + "\n")
	if err != nil {
		return err
	}
	if req.head != want {
		return fmt.Errorf("got  %q\nwant %q", req.head, want)
	}
	return nil
}

func (w *World) receivedBody(name, want string) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if !req.done || !bytes.Equal(req.body, []byte(want)) {
			return fmt.Errorf("got the body %q (to its end: %v), want %q", clip(string(req.body)), req.done, want)
		}
		return nil
	})
}

func (w *World) receivedBodySize(name string, want int) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if !req.done || req.bodyBytes != int64(want) {
			return fmt.Errorf("got a body of %d bytes (to its end: %v), want %d", req.bodyBytes, req.done, want)
		}
		return nil
	})
}

func (w *World) receivedTrailer(name, field, want string) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if got := value(req.trailers, field); got != want {
			return fmt.Errorf("got the trailers %v, want %s: %s", req.trailers, field, want)
		}
		return nil
	})
}

func (w *World) receivedCutBody(name string) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if req.bodyErr == nil {
			return fmt.Errorf("the body of %d bytes has not failed (to its end: %v)", req.bodyBytes, req.done)
		}
		return nil
	})
}

func (w *World) receivedNothingWhole(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		for _, req := range up.received() {
			if req.bodyErr == nil {
				return fmt.Errorf("the body of %d bytes has not failed (to its end: %v)", req.bodyBytes, req.done)
			}
		}
		return nil
	})
}

func (w *World) upstreamConns(name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		if got := up.openConns(); got != want {
			return fmt.Errorf("got %d open connections, want %d", got, want)
		}
		return nil
	})
}

func (w *World) upstreamAccepted(name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.accepted != want {
		return fmt.Errorf("got %d connections, want %d", up.accepted, want)
	}
	return nil
}

func (w *World) upstreamAcceptedAtMost(name string, most int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.accepted > most {
		return fmt.Errorf("got %d connections, want at most %d", up.accepted, most)
	}
	return nil
}

func (w *World) upstreamGone(name string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	select {
	case <-req.gone:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the proxy has kept the request to %q open", name)
	}
}

package steps

import (
	"fmt"
	"os/exec"
	"strings"
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
		{`an upstream {string} that streams {string}`, w.upstreamStreams, "Chunks separated by `|`. The first is sent immediately, each other one when the upstream is released."},
		{`an upstream {string} that sends {int} bytes, one every {int} ms`, w.upstreamTrickles, ""},
		{`the upstream {string} is released`, w.release, "Lets one waiting answer continue; waits until there is one."},
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

// upstream returns the upstream with that name.
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
				w.upstreams[name] = &upstream{name: name, address: address, process: p}
				return nil
			}
		}
		return fmt.Errorf("the sample upstream does not tell its address: %s", p.stderr.text())
	})
}

package steps

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"reverse-proxy/conformance/acmetest"
)

// acmeFaultSteps are the steps about a CA that is at fault. It issues certificates, and believes every answer to a challenge.
func (w *World) acmeFaultSteps() []step {
	return []step{
		{`an ACME server that refuses {word} with {int} {string}`, w.fakeCA, "Another server than Pebble, which believes every answer to a challenge and counts requests: `directories`, `nonces`, `accounts`, `orders`, `authorizations`, `challenges`, `finalizations` or `certificates`, the HTTP status and the type of the problem document."},
		{`an ACME server that refuses {word} with {int} {string} and names a wait of {int} seconds`, w.fakeCAFor, "In Retry-After."},
		{`an ACME server that hangs at {word}`, w.hangingCA, "The same words. It reads such a request and does not answer."},
		{`an ACME server that believes every answer`, w.gullibleCA, "The same server, at which nothing fails."},
		{`an ACME server that never validates`, w.undecidedCA, "It accepts the answer to a challenge, and its validation never ends."},
		{`the ACME server was asked for {word}`, w.awaitRequest, "The same words. Waits for it."},
		{`the ACME server works again`, w.mendCA, "It refuses nothing any more, and answers what it hung at."},
		{`the ACME server has seen {int} order(s) that replace(s) a certificate`, w.replacedAre, "A Pebble, which checks that it issued the certificate to the same account and that no other order has replaced it."},
		{`the next proxy is killed at the system call {word} for {string}`, w.killAtCall, "By strace, as the call begins; the string is a path that the call names, or that its descriptor has. For scenarios tagged @strace."},
		{`the proxy ends by being killed`, w.endsKilled, "Waits for it."},
		{`the directory {string} holds only {string}`, w.holdsOnly, "Names separated by commas. Waits for it."},
	}
}

// fakePaths are the paths of a FakeCA by the words for them.
var fakePaths = map[string]string{
	"directories": acmetest.FakeCADirectory, "nonces": acmetest.FakeCANewNonce, "accounts": acmetest.FakeCANewAccount,
	"orders": acmetest.FakeCANewOrder, "authorizations": acmetest.FakeCAAuthorization, "challenges": acmetest.FakeCAChallenge,
	"finalizations": acmetest.FakeCAFinalize, "certificates": acmetest.FakeCACertificate,
}

// fakePath returns the path of a FakeCA for a word.
func fakePath(what string) (string, error) {
	path, ok := fakePaths[what]
	if !ok {
		return "", fmt.Errorf("%q is not a request to the ACME server; the words are those of %q", what, "an ACME server that refuses")
	}
	return path, nil
}

// startFakeCA starts a CA at which change then makes something fail.
func (w *World) startFakeCA(change func(*acmetest.FakeCA)) error {
	ca := acmetest.StartFakeCA()
	w.cleanup(func() error { ca.Close(); return nil })
	if err := ca.Issue(nil); err != nil {
		return err
	}
	ca.Challenge(true)
	change(ca)
	file := filepath.Join(w.dir, "acme-ca.pem")
	w.acme = &acmeServer{directory: ca.DirectoryURL, caFile: file, fake: ca}
	return ca.WriteCAFile(file)
}

func (w *World) fakeCA(what string, status int, problem string) error {
	return w.fakeCAFor(what, status, problem, 0)
}

func (w *World) fakeCAFor(what string, status int, problem string, wait int) error {
	path, err := fakePath(what)
	if err != nil {
		return err
	}
	return w.startFakeCA(func(ca *acmetest.FakeCA) {
		ca.Refuse(path, acmetest.Refusal{Status: status, Type: problem, Detail: "refused by the suite", RetryAfter: time.Duration(wait) * time.Second})
	})
}

func (w *World) hangingCA(what string) error {
	path, err := fakePath(what)
	if err != nil {
		return err
	}
	mended := make(chan struct{})
	err = w.startFakeCA(func(ca *acmetest.FakeCA) {
		ca.Answer(path, func(rw http.ResponseWriter, r *http.Request) {
			select {
			case <-mended:
				ca.Serve(rw, r)
			case <-r.Context().Done():
			}
		})
	})
	if err == nil {
		w.acme.mended = mended
	}
	return err
}

func (w *World) gullibleCA() error { return w.startFakeCA(func(*acmetest.FakeCA) {}) }

func (w *World) undecidedCA() error {
	return w.startFakeCA(func(ca *acmetest.FakeCA) { ca.Challenge(false) })
}

// faultyCA returns the CA of the scenario, which must be one of those above.
func (w *World) faultyCA() (*acmetest.FakeCA, error) {
	if w.acme == nil || w.acme.fake == nil {
		return nil, errors.New("the scenario has no ACME server that can be at fault")
	}
	return w.acme.fake, nil
}

func (w *World) awaitRequest(what string) error {
	path, err := fakePath(what)
	if err != nil {
		return err
	}
	ca, err := w.faultyCA()
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		if ca.Requests(path) == 0 {
			return fmt.Errorf("the ACME server was not asked for %s", what)
		}
		return nil
	})
}

func (w *World) mendCA() error {
	ca, err := w.faultyCA()
	if err != nil {
		return err
	}
	for _, path := range fakePaths {
		ca.Answer(path, nil)
		ca.Refuse(path, acmetest.Refusal{})
	}
	ca.Challenge(true)
	if w.acme.mended != nil {
		close(w.acme.mended)
		w.acme.mended = nil
	}
	return nil
}

func (w *World) replacedAre(want int) error {
	if w.acme == nil || w.acme.pebble == nil {
		return errors.New("the scenario has no ACME server that says what an order replaces")
	}
	if got := w.acme.pebble.Replacements(); got != want {
		return fmt.Errorf("got %d orders that replace a certificate, want %d", got, want)
	}
	return nil
}

func (w *World) killAtCall(call, path string) error {
	w.launch.killedAt = [2]string{call, w.path(path)}
	return nil
}

func (w *World) endsKilled() error {
	if w.daemon == nil {
		return errors.New("the daemon was not started")
	}
	code, err := w.daemon.wait(patience)
	switch {
	case err == nil:
		return fmt.Errorf("the daemon ended with %d, want it killed", code)
	case w.daemon.running():
		return err
	}
	return nil
}

func (w *World) holdsOnly(dir, list string) error {
	want := names(list)
	slices.Sort(want)
	return w.eventually(func() error {
		entries, err := os.ReadDir(w.path(dir))
		if err != nil {
			return err
		}
		var got []string
		for _, entry := range entries {
			got = append(got, entry.Name())
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s holds %s, want %s", dir, strings.Join(got, ", "), strings.Join(want, ", "))
		}
		return nil
	})
}

package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/eventlog"
)

// scriptedListener is a listener that returns the results of a script, one per Accept. At the end of the script it blocks
// until it is closed. It records when each Accept was called.
type scriptedListener struct {
	mu     sync.Mutex
	script []error
	calls  []time.Time
	closed chan struct{}
}

func newScriptedListener(script ...error) *scriptedListener {
	return &scriptedListener{script: script, closed: make(chan struct{})}
}

func (l *scriptedListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	l.calls = append(l.calls, time.Now())
	if len(l.script) == 0 {
		l.mu.Unlock()
		<-l.closed
		return nil, &net.OpError{Op: "accept", Err: net.ErrClosed}
	}
	err := l.script[0]
	l.script = l.script[1:]
	l.mu.Unlock()
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
	}
	client, server := net.Pipe()
	client.Close()
	return server, nil
}

func (l *scriptedListener) Close() error {
	close(l.closed)
	return nil
}

func (l *scriptedListener) Addr() net.Addr { return &net.TCPAddr{} }

// pauses returns the times between the calls of Accept.
func (l *scriptedListener) pauses() []time.Duration {
	var pauses []time.Duration
	for i := 1; i < len(l.calls); i++ {
		pauses = append(pauses, l.calls[i].Sub(l.calls[i-1]))
	}
	return pauses
}

// repeatError returns a list of n copies of err.
func repeatError(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// acceptTestLogger returns a logger that writes to a buffer; read the buffer after Close.
func acceptTestLogger(t *testing.T) (*eventlog.Logger, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	log, err := eventlog.New(eventlog.Options{Level: eventlog.LevelTrace, Format: eventlog.FormatText}, &out)
	if err != nil {
		t.Fatalf("eventlog.New: %v", err)
	}
	return log, &out
}

func TestBackoffListenerPausesLongerAfterEachErrorAndStartsAnewAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, out := acceptTestLogger(t)
		inner := newScriptedListener(append(append(repeatError(syscall.EMFILE, 10), nil), syscall.ENFILE, nil)...)
		ln := newBackoffListener(inner, "192.0.2.1:443", log)
		for range 2 {
			conn, err := ln.Accept()
			if err != nil {
				t.Fatalf("Accept: got error %v, want a connection", err)
			}
			conn.Close()
		}
		ms := time.Millisecond
		want := []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, 1000 * ms, 1000 * ms, 0, 5 * ms}
		if got := fmt.Sprint(inner.pauses()); got != fmt.Sprint(want) {
			t.Errorf("pauses between the tries: got %s, want %v", got, want)
		}
		ln.Close()
		log.Close()
		for _, want := range []string{"ERROR ACCEPT_ERROR", "192.0.2.1:443", "too many open files"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("log: got %q, want it to hold %q", out.String(), want)
			}
		}
	})
}

func TestBackoffListenerReturnsPermanentErrors(t *testing.T) {
	for _, permanent := range []error{syscall.EBADF, syscall.EINVAL, net.ErrClosed, os.ErrDeadlineExceeded} {
		t.Run(permanent.Error(), func(t *testing.T) {
			log, _ := acceptTestLogger(t)
			defer log.Close()
			ln := newBackoffListener(newScriptedListener(permanent), "test", log)
			if _, err := ln.Accept(); !errors.Is(err, permanent) {
				t.Errorf("Accept: got error %v, want %v", err, permanent)
			}
		})
	}
}

func TestBackoffListenerWaitsOutEveryTemporaryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := acceptTestLogger(t)
		for _, temporary := range temporaryAcceptErrors {
			conn, err := newBackoffListener(newScriptedListener(temporary, nil), "test", log).Accept()
			if err != nil {
				t.Errorf("Accept after %q: got error %v, want a connection", temporary, err)
				continue
			}
			conn.Close()
		}
		log.Close()
	})
}

func TestBackoffListenerCloseEndsThePauseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := acceptTestLogger(t)
		ln := newBackoffListener(newScriptedListener(repeatError(syscall.ENOMEM, 1000)...), "test", log)
		result := make(chan error)
		go func() {
			_, err := ln.Accept()
			result <- err
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		closedAt := time.Now()
		ln.Close()
		if err := <-result; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: got error %v, want net.ErrClosed", err)
		}
		if waited := time.Since(closedAt); waited != 0 {
			t.Errorf("Accept returned %v after Close, want at once", waited)
		}
		log.Close()
	})
}

package proxy

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"reverse-proxy/proxy/eventlog"
)

const (
	// acceptMinBackoff and acceptMaxBackoff bound the pause after an accept error (S-12.3).
	acceptMinBackoff = 5 * time.Millisecond
	acceptMaxBackoff = time.Second
)

// temporaryAcceptErrors are the errors of accept(2) that say nothing about the listening socket: a passing shortage of
// descriptors or memory, or a fault of the one connection that was about to be accepted, which Linux also reports here.
var temporaryAcceptErrors = [...]error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EAGAIN, syscall.EPROTO, syscall.EPERM,
	syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.ENONET, syscall.EHOSTUNREACH,
	syscall.EOPNOTSUPP, syscall.ENETUNREACH, syscall.ETIMEDOUT,
}

// backoffListener is a listener whose Accept waits out temporary errors.
type backoffListener struct {
	net.Listener
	name      string
	log       *eventlog.Logger
	closed    chan struct{}
	closeOnce sync.Once
}

// newBackoffListener wraps ln so that a temporary error of Accept never ends a server. Accept logs the error as
// ACCEPT_ERROR with name, at most once in 10 s (S-8.6), and tries again after 5 ms. The pause doubles with each further
// error in a row, up to 1 s (S-12.3). Accept returns all other errors, among them net.ErrClosed. Close ends the pause
// immediately.
func newBackoffListener(ln net.Listener, name string, log *eventlog.Logger) net.Listener {
	return &backoffListener{Listener: ln, name: name, log: log, closed: make(chan struct{})}
}

// Accept returns the next connection or a permanent error.
func (l *backoffListener) Accept() (net.Conn, error) {
	pause := acceptMinBackoff
	for {
		conn, err := l.Listener.Accept()
		if err == nil || !isTemporaryAcceptError(err) {
			return conn, err
		}
		l.log.Repeating(eventlog.LevelError, "accept "+l.name, "ACCEPT_ERROR", eventlog.Str("listener", l.name), eventlog.Err(err))
		if !l.wait(pause) {
			return nil, net.ErrClosed
		}
		pause = min(2*pause, acceptMaxBackoff)
	}
}

// wait pauses for d and reports whether the listener is still open.
func (l *backoffListener) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed:
		return false
	}
}

// Close closes the listener and ends a pending Accept. It may be called more than once.
func (l *backoffListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// isTemporaryAcceptError reports whether a later Accept may succeed after err.
func isTemporaryAcceptError(err error) bool {
	for _, temporary := range temporaryAcceptErrors {
		if errors.Is(err, temporary) {
			return true
		}
	}
	return false
}

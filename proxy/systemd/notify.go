package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"reverse-proxy/proxy/wording"
)

// sendTimeout bounds the sending of one message: a service manager that has stopped reading must not stop the
// daemon.
const sendTimeout = time.Second

// state is the daemon's state as last reported to the service manager.
type state int

// The states, in the order in which a daemon passes through them; reloading leads back to ready.
const (
	starting state = iota
	ready
	reloading
	stopping
)

// Notifier reports the daemon's state to the service manager with the protocol of sd_notify(3) (S-4.5). Without
// NOTIFY_SOCKET it does nothing. Each change of state and its message happen under one lock, so that READY=1 can never
// follow STOPPING=1. After Ready a message that cannot be sent is silently lost: the daemon's work is to serve. A notifier
// is safe for concurrent use.
type Notifier struct {
	// socket is the address from NOTIFY_SOCKET, or "".
	socket string
	mu     sync.Mutex
	state  state
}

// NewNotifier returns a notifier for the service manager that NOTIFY_SOCKET names.
func NewNotifier() *Notifier { return &Notifier{socket: os.Getenv("NOTIFY_SOCKET")} }

// Ready reports that startup is complete, with text for the status line. If NOTIFY_SOCKET is set and the message cannot
// be sent, it returns an error and the state remains starting: the service manager would wait for a message that never
// comes and kill the daemon. Only the first call in the starting state does anything.
func (n *Notifier) Ready(text string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != starting {
		return nil
	}
	if err := n.send(daemon.SdNotifyReady + "\n" + statusLine(text)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %s: cannot notify the service manager: %w; "+
			"start the daemon with Type=notify and NotifyAccess=main, or unset it", n.socket, wording.Cause(err))
	}
	n.state = ready
	return nil
}

// Status sets the line that `systemctl status` shows. It may be called in every state.
func (n *Notifier) Status(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(statusLine(text))
}

// Reloading reports that a reload has begun, with the time of its beginning, which Type=notify-reload requires in the same
// message. It does nothing unless the daemon is ready.
func (n *Notifier) Reloading() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != ready {
		return
	}
	n.state = reloading
	n.send(daemon.SdNotifyReloading + "\n" + strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Reloaded reports that the reload has ended, with text for the status line. The protocol has no failed reload: text is the
// place to say so. It does nothing unless Reloading came before and the daemon has not begun to stop since.
func (n *Notifier) Reloaded(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != reloading {
		return
	}
	n.state = ready
	n.send(daemon.SdNotifyReady + "\n" + statusLine(text))
}

// Stopping reports that the daemon has begun to stop, with text for the status line, and how long that may take: the
// configuration, not the unit, decides when a shutdown is too slow. No other state follows.
func (n *Notifier) Stopping(text string, within time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == stopping {
		return
	}
	n.state = stopping
	n.send(daemon.SdNotifyStopping + "\n" + statusLine(text) + "\n" + extendTimeout(within))
}

// ExtendTimeout asks the service manager to wait for the present start, reload or stop until d from now, while a slow
// operation such as ACME is in progress.
func (n *Notifier) ExtendTimeout(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(extendTimeout(d))
}

func extendTimeout(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}

// send sends one message as one datagram. The caller holds the lock. daemon.SdNotify does the same without a time limit.
func (n *Notifier) send(message string) error {
	if n.socket == "" {
		return nil
	}
	if n.socket[0] != '/' && n.socket[0] != '@' {
		return errors.New("it is neither an absolute path nor an abstract name")
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err = conn.Write([]byte(message))
	return err
}

// statusLine renders a status. A line end in the text would begin another assignment.
func statusLine(text string) string { return "STATUS=" + wording.OneLine(text) }

package proxy

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

// notifyTimeout bounds the sending of one message: a service manager that has stopped reading must not stop the
// daemon.
const notifyTimeout = time.Second

// notifyState is the daemon's state as last reported to the service manager.
type notifyState int

// The states, in the order in which a daemon passes through them; reloading leads back to ready.
const (
	notifyStarting notifyState = iota
	notifyReady
	notifyReloading
	notifyStopping
)

// notifier reports the daemon's state to the service manager with the protocol of sd_notify(3) (S-4.5). Without
// NOTIFY_SOCKET it does nothing. Each change of state and its message happen under one lock, so that READY=1 can never
// follow STOPPING=1. After Ready a message that cannot be sent is silently lost: the daemon's work is to serve. A notifier
// is safe for concurrent use.
type notifier struct {
	// socket is the address from NOTIFY_SOCKET, or "".
	socket string
	mu     sync.Mutex
	state  notifyState
}

// newNotifier returns a notifier for the service manager that NOTIFY_SOCKET names.
func newNotifier() *notifier { return &notifier{socket: os.Getenv("NOTIFY_SOCKET")} }

// Ready reports that startup is complete, with text for the status line. If NOTIFY_SOCKET is set and the message cannot be
// sent, it returns an error and the state remains starting: the service manager would wait for the message in vain and kill
// the daemon. Only the first call in the starting state does anything.
func (n *notifier) Ready(text string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != notifyStarting {
		return nil
	}
	if err := n.send(daemon.SdNotifyReady + "\n" + notifyStatusLine(text)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %s: cannot notify the service manager: %w; "+
			"start the daemon with Type=notify and NotifyAccess=main, or unset it", n.socket, wording.Cause(err))
	}
	n.state = notifyReady
	return nil
}

// Status sets the line that `systemctl status` shows. It may be called in every state.
func (n *notifier) Status(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(notifyStatusLine(text))
}

// Reloading reports that a reload has begun, with the time of its beginning, which Type=notify-reload requires in the same
// message. It does nothing unless the daemon is ready.
func (n *notifier) Reloading() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != notifyReady {
		return
	}
	n.state = notifyReloading
	n.send(daemon.SdNotifyReloading + "\n" + strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Reloaded reports that the reload has ended, with text for the status line. The protocol has no failed reload: text is the
// place to say so. It does nothing unless Reloading came before and the daemon has not begun to stop since.
func (n *notifier) Reloaded(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != notifyReloading {
		return
	}
	n.state = notifyReady
	n.send(daemon.SdNotifyReady + "\n" + notifyStatusLine(text))
}

// Stopping reports that the daemon has begun to stop, with text for the status line, and how long that may take: the
// configuration, not the unit, decides when a shutdown is too slow. No other state follows.
func (n *notifier) Stopping(text string, within time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == notifyStopping {
		return
	}
	n.state = notifyStopping
	n.send(daemon.SdNotifyStopping + "\n" + notifyStatusLine(text) + "\n" + extendTimeout(within))
}

// ExtendTimeout asks the service manager to wait for the present start, reload or stop until d from now, while a slow
// operation such as ACME is in progress.
func (n *notifier) ExtendTimeout(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(extendTimeout(d))
}

func extendTimeout(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}

// send sends one message as one datagram. The caller holds the lock. daemon.SdNotify does the same without a time limit.
func (n *notifier) send(message string) error {
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
	conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	_, err = conn.Write([]byte(message))
	return err
}

// notifyStatusLine renders a status. Control characters become spaces: a line end would begin another assignment.
func notifyStatusLine(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

package steps

import (
	"net"
	"strings"
	"sync"
)

// notifySocket is the service manager's end of sd_notify: it receives the daemon's datagrams.
type notifySocket struct {
	path string
	conn *net.UnixConn
	mu   sync.Mutex
	got  []string
	// onReady runs in the receiver as soon as READY=1 arrives, before anything else can happen in the scenario.
	onReady func()
	// asked reports whether onReady has contacted the ports; silent lists those that did not answer.
	asked  bool
	silent []string
	// ready is closed at the first READY=1.
	ready chan struct{}
	ended chan struct{}
}

func newNotifySocket(path string) (*notifySocket, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n := &notifySocket{path: path, conn: conn, ready: make(chan struct{}), ended: make(chan struct{})}
	go n.receive()
	return n, nil
}

func (n *notifySocket) receive() {
	defer close(n.ended)
	buf := make([]byte, 64<<10)
	isReady := false
	for {
		size, err := n.conn.Read(buf)
		if err != nil {
			return
		}
		message := string(buf[:size])
		n.mu.Lock()
		n.got = append(n.got, message)
		onReady := n.onReady
		n.mu.Unlock()
		if !isReady && hasLine(message, "READY=1") {
			isReady = true
			if onReady != nil {
				onReady()
			}
			close(n.ready)
		}
	}
}

// messages returns the datagrams so far.
func (n *notifySocket) messages() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.got...)
}

// whenReady sets the function that runs when READY=1 arrives.
func (n *notifySocket) whenReady(fn func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.onReady = fn
}

func (n *notifySocket) close() {
	_ = n.conn.Close()
	<-n.ended
}

// hasLine reports whether a line of the message is want or, if want ends in `=`, begins with it.
func hasLine(message, want string) bool {
	for line := range strings.SplitSeq(message, "\n") {
		if line == want || strings.HasSuffix(want, "=") && strings.HasPrefix(line, want) {
			return true
		}
	}
	return false
}

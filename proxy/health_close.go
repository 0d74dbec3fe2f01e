package proxy

import (
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// healthFlush is how long a client of the health port may take nothing while its connection closes, although the
	// kernel still holds data for it. healthLook is the time between two checks whether it has taken some.
	healthFlush = 4 * time.Second
	healthLook  = 5 * time.Millisecond
)

// healthListener accepts the connections of the health port.
type healthListener struct {
	net.Listener
	closed atomic.Bool
}

// Accept returns the next connection, which is a healthConn.
func (l *healthListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &healthConn{TCPConn: tcp, of: l}, nil
	}
	return conn, err
}

// Close closes the listener. From then on, its connections close without waiting for their clients.
func (l *healthListener) Close() error {
	l.closed.Store(true)
	return l.Listener.Close()
}

// healthConn is a connection of the health port. net/http closes a connection right after it has written the answer.
type healthConn struct {
	*net.TCPConn
	of *healthListener
}

// Close closes the connection when the client has taken everything, or has taken nothing for healthFlush. Otherwise the
// kernel would keep the rest for minutes for a client that takes nothing (S-12.9). When TCP is out of memory, the
// kernel would discard the rest of an answer and reset the connection.
func (c *healthConn) Close() error {
	if !c.flush() {
		_ = c.SetLinger(0) // fails only if the connection is already gone
	}
	return c.TCPConn.Close()
}

// cut closes the connection at once, and discards what its client has not taken.
func (c *healthConn) cut() {
	_ = c.SetLinger(0) // both fail only if the connection is already gone
	_ = c.TCPConn.Close()
}

// flush waits until the client has taken everything. It returns false after healthFlush without progress.
func (c *healthConn) flush() bool {
	last, since := 0, time.Now()
	for {
		unsent := c.unsent()
		switch {
		case unsent == 0 || c.of.closed.Load():
			return true
		case unsent != last:
			last, since = unsent, time.Now()
		case time.Since(since) > healthFlush:
			return false
		}
		time.Sleep(healthLook)
	}
}

// unsent returns how many bytes the client has not acknowledged.
func (c *healthConn) unsent() (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // fails only if the connection is closed, which leaves 0
		if n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err != nil {
			n = 0
		}
	})
	return n
}

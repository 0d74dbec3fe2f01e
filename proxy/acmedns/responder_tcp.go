package acmedns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxConns bounds the TCP connections, and maxConnsPerAddress those of one address. The oldest one makes room.
	maxConns, maxConnsPerAddress = 64, 4
	// connTimeout bounds the time for one message with its answer, and connLife that of a connection.
	connTimeout, connLife = 3 * time.Second, 10 * time.Second
	// acceptPause is the wait after an accept that failed, as when there are no descriptors left.
	acceptPause = 50 * time.Millisecond
)

// serveTCP accepts connections. Each has a goroutine.
func (r *Responder) serveTCP() {
	var pace pacer
	for {
		conn, err := r.tcp.AcceptTCP()
		if errors.Is(err, net.ErrClosed) || r.ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return
		}
		pace.wait(r.ctx)
		if err != nil {
			pause(r.ctx, acceptPause)
			continue
		}
		from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
		forget := r.conns.add(conn, from)
		r.served.Go(func() {
			defer forget()
			defer conn.Close()
			r.serveConn(conn, from)
		})
	}
}

// serveConn answers the messages of one connection, each of which is preceded by its length (RFC 1035, section 4.2.2). It
// closes the connection of an address that already got its answers in this second.
func (r *Responder) serveConn(conn *net.TCPConn, from netip.Addr) {
	end := time.Now().Add(connLife)
	message := make([]byte, 2, 256)
	for {
		deadline := time.Now().Add(connTimeout)
		if end.Before(deadline) {
			deadline = end
		}
		if err := conn.SetDeadline(deadline); err != nil || r.ctx.Err() != nil {
			return
		}
		if _, err := io.ReadFull(conn, message[:2]); err != nil {
			return
		}
		length := int(binary.BigEndian.Uint16(message[:2]))
		if length < headerLen || length > maxQuery {
			return
		}
		if length > cap(message) {
			message = make([]byte, length)
		}
		message = message[:length]
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		answer := r.reply(message, from, false)
		if answer == nil {
			return
		}
		framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(answer)), uint16(len(answer)))
		if _, err := conn.Write(append(framed, answer...)); err != nil {
			return
		}
	}
}

// pause waits for a time or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// connTable holds the connections, oldest first.
type connTable struct {
	mu     sync.Mutex
	conns  []tableConn
	closed bool
}

// tableConn is a connection of an address.
type tableConn struct {
	*net.TCPConn
	from netip.Prefix
}

// add adds a connection. If there are too many, it closes the oldest: a resolver needs its connection for milliseconds, so the
// oldest is most likely idle or an attack. The caller calls forget at the connection's end.
func (t *connTable) add(conn *net.TCPConn, addr netip.Addr) (forget func()) {
	from := clientOf(addr)
	t.mu.Lock()
	defer t.mu.Unlock()
	ofAddress, oldestOfAddress := 0, -1
	for i, c := range t.conns {
		if c.from == from {
			if ofAddress++; oldestOfAddress < 0 {
				oldestOfAddress = i
			}
		}
	}
	switch {
	case t.closed:
		conn.Close()
	case ofAddress >= maxConnsPerAddress:
		t.drop(oldestOfAddress)
	case len(t.conns) >= maxConns:
		t.drop(0)
	}
	t.conns = append(t.conns, tableConn{conn, from})
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, c := range t.conns {
			if c.TCPConn == conn {
				t.conns = append(t.conns[:i], t.conns[i+1:]...)
				return
			}
		}
	}
}

// drop closes a connection, whose goroutine then ends, and forgets it. The caller holds mu.
func (t *connTable) drop(i int) {
	conn := t.conns[i]
	t.conns = append(t.conns[:i], t.conns[i+1:]...)
	_ = conn.SetLinger(0)
	conn.Close()
}

// closeAll closes all connections, and those that come later.
func (t *connTable) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, conn := range t.conns {
		conn.Close()
	}
}

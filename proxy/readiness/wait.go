package readiness

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Wait is a connection's wait for the bytes of its next request. If it is long, the connection becomes dormant: its goroutine
// ends, and a Poller makes the connection start another one when bytes arrive.
//
//	running ──▶ waiting ──▶ running                          the read has returned
//	               │
//	               │ Ask
//	               ▼
//	            asking ──▶ asked ──▶ dormant ──▶ running     bytes have arrived, or the wait is interrupted
//	                         │
//	                         └──▶ running                    bytes arrived at the same moment
type Wait struct {
	// poller is nil if the connection never becomes dormant.
	poller *Poller
	owner  Owner
	conn   *net.TCPConn
	socket int
	// at is the state. The reading goroutine changes it, with two exceptions: Ask changes it from waiting to asking and
	// then to asked, and the holder of mu changes it from dormant to running.
	at atomic.Int32
	// interrupted reports whether something has interrupted the wait by setting the deadline of the socket. That
	// deadline must then stay in place.
	interrupted atomic.Bool
	mu          sync.Mutex
}

// Owner is the connection that a Wait belongs to. Its methods are called with a lock held, and must not block.
type Owner interface {
	// Sleep is called when the connection becomes dormant: its goroutine is about to end.
	Sleep()
	// Resume starts a goroutine, which calls Read again.
	Resume()
}

const (
	running int32 = iota
	waiting
	asking
	asked
	dormant
)

// ErrDormant ends the goroutine of a connection that has become dormant. The goroutine must not touch the connection any
// more: another one may already serve it.
var ErrDormant = errors.New("the connection is dormant")

// past is a deadline that makes reads and writes return.
var past = time.Unix(1, 0)

// Init sets the owner, and the connection whose descriptor is socket. With a nil poller the connection never becomes dormant.
func (w *Wait) Init(poller *Poller, owner Owner, conn *net.TCPConn, socket int) {
	w.poller, w.owner, w.conn, w.socket = poller, owner, conn, socket
}

// Read reads the beginning of a request from a net.Conn: the connection itself, or TLS over it. It returns ErrDormant
// if the connection has become dormant.
func (w *Wait) Read(from net.Conn, p []byte) (int, error) {
	for {
		w.at.Store(waiting)
		n, err := from.Read(p)
		if w.at.CompareAndSwap(waiting, running) {
			return n, err
		}
		for w.at.Load() == asking { // Ask is about to set the deadline
			runtime.Gosched()
		}
		w.at.Store(running)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			w.takeDeadlineBack()
			return n, err
		}
		if w.sleep() {
			return 0, ErrDormant
		}
	}
}

// Ask makes the connection become dormant if its goroutine is in Read.
func (w *Wait) Ask() {
	if w.poller != nil && w.at.CompareAndSwap(waiting, asking) {
		_ = w.conn.SetReadDeadline(past) // fails only if the connection is gone already
		w.at.Store(asked)
	}
}

// takeDeadlineBack takes back the deadline that Ask has set.
func (w *Wait) takeDeadlineBack() {
	_ = w.conn.SetReadDeadline(time.Time{}) // fails only if the connection is gone already
	if w.interrupted.Load() {
		_ = w.conn.SetReadDeadline(past) // an interruption has set this deadline too
	}
}

// sleep makes the connection dormant. It returns false if the wait is interrupted, or the socket cannot be watched.
func (w *Wait) sleep() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takeDeadlineBack()
	if w.interrupted.Load() || w.poller.Add(w.socket, w) != nil {
		return false
	}
	w.at.Store(dormant)
	w.owner.Sleep()
	return true
}

// Ready implements Waiter.
func (w *Wait) Ready() { w.wake() }

// wake makes the owner resume if the connection is dormant.
func (w *Wait) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at.CompareAndSwap(dormant, running) {
		w.poller.Remove(w.socket)
		w.owner.Resume()
	}
}

// EndRead interrupts the read in progress, or the next one.
func (w *Wait) EndRead() {
	w.interrupted.Store(true)
	_ = w.conn.SetReadDeadline(past) // fails only if the connection is gone already
	w.wake()
}

// EndReadAndWrite interrupts the write in progress too.
func (w *Wait) EndReadAndWrite() {
	w.interrupted.Store(true)
	_ = w.conn.SetDeadline(past) // fails only if the connection is gone already
	w.wake()
}

// Undo takes back an interruption: reads wait again.
func (w *Wait) Undo() {
	w.interrupted.Store(false)
	_ = w.conn.SetReadDeadline(time.Time{}) // fails only if the connection is gone already
}

// UndoReadAndWrite takes back the interruption of writes too.
func (w *Wait) UndoReadAndWrite() {
	w.interrupted.Store(false)
	_ = w.conn.SetDeadline(time.Time{}) // fails only if the connection is gone already
}

// IsWaiting reports whether a goroutine is in Read.
func (w *Wait) IsWaiting() bool { return w.at.Load() == waiting }

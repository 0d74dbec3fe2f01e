package soak

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Fault is what one of several upstreams does wrong.
type Fault int32

// The faults.
const (
	Sound Fault = iota
	// Hangs reads requests, and answers none of them.
	Hangs
	// Closes reads the head of each request, and closes.
	Closes
	// HalfHead answers with a part of a head, and closes.
	HalfHead
	// ResetsBody answers with the head and a part of the body, and resets the connection.
	ResetsBody
	// Refuses refuses connections.
	Refuses
	// BlackHole neither accepts nor refuses them.
	BlackHole
)

// holePatience is how long a connection to a black hole is waited for before its queue counts as full.
const holePatience = 300 * time.Millisecond

// member is one of several upstreams of a site. It answers each request with the last part of its path, and counts how often
// each of them reached it.
type member struct {
	addr  string
	fault atomic.Int32

	mu       sync.Mutex
	seen     map[string]int
	listener net.Listener
	conns    map[net.Conn]bool
	accepted int
	running  sync.WaitGroup
	// hole ends a black hole; nil for none.
	hole func()
}

// listen begins to accept connections, at the member's address if it has one.
func (m *member) listen() error {
	at := m.addr
	if at == "" {
		at = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addr, m.listener = listener.Addr().String(), listener
	if m.seen == nil {
		m.seen, m.conns = map[string]int{}, map[net.Conn]bool{}
	}
	m.running.Go(func() { m.accept(listener) })
	return nil
}

// hangUp stops accepting connections, and closes those that there are.
func (m *member) hangUp() {
	m.mu.Lock()
	_ = m.listener.Close()
	for conn := range m.conns {
		_ = conn.Close()
	}
	m.mu.Unlock()
	m.running.Wait()
}

// breakWith begins a fault.
func (m *member) breakWith(fault Fault) (err error) {
	m.fault.Store(int32(fault))
	switch fault {
	case Refuses:
		m.hangUp()
	case BlackHole:
		m.hangUp()
		m.hole, err = swallow(m.addr)
	}
	return err
}

// close ends the member.
func (m *member) close() {
	m.hangUp()
	if m.hole != nil {
		m.hole()
	}
}

func (m *member) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		m.mu.Lock()
		m.accepted++
		m.conns[conn] = true
		m.mu.Unlock()
		m.running.Go(func() {
			defer func() {
				_ = conn.Close()
				m.mu.Lock()
				delete(m.conns, conn)
				m.mu.Unlock()
			}()
			for in := bufio.NewReader(conn); m.serve(conn.(*net.TCPConn), in); {
			}
		})
	}
}

// serve takes one request, and reports whether the connection goes on.
func (m *member) serve(conn *net.TCPConn, in *bufio.Reader) bool {
	r, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	m.mu.Lock()
	m.seen[id]++
	m.mu.Unlock()
	fault := Fault(m.fault.Load())
	if fault == Closes {
		return false
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return false
	}
	switch fault {
	case Hangs:
		_, _ = io.Copy(io.Discard, in)
		return false
	case HalfHead:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le")
		return false
	case ResetsBody:
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 10+len(id), id)
		_ = conn.SetLinger(0)
		return false
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
	return err == nil
}

// times returns how often a request has reached the member.
func (m *member) times(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[id]
}

// swallow makes an address a black hole: a listening socket whose queue is full, so that the kernel drops the first packet of
// each further connection. The returned function ends it.
func swallow(addr string) (end func(), err error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	filling := make([]net.Conn, 0, 4)
	end = func() {
		_ = syscall.Close(socket)
		for _, conn := range filling {
			_ = conn.Close()
		}
	}
	err = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(socket, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())})
	}
	if err == nil {
		err = syscall.Listen(socket, 0)
	}
	for range cap(filling) {
		conn, dialErr := net.DialTimeout("tcp", addr, holePatience)
		if err != nil || dialErr != nil {
			break // the queue is full
		}
		filling = append(filling, conn)
	}
	if err != nil {
		end()
		return nil, err
	}
	return end, nil
}

package soak

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// member is one of several upstreams of a site. It answers each request with the last part of its path, and counts how often
// each of them reached it.
type member struct {
	wire Wire
	// dir holds the certificates and the sockets; "" if the wire needs neither.
	dir string
	// number is that of the member in its load.
	number int
	fault  atomic.Int32

	mu sync.Mutex
	// addr is where it listens; "" before the first time.
	addr     string
	tls      *tls.Config
	seen     map[string]int
	listener net.Listener
	conns    map[net.Conn]bool
	accepted int
	running  sync.WaitGroup
	// hole ends a black hole; nil for none.
	hole func()
	// log gets the identity of each request; nil for none.
	log io.Writer
	// process is the one in which the member runs; nil for this one.
	process *process
}

// address returns the member's address as the configuration has it.
func (m *member) address() string {
	if m.wire.Unix {
		return "unix:" + m.addr
	}
	return m.addr
}

// listen begins to accept connections, at the member's address if it has one.
func (m *member) listen() error {
	if m.process != nil {
		return m.process.start(m)
	}
	network, at := m.wire.network(m.dir, m.number)
	if m.addr != "" {
		at = m.addr
	}
	if m.wire.TLS {
		config, err := m.wire.tlsConfig(m.dir, m.current())
		if err != nil {
			return err
		}
		m.tls = config
	}
	listener, err := net.Listen(network, at)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addr, m.listener = listener.Addr().String(), listener
	if m.seen == nil {
		m.seen, m.conns = map[string]int{}, map[net.Conn]bool{}
	}
	m.running.Go(func() { m.accept(listener, m.tls) })
	return nil
}

// current returns the fault that the member has now.
func (m *member) current() Fault { return Fault(m.fault.Load()) }

// hangUp stops accepting connections, and closes those that there are.
func (m *member) hangUp() {
	m.mu.Lock()
	if m.listener != nil {
		_ = m.listener.Close()
	}
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
		m.hole, err = swallow(m.wire, m.addr)
	case ClosesSecond, Expires, ChangesName, ChangesCA: // these concern new connections
		m.hangUp()
		err = m.listen()
	case Killed, Stopped:
		err = m.process.suffer(fault)
	}
	return err
}

// close ends the member.
func (m *member) close() {
	if m.process != nil {
		m.process.end()
	}
	m.hangUp()
	if m.hole != nil {
		m.hole()
	}
}

func (m *member) accept(listener net.Listener, config *tls.Config) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		m.mu.Lock()
		m.accepted++
		number := m.accepted
		m.conns[conn] = true
		m.mu.Unlock()
		m.running.Go(func() {
			defer func() {
				_ = conn.Close()
				m.mu.Lock()
				delete(m.conns, conn)
				m.mu.Unlock()
			}()
			m.serve(conn, config, number)
		})
	}
}

// serve serves a connection, the one with the number since the start.
func (m *member) serve(raw net.Conn, config *tls.Config, number int) {
	switch fault := m.current(); {
	case fault == SaysNothing:
		_, _ = io.Copy(io.Discard, raw)
		return
	case fault == ClosesSecond && number%2 == 0:
		return
	}
	conn := raw
	if config != nil {
		conn = tls.Server(raw, config)
	}
	if m.wire.HTTP2 {
		newFrames(m, raw, conn).serve()
		return
	}
	in := bufio.NewReader(conn)
	for served := 1; m.serveHTTP1(raw, conn, in) && !m.isWorn(served); served++ {
	}
}

// wornAfter is how many requests a connection has before a member that closes every second connection closes this one too, so
// that there are further ones.
const wornAfter = 20

// isWorn reports whether a connection that has served so many requests ends.
func (m *member) isWorn(served int) bool { return served >= wornAfter && m.current() == ClosesSecond }

// sees counts a request.
func (m *member) sees(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[id]++
	if m.log != nil {
		_, _ = fmt.Fprintln(m.log, id)
	}
}

// times returns how often a request has reached the member.
func (m *member) times(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[id]
}

package redistest

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Relay is a server in front of a real one that can answer a command itself, in any way.
type Relay struct {
	// Address is its host and port.
	Address string

	listener net.Listener
	server   *Server
	sessions sync.WaitGroup

	mu     sync.Mutex
	answer Answer
	open   []io.Closer
	closed bool
}

// Answer answers a command, whose name is in upper case, by writing to w, and reports whether it did. If it did not,
// the real server answers.
type Answer func(name string, args []string, w io.Writer) bool

// StartRelay starts a relay. The caller closes it.
func StartRelay(server *Server) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{Address: listener.Addr().String(), listener: listener, server: server, open: []io.Closer{listener}}
	r.sessions.Go(r.accept)
	return r, nil
}

// RelayForTest starts a relay that ends with the test.
func RelayForTest(t testing.TB, server *Server) *Relay {
	t.Helper()
	r, err := StartRelay(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// Set sets the function that answers commands from now on. With nil the real server answers all of them.
func (r *Relay) Set(answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *Relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		if r.keep(conn) {
			r.sessions.Go(func() { r.serve(conn) })
		}
	}
}

// keep records a connection so that Close can close it. It returns false if Close was already called.
func (r *Relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		conn.Close()
		return false
	}
	r.open = append(r.open, conn)
	return true
}

// Close ends the relay and its connections.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	for _, c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.sessions.Wait()
}

// serve answers the commands of a connection.
func (r *Relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server.Address)
	if err != nil || !r.keep(server) {
		return
	}
	defer server.Close()
	r.sessions.Go(func() { io.Copy(client, server); client.Close() })
	commands := bufio.NewReader(client)
	for {
		args, raw, err := readCommand(commands)
		if err != nil {
			return
		}
		r.mu.Lock()
		answer := r.answer
		r.mu.Unlock()
		if answer != nil && answer(strings.ToUpper(args[0]), args[1:], client) {
			continue
		}
		if _, err := server.Write(raw); err != nil {
			return
		}
	}
}

// readCommand reads a command: an array of strings.
func readCommand(r *bufio.Reader) (args []string, raw []byte, err error) {
	length := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		raw = append(raw, line...)
		return strconv.Atoi(strings.TrimSpace(line)[1:])
	}
	n, err := length()
	for ; err == nil && n > 0; n-- {
		var size int
		if size, err = length(); err != nil {
			break
		}
		text := make([]byte, size+2)
		if _, err = io.ReadFull(r, text); err != nil {
			break
		}
		raw = append(raw, text...)
		args = append(args, string(text[:size]))
	}
	return args, raw, err
}

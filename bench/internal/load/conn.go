//go:build linux

package load

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/bench/internal/epoll"
)

// patience bounds every wait for a single step: a connect, a handshake, room in a send buffer, an answer.
const patience = 10 * time.Second

// sendBuffer is the size of a connection's send buffer, in bytes. A whole request fits, so that a write never waits and
// delays the other connections.
const sendBuffer = 512 << 10

// againError means that a non-blocking read found no data. crypto/tls keeps its state after errors that are Temporary.
type againError struct{}

func (againError) Error() string   { return "nothing to read yet" }
func (againError) Timeout() bool   { return true }
func (againError) Temporary() bool { return true }

// isAgain reports whether the error of a read means only that there was no data.
func isAgain(err error) bool {
	_, ok := err.(againError)
	return ok
}

// rawConn is a TCP connection outside the Go runtime's poller, as a net.Conn for crypto/tls.
type rawConn struct {
	fd int
	// blocking makes Read wait, for at most patience.
	blocking bool
}

// dialRaw connects to addr.
func dialRaw(addr netip.AddrPort) (*rawConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := connect(fd, addr); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("%s: connect: %w", addr, err)
	}
	return &rawConn{fd: fd, blocking: true}, nil
}

func connect(fd int, addr netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
		return err
	}
	err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	if err := epoll.Await(fd, unix.POLLOUT, patience); err != nil {
		return err
	}
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

func (c *rawConn) Read(p []byte) (int, error) {
	for {
		n, err := epoll.Read(c.fd, p)
		switch {
		case err == unix.EAGAIN && c.blocking:
			if err := epoll.Await(c.fd, unix.POLLIN, patience); err != nil {
				return 0, err
			}
		case err == unix.EAGAIN:
			return 0, againError{}
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c *rawConn) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := epoll.Write(c.fd, p[written:])
		if err == unix.EAGAIN {
			err = epoll.Await(c.fd, unix.POLLOUT, patience)
		}
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

func (c *rawConn) Close() error                     { return unix.Close(c.fd) }
func (c *rawConn) LocalAddr() net.Addr              { return nil }
func (c *rawConn) RemoteAddr() net.Addr             { return nil }
func (c *rawConn) SetDeadline(time.Time) error      { return nil }
func (c *rawConn) SetReadDeadline(time.Time) error  { return nil }
func (c *rawConn) SetWriteDeadline(time.Time) error { return nil }

// forgetful is a session cache that never has a session. With it the client offers resumption, as browsers do, and gets
// the server's tickets, but every handshake is a full one.
type forgetful struct{}

func (forgetful) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (forgetful) Put(string, *tls.ClientSessionState)        {}

// tlsConfig offers only one key exchange, so that every peer has the same work. It checks only the kind of the
// certificate: verifying the chain would cost time on the load's core and none on the proxy's.
func tlsConfig(serverName, protocol string) *tls.Config {
	return &tls.Config{
		ServerName:                  serverName,
		NextProtos:                  []string{protocol},
		MinVersion:                  tls.VersionTLS13,
		CurvePreferences:            []tls.CurveID{tls.X25519},
		ClientSessionCache:          forgetful{},
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true,
		VerifyConnection:            func(state tls.ConnectionState) error { return sameWork(state, protocol) },
	}
}

// sameWork refuses a connection that costs more or less than those of the other peers.
func sameWork(state tls.ConnectionState, protocol string) error {
	if state.CipherSuite != tls.TLS_AES_128_GCM_SHA256 || state.CurveID != tls.X25519 || state.DidResume {
		return fmt.Errorf("got %s, %s, resumed %v, want TLS_AES_128_GCM_SHA256, X25519, not resumed",
			tls.CipherSuiteName(state.CipherSuite), state.CurveID, state.DidResume)
	}
	if state.NegotiatedProtocol != protocol {
		return fmt.Errorf("got the protocol %q, want %q", state.NegotiatedProtocol, protocol)
	}
	if len(state.PeerCertificates) == 0 {
		return errors.New("got no certificate")
	}
	key, ok := state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return fmt.Errorf("got a certificate with a %T, want ECDSA P-256", state.PeerCertificates[0].PublicKey)
	}
	return nil
}

// dialTLS connects and performs the handshake, blocking for both.
func dialTLS(addr netip.AddrPort, config *tls.Config) (*rawConn, *tls.Conn, error) {
	raw, err := dialRaw(addr)
	if err != nil {
		return nil, nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.Handshake(); err != nil {
		_ = raw.Close()
		return nil, nil, fmt.Errorf("%s: TLS handshake: %w", addr, err)
	}
	return raw, conn, nil
}

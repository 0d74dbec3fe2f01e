package proxy

import (
	"io"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/proxyproto"
)

// readProxyHeader reads the header of the PROXY protocol with which the connection begins (S-15.3), and no byte more: what
// follows belongs to TLS, whose handshake may be in the same packet. It peeks before it reads, because only the beginning of a
// header says where it ends.
func (s *socket) readProxyHeader() (proxyproto.Header, error) {
	room := make([]byte, proxyproto.MaxV2)
	taken := 0
	for {
		n, err := s.peek(room[taken:])
		if err != nil {
			return proxyproto.Header{}, err
		}
		header, ours, parseErr := proxyproto.Parse(room[:taken+n])
		if parseErr != nil && parseErr != proxyproto.ErrIncomplete {
			return header, parseErr
		}
		for taken < ours {
			n, err := s.Read(room[taken:ours])
			if err != nil {
				return header, err
			}
			taken += n
		}
		if parseErr == nil {
			return header, nil
		}
	}
}

// peek waits for bytes, and copies them without taking them from the socket.
func (s *socket) peek(room []byte) (n int, err error) {
	var failed error
	err = s.raw.Read(func(fd uintptr) bool {
		for {
			n, _, failed = unix.Recvfrom(int(fd), room, unix.MSG_PEEK|unix.MSG_DONTWAIT)
			switch failed {
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				return false
			}
			return true
		}
	})
	switch {
	case err != nil: // closed, or interrupted by a deadline
		return 0, err
	case failed != nil:
		return 0, failed
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// proxyHeader returns a header of the PROXY protocol for the client of a request, or for a connection of the proxy's own if
// there is no request. A client that a trusted proxy has named has no port.
func proxyHeader(version config.ProxyVersion, r *Request) []byte {
	var h proxyproto.Header
	if r == nil && version == config.ProxyV2 {
		return proxyproto.AppendLocal(nil)
	}
	if r != nil && r.Addrs != nil {
		h = proxyproto.Header{Source: netip.AddrPortFrom(r.Client, 0), Destination: r.Addrs.destination}
		if r.Addrs.source.Addr() == r.Client {
			h.Source = r.Addrs.source
		}
	}
	if version == config.ProxyV1 {
		return proxyproto.AppendV1(nil, h)
	}
	return proxyproto.AppendV2(nil, h)
}

// connAddrs are the addresses at both ends of a client's connection: those of the socket, or those that a header of the PROXY
// protocol names.
type connAddrs struct{ source, destination netip.AddrPort }

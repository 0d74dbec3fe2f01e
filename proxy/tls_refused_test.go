package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// peerConn is a connection that knows only the peer's address.
type peerConn struct {
	net.Conn
	peer string
}

func (c peerConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.peer))
}

func TestARefusedNameIsARepeatingFailureOfItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, eventlog.New, eventlog.Options{})
		refuse := func(peer, name string) {
			logRefusedName(l, &tls.ClientHelloInfo{Conn: peerConn{peer: peer}, ServerName: name})
		}
		const noName, notCovered = ` error="no server name, and more than one certificate to choose from"`, ` error="no certificate covers this name"`
		refuse("192.0.2.1:1000", "a.example")
		refuse("192.0.2.1:1001", "b.example") // another name, but the same client
		refuse("[::ffff:192.0.2.1]:1002", "c.example")
		refuse("192.0.2.1:1003", "")
		refuse("192.0.2.2:1000", "a.example")
		refuse("[2001:db8::1]:1000", "a.example")
		refuse("[2001:db8::2%eth0]:1000", "a.example") // the same /64
		refuse("[2001:db8:0:1::1]:1000", "a.example")
		eventlogtest.WantLines(t, "lines at once", lines(),
			"WARN TLS_REFUSED client_ip=192.0.2.1 server_name=a.example"+notCovered,
			`WARN TLS_REFUSED client_ip=192.0.2.1 server_name=""`+noName,
			"WARN TLS_REFUSED client_ip=192.0.2.2 server_name=a.example"+notCovered,
			"WARN TLS_REFUSED client_ip=2001:db8::1 server_name=a.example"+notCovered,
			"WARN TLS_REFUSED client_ip=2001:db8:0:1::1 server_name=a.example"+notCovered)
		time.Sleep(eventlog.RepeatWindow + time.Second)
		got := map[string]bool{}
		for _, line := range lines()[5:] {
			got[line] = true
		}
		for _, want := range []string{
			"WARN TLS_REFUSED client_ip=192.0.2.1 server_name=c.example" + notCovered + " repeated=2",
			"WARN TLS_REFUSED client_ip=2001:db8::2 server_name=a.example" + notCovered + " repeated=1",
		} {
			if len(got) != 2 || !got[want] {
				t.Errorf("after the window: got %v, want %q", got, want)
			}
		}
	})
}

package systemd

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/sockettest"
)

// fakeSockets returns sockets without descriptors from "address name" texts.
func fakeSockets(texts ...string) (all Sockets) {
	for _, text := range texts {
		address, name, _ := strings.Cut(text, " ")
		all = append(all, &socket{name: name, address: netip.MustParseAddrPort(address)})
	}
	return all
}

// fourPorts returns the ports of two listeners and a health port.
func fourPorts() []Port {
	port := func(key, name, address string) Port {
		return Port{Key: key, Name: name, Address: netip.MustParseAddrPort(address)}
	}
	health := port("health_check_port", "health", "127.0.0.1:9900")
	health.Optional = true
	return []Port{port("listeners[0].https_port", "https-0", "127.0.0.1:443"), port("listeners[0].http_port", "http-0", "127.0.0.1:80"),
		port("listeners[1].https_port", "https-1", "[::1]:443"), health}
}

func TestInheritedSocketsAreGivenToThePortsWithTheirAddresses(t *testing.T) {
	tests := []struct {
		name    string
		sockets []string
		// want holds the keys, in the order of the sockets.
		want string
		// wrong holds parts of the error; empty for none.
		wrong []string
	}{
		{"none is not a mistake", nil, "", nil},
		{"all ports get theirs", []string{"127.0.0.1:443", "127.0.0.1:80", "[::1]:443", "127.0.0.1:9900"},
			"listeners[0].https_port listeners[0].http_port listeners[1].https_port health_check_port", nil},
		{"they may come in another order, and without the health port", []string{"[::1]:443", "127.0.0.1:80", "127.0.0.1:443"},
			"listeners[1].https_port listeners[0].http_port listeners[0].https_port", nil},
		{"they may have their own names", []string{"127.0.0.1:443 https-0", "127.0.0.1:80 http-0", "[::1]:443 https-1", "127.0.0.1:9900 health"},
			"listeners[0].https_port listeners[0].http_port listeners[1].https_port health_check_port", nil},
		{"their names may say nothing", []string{"127.0.0.1:443 x", "127.0.0.1:80 x", "[::1]:443 reverse-proxy.socket"},
			"listeners[0].https_port listeners[0].http_port listeners[1].https_port", nil},
		{"one that no port wants is refused", []string{"127.0.0.1:443", "127.0.0.1:80", "[::1]:443", "127.0.0.2:443 other"}, "",
			[]string{"127.0.0.2:443 (other) is not a port of the configuration"}},
		{"a port without one is refused", []string{"127.0.0.1:443", "[::1]:443"}, "",
			[]string{"listeners[0].http_port 127.0.0.1:80 was not passed"}},
		{"a wildcard in place of an address is refused", []string{"[::]:443", "127.0.0.1:443", "127.0.0.1:80"}, "",
			[]string{"[::]:443 is not a port", "listeners[1].https_port [::1]:443 was not passed"}},
		{"two of the same address are refused", []string{"127.0.0.1:443", "127.0.0.1:443 b", "127.0.0.1:80", "[::1]:443"}, "",
			[]string{"127.0.0.1:443 (b) was passed twice"}},
		{"the name of another port is refused", []string{"127.0.0.1:443 http-0", "127.0.0.1:80", "[::1]:443"}, "",
			[]string{"127.0.0.1:443 (http-0) has the address of listeners[0].https_port"}},
		{"the health port's by itself is refused", []string{"127.0.0.1:9900"}, "", []string{"listeners[0].https_port 127.0.0.1:443 was not passed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sockets := fakeSockets(tt.sockets...)
			err := sockets.assign(fourPorts())
			if tt.wrong == nil {
				var keys []string
				for _, s := range sockets {
					keys = append(keys, s.key)
				}
				if got := strings.Join(keys, " "); err != nil || got != tt.want {
					t.Errorf("got %q with error %v, want %q", got, err, tt.want)
				}
				return
			}
			// Both sides are named, whatever is wrong.
			for _, part := range append(tt.wrong, "passed: "+joinStrings(sockets), "configured: listeners[0].https_port 127.0.0.1:443, ") {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got error %v, want %q in it", err, part)
				}
			}
		})
	}
}

func TestInheritedSocketsOfOneListenerAreToldApartByTheirAddresses(t *testing.T) {
	port := func(key, name, address string) Port {
		return Port{Key: key, Name: name, Address: netip.MustParseAddrPort(address)}
	}
	ports := []Port{port("listeners[0].https_port", "https-0", "127.0.0.1:443"), port("listeners[0].http_port", "http-0", "127.0.0.1:80"),
		port("listeners[0].https_port", "https-0", "[::1]:443"), port("listeners[0].http_port", "http-0", "[::1]:80")}
	all := []string{"[::1]:443 https-0", "127.0.0.1:80 http-0", "127.0.0.1:443 https-0", "[::1]:80 x"}
	sockets := fakeSockets(all...)
	if err := sockets.assign(ports); err != nil {
		t.Fatal(err)
	}
	for i, s := range sockets {
		s.Listener = fakeListener(i)
	}
	for i, address := range []string{"[::1]:443", "127.0.0.1:80", "127.0.0.1:443", "[::1]:80"} {
		if got, ok := sockets.ListenerOf(netip.MustParseAddrPort(address)); !ok || got != fakeListener(i) {
			t.Errorf("%s: got the socket %v, want socket %d", address, got, i)
		}
	}
	if got, ok := sockets.ListenerOf(netip.MustParseAddrPort("127.0.0.2:443")); ok {
		t.Errorf("got the socket %v for an address without one", got)
	}
	err := fakeSockets(all[:3]...).assign(ports)
	if want := "listeners[0].http_port [::1]:80 was not passed"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v without one of them, want %q in it", err, want)
	}
}

// fakeListener is a listener that is only a number.
type fakeListener int

func (fakeListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (fakeListener) Close() error              { return nil }
func (fakeListener) Addr() net.Addr            { return nil }

func TestInheritSocketTakesOnlyListeningTCPSockets(t *testing.T) {
	listener := func(network, address string) func(*testing.T) int {
		return func(t *testing.T) int {
			ln, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			return duplicate(t, ln.(interface{ File() (*os.File, error) }))
		}
	}
	tests := []struct {
		name string
		open func(*testing.T) int
		// want is a part of the error; empty for none.
		want string
	}{
		{"an IPv4 listener is taken", listener("tcp4", "127.0.0.1:0"), ""},
		{"an IPv6 listener is taken", listener("tcp6", "[::1]:0"), ""},
		{"a Unix socket is refused", func(t *testing.T) int { return listener("unix", sockettest.Dir(t)+"/s")(t) }, "is not a listening TCP socket"},
		{"a UDP socket is refused", func(t *testing.T) int {
			conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return duplicate(t, conn)
		}, "is not a listening TCP socket"},
		{"a connection is refused", func(t *testing.T) int {
			ln, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
			conn, err := net.Dial("tcp4", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return duplicate(t, conn.(*net.TCPConn))
		}, "is not a listening TCP socket"},
		{"a file is refused", func(t *testing.T) int {
			fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(fd) })
			return fd
		}, "it is not a socket"},
		{"a closed descriptor is refused", func(*testing.T) int { return 1 << 20 }, "it is not open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			socket, err := inherit(tt.open(t))
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got error %v, want %q in it", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			conn, err := net.Dial("tcp", socket.address.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if accepted, err := socket.Accept(); err != nil {
				t.Errorf("Accept: got error %v, want none", err)
			} else {
				accepted.Close()
			}
		})
	}
}

// duplicate returns a duplicate descriptor of a socket, which inherit takes over.
func duplicate(t *testing.T, socket interface{ File() (*os.File, error) }) int {
	t.Helper()
	file, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestInheritSocketsReadsTheEnvironment(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	tests := []struct{ name, pid, count, want string }{
		{"the variables are not set", "", "", ""},
		{"the sockets are for another process", "1", "2", ""},
		{"the sockets are for no named process", "", "2", ""},
		{"there are no sockets", own, "0", ""},
		{"the number of sockets is a word", own, "two", `LISTEN_FDS: "two" is not a number of sockets`},
		{"the number of sockets is negative", own, "-1", `LISTEN_FDS: "-1" is not a number of sockets`},
		{"the number of sockets is too large", own, "18446744073709551617", "is not a number of sockets"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("LISTEN_PID", tt.pid)
			t.Setenv("LISTEN_FDS", tt.count)
			t.Setenv("LISTEN_FDNAMES", "a:b")
			sockets, err := Inherit(fourPorts())
			if len(sockets) != 0 || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v with error %v, want none with %q", sockets, err, tt.want)
			}
			for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
				if value, ok := os.LookupEnv(name); ok {
					t.Errorf("got %s=%s afterwards, want it unset", name, value)
				}
			}
		})
	}
}

package netns

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// network makes a network, and skips the test if that only fails because the user is not root.
func network(t *testing.T, addresses ...netip.Addr) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network namespace")
	}
	n, err := New(addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestAddressesAreReachedOnlyInTheNetwork(t *testing.T) {
	own := netip.MustParseAddr("2001:db8:1:2::3")
	n := network(t, own)
	for _, address := range []string{"127.0.0.1", "127.1.2.3", "::1", own.String()} {
		var listener net.Listener
		err := n.Do(func() (err error) {
			listener, err = net.Listen("tcp", net.JoinHostPort(address, "0"))
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		defer listener.Close()
		dial := func() error {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err == nil {
				_ = conn.Close()
			}
			return err
		}
		if err := n.Do(dial); err != nil {
			t.Errorf("%s: got %v in the network, want a connection", address, err)
		}
		// Only loopback addresses are dialed from outside: any other address could belong to a host out there.
		if netip.MustParseAddr(address).IsLoopback() && dial() == nil {
			t.Errorf("%s: got a connection from outside of the network, want none", address)
		}
	}
}

func TestAProcessIsInTheNetworkOfTheThreadThatStartsIt(t *testing.T) {
	n := network(t)
	cmd := exec.Command("/bin/sh", "-c", "cat /proc/net/dev")
	var out strings.Builder
	cmd.Stdout = &out
	if err := n.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), ":"); got != 1 {
		t.Errorf("got %q, want only the loopback interface", &out)
	}
}

func TestWhatFnReturnsIsReturned(t *testing.T) {
	n := network(t)
	want := errors.New("fn's own")
	if err := n.Do(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestAnIPv4AddressIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network namespace")
	}
	if _, err := New(netip.MustParseAddr("192.0.2.1")); err == nil || !strings.Contains(err.Error(), "192.0.2.1: is no IPv6 address") {
		t.Errorf("got %v, want it refused by name", err)
	}
}

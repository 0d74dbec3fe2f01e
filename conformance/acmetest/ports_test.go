package acmetest

import (
	"net"
	"strconv"
	"testing"
)

func TestReservedPortsAreFreeAndNobodyElses(t *testing.T) {
	const each, times = 6, 50
	owner := map[int]int{}
	for i := range times {
		p, err := reservePorts(each)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.close(); err != nil {
				t.Error(err)
			}
		})
		for _, port := range p.numbers {
			if other, taken := owner[port]; taken {
				t.Errorf("got port %d for %d and for %d, want it once", port, other, i)
			}
			owner[port] = i
			listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				t.Errorf("port %d: got %v, want it to be free for TCP", port, err)
				continue
			}
			_ = listener.Close()
		}
	}
}

func TestAPortThatIsTakenIsNotFree(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if port := listener.Addr().(*net.TCPAddr).Port; free(port) {
		t.Errorf("got port %d as free, want it taken", port)
	}
}

package steps

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is a DNS server of a scenario, over UDP. It knows the addresses of a few names.
type nameServer struct {
	conn   net.PacketConn
	served sync.WaitGroup

	mu        sync.Mutex
	addresses map[string][]netip.Addr // by name, with a final dot
	silent    bool
	// failing makes it answer every query with SERVFAIL.
	failing bool
	// asked counts the queries for IPv4 addresses, by name.
	asked map[string]int
	// tcp serves the zones over TCP as well; nil before there is one.
	tcp *dns.Server
	// zones have their own servers, which it asks for the names in them.
	zones []zone
}

// startNameServer serves on port 53 of an address.
func startNameServer(address string) (*nameServer, error) {
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, "53"))
	if err != nil {
		return nil, err
	}
	s := &nameServer{conn: conn, addresses: map[string][]netip.Addr{}, asked: map[string]int{}}
	s.served.Go(s.serve)
	return s, nil
}

// close ends the server.
func (s *nameServer) close() error {
	err := s.conn.Close()
	if s.tcp != nil {
		err = errors.Join(err, s.tcp.Shutdown())
	}
	s.served.Wait()
	return err
}

func (s *nameServer) serve() {
	packet := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		query := bytes.Clone(packet[:n])
		s.served.Go(func() { // it may wait for the server of a zone
			answer := s.resolvePacket(query)
			if answer == nil {
				answer = s.answer(query)
			}
			if answer != nil {
				_, _ = s.conn.WriteTo(answer, from)
			}
		})
	}
}

// answer returns the answer to a query; nil for none.
func (s *nameServer) answer(packet []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(packet)
	if err != nil {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(question.Name.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	if question.Type == dnsmessage.TypeA {
		s.asked[name]++
	}
	if s.silent {
		return nil
	}
	addresses, known := s.addresses[name]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, RecursionDesired: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	switch {
	case s.failing:
		reply.RCode, addresses = dnsmessage.RCodeServerFailure, nil
	case !known:
		reply.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range addresses {
		var body dnsmessage.ResourceBody
		switch {
		case address.Is4() && question.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: address.As4()}
		case address.Is6() && question.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: address.As16()}
		default:
			continue
		}
		reply.Answers = append(reply.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}, Body: body,
		})
	}
	out, err := reply.Pack()
	if err != nil {
		return nil
	}
	return out
}

// set makes a name resolve to addresses; if there are none, the name exists without any.
func (s *nameServer) set(name string, addresses []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses[strings.ToLower(name)+"."] = addresses
}

// forget makes a name no longer exist.
func (s *nameServer) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.addresses, strings.ToLower(name)+".")
}

// fail makes the server answer no queries, or all with SERVFAIL, or all as usual again.
func (s *nameServer) fail(silent, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent, s.failing = silent, failing
}

// times returns how often the name was queried.
func (s *nameServer) times(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[strings.ToLower(name)+"."]
}

package steps

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// This file answers queries for a scenario's zones. It knows the server of each zone, and follows CNAME records from
// one zone to another, as a resolver does.

// maxChain bounds the CNAME records that the resolver follows.
const maxChain = 8

// zone is a zone of a scenario with its authoritative server, on port 53.
type zone struct{ name, server string }

// addZone makes the name server send queries for names in the zone to the server at an address, and name it as the
// server of the zone. From the first zone on, it serves TCP as well.
func (s *nameServer) addZone(name, server string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones = append(s.zones, zone{dns.Fqdn(strings.ToLower(name)), server})
	if s.tcp != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.conn.LocalAddr().String())
	if err != nil {
		return err
	}
	started := make(chan struct{})
	s.tcp = &dns.Server{Listener: listener, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if reply := s.resolve(q); reply != nil {
			_ = w.WriteMsg(reply)
		}
		_ = w.Close()
	})}
	s.served.Go(func() { _ = s.tcp.ActivateAndServe() })
	<-started
	return nil
}

// resolvePacket is resolve for a message over UDP.
func (s *nameServer) resolvePacket(packet []byte) []byte {
	q := new(dns.Msg)
	if err := q.Unpack(packet); err != nil {
		return nil
	}
	reply := s.resolve(q)
	if reply == nil {
		return nil
	}
	out, err := reply.Pack()
	if err != nil {
		return nil
	}
	return out
}

// zoneOf returns the closest zone of a name.
func (s *nameServer) zoneOf(name string) (found zone, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, z := range s.zones {
		if dns.IsSubDomain(z.name, name) && len(z.name) > len(found.name) {
			found, ok = z, true
		}
	}
	return found, ok
}

// resolve returns the answer to a query for a name in one of the zones, as a resolver gives it, or nil for other names.
func (s *nameServer) resolve(q *dns.Msg) *dns.Msg {
	if len(q.Question) != 1 {
		return nil
	}
	name := strings.ToLower(q.Question[0].Name)
	z, ok := s.zoneOf(name)
	if !ok {
		return nil
	}
	reply := new(dns.Msg).SetReply(q)
	reply.RecursionAvailable = true
	header := func(owner string, rrtype uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 1}
	}
	switch qtype := q.Question[0].Qtype; {
	case name == z.name && qtype == dns.TypeNS:
		reply.Answer = []dns.RR{&dns.NS{Hdr: header(z.name, dns.TypeNS), Ns: "ns-of." + z.name}}
	case name == "ns-of."+z.name && qtype == dns.TypeA:
		reply.Answer = []dns.RR{&dns.A{Hdr: header(name, dns.TypeA), A: net.ParseIP(z.server)}}
	case name == "ns-of."+z.name:
	default:
		s.follow(reply, q.Question[0])
	}
	return reply
}

// follow asks the zones' servers for the records, along CNAME records.
func (s *nameServer) follow(reply *dns.Msg, question dns.Question) {
	for range maxChain {
		z, ok := s.zoneOf(strings.ToLower(question.Name))
		if !ok {
			return
		}
		query := new(dns.Msg).SetQuestion(question.Name, question.Qtype)
		answer, _, err := (&dns.Client{Timeout: 2 * time.Second}).Exchange(query, net.JoinHostPort(z.server, "53"))
		if err != nil || answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
			reply.Rcode = dns.RcodeServerFailure
			return
		}
		reply.Rcode, reply.Answer = answer.Rcode, append(reply.Answer, answer.Answer...)
		alias := ""
		for _, rr := range answer.Answer {
			switch rr := rr.(type) {
			case *dns.CNAME:
				alias = rr.Target
			default:
				if rr.Header().Rrtype == question.Qtype {
					return
				}
			}
		}
		if alias == "" || question.Qtype == dns.TypeCNAME {
			return
		}
		question.Name = alias
	}
}

package acmedns

import (
	"github.com/miekg/dns"
)

const (
	// recordTTL is how long a resolver may cache a TXT record, or its absence. It is short, as each challenge has another text.
	recordTTL = 1
	// zoneTTL is how long it may cache the name server of a zone.
	zoneTTL = 300
	// minUDPAnswer is the length that every client accepts over UDP (RFC 1035, section 4.2.1), and maxUDPAnswer the greatest
	// that is sent, whatever the client allows: one that no usual path fragments.
	minUDPAnswer, maxUDPAnswer = 512, 1232
	// headerLen is the length of a message without any records.
	headerLen = 12
)

// answer returns the answer to a message of a client; nil for one that gets none. Over UDP it is never longer than the client
// allows; what does not fit is left out, and the answer says that it is truncated, so that the client asks again over TCP.
func (r *Records) answer(query []byte, udp bool) []byte {
	if len(query) < headerLen || query[2]&0x80 != 0 {
		return nil // too short, or itself an answer: two servers must never answer each other forever
	}
	var q dns.Msg
	if err := q.Unpack(query); err != nil || len(q.Question) != 1 {
		return refusal(query, dns.RcodeFormatError)
	}
	reply := new(dns.Msg).SetReply(&q)
	reply.Compress = true
	limit := dns.MaxMsgSize - 1
	if udp {
		limit = minUDPAnswer
	}
	if opt := q.IsEdns0(); opt != nil {
		if udp {
			limit = min(max(int(opt.UDPSize()), minUDPAnswer), maxUDPAnswer)
		}
		reply.SetEdns0(maxUDPAnswer, false)
		if opt.Version() != 0 {
			reply.Rcode = dns.RcodeBadVers
			return pack(reply, query)
		}
	}
	r.fill(reply, q.Opcode)
	if reply.Len() > limit {
		reply.Answer, reply.Ns, reply.Truncated = nil, nil, true
	}
	return pack(reply, query)
}

// fill answers the question of the reply.
func (r *Records) fill(reply *dns.Msg, opcode int) {
	question := reply.Question[0]
	f := r.find(question.Name)
	if f.zone == "" || opcode != dns.OpcodeQuery || question.Qclass != dns.ClassINET {
		reply.Rcode = dns.RcodeRefused
		return
	}
	reply.Authoritative = true
	// The owner is written as in the question, as resolvers that randomize the case compare it.
	header := func(rrtype uint16, ttl uint32) dns.RR_Header {
		return dns.RR_Header{Name: question.Name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
	}
	switch {
	case question.Qtype == dns.TypeTXT:
		for _, text := range f.texts {
			reply.Answer = append(reply.Answer, &dns.TXT{Hdr: header(dns.TypeTXT, recordTTL), Txt: []string{text}})
		}
	case question.Qtype == dns.TypeNS && f.apex:
		reply.Answer = append(reply.Answer, &dns.NS{Hdr: header(dns.TypeNS, zoneTTL), Ns: dns.Fqdn(f.host)})
	case question.Qtype == dns.TypeSOA && f.apex:
		reply.Answer = append(reply.Answer, f.soa(question.Name, zoneTTL))
	}
	if len(reply.Answer) > 0 {
		return
	}
	// There is no such record, or no such name (RFC 2308). This is not refused: resolvers that ask label by label (RFC 9156)
	// first ask for other types and for the names in between.
	if !f.exists {
		reply.Rcode = dns.RcodeNameError
	}
	reply.Ns = append(reply.Ns, f.soa(dns.Fqdn(f.zone), recordTTL))
}

// soa returns the SOA record of the zone.
func (f found) soa(owner string, ttl uint32) *dns.SOA {
	return &dns.SOA{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns: dns.Fqdn(f.host), Mbox: dns.Fqdn("hostmaster." + f.host), Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: recordTTL}
}

// pack writes the reply.
func pack(reply *dns.Msg, query []byte) []byte {
	out, err := reply.Pack()
	if err != nil {
		return refusal(query, dns.RcodeServerFailure)
	}
	return out
}

// refusal returns an answer that consists of a header only, for a message that cannot be parsed.
func refusal(query []byte, rcode byte) []byte {
	out := make([]byte, headerLen)
	copy(out, query[:4])
	out[2] = out[2]&0x79 | 0x80 // keep the opcode and RD, and set QR
	out[3] = rcode
	return out
}

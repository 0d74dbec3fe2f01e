package acmedns

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// updateTTL is the lifetime of a record that is sent to a name server.
	updateTTL = 60
	// updateTimeout bounds one update with its answer.
	updateTimeout = 10 * time.Second
	// tsigFudge is by how many seconds the two clocks may differ (RFC 8945, section 10).
	tsigFudge = 300
)

// Updater sends records to a name server (RFC 2136), signed with a TSIG key (RFC 8945).
type Updater struct {
	// Server is the address and port of the primary name server.
	Server string
	// Zone is the zone of the records; "" to ask the server for it.
	Zone string
	// KeyName and Algorithm are those of the TSIG key. Secret returns its secret, in base64; it is called for each message.
	KeyName, Algorithm string
	Secret             func(context.Context) (string, error)
	// Network follows CNAME records: the update is for the name at their end. nil means not to follow them.
	Network *Network
}

// ParseSecret reads the secret of a TSIG key from a file's text: base64, on a line of its own.
func ParseSecret(text []byte) (string, error) {
	secret := strings.TrimSpace(string(text))
	if decoded, err := base64.StdEncoding.DecodeString(secret); err != nil || len(decoded) == 0 {
		return "", errors.New("holds no key in base64")
	}
	return secret, nil
}

// Present implements Provider.
func (u *Updater) Present(ctx context.Context, fqdn, value string) error {
	return u.update(ctx, fqdn, value, (*dns.Msg).Insert)
}

// CleanUp implements Provider.
func (u *Updater) CleanUp(ctx context.Context, fqdn, value string) error {
	return u.update(ctx, fqdn, value, (*dns.Msg).Remove)
}

// update sends one record, which change adds to the message.
func (u *Updater) update(ctx context.Context, fqdn, value string, change func(*dns.Msg, []dns.RR)) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	if u.Network != nil {
		fqdn = u.Network.alias(ctx, fqdn)
	}
	zone := dns.CanonicalName(u.Zone)
	if u.Zone == "" {
		var err error
		if zone, err = u.zoneOf(ctx, fqdn); err != nil {
			return err
		}
	}
	message := new(dns.Msg).SetUpdate(zone)
	change(message, []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: fqdn, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: updateTTL}, Txt: []string{value}}})
	reply, err := u.exchange(ctx, message)
	if err != nil {
		return fmt.Errorf("%s: the update of %s: %w", u.Server, strings.TrimSuffix(fqdn, "."), err)
	}
	if reply.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("%s: the update of %s: the server answers %s; %s", u.Server, strings.TrimSuffix(fqdn, "."), rcodeName(reply), adviceFor(reply))
	}
	return nil
}

// exchange signs a message, sends it and checks the signature of the answer.
func (u *Updater) exchange(ctx context.Context, message *dns.Msg) (*dns.Msg, error) {
	secret, err := u.Secret(ctx)
	if err != nil {
		return nil, err
	}
	key, algorithm := dns.CanonicalName(u.KeyName), dns.Fqdn(u.Algorithm)
	message.SetTsig(key, algorithm, tsigFudge, time.Now().Unix())
	client := &dns.Client{Net: "tcp", Timeout: updateTimeout, TsigSecret: map[string]string{key: secret}}
	reply, _, err := client.ExchangeContext(ctx, message, u.Server)
	switch {
	case reply != nil && reply.Rcode == dns.RcodeNotAuth:
		return reply, nil // an answer to a wrong key cannot be signed
	case err != nil:
		return nil, err
	case reply.IsTsig() == nil && reply.Rcode == dns.RcodeSuccess:
		return nil, errors.New("the answer is not signed")
	}
	return reply, nil
}

// rcodeName returns the name of the answer's code, and of the TSIG error, if there is one.
func rcodeName(reply *dns.Msg) string {
	name := dns.RcodeToString[reply.Rcode]
	if tsig := reply.IsTsig(); tsig != nil && tsig.Error != dns.RcodeSuccess {
		name += " (" + dns.RcodeToString[int(tsig.Error)] + ")"
	}
	return name
}

// adviceFor says what to do about an answer.
func adviceFor(reply *dns.Msg) string {
	tsig := reply.IsTsig()
	switch {
	case tsig != nil && tsig.Error != dns.RcodeSuccess:
		return "compare the name, the algorithm and the secret of the key with the server's, and the clocks"
	case reply.Rcode == dns.RcodeNotAuth:
		return "name a zone whose primary this server is"
	case reply.Rcode == dns.RcodeNotZone:
		return "name the zone that has the name"
	case reply.Rcode == dns.RcodeRefused:
		return "allow the key to update the name there"
	}
	return "see the server's log"
}

// zoneOf asks the server for the zone of a name.
func (u *Updater) zoneOf(ctx context.Context, fqdn string) (string, error) {
	reply, err := query(ctx, u.Server, fqdn, dns.TypeSOA, false)
	if err != nil {
		return "", fmt.Errorf("the zone of %s: %w", strings.TrimSuffix(fqdn, "."), err)
	}
	for _, rr := range slices.Concat(reply.Answer, reply.Ns) {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, fqdn) {
			return dns.CanonicalName(soa.Hdr.Name), nil
		}
	}
	return "", fmt.Errorf("%s: does not say which zone has %s (%s); name the zone", u.Server, strings.TrimSuffix(fqdn, "."), dns.RcodeToString[reply.Rcode])
}

// alias follows the CNAME records of a name, as far as the resolver knows them, and returns the last name.
func (n *Network) alias(ctx context.Context, fqdn string) string {
	for range maxHops {
		reply, err := n.resolve(ctx, fqdn, dns.TypeCNAME)
		if err != nil {
			return fqdn
		}
		next := aliasOf([]result{{reply: reply}}, fqdn)
		if next == "" {
			return fqdn
		}
		fqdn = next
	}
	return fqdn
}

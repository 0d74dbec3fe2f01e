package acmedns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// queryTimeout bounds one query with its answer.
	queryTimeout = 2 * time.Second
	// maxHops bounds the CNAME records and the delegations that are followed, and maxServers the name servers of a zone that
	// are asked.
	maxHops, maxServers = 8, 16
)

// Network asks name servers: the machine's resolver for the servers of a zone, and these for its records, because a resolver may
// answer from its cache.
type Network struct {
	// Resolvers are the addresses and ports of the resolvers to ask in turn until one answers. If it is nil, those in Config
	// are asked.
	Resolvers []string
	// Config is the path of a resolv.conf(5). It is read before each query, because it changes with the network.
	Config string
	// Port is the port of authoritative name servers; "" for 53.
	Port string
}

// SystemNetwork returns the network with the resolvers of this machine.
func SystemNetwork() *Network { return &Network{Config: "/etc/resolv.conf"} }

// resolvers returns the addresses of the machine's resolvers.
func (n *Network) resolvers() []string {
	if n.Resolvers != nil {
		return n.Resolvers
	}
	var addresses []string
	if config, err := dns.ClientConfigFromFile(n.Config); err == nil {
		for _, server := range config.Servers {
			addresses = append(addresses, net.JoinHostPort(server, config.Port))
		}
	}
	if addresses == nil {
		return []string{"127.0.0.1:53"} // as resolv.conf(5) says
	}
	return addresses
}

// server is an authoritative name server.
type server struct {
	name string
	addr netip.Addr
}

// String returns the server's name and address.
func (s server) String() string {
	return fmt.Sprintf("%s (%s)", strings.TrimSuffix(s.name, "."), s.addr)
}

// result is the answer of a server to a query for the TXT records of a name.
type result struct {
	server
	reply *dns.Msg
	err   error
}

// Trace is the result of Find.
type Trace struct {
	// Name is the name that was asked for, and Target the name at the end of its CNAME records, or else Name.
	Name, Target string
	// Zone is the zone of the target.
	Zone    string
	results []result
}

// answered reports whether any of the zone's servers has answered.
func (t *Trace) answered() bool {
	return slices.ContainsFunc(t.results, func(r result) bool { return r.err == nil })
}

// lacking returns an error that names a server without the record, or nil if all have it. Servers that do not answer do not
// count, because the CA asks another one then.
func (t *Trace) lacking(value string) error {
	for _, r := range t.results {
		if r.err == nil && !hasText(r.reply, value) {
			return fmt.Errorf("%s: the TXT record of the challenge is missing at the name server %s", strings.TrimSuffix(t.Target, "."), r.server)
		}
	}
	return nil
}

// hasText reports whether an answer has a TXT record.
func hasText(reply *dns.Msg, value string) bool {
	return slices.ContainsFunc(reply.Answer, func(rr dns.RR) bool {
		txt, ok := rr.(*dns.TXT)
		return ok && strings.Join(txt.Txt, "") == value
	})
}

// Find follows delegations and CNAME records to the TXT records of a name, as a resolver without a cache does, and asks all
// servers of the last zone.
func (n *Network) Find(ctx context.Context, name string) (*Trace, error) {
	trace := &Trace{Name: strings.ToLower(dns.Fqdn(name))}
	trace.Target = trace.Name
	for range maxHops {
		zone, servers, err := n.zoneAbove(ctx, trace.Target)
		if err != nil {
			return nil, err
		}
		next, err := n.descend(ctx, trace, zone, servers)
		if err != nil || next == "" {
			return trace, err
		}
		trace.Target = next
	}
	return nil, fmt.Errorf("%s: more than %d CNAME records; remove the loop", strings.TrimSuffix(trace.Name, "."), maxHops)
}

// descend follows delegations from a zone down to the zone of the target. next is the target of a CNAME record there; ""
// if there is none.
func (n *Network) descend(ctx context.Context, trace *Trace, zone string, servers []server) (next string, err error) {
	for range maxHops {
		trace.Zone = zone
		trace.results = n.askAll(ctx, servers, trace.Target)
		if next := aliasOf(trace.results, trace.Target); next != "" {
			return next, nil
		}
		child, names := delegation(trace.results, zone, trace.Target)
		if child == "" {
			return "", nil
		}
		zone, servers = child, n.serversOf(ctx, names)
		if len(servers) == 0 {
			return "", fmt.Errorf("%s: the name servers of %s have no addresses (%s); add A or AAAA records for them",
				strings.TrimSuffix(trace.Name, "."), strings.TrimSuffix(child, "."), strings.Join(names, " "))
		}
	}
	return "", fmt.Errorf("%s: more than %d delegations; remove the loop", strings.TrimSuffix(trace.Name, "."), maxHops)
}

// aliasOf returns the target of a name's CNAME record; "" if there is none.
func aliasOf(results []result, name string) string {
	for _, r := range results {
		if r.err != nil {
			continue
		}
		for _, rr := range r.reply.Answer {
			if cname, ok := rr.(*dns.CNAME); ok && strings.EqualFold(cname.Hdr.Name, name) {
				return strings.ToLower(cname.Target)
			}
		}
	}
	return ""
}

// delegation returns the zone below the given one to which its servers refer for a name, with the names of that zone's
// servers; "" if there is none.
func delegation(results []result, zone, name string) (child string, names []string) {
	for _, r := range results {
		if r.err != nil || r.reply.Authoritative || len(r.reply.Answer) > 0 {
			continue
		}
		for _, rr := range r.reply.Ns {
			ns, ok := rr.(*dns.NS)
			owner := strings.ToLower(rr.Header().Name)
			if ok && owner != zone && dns.IsSubDomain(zone, owner) && dns.IsSubDomain(owner, name) {
				child = owner
				names = append(names, strings.ToLower(ns.Ns))
			}
		}
		if child != "" {
			return child, names
		}
	}
	return "", nil
}

// askAll asks all servers for the TXT records of a name, at the same time.
func (n *Network) askAll(ctx context.Context, servers []server, name string) []result {
	results := make([]result, len(servers))
	var asked sync.WaitGroup
	for i, s := range servers {
		asked.Go(func() {
			port := n.Port
			if port == "" {
				port = "53"
			}
			reply, err := query(ctx, net.JoinHostPort(s.addr.String(), port), name, dns.TypeTXT, false)
			if err == nil && reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
				err = errors.New(dns.RcodeToString[reply.Rcode])
			}
			results[i] = result{s, reply, err}
		})
	}
	asked.Wait()
	return results
}

// zoneAbove returns the closest zone above a name whose servers the resolver knows, with these servers.
func (n *Network) zoneAbove(ctx context.Context, name string) (zone string, servers []server, err error) {
	for at, end := dns.NextLabel(name, 0); !end; at, end = dns.NextLabel(name, at) {
		zone = name[at:]
		var reply *dns.Msg
		if reply, err = n.resolve(ctx, zone, dns.TypeNS); err != nil {
			continue
		}
		var names []string
		for _, rr := range reply.Answer {
			if ns, ok := rr.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, zone) {
				names = append(names, strings.ToLower(ns.Ns))
			}
		}
		if servers = n.serversOf(ctx, names); len(servers) > 0 {
			return zone, servers, nil
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: no name servers are found: %w", strings.TrimSuffix(name, "."), err)
	}
	return "", nil, fmt.Errorf("%s: the resolver of this machine knows no name servers for it or above", strings.TrimSuffix(name, "."))
}

// serversOf returns one server for each address of these names. A name that does not resolve is left out.
func (n *Network) serversOf(ctx context.Context, names []string) []server {
	slices.Sort(names)
	names = slices.Compact(names)
	found := make([][]server, min(len(names), maxServers))
	var asked sync.WaitGroup
	for i := range found {
		asked.Go(func() {
			for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
				reply, err := n.resolve(ctx, names[i], rrtype)
				if err != nil {
					continue
				}
				for _, rr := range reply.Answer {
					if addr, ok := addressOf(rr); ok {
						found[i] = append(found[i], server{names[i], addr})
					}
				}
			}
		})
	}
	asked.Wait()
	all := slices.Concat(found...)
	return all[:min(len(all), maxServers)]
}

// addressOf returns the address of a record.
func addressOf(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		addr, ok := netip.AddrFromSlice(rr.A)
		return addr.Unmap(), ok
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA)
	}
	return netip.Addr{}, false
}

// resolve asks the machine's resolvers, until one answers.
func (n *Network) resolve(ctx context.Context, name string, rrtype uint16) (reply *dns.Msg, err error) {
	for _, resolver := range n.resolvers() {
		reply, err = query(ctx, resolver, name, rrtype, true)
		if err == nil && reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
			err = fmt.Errorf("%s from the resolver %s", dns.RcodeToString[reply.Rcode], resolver)
		}
		if err == nil || ctx.Err() != nil {
			return reply, err
		}
	}
	return nil, err
}

// resolverHas returns nil if the machine's resolver has the record. It is for a zone whose servers all fail to answer.
func (n *Network) resolverHas(ctx context.Context, trace *Trace, value string) error {
	if reply, err := n.resolve(ctx, trace.Name, dns.TypeTXT); err == nil && hasText(reply, value) {
		return nil
	}
	return fmt.Errorf("%s: none of the name servers of %s answers, as %s: %w", strings.TrimSuffix(trace.Target, "."),
		strings.TrimSuffix(trace.Zone, "."), trace.results[0].server, trace.results[0].err)
}

// query sends a query to a server, over UDP and, if the answer does not fit, over TCP.
func query(ctx context.Context, address, name string, rrtype uint16, recursive bool) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	question := new(dns.Msg).SetQuestion(name, rrtype)
	question.RecursionDesired = recursive
	question.SetEdns0(maxUDPAnswer, false)
	reply, _, err := (&dns.Client{UDPSize: maxUDPAnswer}).ExchangeContext(ctx, question, address)
	if err == nil && !reply.Truncated {
		return reply, nil
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%s: no answer within %s", address, queryTimeout)
	}
	reply, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, question, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return reply, nil
}

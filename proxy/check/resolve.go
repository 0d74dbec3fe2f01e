package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// maxLookups is the number of upstream names looked up at the same time.
const maxLookups = 16

// lookup is the result of looking up the name of an upstream.
type lookup struct {
	addrs []netip.Addr
	// problem says why there are no addresses, and what to do; "" if there are some.
	problem string
}

// forwards lists all upstreams of the configuration.
func (c *checker) forwards() []config.Forward {
	var forwards []config.Forward
	for _, listener := range c.cfg.Listeners {
		for _, site := range listener.Sites {
			forwards = append(forwards, site.Forwards("")...)
		}
	}
	return forwards
}

// resolveUpstreams finds the addresses of all upstreams, each name once and maxLookups at a time. ctx bounds
// that: a site whose upstream name
// cannot be resolved answers 502, and nothing else would show it.
func (c *checker) resolveUpstreams(ctx context.Context) map[string]lookup {
	found := make(map[string]lookup)
	var mu sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, maxLookups)
	for _, forward := range c.forwards() {
		if _, ok := config.SocketPath(forward.Upstream.Address); ok {
			continue
		}
		host, _ := config.SplitUpstream(forward.Upstream.Address)
		mu.Lock()
		_, known := found[host]
		found[host] = lookup{}
		if addr, err := netip.ParseAddr(host); err == nil {
			found[host], known = lookup{addrs: []netip.Addr{addr}}, true
		}
		mu.Unlock()
		if known {
			continue
		}
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			result := c.lookUp(ctx, host)
			mu.Lock()
			defer mu.Unlock()
			found[host] = result
		})
	}
	running.Wait()
	return found
}

// lookUp finds the addresses of one name.
func (c *checker) lookUp(ctx context.Context, name string) lookup {
	if ctx.Err() != nil {
		return lookup{problem: fmt.Sprintf("the name %s was not looked up in time; look at the machine's resolver", wording.Quoted(name))}
	}
	addrs, err := c.env.resolve(ctx, name)
	var dns *net.DNSError
	var address *net.AddrError // the resolver's error for a name whose addresses are all unusable
	switch {
	case err == nil && len(addrs) > 0:
		return lookup{addrs: addrs}
	case err == nil, errors.As(err, &address), errors.As(err, &dns) && dns.IsNotFound:
		return lookup{problem: fmt.Sprintf("the name %s has no address; correct it, or make it known to the machine's resolver", wording.Quoted(name))}
	case ctx.Err() != nil, errors.As(err, &dns) && dns.IsTimeout:
		return lookup{problem: fmt.Sprintf("the name %s was not looked up in time; look at the machine's resolver", wording.Quoted(name))}
	}
	cause := err.Error()
	if dns != nil {
		cause = dns.Err
	}
	return lookup{problem: fmt.Sprintf("the name %s cannot be looked up: %s; look at the machine's resolver",
		wording.Quoted(name), wording.Printable(strings.TrimSpace(cause)))}
}

package check

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// answerWithin is how long an upstream may take to accept a connection.
const answerWithin = 2 * time.Second

// connectTo reports why nothing accepts connections at an address, or nil.
func connectTo(ctx context.Context, to netip.AddrPort) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err == nil {
		err = conn.Close()
	}
	return err
}

// silentUpstreams connects to each upstream of the sites that have several, or checks, and returns why those do not answer
// that accept no connection at any address.
func (c *checker) silentUpstreams(ctx context.Context, addresses map[string]lookup) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	silent, asked := map[string]string{}, map[string]bool{}
	var mu sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, maxLookups)
	for _, forward := range c.forwards() {
		address := forward.Upstream.Address
		host, port := config.SplitUpstream(address)
		if c.env.connect == nil || asked[address] || !forward.Several && forward.Health.Path == "" || len(addresses[host].addrs) == 0 {
			continue
		}
		asked[address] = true
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			for _, addr := range addresses[host].addrs {
				if err = c.env.connect(ctx, netip.AddrPortFrom(addr, uint16(port))); err == nil {
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			silent[address] = wording.Cause(err).Error()
		})
	}
	running.Wait()
	return silent
}

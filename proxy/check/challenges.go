package check

import (
	"context"
	"fmt"
	"sync"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/config"
)

// challengeRecords warns of the records that an operator has to add once for each wildcard name that the proxy proves by its
// own DNS responder (S-20.4). Without them no certificate comes. ctx bounds the look-ups.
func (c *checker) challengeRecords(ctx context.Context) {
	if c.env.network == nil {
		return
	}
	type lookup struct{ key, problem string }
	var lookups []*lookup
	var asked sync.WaitGroup
	slots := make(chan struct{}, maxLookups)
	for i, listener := range c.cfg.Listeners {
		if listener.TLS.ACMEDNS.Method != config.DNSResponder {
			continue
		}
		records := acmedns.NewRecords(listener.TLS.ACMEDNS.Host)
		records.SetNames(i, listener.TLS.ACMEDomains)
		for _, name := range listener.TLS.ACMEDomains {
			rest, ok := config.IsWildcard(name)
			if !ok {
				continue
			}
			l := &lookup{key: config.IndexKey("listeners", i) + ".tls.acme_domains"}
			lookups = append(lookups, l)
			asked.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				trace, err := c.env.network.Find(ctx, "_acme-challenge."+rest)
				switch {
				case ctx.Err() != nil:
					l.problem = fmt.Sprintf("the record of %s was not found in time; look at the machine's resolver", name)
				case err != nil:
					l.problem = fmt.Sprintf("the record of %s cannot be looked up: %v", name, err)
				default:
					if err := records.Missing(trace); err != nil {
						l.problem = fmt.Sprintf("no certificate will come for %s: %v", name, err)
					}
				}
			})
		}
	}
	asked.Wait()
	for _, l := range lookups {
		if l.problem != "" {
			c.warn(l.key, "%s", l.problem)
		}
	}
}

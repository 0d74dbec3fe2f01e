package proxy

import (
	"fmt"
	"slices"

	"reverse-proxy/proxy/acmecert"
	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// responders are the DNS responders of the configuration, one for each address (S-20.4).
type responders []*boundResponder

// boundResponder is a responder with its address in the configuration.
type boundResponder struct {
	*acmedns.Responder
	address string
}

// bindResponders binds the DNS responders of all listeners (step 6 of the start). The responders run from then on,
// because step 7 needs them, and refuse all queries until a source has names. If one cannot be bound, bindResponders
// closes those that it has bound. The error names the key and the address.
func bindResponders(cfg *config.Config) (all responders, err error) {
	defer func() {
		if err != nil {
			all.close()
		}
	}()
	for i, listener := range cfg.Listeners {
		dns := listener.TLS.ACMEDNS
		if dns.Bind == "" || slices.ContainsFunc(all, func(r *boundResponder) bool { return r.address == dns.Bind }) {
			continue
		}
		r, err := acmedns.Listen(dns.Bind, acmedns.NewRecords(dns.Host))
		if err != nil {
			return all, config.KeyError{Key: config.IndexKey("listeners", i) + ".tls.acme_dns_bind",
				Problem: fmt.Sprintf("%s: %v; %s", dns.Bind, wording.Cause(err), bindAdvice(err))}
		}
		all = append(all, &boundResponder{r, dns.Bind})
	}
	return all, nil
}

// records returns the records of each responder, by its address in the configuration.
func (all responders) records() acmecert.Responders {
	records := make(acmecert.Responders, len(all))
	for _, r := range all {
		records[r.address] = r.Records
	}
	return records
}

// queries returns the number of queries to all responders for each of acmedns.QueryResults.
func (all responders) queries() (counts [len(acmedns.QueryResults)]uint64) {
	for _, r := range all {
		for result, n := range r.Queries() {
			counts[result] += n
		}
	}
	return counts
}

// close stops the responders.
func (all responders) close() {
	for _, r := range all {
		r.Close()
	}
}

package proxy

import (
	"fmt"
	"slices"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// refuseUncovered refuses a reload that adds a name to a listener in ACME mode unless a certificate was ordered for it at
// startup: no client could connect to that name. It accepts a name that is already served, even one without a certificate.
// The error is a config.Errors.
func (all listeners) refuseUncovered(old, next *DynamicConfig) error {
	var problems config.Errors
	for r := range next.routes.all() {
		l := all[r.listener]
		if !l.source.AsksCA() {
			continue
		}
		for i, name := range r.site.Names() {
			ordered := func(domain string) bool { return cert.NormalName(domain) == name }
			if old.routes.find(r.listener, name) == nil && !slices.ContainsFunc(l.config.TLS.ACMEDomains, ordered) {
				problems = append(problems, config.KeyError{Key: r.site.NameKeys(r.key)[i],
					Problem: fmt.Sprintf("%s has no certificate, and certificates are ordered only at startup; restart the daemon to add it", wording.Quoted(name))})
			}
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

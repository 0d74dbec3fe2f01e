package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// refuseUncovered refuses a reload that adds a site to a listener in ACME mode if the `acme_domains` of the listener do
// not cover the site's name. No certificate would be ordered for the name, and no client could connect. A name that is
// already served is accepted, even if it has no certificate. The error is a config.Errors.
func (all listeners) refuseUncovered(old, next *DynamicConfig) error {
	var problems config.Errors
	covers := coveredNames(next.ordered)
	for s := range next.sites.all() {
		if !all[s.listener].source.AsksCA() {
			continue
		}
		for i, name := range s.config.Names() {
			if old.sites.find(s.listener, name) == nil && !covers(s.listener, config.CertificateName(name)) {
				problems = append(problems, config.KeyError{Key: s.config.NameKeys(s.key)[i],
					Problem: fmt.Sprintf("%s would have no certificate, as acme_domains does not list it; add it there, or leave acme_domains out", wording.Quoted(name))})
			}
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

// coveredNames returns a function that reports whether a certificate is ordered for a name of a listener: for the name
// itself, or for the wildcard that covers it. ordered has the names of each listener.
func coveredNames(ordered [][]string) func(listener int, name string) bool {
	sets := make([]map[string]bool, len(ordered))
	for i, names := range ordered {
		sets[i] = make(map[string]bool, len(names))
		for _, name := range names {
			sets[i][cert.NormalName(name)] = true
		}
	}
	return func(listener int, name string) bool {
		_, rest, _ := strings.Cut(name, ".")
		return sets[listener][name] || sets[listener]["*."+rest]
	}
}

// obtain orders the certificates that a reload needs and that do not exist yet, while the old configuration serves (S-3.7).
// A shutdown ends it. The error has each name without a certificate, with the cause; what was obtained stays in the cache.
func (d *Daemon) obtain(certificates cert.PreparedAll) error {
	missing := certificates.Missing()
	if len(missing) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		select {
		case <-d.stop:
			cancel(errShuttingDown)
		case <-d.ended:
			cancel(errShuttingDown)
		case <-ctx.Done():
		}
	}()
	defer keepExtending(d.notify)()
	d.orders.Begin(missing)
	defer d.orders.end()
	results := make(chan error, len(certificates))
	for _, prepared := range certificates {
		go func() { results <- prepared.Obtain(ctx, d.orders.Done) }()
	}
	var problems config.Errors
	var errs []error
	for range certificates {
		err := <-results
		var refused config.Errors
		if errors.As(err, &refused) {
			problems = append(problems, refused...)
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	if errs == nil && problems != nil {
		slices.SortFunc(problems, func(a, b config.KeyError) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Problem, b.Problem))
		})
		return problems
	}
	return errors.Join(errs...)
}

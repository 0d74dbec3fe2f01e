package acmedns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// challengeLabel is the label below which a CA looks for the records of a challenge.
const challengeLabel = "_acme-challenge"

// Records are the names that a Responder answers for, and the TXT records of the challenges that are under way.
//
// Each `_acme-challenge.D` is a zone, where D is the name of the machine or a name of a certificate. The operator delegates the
// zone by an NS record. A zone also has the records of every other name E, at `E._acme-challenge.D`: with a CNAME record from
// `_acme-challenge.E` to there, one delegation is enough for all names.
type Records struct {
	// host is the machine's name in NS and SOA records; "" for the name D of each zone.
	host string

	mu sync.RWMutex
	// names are the names of certificates, by the owner that orders them.
	names map[any][]string
	// known has all names, without `*.`. above has the names above those: they exist, but have no records.
	known, above map[string]bool
	// values are the texts of the challenges under way, by name. A text that was presented twice is there twice.
	values map[string][]string
}

// NewRecords returns records without names. host is the name of the machine, or "".
func NewRecords(host string) *Records {
	return &Records{host: strings.ToLower(strings.TrimSuffix(host, ".")), names: map[any][]string{}, values: map[string][]string{}}
}

// SetNames sets the names that an owner orders certificates for.
func (r *Records) SetNames(owner any, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[owner] = names
	r.known, r.above = map[string]bool{}, map[string]bool{}
	for _, list := range r.names {
		for _, name := range list {
			r.know(strings.TrimPrefix(strings.ToLower(name), "*."))
		}
	}
}

// know adds a name. The caller holds mu.
func (r *Records) know(name string) {
	r.known[name] = true
	for {
		_, parent, ok := strings.Cut(name, ".")
		if !ok {
			return
		}
		r.above[parent] = true
		name = parent
	}
}

// Present implements Provider.
func (r *Records) Present(_ context.Context, fqdn, value string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := challengedName(fqdn)
	r.values[name] = append(r.values[name], value)
	return nil
}

// CleanUp implements Provider.
func (r *Records) CleanUp(_ context.Context, fqdn, value string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := challengedName(fqdn)
	if i := slices.Index(r.values[name], value); i >= 0 {
		r.values[name] = slices.Delete(r.values[name], i, i+1)
	}
	if len(r.values[name]) == 0 {
		delete(r.values, name)
	}
	return nil
}

// challengedName returns the name that a challenge with its record at fqdn proves.
func challengedName(fqdn string) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSuffix(fqdn, ".")), challengeLabel+".")
}

// found is the result of find.
type found struct {
	// zone is the zone of the name, without a final dot; "" if the name is not in a zone of the Records.
	zone string
	// exists reports whether the zone has the name, and apex whether it is the zone's own.
	exists, apex bool
	// host is the name server of the zone.
	host string
	// texts are the TXT records of the name.
	texts []string
}

// find looks a name up, whatever its case.
func (r *Records) find(qname string) found {
	labels := dns.SplitDomainName(strings.ToLower(qname))
	at := -1
	for i, label := range labels {
		if label == challengeLabel {
			at = i
		}
	}
	if at < 0 {
		return found{}
	}
	below, domain := strings.Join(labels[:at], "."), strings.Join(labels[at+1:], ".")
	r.mu.RLock()
	defer r.mu.RUnlock()
	if domain == "" || !r.known[domain] && domain != r.host {
		return found{}
	}
	f := found{zone: challengeLabel + "." + domain, apex: at == 0, host: r.host}
	if f.host == "" {
		f.host = domain
	}
	if f.apex {
		f.exists, f.texts = true, r.distinct(domain)
		return f
	}
	f.exists, f.texts = r.known[below] || r.above[below], r.distinct(below)
	return f
}

// distinct returns the texts of a name, each once. The caller holds mu.
func (r *Records) distinct(name string) []string {
	var texts []string
	for _, text := range r.values[name] {
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// Missing returns nil if a trace ends in a zone of the Records. Otherwise the error names the DNS record that the operator has
// to add.
func (r *Records) Missing(trace *Trace) error {
	f := r.find(trace.Target)
	zone := strings.TrimSuffix(trace.Zone, ".")
	if f.zone != "" && f.zone == zone {
		return nil
	}
	name := strings.TrimSuffix(trace.Name, ".")
	add := fmt.Sprintf("%s. NS %s.", f.zone, f.host)
	switch {
	case f.zone == "" && trace.Target != trace.Name:
		return fmt.Errorf("%s: its CNAME record leads to %s, which is not ours; let it lead to %s", name, strings.TrimSuffix(trace.Target, "."), r.aliasFor(name))
	case trace.Target == trace.Name && r.host != "" && challengeLabel+"."+r.host != name:
		add = fmt.Sprintf("%s. CNAME %s.", name, r.aliasFor(name))
	}
	return fmt.Errorf("%s: a record is missing at the name servers of %s: add %q", strings.TrimSuffix(trace.Target, "."), zone, add)
}

// aliasFor returns the target for a CNAME record at an `_acme-challenge` name.
func (r *Records) aliasFor(name string) string {
	domain := challengedName(name)
	host := r.host
	if host == "" {
		host = domain
	}
	return domain + "." + challengeLabel + "." + host
}

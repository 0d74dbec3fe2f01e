package proxy

import (
	"errors"
	"slices"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
)

// certificates lists the certificates that are in use: those of the listeners, and those with which the proxy
// identifies itself to upstreams.
func (d *Daemon) certificates() []cert.Info {
	return append(d.listeners.certificates(), d.dynamic.Load().upstreamCertificates()...)
}

// upstreamCertificates lists the certificates with which the proxy identifies itself to upstreams, each once for a
// site.
func (d *DynamicConfig) upstreamCertificates() []cert.Info {
	var infos []cert.Info
	for s := range d.sites.all() {
		var seen []string
		for r := range s.all() {
			of, path := r.config.UpstreamTLS.Certificate, r.config.UpstreamTLS.Files.CertPath
			if of == nil || slices.Contains(seen, path) {
				continue
			}
			seen = append(seen, path)
			infos = append(infos, cert.Info{ForUpstreams: path, Names: []string{s.config.Host}, Source: config.TLSModeManual,
				NotBefore: of.Leaf.NotBefore, NotAfter: of.Leaf.NotAfter})
		}
	}
	return infos
}

// certificates lists the certificates that all listeners use.
func (all listeners) certificates() []cert.Info {
	var infos []cert.Info
	for _, l := range all {
		infos = append(infos, l.source.Certificates()...)
	}
	return infos
}

// tables returns the certificates in use by listener index; nil for a listener whose certificates a reload does not
// change.
func (all listeners) tables() []*cert.Table {
	tables := make([]*cert.Table, len(all))
	for i, l := range all {
		tables[i] = l.source.Table()
	}
	return tables
}

// prepareCertificates reads or regenerates the certificates of every listener that can change at a reload (S-3.5), and
// finds those that have to be ordered first. It contacts no CA. After an error, and before the commit, nothing has
// changed.
func (all listeners) prepareCertificates(dynamic *DynamicConfig) (cert.PreparedAll, error) {
	tables := make(cert.PreparedAll, len(all))
	var problems config.Errors
	var errs []error
	for i, l := range all {
		names := dynamic.sites.hosts(l.index)
		if l.source.AsksCA() {
			names = dynamic.ordered[l.index]
		}
		prepared, err := l.source.Prepare(names)
		var refused config.Errors
		switch {
		case errors.As(err, &refused):
			problems = append(problems, refused...)
		case err != nil:
			errs = append(errs, err)
		default:
			tables[i] = prepared
		}
	}
	if problems != nil {
		return nil, problems
	}
	return tables, errors.Join(errs...)
}

package proxy

import (
	"bytes"
	"crypto/tls"
	"maps"
	"slices"
	"strconv"
	"strings"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// configState is a configuration that is in use, or that a reload would put to use.
type configState struct {
	// static holds the static keys.
	static *config.Config
	// dynamic holds the rest, by running listener.
	dynamic *DynamicConfig
	// certificates are the tables of the running listeners. The table is nil in ACME mode, where certificates come and
	// go by renewal, not by reload.
	certificates []*cert.Table
}

// differenceTo returns what a reload from this state to the next one changes. Both `diff` and `reload` use it, so that
// the preview and the report cannot disagree.
func (s configState) differenceTo(next configState) admin.Difference {
	d := comparison{admin.Difference{RestartRequired: s.static.Drift(next.static)}}
	d.Settings = changedKeys(s.dynamic.settings(), next.dynamic.settings())
	d.sites(s.dynamic, next.dynamic)
	d.waiting(s.static.Listeners, next.static.Listeners)
	for i, listener := range s.static.Listeners {
		if s.certificates[i] != nil && next.certificates[i] != nil {
			d.certificates(listener, s.certificates[i].All, next.certificates[i].All)
		}
	}
	return d.Difference
}

// comparison collects a difference.
type comparison struct{ admin.Difference }

// servedSite is a site with the listener that serves it.
type servedSite struct {
	listener string
	config   config.Site
}

// servedSites returns the sites on the running listeners, by identity.
func servedSites(dynamic *DynamicConfig) map[siteID]servedSite {
	sites := make(map[siteID]servedSite, dynamic.Sites)
	for s := range dynamic.sites.all() {
		sites[s.id()] = servedSite{dynamic.sites[s.listener].name, s.config}
	}
	return sites
}

// inOrder returns the identities in the order of their hosts and listeners.
func inOrder(sites map[siteID]servedSite) []siteID {
	return slices.SortedFunc(maps.Keys(sites), siteID.compare)
}

// sites compares the sites on the running listeners.
func (d *comparison) sites(old, next *DynamicConfig) {
	before, after := servedSites(old), servedSites(next)
	for to, from := range movedSites(before, after) {
		before[to] = before[from]
		delete(before, from)
	}
	for _, id := range inOrder(before) {
		if _, stays := after[id]; !stays {
			d.SitesRemoved = append(d.SitesRemoved, before[id].summary())
		}
	}
	for _, id := range inOrder(after) {
		was, stayed := before[id]
		is := after[id]
		if !stayed {
			d.SitesAdded = append(d.SitesAdded, is.summary())
			continue
		}
		keys := changedKeys(was.keys(), is.keys())
		if keys != nil {
			d.SitesChanged = append(d.SitesChanged, admin.SiteChange{Host: id.host, Listener: is.listener, Keys: keys})
		}
		d.routes(was, is, keys)
	}
}

// waiting lists the sites of the listeners in the file that are not running.
func (d *comparison) waiting(running, file []config.Listener) {
	matched := make(map[int]bool)
	for _, j := range config.MatchListeners(running, file) {
		matched[j] = true
	}
	for j, listener := range file {
		if matched[j] {
			continue
		}
		for _, site := range listener.Sites {
			d.SitesWaiting = append(d.SitesWaiting, servedSite{listener.Address(), site}.summary())
		}
	}
}

// certificates compares the certificates of one listener by position. The list of certificate files is static, so a
// reload does not change their number.
func (d *comparison) certificates(listener config.Listener, old, next []*tls.Certificate) {
	for i := range min(len(old), len(next)) {
		if slices.EqualFunc(old[i].Certificate, next[i].Certificate, bytes.Equal) {
			continue
		}
		d.Certificates = append(d.Certificates, admin.CertificateChange{
			Listener: listener.Address(), Source: listener.TLS.Mode,
			OldNames: cert.CoveredNames(old[i].Leaf), NewNames: cert.CoveredNames(next[i].Leaf),
			OldNotAfter: old[i].Leaf.NotAfter.UTC(), NewNotAfter: next[i].Leaf.NotAfter.UTC(),
		})
	}
}

// keyValue is one key with its value as in the file.
type keyValue struct{ key, value string }

// changedKeys lists the keys whose values differ. Both lists have the same keys in the same order.
func changedKeys(old, next []keyValue) []admin.KeyChange {
	var changes []admin.KeyChange
	for i := range old {
		if old[i].value != next[i].value {
			changes = append(changes, admin.KeyChange{Key: old[i].key, Old: old[i].value, New: next[i].value})
		}
	}
	return changes
}

// settings returns the dynamic keys outside the sites, in the order of the documentation.
func (d *DynamicConfig) settings() []keyValue {
	settings := []keyValue{
		{"https_health_path", d.HealthPath},
		{"rate_limit.requests_per_second", strconv.FormatFloat(d.RateLimit.RequestsPerSecond, 'f', -1, 64)},
		{"rate_limit.burst", strconv.Itoa(d.RateLimit.Burst)},
		{"rate_limit.eviction_interval_secs", wording.InSeconds(d.RateLimit.EvictionInterval)},
		{"rate_limit.eviction_age_secs", wording.InSeconds(d.RateLimit.EvictionAge)},
		{"body.limit_bytes", strconv.FormatInt(d.BodyLimit, 10)},
		{"request_headers", d.RequestHeaders.OfLevel(config.LevelFile.String())},
		{"response_headers", d.ResponseHeaders.OfLevel(config.LevelFile.String())},
	}
	for i, names := range d.ordered {
		if names != nil {
			settings = append(settings, keyValue{config.IndexKey("listeners", i) + ".tls.acme_domains", strings.Join(names, ", ")})
		}
	}
	for i, of := range d.sites {
		for _, text := range of.clients.Texts() {
			settings = append(settings, keyValue{config.ChildKey(config.IndexKey("listeners", i), text.Key), text.Value})
		}
	}
	settings = append(settings, keyValues(d.Maintenance.Texts(config.LevelFile))...)
	return append(settings, keyValues(d.Access.Texts(config.LevelFile))...)
}

// keyValues turns the keys that the configuration lists into those of a comparison.
func keyValues(texts []config.KeyText) []keyValue {
	values := make([]keyValue, len(texts))
	for i, text := range texts {
		values[i] = keyValue{text.Key, text.Value}
	}
	return values
}

// keys returns the listener of the site, and then the site's keys other than its host, in the order of the
// documentation.
func (s servedSite) keys() []keyValue {
	keys := []keyValue{
		{"listener", s.listener},
		{"aliases", strings.Join(s.config.Aliases, ", ")},
		{"redirect_aliases", strconv.FormatBool(s.config.RedirectAliases)},
		{"client_ca_path", s.config.ClientCerts.Texts()[0].Value},
		{"client_cert", s.config.ClientCerts.Texts()[1].Value},
		{"upstream", s.config.Upstreams.Single()},
		{"upstreams", s.config.Upstreams.Several()},
		{"upstream_scheme", s.config.UpstreamScheme},
		{"upstream_proxy_protocol", string(s.config.UpstreamProxy)},
		{"upstream_protocol", s.config.UpstreamProtocol},
	}
	keys = append(keys, keyValues(s.config.UpstreamTLS.Texts())...)
	keys = append(keys, []keyValue{
		{"upstream_connect_timeout_secs", wording.InSeconds(s.config.ConnectTimeout)},
		{"upstream_request_timeout_secs", wording.InSeconds(s.config.RequestTimeout)},
		{"upstream_max_connections", config.OrUnset(s.config.MaxConnections)},
	}...)
	keys = append(keys, keyValues(s.config.BalanceTexts())...)
	keys = append(keys, keyValues(s.config.Limits.Texts(config.LevelSite))...)
	keys = append(keys, keyValues(s.config.Maintenance.Texts(config.LevelSite))...)
	keys = append(keys, keyValues(s.config.Access.Texts(config.LevelSite))...)
	return append(keys,
		keyValue{"request_headers", s.config.RequestHeaders.OfLevel(config.LevelSite.String())},
		keyValue{"response_headers", s.config.ResponseHeaders.OfLevel(config.LevelSite.String())})
}

// summary describes the site in short.
func (s servedSite) summary() admin.SiteSummary {
	return admin.SiteSummary{Host: s.config.Host, Aliases: s.config.Aliases, Listener: s.listener, Routes: s.paths(),
		Upstream: urlOf(s.config.Upstreams, s.config.Settings)}
}

package config

import (
	"fmt"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

// Drift is one static key whose value in the file differs from the running one, so that it needs a restart (S-3.4).
type Drift struct {
	// Key is the key with its indices in the file; for a listener that the file no longer has, the running index.
	Key string `json:"key"`
	// Running and File are the two values as text; "" for a key that is not set, or a listener that does not exist.
	Running string `json:"running"`
	File    string `json:"file"`
}

// Drift lists the static keys in which other, a newly loaded configuration, differs from the running one, in the order
// of the documentation. An added or a removed listener is one Drift with the key `listeners[i]`.
func (c *Config) Drift(other *Config) []Drift {
	var d driftList
	d.compare("allow_wildcard_bind", c.AllowWildcardBind, other.AllowWildcardBind)
	d.compare("health_check_port", c.HealthCheckPort, other.HealthCheckPort)
	d.compare("admin_socket_path", c.AdminSocketPath, other.AdminSocketPath)
	d.compare("shutdown_timeout_secs", wording.InSeconds(c.ShutdownTimeout), wording.InSeconds(other.ShutdownTimeout))
	d.compare("connection_idle_timeout_secs", wording.InSeconds(c.ConnectionIdleTimeout), wording.InSeconds(other.ConnectionIdleTimeout))
	d.compare("header_timeout_secs", wording.InSeconds(c.HeaderTimeout), wording.InSeconds(other.HeaderTimeout))
	d.compare("body_idle_timeout_secs", wording.InSeconds(c.BodyIdleTimeout), wording.InSeconds(other.BodyIdleTimeout))
	d.compare("max_connections", c.MaxConnections, other.MaxConnections)
	d.compare("max_connections_per_client", OrUnset(c.MaxConnectionsPerClient), OrUnset(other.MaxConnectionsPerClient))
	d.compare("sandbox", onOff(c.Sandbox), onOff(other.Sandbox))
	d.compare("logging.level", strings.ToLower(c.Logging.Level.String()), strings.ToLower(other.Logging.Level.String()))
	d.compare("logging.format", c.Logging.Format, other.Logging.Format)
	d.compare("logging.log_file_path", c.Logging.FilePath, other.Logging.FilePath)
	d.store(c.Store, other.Store)
	d.listeners(c.Listeners, other.Listeners)
	return d
}

// OrUnset renders a number, or "" for 0, which means that the key is not set.
func OrUnset(number int) string {
	if number == 0 {
		return ""
	}
	return strconv.Itoa(number)
}

// onOff renders the value of `sandbox`.
func onOff(on bool) string {
	if on {
		return SandboxOn
	}
	return SandboxOff
}

// driftList collects drifts.
type driftList []Drift

// compare adds a drift of the key if the two values differ.
func (d *driftList) compare(key string, running, file any) {
	if running != file {
		*d = append(*d, Drift{Key: key, Running: fmt.Sprint(running), File: fmt.Sprint(file)})
	}
}

// listeners compares the listeners pair by pair, with removed ones first and added ones last.
func (d *driftList) listeners(running, file []Listener) {
	matches := MatchListeners(running, file)
	matched := make(map[int]bool)
	for i, j := range matches {
		if j < 0 {
			d.compare(IndexKey("listeners", i), running[i].Address(), "")
			continue
		}
		matched[j] = true
		d.listener(IndexKey("listeners", j), running[i], file[j])
	}
	for j := range file {
		if !matched[j] {
			d.compare(IndexKey("listeners", j), "", file[j].Address())
		}
	}
}

// listener compares the running and the new version of one listener.
func (d *driftList) listener(key string, running, file Listener) {
	d.compare(ChildKey(key, "bind_addr"), strings.Join(running.BindAddrs, ", "), strings.Join(file.BindAddrs, ", "))
	d.compare(ChildKey(key, "http_port"), running.HTTPPort, file.HTTPPort)
	d.compare(ChildKey(key, "https_port"), running.HTTPSPort, file.HTTPSPort)
	d.compare(ChildKey(key, "proxy_protocol"), proxyProtocolText(running.ProxyProtocol), proxyProtocolText(file.ProxyProtocol))
	key = ChildKey(key, "tls")
	d.compare(ChildKey(key, "mode"), running.TLS.Mode, file.TLS.Mode)
	if running.TLS.Mode != file.TLS.Mode {
		// The keys of two different modes have nothing in common.
		return
	}
	d.compare(ChildKey(key, "acme_cache_dir"), running.TLS.ACMECacheDir, file.TLS.ACMECacheDir)
	d.compare(ChildKey(key, "acme_contact"), running.TLS.ACMEContact, file.TLS.ACMEContact)
	d.compare(ChildKey(key, "acme_directory"), running.TLS.ACMEDirectory, file.TLS.ACMEDirectory)
	d.compare(ChildKey(key, "acme_ca_path"), running.TLS.ACMECAPath, file.TLS.ACMECAPath)
	d.compare(ChildKey(key, "acme_profile"), running.TLS.ACMEProfile, file.TLS.ACMEProfile)
	d.compare(ChildKey(key, "acme_eab_key_id"), running.TLS.ACMEEABKeyID, file.TLS.ACMEEABKeyID)
	d.compare(ChildKey(key, "acme_eab_key_file"), running.TLS.ACMEEABKeyFile, file.TLS.ACMEEABKeyFile)
	d.compare(ChildKey(key, "acme_start"), running.TLS.ACMEStart, file.TLS.ACMEStart)
	d.compare(ChildKey(key, "acme_start_timeout_secs"), wording.InSeconds(running.TLS.ACMEStartTimeout), wording.InSeconds(file.TLS.ACMEStartTimeout))
	d.dns01(key, running.TLS.ACMEDNS, file.TLS.ACMEDNS)
	d.certificates(key, running.TLS.Certificates, file.TLS.Certificates)
}

// dns01 compares how DNS-01 challenges are answered.
func (d *driftList) dns01(key string, running, file DNS01) {
	theirs := file.keys()
	for i, own := range running.keys() {
		d.compare(ChildKey(key, own.key), own.value, theirs[i].value)
	}
}

// certificates compares the paths of manual mode: the first pair has its own keys, the others are a list.
func (d *driftList) certificates(key string, running, file []CertificateFiles) {
	if len(running) == 0 || len(file) == 0 {
		return
	}
	d.compare(ChildKey(key, "cert_path"), running[0].CertPath, file[0].CertPath)
	d.compare(ChildKey(key, "key_path"), running[0].KeyPath, file[0].KeyPath)
	d.compare(ChildKey(key, "certificates"), pairList(running[1:]), pairList(file[1:]))
}

// pairList renders pairs of files as text.
func pairList(pairs []CertificateFiles) string {
	texts := make([]string, len(pairs))
	for i, pair := range pairs {
		texts[i] = pair.CertPath + " with " + pair.KeyPath
	}
	return strings.Join(texts, ", ")
}

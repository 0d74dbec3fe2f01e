package admin

import (
	"time"

	"reverse-proxy/proxy/config"
)

// Difference is what a reload changes in the running configuration, or would change: the answer to `diff`, and part of
// the answer to `reload`. Empty lists are left out. Times are in UTC.
type Difference struct {
	// SitesAdded, SitesRemoved and SitesChanged are the sites that differ on the running listeners, in the order of
	// their hosts.
	SitesAdded   []SiteSummary `json:"sites_added,omitempty"`
	SitesRemoved []SiteSummary `json:"sites_removed,omitempty"`
	SitesChanged []SiteChange  `json:"sites_changed,omitempty"`
	// SitesWaiting are the sites of listeners that are new in the file: they are served after a restart (S-3.4).
	SitesWaiting []SiteSummary `json:"sites_waiting,omitempty"`
	// Settings are the dynamic keys outside the sites that differ: the limits, and the health path.
	Settings []KeyChange `json:"settings,omitempty"`
	// Certificates are the certificates whose contents differ from those in use.
	Certificates []CertificateChange `json:"certificates,omitempty"`
	// Orders are the names for which the reload orders certificates first (S-5.7).
	Orders []string `json:"orders,omitempty"`
	// RestartRequired are the static keys that differ: they take effect only at a restart.
	RestartRequired []config.Drift `json:"restart_required,omitempty"`
}

// KeyChange is one key with its value in use and its new one, both as in the file.
type KeyChange struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

// SiteSummary describes one site in short.
type SiteSummary struct {
	// Host is the served name, and Listener the `bind_addr:https_port` that serves it.
	Host     string `json:"host"`
	Listener string `json:"listener"`
	// Aliases are its further names.
	Aliases []string `json:"aliases,omitempty"`
	// Upstream is the URL that requests are forwarded to, as in `http://127.0.0.1:3000`.
	Upstream string `json:"upstream"`
}

// SiteChange is one site that is served both before and after.
type SiteChange struct {
	// Host is its name, and Listener the one that serves it afterwards.
	Host     string `json:"host"`
	Listener string `json:"listener"`
	// Keys are the keys of `[[listeners.sites]]` that differ; `listener` means a move to another listener.
	Keys []KeyChange `json:"keys"`
}

// CertificateChange is one certificate that was renewed or replaced in place.
type CertificateChange struct {
	// Listener is the `bind_addr:https_port` that serves it.
	Listener string `json:"listener"`
	// Source is the TLS mode of the listener.
	Source config.TLSMode `json:"source"`
	// OldNames and NewNames are the DNS names covered before and after.
	OldNames []string `json:"old_names"`
	NewNames []string `json:"new_names"`
	// OldNotAfter and NewNotAfter are the expiry times before and after.
	OldNotAfter time.Time `json:"old_not_after"`
	NewNotAfter time.Time `json:"new_not_after"`
}

// Count returns the number of differences. A changed site counts as one, however many of its keys differ.
func (d Difference) Count() int {
	return len(d.SitesAdded) + len(d.SitesRemoved) + len(d.SitesChanged) + len(d.SitesWaiting) + len(d.Settings) +
		len(d.Certificates) + len(d.RestartRequired)
}

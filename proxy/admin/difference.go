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
	// RoutesAdded, RoutesRemoved and RoutesChanged are the routes that differ of sites that are served both before and after, in
	// the order of the hosts and paths.
	RoutesAdded   []RouteSummary `json:"routes_added,omitempty"`
	RoutesRemoved []RouteSummary `json:"routes_removed,omitempty"`
	RoutesChanged []RouteChange  `json:"routes_changed,omitempty"`
	// SitesWaiting are the sites of listeners that are new in the file: they are served after a restart (S-3.4).
	SitesWaiting []SiteSummary `json:"sites_waiting,omitempty"`
	// Settings are the dynamic keys outside the sites that differ: the limits, and the health path.
	Settings []KeyChange `json:"settings,omitempty"`
	// Certificates are the certificates whose contents differ from those in use.
	Certificates []CertificateChange `json:"certificates,omitempty"`
	// Orders are the names for which the reload orders certificates first (S-5.7).
	Orders []string `json:"orders,omitempty"`
	// Answers are a few requests for each changed site that are answered differently (S-21.3).
	Answers []AnswerChange `json:"answers,omitempty"`
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
	// Upstream is the URL that requests are forwarded to that no route takes, as in `http://127.0.0.1:3000`; "" if there is
	// none.
	Upstream string `json:"upstream"`
	// Routes are the paths of its routes.
	Routes []string `json:"routes,omitempty"`
}

// RouteSummary describes one route of a site in short.
type RouteSummary struct {
	// Host and Listener are those of its site.
	Host     string `json:"host"`
	Listener string `json:"listener"`
	// Route is its path, as configured, and Exact reports whether it takes nothing below.
	Route string `json:"route"`
	Exact bool   `json:"exact,omitempty"`
	// Methods are those that it takes; none for all.
	Methods []string `json:"methods,omitempty"`
	// Action is what it does with requests, as in `upstream http://127.0.0.1:3000`.
	Action string `json:"action"`
}

// RouteChange is one route that is there both before and after.
type RouteChange struct {
	RouteSummary
	// Keys are the keys of `[[listeners.sites.routes]]` that differ, without what the site changes for all its routes.
	Keys []KeyChange `json:"keys"`
}

// SiteChange is one site that is served both before and after.
type SiteChange struct {
	// Host is its name, and Listener the one that serves it afterwards.
	Host     string `json:"host"`
	Listener string `json:"listener"`
	// Keys are the keys of `[[listeners.sites]]` that differ; `listener` means a move to another listener.
	Keys []KeyChange `json:"keys"`
}

// AnswerChange is a request that is answered differently. Old and New say how, in one line.
type AnswerChange struct {
	Listener string `json:"listener"`
	Request  string `json:"request"`
	Old      string `json:"old"`
	New      string `json:"new"`
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

// Count returns the number of differences. A changed site or route counts as one, however many of its keys differ.
func (d Difference) Count() int {
	return len(d.SitesAdded) + len(d.SitesRemoved) + len(d.SitesChanged) + len(d.RoutesAdded) + len(d.RoutesRemoved) + len(d.RoutesChanged) + len(d.SitesWaiting) + len(d.Settings) +
		len(d.Certificates) + len(d.RestartRequired)
}

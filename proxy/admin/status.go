package admin

import (
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/sandbox"
)

// The values of the field `status` in every answer of the admin socket.
const (
	StatusOK    = "ok"
	StatusError = "error"
)

// ReloadResult is the answer to `reload` (S-10.1).
type ReloadResult struct {
	// Status is "ok" if the new configuration is in use, and "error" if the old one still is.
	Status string `json:"status"`
	// Message says in one sentence what happened; always set for an error.
	Message string `json:"message,omitempty"`
	// Errors lists everything that is wrong with the new configuration, each with its key.
	Errors []string `json:"errors,omitempty"`
	// Sites is the number of sites of the new configuration.
	Sites int `json:"sites,omitempty"`
	// RestartRequired names the static keys that differ from those in use and were not named at an earlier reload
	// (S-3.4).
	RestartRequired []string `json:"restart_required,omitempty"`
	// Difference is what changed, and every static key that differs; nil for an error.
	Difference *Difference `json:"difference,omitempty"`
	// Path is the daemon's configuration file.
	Path string `json:"path,omitempty"`
}

// DiffResult is the answer to `diff`: what a reload of the file in its present state would do.
type DiffResult struct {
	// Status is "ok" if a reload would be accepted, and "error" if it would be refused.
	Status string `json:"status"`
	// Message says in one sentence that the reload would be refused; always set for an error.
	Message string `json:"message,omitempty"`
	// Errors lists everything that is wrong with the new configuration, each with its key.
	Errors []string `json:"errors,omitempty"`
	// Path is the daemon's configuration file.
	Path string `json:"path,omitempty"`
	// Changes is the number of differences.
	Changes int `json:"changes"`
	// Difference describes them; nil for an error.
	Difference *Difference `json:"difference,omitempty"`
}

// Status is the answer to `status` (S-10.1): the state of a running daemon for its operator. Times are in UTC.
type Status struct {
	// Status is always "ok".
	Status string `json:"status"`
	// UptimeSecs is the time since the process started, in whole seconds.
	UptimeSecs int64 `json:"uptime_secs"`
	// Sites is the number of sites served, over all listeners.
	Sites int `json:"sites"`
	// Version, Revision and GoVersion are those of --version (S-1.6).
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"go_version"`
	// PID is the process ID.
	PID int `json:"pid"`
	// Sandbox is what the process has given up since its start.
	Sandbox sandbox.Status `json:"sandbox"`
	// Config is the configuration in use.
	Config ConfigStatus `json:"config"`
	// LastReload is how the latest reload ended; null if there was none.
	LastReload *ReloadStatus `json:"last_reload"`
	// Listeners are the listeners in use, in the order of the configuration.
	Listeners []ListenerStatus `json:"listeners"`
	// Certificates are the certificates in use, over all listeners.
	Certificates []cert.Info `json:"certificates"`
	// Time is the daemon's clock.
	Time time.Time `json:"time"`
	// SiteTraffic lists every site with what it has served since the start, in the order of the hosts.
	SiteTraffic []SiteTraffic `json:"site_traffic"`
	// ACME is the state of each name for which certificates are ordered, over all listeners.
	ACME []ACMEStatus `json:"acme"`
	// HeldSites are the sites that are in maintenance or paused, in the order of the hosts.
	HeldSites []HeldSite `json:"held_sites"`
	// Upstreams are the upstreams of all sites, in the order of the sites, and FailOver the sites with several or with checks.
	Upstreams []UpstreamStatus `json:"upstreams"`
	FailOver  []FailOverStatus `json:"fail_over"`
	// Reloads are the latest reloads, the last one first, at most 10.
	Reloads []ReloadStatus `json:"reloads"`
	// Memory is the process's memory usage.
	Memory MemoryStatus `json:"memory"`
	// MaxConnections is the largest number of client connections served at once.
	MaxConnections int `json:"max_connections"`
	// MaxConnectionsPerClient is how many of them one client may hold while others wait.
	MaxConnectionsPerClient int `json:"max_connections_per_client"`
	// Connections is the number of client connections open now.
	Connections int `json:"connections"`
	// RequestsInFlight is the number of requests whose response has not ended.
	RequestsInFlight int `json:"requests_in_flight"`
	// Descriptors is the process's usage of file descriptors.
	Descriptors DescriptorStatus `json:"descriptors"`
	// Starting reports whether the daemon is still starting, and serves no client yet.
	Starting bool `json:"starting,omitempty"`
	// Store is the store that several machines share; nil without one.
	Store *StoreStatus `json:"store,omitempty"`
	// Orders are the orders for certificates that a start or a reload is waiting for; nil without any.
	Orders *OrdersStatus `json:"orders,omitempty"`
	// RateLimitedClients is the number of buckets that the rate limiter keeps, one for each client address and limit.
	RateLimitedClients int `json:"rate_limited_clients"`
	// Limits lists what the limits of the file, and of each site and route that sets one, have done.
	Limits []LimitStatus `json:"limits"`
}

// ConfigStatus describes the configuration in use.
type ConfigStatus struct {
	// Path is the file named at startup, as an absolute path.
	Path string `json:"path"`
	// Hash is the SHA-256 of the bytes that were read, in hexadecimal.
	Hash string `json:"hash"`
	// LoadedAt is when it came into use.
	LoadedAt time.Time `json:"loaded_at"`
	// FileDiffers reports whether the file on disk now has other contents, or cannot be read.
	FileDiffers bool `json:"file_differs"`
	// RestartRequired are the static keys that differed from those in use at the last reload.
	RestartRequired []config.Drift `json:"restart_required"`
}

// ListenerStatus is one entry of `[[listeners]]` as it is served.
type ListenerStatus struct {
	// HTTPS is the address and port of the sites; the first, if the listener has several addresses.
	HTTPS string `json:"https"`
	// HTTP is the address and port of the redirect; "" when there is none.
	HTTP string `json:"http,omitempty"`
	// TLSMode is where its certificates come from.
	TLSMode config.TLSMode `json:"tls_mode"`
	// Addresses are all addresses of a listener that has several, the first one among them.
	Addresses []ListenerAddress `json:"addresses,omitempty"`
}

// ListenerAddress is one address of a listener with its ports.
type ListenerAddress struct {
	// HTTPS is the address and port of the sites.
	HTTPS string `json:"https"`
	// HTTP is the address and port of the redirect; "" when there is none.
	HTTP string `json:"http,omitempty"`
}

// Complete fills in the fields that have only one right value: the status, and empty lists instead of null.
func (s Status) Complete() Status {
	s.Status = StatusOK
	if s.Listeners == nil {
		s.Listeners = []ListenerStatus{}
	}
	if s.Certificates == nil {
		s.Certificates = []cert.Info{}
	}
	if s.SiteTraffic == nil {
		s.SiteTraffic = []SiteTraffic{}
	}
	if s.ACME == nil {
		s.ACME = []ACMEStatus{}
	}
	if s.Upstreams == nil {
		s.Upstreams = []UpstreamStatus{}
	}
	if s.FailOver == nil {
		s.FailOver = []FailOverStatus{}
	}
	if s.HeldSites == nil {
		s.HeldSites = []HeldSite{}
	}
	if s.Reloads == nil {
		s.Reloads = []ReloadStatus{}
	}
	if s.Limits == nil {
		s.Limits = []LimitStatus{}
	}
	if s.Config.RestartRequired == nil {
		s.Config.RestartRequired = []config.Drift{}
	}
	return s
}

// MaxHistoryErrors is the number of errors that the history of reloads has of each; the last reload has all of them.
const MaxHistoryErrors = 10

// ReloadStatus describes how a reload ended, however it was requested.
type ReloadStatus struct {
	// Time is when it ended.
	Time time.Time `json:"time"`
	// Status, Message and Errors are those of its ReloadResult.
	Status  string   `json:"status"`
	Message string   `json:"message,omitempty"`
	Errors  []string `json:"errors,omitempty"`
	// Changes is the number of things that it changed, or that wait for a restart.
	Changes int `json:"changes"`
}

// OrdersStatus is the progress of the orders for certificates.
type OrdersStatus struct {
	// Done are the names that already have a certificate, in the order in which they got it, and Waiting the others.
	Done    []string `json:"done"`
	Waiting []string `json:"waiting"`
}

// ACMEStatus is the state of one name of `acme_domains`.
type ACMEStatus struct {
	// Listener is the address and port of the listener that the certificate is for.
	Listener string `json:"listener"`
	cert.NameStatus
}

// DescriptorStatus is the process's usage of file descriptors.
type DescriptorStatus struct {
	// Used is the number open now; 0 if the system does not report it.
	Used int `json:"used"`
	// Allowed is the most that may be open, the soft limit of RLIMIT_NOFILE; 0 if the system does not report it.
	Allowed int `json:"allowed"`
}

// MemoryStatus is the process's memory usage, in bytes.
type MemoryStatus struct {
	// ResidentBytes is the resident memory; 0 if the system does not report it.
	ResidentBytes int64 `json:"resident_bytes"`
	// HeapBytes is the memory of live objects and of those not yet collected.
	HeapBytes int64 `json:"heap_bytes"`
	// Goroutines is the number of goroutines.
	Goroutines int `json:"goroutines"`
}

// SiteTraffic is one site with what it has served since the start of the daemon, or since it was added.
type SiteTraffic struct {
	SiteSummary
	// Counts is nil in the answer of an older daemon, which does not count.
	Counts *TrafficCounts `json:"counts"`
	// RouteTraffic has the part of each of its routes, in the order of their paths.
	RouteTraffic []RouteTraffic `json:"route_traffic,omitempty"`
}

// RouteTraffic is the part of a site's traffic that the routes with one path have taken.
type RouteTraffic struct {
	// Route is the path, as configured.
	Route string `json:"route"`
	// Upstream is the URL to which its routes forward; "" if they do not forward, or to different upstreams.
	Upstream string `json:"upstream,omitempty"`
	// Counts are included in those of the site.
	Counts TrafficCounts `json:"counts"`
}

// TrafficCounts are the counts of one site.
type TrafficCounts struct {
	// Requests is the number of answered requests.
	Requests uint64 `json:"requests"`
	// ClientErrors and ServerErrors are the numbers of those with a status of 4xx and of 5xx.
	ClientErrors uint64 `json:"client_errors"`
	ServerErrors uint64 `json:"server_errors"`
	// UpstreamErrors is the number of those whose upstream could not be reached or did not answer completely.
	UpstreamErrors uint64 `json:"upstream_errors"`
	// BytesIn and BytesOut are the numbers of body bytes, from and to clients.
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// ReopenResult is the answer to `reopen` (S-10.1).
type ReopenResult struct {
	// Status is "ok" if the lines go to the new file from now on, or if there is no log file, and "error" if the old
	// file stays in use.
	Status string `json:"status"`
	// Message says why the new file cannot be opened; "" if it was.
	Message string `json:"message,omitempty"`
	// Path is the daemon's configuration file.
	Path string `json:"path"`
	// LogFilePath is logging.log_file_path; "" if it is not set.
	LogFilePath string `json:"log_file_path"`
}

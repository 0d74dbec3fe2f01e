package proxy

import (
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/sandbox"
)

// The values of the field `status` in every answer of the admin socket.
const (
	adminStatusOK    = "ok"
	adminStatusError = "error"
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
	// Reloads are the latest reloads, the last one first, at most maxReloadHistory.
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
	// RateLimitedClients is the number of client addresses for which the rate limiter keeps a bucket.
	RateLimitedClients int `json:"rate_limited_clients"`
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
	// HTTPS is the address and port of the sites.
	HTTPS string `json:"https"`
	// HTTP is the address and port of the redirect; "" when there is none.
	HTTP string `json:"http,omitempty"`
	// TLSMode is where its certificates come from.
	TLSMode config.TLSMode `json:"tls_mode"`
}

// complete fills in the fields that have only one right value: the status, and empty lists instead of null.
func (s Status) complete() Status {
	s.Status = adminStatusOK
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
	if s.Reloads == nil {
		s.Reloads = []ReloadStatus{}
	}
	if s.Config.RestartRequired == nil {
		s.Config.RestartRequired = []config.Drift{}
	}
	return s
}

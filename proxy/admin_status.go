package proxy

import (
	"os"
	"syscall"
	"time"
)

// The values of the field `status` in every answer of the admin socket.
const (
	adminStatusOK    = "ok"
	adminStatusError = "error"
)

// ReloadResult is the answer to `reload` (S-10.1).
type ReloadResult struct {
	// Status is "ok" when the new configuration is in use, and "error" when the old one still is.
	Status string `json:"status"`
	// Message says in one sentence what happened; always set for an error.
	Message string `json:"message,omitempty"`
	// Errors is everything that is wrong with the new configuration, each naming its key.
	Errors []string `json:"errors,omitempty"`
	// Sites is the number of sites of the new configuration.
	Sites int `json:"sites,omitempty"`
	// RestartRequired names the static keys that differ from those in use (S-3.4).
	RestartRequired []string `json:"restart_required,omitempty"`
}

// Status is the answer to `status` (S-10.1): what an operator wants to know of a running daemon. Times are in UTC.
type Status struct {
	// Status is always "ok".
	Status string `json:"status"`
	// UptimeSecs is the time since the process started, in whole seconds.
	UptimeSecs int64 `json:"uptime_secs"`
	// Sites is the number of sites that are served, over all listeners.
	Sites int `json:"sites"`
	// Version, Revision and GoVersion are those of --version (S-1.6).
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"go_version"`
	// PID is the number of the process.
	PID int `json:"pid"`
	// Sandbox is what the process has given up since its start.
	Sandbox SandboxStatus `json:"sandbox"`
	// Config is the configuration in use.
	Config ConfigStatus `json:"config"`
	// LastReload is how the latest reload ended; null when there was none.
	LastReload *ReloadStatus `json:"last_reload"`
	// Listeners are the addresses that are served, in the order of the configuration.
	Listeners []ListenerStatus `json:"listeners"`
	// Certificates are those in use, over all listeners.
	Certificates []CertInfo `json:"certificates"`
	// Connections is the number of client connections open now.
	Connections int `json:"connections"`
	// RequestsInFlight is the number of requests whose answer has not ended.
	RequestsInFlight int `json:"requests_in_flight"`
	// Descriptors is the use of file descriptors.
	Descriptors DescriptorStatus `json:"descriptors"`
	// RateLimitedClients is the number of client addresses that the rate limiter keeps a bucket for.
	RateLimitedClients int `json:"rate_limited_clients"`
}

// ConfigStatus says which configuration is in use.
type ConfigStatus struct {
	// Path is the file, as it was given at startup.
	Path string `json:"path"`
	// Hash is the SHA-256 of the bytes that were read, in hexadecimal.
	Hash string `json:"hash"`
	// LoadedAt is when it came into use.
	LoadedAt time.Time `json:"loaded_at"`
	// FileDiffers says that the file on disk has other contents by now, or cannot be read.
	FileDiffers bool `json:"file_differs"`
}

// ReloadStatus says how a reload ended, by whatever way it was asked for.
type ReloadStatus struct {
	// Time is when it ended.
	Time time.Time `json:"time"`
	// Status, Message and Errors are those of its ReloadResult.
	Status  string   `json:"status"`
	Message string   `json:"message,omitempty"`
	Errors  []string `json:"errors,omitempty"`
}

// ListenerStatus is one entry of `[[listeners]]` as it is served.
type ListenerStatus struct {
	// HTTPS is the address and port of the sites.
	HTTPS string `json:"https"`
	// HTTP is the address and port of the redirect; "" when there is none.
	HTTP string `json:"http,omitempty"`
	// TLSMode is where its certificates come from.
	TLSMode TLSMode `json:"tls_mode"`
}

// DescriptorStatus is the use of file descriptors by the process.
type DescriptorStatus struct {
	// Used is the number open now; 0 where the system does not tell.
	Used int `json:"used"`
	// Allowed is the most that may be open, the soft limit of RLIMIT_NOFILE; 0 where the system does not tell.
	Allowed int `json:"allowed"`
}

// complete fills what has only one right value: the status, and lists that are empty and not null.
func (s Status) complete() Status {
	s.Status = adminStatusOK
	if s.Listeners == nil {
		s.Listeners = []ListenerStatus{}
	}
	if s.Certificates == nil {
		s.Certificates = []CertInfo{}
	}
	return s
}

// descriptorUsage counts the process's open descriptors and reads their limit.
func descriptorUsage() DescriptorStatus {
	var usage DescriptorStatus
	if dir, err := os.Open("/proc/self/fd"); err == nil {
		if names, err := dir.Readdirnames(-1); err == nil {
			// The directory being read is one of them.
			usage.Used = len(names) - 1
		}
		dir.Close()
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		usage.Allowed = int(min(limit.Cur, 1<<31-1))
	}
	return usage
}

package proxy

import (
	"os"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
)

// Status gathers the state of the running daemon for an operator (S-10.1).
func (d *Daemon) Status() admin.Status {
	dynamic, at := d.dynamic.Load(), now()
	status := processStatus(d.config, dynamic, d.shared, d.orders, d.started, at)
	status.Sandbox = d.sandbox
	status.SiteTraffic = siteTraffic(dynamic, d.shared.metrics.traffic)
	status.HeldSites = heldSites(d.shared.holds)
	status.Upstreams, status.FailOver = upstreamStatus(dynamic)
	status.Reloads = d.history.latest()
	status.LastReload = d.last.Load()
	status.RequestsInFlight = int(d.pipeline.inFlight.Load())
	status.RateLimitedClients = d.shared.limits.limiter.Tracked()
	status.Limits = d.shared.limits.status()
	if drift := d.drift.Load(); drift != nil {
		status.Config.RestartRequired = *drift
	}
	d.listeners.describe(&status, at)
	return status.Complete()
}

// processStatus describes what a daemon has from step 7 on, before it serves.
func processStatus(cfg *config.Config, dynamic *DynamicConfig, shared *sharedState, orders *orders, started, at time.Time) admin.Status {
	build := readVersion()
	return admin.Status{
		UptimeSecs: int64(at.Sub(started).Seconds()),
		Sites:      dynamic.Sites,
		Version:    build.Version,
		Revision:   build.Revision,
		GoVersion:  build.GoVersion,
		PID:        os.Getpid(),
		Config: admin.ConfigStatus{
			Path:        dynamic.Path,
			Hash:        dynamic.Hash,
			LoadedAt:    dynamic.LoadedAt,
			FileDiffers: fileDiffers(dynamic.Path, dynamic.Hash),
		},
		Time:                    at,
		Memory:                  memoryUsage(),
		MaxConnections:          cfg.MaxConnections,
		MaxConnectionsPerClient: cfg.ConnectionShare(),
		Orders:                  orders.status(),
		Store:                   shared.store.status(),
		Connections:             shared.conns.count(),
		Descriptors:             descriptorUsage(),
	}
}

// fileDiffers reports whether the configuration file holds other bytes than those in use, or cannot be read.
func fileDiffers(path, hash string) bool {
	contents, err := config.ReadStableFile(path, config.MaxBytes, nil)
	return err != nil || config.HashOf(contents) != hash
}

// describe adds the listeners, their certificates and the names for which certificates are ordered.
func (all listeners) describe(status *admin.Status, at time.Time) {
	for _, l := range all {
		status.Listeners = append(status.Listeners, l.status())
		for _, certificate := range l.source.Certificates() {
			days := cert.DaysLeft(certificate.NotAfter, at)
			certificate.DaysLeft = &days
			status.Certificates = append(status.Certificates, certificate)
		}
		for _, name := range l.source.Names() {
			status.ACME = append(status.ACME, admin.ACMEStatus{Listener: l.address(), NameStatus: name})
		}
	}
}

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
	dynamic := d.dynamic.Load()
	at := now()
	build := readVersion()
	status := admin.Status{
		UptimeSecs: int64(now().Sub(d.started).Seconds()),
		Sites:      dynamic.Sites,
		Version:    build.Version,
		Revision:   build.Revision,
		GoVersion:  build.GoVersion,
		PID:        os.Getpid(),
		Sandbox:    d.sandbox,
		Config: admin.ConfigStatus{
			Path:        dynamic.Path,
			Hash:        dynamic.Hash,
			LoadedAt:    dynamic.LoadedAt,
			FileDiffers: fileDiffers(dynamic.Path, dynamic.Hash),
		},
		Time:                    at,
		SiteTraffic:             siteTraffic(dynamic, d.shared.metrics.traffic),
		HeldSites:               heldSites(d.shared.holds),
		Reloads:                 d.history.latest(),
		Memory:                  memoryUsage(),
		MaxConnections:          d.config.MaxConnections,
		MaxConnectionsPerClient: d.config.ConnectionShare(),
		LastReload:              d.last.Load(),
		Orders:                  d.orders.status(),
		Connections:             d.shared.conns.count(),
		RequestsInFlight:        int(d.pipeline.inFlight.Load()),
		Descriptors:             descriptorUsage(),
		RateLimitedClients:      d.shared.limits.limiter.Tracked(),
		Limits:                  d.shared.limits.status(),
	}
	if drift := d.drift.Load(); drift != nil {
		status.Config.RestartRequired = *drift
	}
	d.listeners.describe(&status, at)
	return status.Complete()
}

// fileDiffers reports whether the configuration file holds other bytes than those in use, or cannot be read.
func fileDiffers(path, hash string) bool {
	contents, err := config.ReadStableFile(path, config.MaxBytes, nil)
	return err != nil || config.HashOf(contents) != hash
}

// describe adds the listeners, their certificates and the names that are ordered for.
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

package proxy

import "os"

// Status gathers what an operator wants to know of the running daemon (S-10.1).
func (d *Daemon) Status() Status {
	dynamic := d.dynamic.Load()
	build := readVersion()
	status := Status{
		UptimeSecs: int64(now().Sub(d.started).Seconds()),
		Sites:      dynamic.Sites,
		Version:    build.Version,
		Revision:   build.Revision,
		GoVersion:  build.GoVersion,
		PID:        os.Getpid(),
		Sandbox:    d.sandbox,
		Config: ConfigStatus{
			Path:        dynamic.Path,
			Hash:        dynamic.Hash,
			LoadedAt:    dynamic.LoadedAt,
			FileDiffers: fileDiffers(dynamic.Path, dynamic.Hash),
		},
		LastReload:         d.last.Load(),
		Connections:        d.shared.conns.count(),
		RequestsInFlight:   int(d.pipeline.inFlight.Load()),
		Descriptors:        descriptorUsage(),
		RateLimitedClients: d.shared.limiter.tracked(),
	}
	for _, l := range d.listeners {
		listener := ListenerStatus{HTTPS: l.address(), TLSMode: l.config.TLS.Mode}
		if l.redirect != nil {
			listener.HTTP = l.redirect.Addr().String()
		}
		status.Listeners = append(status.Listeners, listener)
		status.Certificates = append(status.Certificates, l.source.Certificates()...)
	}
	return status.complete()
}

// fileDiffers reports whether the configuration file holds other bytes than those in use, or cannot be read.
func fileDiffers(path, hash string) bool {
	contents, err := readStableFile(path, maxConfigBytes, nil)
	return err != nil || hashOf(contents) != hash
}

package proxy

import (
	"runtime"
	"syscall"
	"time"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/process"
)

// The functions of the table that write the numbers of the daemon and its process.

func writeACMEAttempts(s *scrape, t *metricsText) {
	var attempts cert.Attempts
	for _, l := range s.listeners {
		for result, n := range l.source.Attempts() {
			attempts[result] += n
		}
	}
	for result, n := range attempts {
		t.count(n, cert.AttemptResults[result])
	}
}

func writeDNSQueries(s *scrape, t *metricsText) {
	for result, n := range s.shared.responders.queries() {
		t.count(n, acmedns.QueryResults[result])
	}
}

func writeACMEFailing(s *scrape, t *metricsText) {
	failing := 0
	for _, l := range s.listeners {
		for _, name := range l.source.Names() {
			if name.LastError != "" {
				failing++
			}
		}
	}
	t.size(failing)
}

func writeACMENextTry(s *scrape, t *metricsText) {
	for _, l := range s.listeners {
		for _, name := range l.source.Names() {
			if !name.NextTry.IsZero() {
				t.time(name.NextTry, l.address(), name.Domain, name.Why)
			}
		}
	}
}

func writeStoreUp(s *scrape, t *metricsText) {
	if up, configured := s.shared.store.up(); configured {
		t.truth(up)
	}
}

func writeReloads(s *scrape, t *metricsText) {
	for result, name := range reloadResults {
		t.count(s.shared.metrics.process.reloads[result].Load(), name)
	}
}

func writeLastReload(s *scrape, t *metricsText) {
	t.truth(!s.shared.metrics.process.reloadFailed.Load())
}

func writeLoadedAt(s *scrape, t *metricsText) { t.time(s.dynamic.Load().LoadedAt) }

func writeSites(s *scrape, t *metricsText) { t.size(s.dynamic.Load().Sites) }

func writeHeldSites(s *scrape, t *metricsText) {
	maintenance, paused := 0, 0
	for _, info := range s.shared.holds.List() {
		if info.Maintenance {
			maintenance++
		}
		if info.Paused {
			paused++
		}
	}
	t.size(maintenance, "maintenance")
	t.size(paused, "paused")
}

func writePausedRequests(s *scrape, t *metricsText) { t.size(s.shared.holds.Waiting()) }

func writeDropped(s *scrape, t *metricsText) {
	for sink, lines := range s.shared.log.MissingLines {
		t.count(lines, sink)
	}
}

func writeDraining(s *scrape, t *metricsText) { t.truth(s.draining()) }

func writeBuild(_ *scrape, t *metricsText) {
	build := readVersion()
	t.count(1, build.Version, build.Revision, build.GoVersion)
}

// Numbers that the system does not provide are left out.

func writeCPU(_ *scrape, t *metricsText) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		t.number((time.Duration(usage.Utime.Nano()) + time.Duration(usage.Stime.Nano())).Seconds())
	}
}

func writeVirtual(_ *scrape, t *metricsText) {
	if bytes, ok := process.VirtualBytes(); ok {
		t.count(bytes)
	}
}

func writeResident(_ *scrape, t *metricsText) {
	if bytes, ok := process.ResidentBytes(); ok {
		t.count(bytes)
	}
}

func writeOpenFiles(_ *scrape, t *metricsText) {
	if used := process.OpenDescriptors(); used > 0 {
		t.size(used)
	}
}

func writeMaxFiles(_ *scrape, t *metricsText) {
	if limit, ok := process.DescriptorLimit(); ok {
		t.size(int(min(limit, 1<<31-1)))
	}
}

func writeStart(s *scrape, t *metricsText) { t.time(s.shared.metrics.started) }

func writeGoroutines(_ *scrape, t *metricsText) { t.size(runtime.NumGoroutine()) }

func writeHeap(_ *scrape, t *metricsText) {
	if bytes, ok := process.HeapBytes(); ok {
		t.count(bytes)
	}
}

package proxy

import (
	"errors"
	"fmt"
)

// Reload puts the configuration file, as it is now, to use: it is what SIGHUP, the admin socket and `reverse-proxy
// reload` all run (S-3.2). Reloads are serialised; one that had to wait reads the file when its turn comes (S-3.3).
// Either the whole dynamic part changes or nothing does. No connection and no client's bucket is touched (S-3.6).
func (d *Daemon) Reload() ReloadResult {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.notify.Reloading()
	dynamic, drift, err := d.applyFile()
	err = d.sandbox.explain(err)
	result := d.reportReload(dynamic, drift, err)
	d.last.Store(&ReloadStatus{Time: now(), Status: result.Status, Message: result.Message, Errors: result.Errors})
	d.notify.Reloaded(d.reloadText(result))
	return result
}

// applyFile reads, parses and validates the file, makes ready everything that could fail, and only then swaps.
func (d *Daemon) applyFile() (*DynamicConfig, []Drift, error) {
	select {
	case <-d.stop:
		return nil, nil, errShuttingDown
	default:
	}
	cfg, err := LoadConfig(d.config.Path, d.options.AllowWildcardBind)
	if err != nil {
		return nil, nil, err
	}
	dynamic, err := buildDynamic(cfg, d.config.Listeners, now())
	if err != nil {
		return nil, nil, err
	}
	useCertificates, err := d.listeners.prepareCertificates(dynamic)
	if err != nil {
		return nil, nil, err
	}
	useCertificates()
	d.dynamic.Store(dynamic)
	d.shared.upstreams.keep(dynamic)
	return dynamic, d.newDrift(d.config.drift(cfg)), nil
}

// newDrift returns what of the drift has not been reported yet, and remembers it (S-3.4). Drift that went away is
// forgotten, and reported again should it come back.
func (d *Daemon) newDrift(all []Drift) []Drift {
	var fresh []Drift
	reported := make(map[string]string, len(all))
	for _, drift := range all {
		if before, ok := d.reported[drift.Key]; !ok || before != drift.File {
			fresh = append(fresh, drift)
		}
		reported[drift.Key] = drift.File
	}
	d.reported = reported
	return fresh
}

// reportReload logs the outcome and makes the answer for whoever asked.
func (d *Daemon) reportReload(dynamic *DynamicConfig, drift []Drift, err error) ReloadResult {
	log := d.shared.log
	if err != nil {
		lines := errorLines(err)
		log.Log(LevelError, "CONFIG_RELOAD", Str("status", "error"), Int("errors", len(lines)))
		logConfigErrors(log, err)
		return ReloadResult{
			Status:  adminStatusError,
			Message: fmt.Sprintf("%s: nothing was changed; %s in the configuration", d.config.Path, count(len(lines), "error")),
			Errors:  lines,
		}
	}
	log.Log(LevelInfo, "CONFIG_RELOAD", Str("status", "success"), Int("sites", dynamic.Sites))
	result := ReloadResult{Status: adminStatusOK, Sites: dynamic.Sites}
	for _, change := range drift {
		log.Log(LevelWarn, "CONFIG_DRIFT", Str("key", change.Key), Str("running", change.Running),
			Str("file", change.File), Str("action", "restart to apply"))
		result.RestartRequired = append(result.RestartRequired, change.Key)
	}
	return result
}

// logConfigErrors logs each error on a line of its own.
func logConfigErrors(log *Logger, err error) {
	var config ConfigErrors
	if !errors.As(err, &config) {
		log.Log(LevelError, "CONFIG_ERROR", Str("key", ""), Err(err))
		return
	}
	for _, e := range config {
		log.Log(LevelError, "CONFIG_ERROR", Str("key", e.Key), Str("error", e.Problem))
	}
}

// reloadText is what `systemctl status` shows after a reload; the protocol has no other word for one that failed.
func (d *Daemon) reloadText(result ReloadResult) string {
	if result.Status != adminStatusOK {
		return "reload failed, the old configuration serves on: " + result.Errors[0]
	}
	return d.statusText()
}

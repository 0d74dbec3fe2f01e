package proxy

import (
	"errors"
	"fmt"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// Reload applies the configuration file as it is now: SIGHUP, the admin socket and `reverse-proxy reload` all call it
// (S-3.2). Reloads are serialised; one that had to wait reads the file when its turn comes (S-3.3). Either the whole
// dynamic part changes or nothing does. Names that are new to ACME get their certificates first, while the old
// configuration serves (S-3.7). No connection and no client's bucket is touched (S-3.6).
func (d *Daemon) Reload() admin.ReloadResult {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.notify.Reloading()
	prepared, err := d.prepareReload()
	if err == nil {
		err = d.obtain(prepared.certificates)
	}
	if err == nil {
		d.apply(prepared)
	} else if prepared != nil {
		prepared.certificates.Abandon()
	}
	result, drift := d.reloadResult(prepared, err)
	d.remember(result)
	d.logReload(result, drift, err) // whatever is in the log is already in `status`
	d.notify.Reloaded(d.reloadText(result))
	return result
}

// Diff returns what Reload would do with the present file, and does nothing: it logs no line, tells the service
// manager nothing, and counts no drift as reported. It takes its turn among the reloads, so that it never compares
// with a half-done reload.
func (d *Daemon) Diff() admin.DiffResult {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	prepared, err := d.prepareReload()
	if err != nil {
		lines := config.ErrorLines(err)
		return admin.DiffResult{Status: admin.StatusError, Message: d.refusalText("a reload would be refused", lines), Errors: lines,
			Path: d.config.Path}
	}
	prepared.certificates.Abandon()
	return admin.DiffResult{Status: admin.StatusOK, Path: d.config.Path, Changes: prepared.difference.Count(),
		Difference: &prepared.difference}
}

// preparedReload is a reload that can no longer fail, apart from the orders for the certificates that it needs.
type preparedReload struct {
	config       *config.Config
	dynamic      *DynamicConfig
	certificates cert.PreparedAll
	// difference is what it changes.
	difference admin.Difference
}

// prepareReload reads, parses and validates the file, and prepares everything that could fail. It changes nothing, and
// contacts no CA.
func (d *Daemon) prepareReload() (prepared *preparedReload, err error) {
	var cfg *config.Config
	defer func() { err = d.sandbox.Explain(cfg.Located(err)) }()
	select {
	case <-d.stop:
		return nil, errShuttingDown
	default:
	}
	cfg, err = config.Reload(d.config.Path, d.options.AllowWildcardBind, d.stop)
	if err != nil {
		return nil, err
	}
	dynamic, err := buildDynamic(cfg, d.config.Listeners, now())
	if err != nil {
		return nil, err
	}
	if err := checkExpectations(cfg); err != nil {
		return nil, err
	}
	if err := d.listeners.refuseUncovered(d.dynamic.Load(), dynamic); err != nil {
		return nil, err
	}
	certificates, err := d.listeners.prepareCertificates(dynamic)
	if err != nil {
		return nil, err
	}
	running := configState{d.config, d.dynamic.Load(), d.listeners.tables()}
	difference := running.differenceTo(configState{cfg, dynamic, certificates.Tables()})
	difference.Orders = certificates.Missing()
	difference.Answers = answerChanges(d.dynamic.Load(), dynamic)
	return &preparedReload{cfg, dynamic, certificates, difference}, nil
}

// apply puts a prepared reload to use.
func (d *Daemon) apply(prepared *preparedReload) {
	prepared.certificates.Commit()
	d.shared.metrics.adopt(prepared.dynamic)
	d.shared.limits.adopt(prepared.dynamic)
	prepared.dynamic.obey(d.shared.holds)
	prepared.dynamic.balanceOn(d.shared.upstreams)
	d.dynamic.Store(prepared.dynamic)
	prepared.dynamic.settleUpstreams(d.shared.upstreams)
	d.drift.Store(&prepared.difference.RestartRequired)
	d.shared.upstreams.names.refreshAll()
}

// newDrift returns the drift that has not been reported yet, and remembers it: the keys whose new values need a restart
// (S-3.4). Drift that has gone away is forgotten, and is reported again if it comes back.
func (d *Daemon) newDrift(all []config.Drift) []config.Drift {
	var fresh []config.Drift
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

// reloadResult returns the answer for the requester, and the drift to report. prepared is the reload that was applied;
// it is nil if err is not.
func (d *Daemon) reloadResult(prepared *preparedReload, err error) (admin.ReloadResult, []config.Drift) {
	if err != nil {
		lines := config.ErrorLines(err)
		return admin.ReloadResult{Status: admin.StatusError, Message: d.refusalText("nothing was changed", lines), Errors: lines,
			Path: d.config.Path}, nil
	}
	result := admin.ReloadResult{Status: admin.StatusOK, Sites: prepared.dynamic.Sites, Difference: &prepared.difference,
		Path: d.config.Path}
	drift := d.newDrift(prepared.difference.RestartRequired)
	for _, change := range drift {
		result.RestartRequired = append(result.RestartRequired, change.Key)
	}
	return result, drift
}

// remember keeps the outcome for `status` and counts it.
func (d *Daemon) remember(result admin.ReloadResult) {
	last := &admin.ReloadStatus{Time: now(), Status: result.Status, Message: result.Message, Errors: result.Errors}
	if result.Difference != nil {
		last.Changes = result.Difference.Count()
	}
	d.last.Store(last)
	d.history.add(*last)
	d.shared.metrics.process.reload(result.Status == admin.StatusOK)
}

// logReload logs the outcome.
func (d *Daemon) logReload(result admin.ReloadResult, drift []config.Drift, err error) {
	log := d.shared.log
	if err != nil {
		log.Log(eventlog.LevelError, "CONFIG_RELOAD", eventlog.Str("status", "error"), eventlog.Int("errors", len(result.Errors)))
		logConfigErrors(log, err)
		return
	}
	log.Log(eventlog.LevelInfo, "CONFIG_RELOAD", eventlog.Str("status", "success"), eventlog.Int("sites", result.Sites))
	for _, change := range drift {
		log.Log(eventlog.LevelWarn, "CONFIG_DRIFT", eventlog.Str("key", change.Key), eventlog.Str("running", change.Running),
			eventlog.Str("file", change.File), eventlog.Str("action", "restart to apply"))
	}
}

// refusalText is the message about a file that was refused because of these errors.
func (d *Daemon) refusalText(outcome string, errors []string) string {
	return fmt.Sprintf("%s: %s; %s in the configuration", d.config.Path, outcome, wording.Count(len(errors), "error"))
}

// logConfigErrors logs each error on a line of its own.
func logConfigErrors(log *eventlog.Logger, err error) {
	var config config.Errors
	if !errors.As(err, &config) {
		log.Log(eventlog.LevelError, "CONFIG_ERROR", eventlog.Str("key", ""), eventlog.Err(err))
		return
	}
	for _, e := range config {
		fields := []eventlog.Attr{eventlog.Str("key", e.Key), eventlog.Str("error", e.Problem)}
		if e.Line > 0 {
			fields = append(fields, eventlog.Int("line", e.Line))
		}
		if e.Host != "" {
			fields = append(fields, eventlog.Str("host", e.Host))
		}
		log.Log(eventlog.LevelError, "CONFIG_ERROR", fields...)
	}
}

// reloadText is what `systemctl status` shows after a reload; the protocol has no other way to report a failed one.
func (d *Daemon) reloadText(result admin.ReloadResult) string {
	if result.Status != admin.StatusOK {
		return "reload failed, the old configuration serves on: " + result.Errors[0]
	}
	return d.statusText()
}

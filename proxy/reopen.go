package proxy

import (
	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/eventlog"
)

// ReopenLog reopens the log file and logs whether that worked (S-8.3). SIGUSR1 and the admin command `reopen` call it.
func (d *Daemon) ReopenLog() admin.ReopenResult {
	result := admin.ReopenResult{Status: admin.StatusOK, Path: d.config.Path, LogFilePath: d.config.Logging.FilePath}
	if err := d.shared.log.Reopen(); err != nil {
		d.shared.log.Log(eventlog.LevelError, "LOG_REOPENED", eventlog.Str("status", "error"), eventlog.Err(err))
		result.Status, result.Message = admin.StatusError, err.Error()
		return result
	}
	d.shared.log.Log(eventlog.LevelInfo, "LOG_REOPENED", eventlog.Str("status", "success"))
	return result
}

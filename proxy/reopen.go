package proxy

import (
	"encoding/json"
	"fmt"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// ReopenResult is the answer to `reopen` (S-10.1).
type ReopenResult struct {
	// Status is "ok" if the lines go to the new file from now on, also if there is no log file, and "error" if the old
	// file stays in use.
	Status string `json:"status"`
	// Message says why the new file cannot be opened; "" if it was.
	Message string `json:"message,omitempty"`
	// Path is the daemon's configuration file.
	Path string `json:"path"`
	// LogFilePath is logging.log_file_path; "" if it is not set.
	LogFilePath string `json:"log_file_path"`
}

// ReopenLog reopens the log file and logs whether that worked (S-8.3). SIGUSR1 and the admin command `reopen` call it.
func (d *Daemon) ReopenLog() ReopenResult {
	result := ReopenResult{Status: adminStatusOK, Path: d.config.Path, LogFilePath: d.config.Logging.FilePath}
	if err := d.shared.log.Reopen(); err != nil {
		d.shared.log.Log(eventlog.LevelError, "LOG_REOPENED", eventlog.Str("status", "error"), eventlog.Err(err))
		result.Status, result.Message = adminStatusError, err.Error()
		return result
	}
	d.shared.log.Log(eventlog.LevelInfo, "LOG_REOPENED", eventlog.Str("status", "success"))
	return result
}

// renderReopen renders a ReopenResult whose status is "ok".
func renderReopen(line []byte) (renderedReply, error) {
	var result ReopenResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	text := "logging.log_file_path is not set; nothing to reopen"
	if result.LogFilePath != "" {
		text = fmt.Sprintf("reopened: %s", wording.PrintableLine(result.LogFilePath))
	}
	return renderedReply{out: []string{text}}, nil
}

package config

import (
	"os"
	"path/filepath"
	"strings"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// logging resolves `[logging]`.
func (v *validator) logging(raw rawLogging) eventlog.Options {
	cfg := eventlog.Options{Level: eventlog.LevelInfo, Format: eventlog.FormatText, FilePath: v.logFilePath(raw.LogFilePath)}
	if raw.Level != nil {
		level, err := eventlog.ParseLevel(*raw.Level)
		if err != nil {
			v.add("logging.level", "%s is not a log level; write trace, debug, info, warn or error", wording.Quoted(*raw.Level))
		}
		cfg.Level = level
	}
	if raw.Format != nil {
		cfg.Format = eventlog.Format(*raw.Format)
		if cfg.Format != eventlog.FormatText && cfg.Format != eventlog.FormatJSON {
			v.add("logging.format", "%s is not a log format; write text or json", wording.Quoted(*raw.Format))
		}
	}
	return cfg
}

// logFilePath checks that the log file can be written, without touching it: its directory must exist and be writable,
// and anything already at the path must be a file (S-2.23).
func (v *validator) logFilePath(value *string) string {
	const key = "logging.log_file_path"
	if value == nil {
		return ""
	}
	path := *value
	if !filepath.IsAbs(path) || strings.HasSuffix(path, "/") {
		v.add(key, "%s is not an absolute path of a file; write one that begins with /, "+
			"as in \"/var/log/reverse-proxy/proxy.log\", or leave the key out", wording.Quoted(path))
		return path
	}
	dir := filepath.Dir(path)
	if problem := unwritableDir(dir); problem != "" {
		v.add(key, "%s cannot be written: %s; create the directory and let the proxy's user write to it",
			wording.Quoted(path), problem)
		return path
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		v.add(key, "%s is %s; name a regular file, or one that does not exist yet", wording.Quoted(path), wording.FileKind(info.Mode()))
	}
	return path
}

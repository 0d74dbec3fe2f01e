package proxy

import (
	"os"
	"path/filepath"
	"strings"
)

// logging resolves `[logging]`.
func (v *validator) logging(raw rawLogging) LoggingConfig {
	cfg := LoggingConfig{Level: LevelInfo, Format: FormatText, FilePath: v.logFilePath(raw.LogFilePath)}
	if raw.Level != nil {
		level, err := ParseLevel(*raw.Level)
		if err != nil {
			v.add("logging.level", "%s is no log level; write trace, debug, info, warn or error", quoted(*raw.Level))
		}
		cfg.Level = level
	}
	if raw.Format != nil {
		cfg.Format = Format(*raw.Format)
		if cfg.Format != FormatText && cfg.Format != FormatJSON {
			v.add("logging.format", "%s is no log format; write text or json", quoted(*raw.Format))
		}
	}
	return cfg
}

// logFilePath checks that the log file can be written, without touching it: its directory has to be there and
// writable, and whatever is at the path already has to be a file (S-2.23).
func (v *validator) logFilePath(value *string) string {
	const key = "logging.log_file_path"
	if value == nil {
		return ""
	}
	path := *value
	if !filepath.IsAbs(path) || strings.HasSuffix(path, "/") {
		v.add(key, "%s is no absolute path of a file; write one that begins with /, "+
			"as in \"/var/log/reverse-proxy/proxy.log\", or leave the key out", quoted(path))
		return path
	}
	dir := filepath.Dir(path)
	if problem := unwritableDir(dir); problem != "" {
		v.add(key, "%s cannot be written: %s; create the directory and let the proxy's user write to it",
			quoted(path), problem)
		return path
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		v.add(key, "%s is %s; name a regular file, or one that does not exist yet", quoted(path), fileKind(info.Mode()))
	}
	return path
}

package steps

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (w *World) logrotateSteps() []step {
	return []step{
		{`logrotate rotates the logs with the shipped file`, func() error { return w.logrotate(fmt.Sprintf(fakeSystemctl, w.daemon.cmd.Process.Pid)) }, "The real logrotate, forced, with `deploy/logrotate/reverse-proxy` for this scenario's directory in place of /var/log/reverse-proxy, a `reverse-proxy` that reads the scenario's configuration unless told otherwise, and a `systemctl` that only sends the daemon the signal which the file asks for. For scenarios with the tag @logrotate only."},
		{`logrotate rotates the logs with the shipped file on a machine without systemd`, func() error { return w.logrotate("#!/bin/sh\nexit 1\n") }, "The same, with a `systemctl` that fails."},
	}
}

// logrotatePath returns the path of logrotate, which is not on every user's PATH.
func logrotatePath() (string, error) {
	for _, name := range []string{"logrotate", "/usr/sbin/logrotate"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("logrotate is not installed; make deps installs it")
}

// HasLogrotate reports whether logrotate is installed, which scenarios tagged @logrotate need.
func (s *Suite) HasLogrotate() bool {
	_, err := logrotatePath()
	return err == nil
}

// fakeSystemctl replaces systemd, which would know the daemon's main process itself.
const fakeSystemctl = `#!/bin/sh
[ "$*" = "kill --kill-who=main --signal=SIGUSR1 reverse-proxy.service" ] && exec kill -USR1 %d
`

// configuredProxy replaces the installed program, whose configuration is at the default path.
const configuredProxy = `#!/bin/sh
exec %s "$@" --config %s
`

// logrotate rotates the logs with the shipped file, on a machine with the given systemctl.
func (w *World) logrotate(systemctl string) error {
	program, err := logrotatePath()
	if err != nil {
		return err
	}
	shipped, err := os.ReadFile(filepath.Join(w.suite.Root, "deploy", "logrotate", "reverse-proxy"))
	if err != nil {
		return err
	}
	const logs = "/var/log/reverse-proxy/*.log"
	if n := strings.Count(string(shipped), "\n"+logs+" {\n"); n != 1 {
		return fmt.Errorf("the shipped file names %s %d times, want once", logs, n)
	}
	text := strings.Replace(string(shipped), "\n"+logs+" {\n", "\n"+w.path("*.log")+" {\n", 1)
	if err := os.WriteFile(w.path("logrotate.conf"), []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(w.path("bin"), 0o700); err != nil {
		return err
	}
	proxy := fmt.Sprintf(configuredProxy, w.suite.Binary, w.configPath())
	if err := errors.Join(writeProgram(w.path("bin/systemctl"), []byte(systemctl)), writeProgram(w.path("bin/reverse-proxy"), []byte(proxy))); err != nil {
		return err
	}
	w.markLog()
	cmd := exec.CommandContext(w.ctx, program, "--force", "--state", w.path("logrotate.state"), w.path("logrotate.conf"))
	cmd.Env = []string{"PATH=" + w.path("bin") + ":/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		return fmt.Errorf("logrotate: %v: %s", err, clip(string(out)))
	}
	return nil
}

// readLog reads a log file, also one that logrotate has compressed.
func (w *World) readLog(name string) (string, error) {
	text, err := os.ReadFile(w.path(name))
	if err != nil || filepath.Ext(name) != ".gz" {
		return string(text), err
	}
	compressed, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	text, err = io.ReadAll(compressed)
	return string(text), err
}

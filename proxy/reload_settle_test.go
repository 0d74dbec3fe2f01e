package proxy

import (
	"os"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
)

func TestReloadAndDiffWaitForAFileThatIsBeingReplaced(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:1", "")
	if err := os.Remove(d.Daemon.config.Path); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func() []string{
		"reload": func() []string { return d.Reload().Errors },
		"diff":   func() []string { return d.Diff().Errors },
	} {
		began := time.Now()
		errs := run()
		if len(errs) != 1 || !strings.HasSuffix(errs[0], config.ErrNoFile.Error()) {
			t.Errorf("%s: got the errors %q, want that the file is missing", name, errs)
		}
		if took := time.Since(began); took < config.SettleWithin {
			t.Errorf("%s: refused after %v, want no refusal within %v", name, took, config.SettleWithin)
		}
	}
}

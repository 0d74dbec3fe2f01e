package acmecert

import (
	"os"
	"path/filepath"
	"testing"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/waittest"
)

// TestListenersWithOneCacheHaveOneManager covers the listeners of one configuration (S-2.24). With a Manager each, they
// would renew the same certificates, and each would keep its own record of the CA's refusals.
func TestListenersWithOneCacheHaveOneManager(t *testing.T) {
	var log waittest.Buffer
	all := NewManagers(newTestLog(t, &log), nil)
	one := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	linked, other := one, one
	linked.ACMECacheDir = filepath.Join(t.TempDir(), "link")
	other.ACMECacheDir = cacheDir(t)
	first, err := all.manager("listeners[0].tls", one)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(one.ACMECacheDir, linked.ACMECacheDir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		second *Manager
		same   bool
	}{
		{"the same path has the same manager", managerFor(t, all, one), true},
		{"a link to it has the same manager", managerFor(t, all, linked), true},
		{"another directory has another manager", managerFor(t, all, other), false},
	} {
		if (c.second == first) != c.same {
			t.Errorf("%s: got the same Manager %v, want %v", c.name, c.second == first, c.same)
		}
	}
}

func managerFor(t *testing.T, all *Managers, cfg config.TLS) *Manager {
	t.Helper()
	m, err := all.manager("listeners[1].tls", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

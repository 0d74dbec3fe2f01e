package acmecert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/waittest"
)

// breakDir is one way in which a cache directory becomes unusable while the daemon runs.
type breakDir struct {
	name string
	// spoil makes the directory unusable, and mend makes it usable again.
	spoil, mend func(dir string) error
	// locked reports whether a name can still be locked there, so that it may be ordered.
	locked bool
	// cause is part of the error.
	cause string
}

// smallDisk gives a directory its own small file system for the test.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// brokenDirs returns the ways in which a directory can become unwritable.
func brokenDirs() []breakDir {
	remount := func(flags uintptr) func(string) error {
		return func(dir string) error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, "size=64k") }
	}
	filler := func(dir string) string { return filepath.Join(dir, "filler") }
	return []breakDir{
		{"is read-only", remount(syscall.MS_RDONLY), remount(0), false, "read-only file system"},
		{"is full", func(dir string) error {
			if err := os.WriteFile(filler(dir), make([]byte, 128<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
				return errors.Join(errors.New("the disk is not full"), err)
			}
			return nil
		}, func(dir string) error { return os.Remove(filler(dir)) }, true, "no space left on device"},
		{"has no room for another file", func(dir string) error { return syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=64k,nr_inodes=4") },
			func(dir string) error {
				return syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=64k,nr_inodes=100")
			}, false, "no space left on device"},
		{"was removed", func(dir string) error {
			return errors.Join(syscall.Unmount(dir, syscall.MNT_DETACH), os.RemoveAll(dir))
		},
			func(dir string) error { return os.Mkdir(dir, 0o700) }, false, "no such file or directory"},
	}
}

// TestACertificateIsRenewedAlthoughTheCacheCannotBeWritten checks that no certificate expires because of a disk. If a
// name cannot be locked, other processes may order it too, so the order waits until half of the time for it has
// passed.
func TestACertificateIsRenewedAlthoughTheCacheCannotBeWritten(t *testing.T) {
	for _, broken := range brokenDirs() {
		t.Run(broken.name, func(t *testing.T) {
			ca, cfg := datedCA(t, acmeTestName)
			smallDisk(t, cfg.ACMECacheDir)
			s, err := provisioned(t, cfg)
			if err != nil {
				t.Fatal(err)
			}
			m, d := s.manager, s.names.Load().list[0]
			first := d.certificate()
			if err := broken.spoil(cfg.ACMECacheDir); err != nil {
				t.Fatal(err)
			}
			due := func(since time.Duration) outcome {
				m.mu.Lock()
				d.renewAt, d.retryAt = time.Now().Add(-since), time.Time{}
				m.mu.Unlock()
				return m.try(t.Context(), d)
			}
			if !broken.locked {
				if o := due(time.Minute); !o.local || o.err == nil || !strings.Contains(o.err.Error(), broken.cause) {
					t.Errorf("just due: got %+v, want that it waits, because of %q", o, broken.cause)
				}
				m.ca.drop(m.ca.current) // as after a failure, so that the account is read again
			}
			o := due(90 * day)
			if o.err != nil || o.saveErr == nil || !strings.Contains(o.saveErr.Error(), broken.cause) {
				t.Fatalf("near its end: got %+v, want a certificate that could not be written", o)
			}
			if got := d.certificate(); got != o.certificate || got.Leaf.Equal(first.Leaf) {
				t.Error("the old certificate is served, want the new one")
			}
			if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
				t.Errorf("got %d orders, want 2", got)
			}
			if got := ca.Requests(acmetest.FakeCANewAccount); got != 1 {
				t.Errorf("got %d accounts, want 1", got)
			}

			if err := broken.mend(cfg.ACMECacheDir); err != nil {
				t.Fatal(err)
			}
			m.mu.Lock()
			d.saveAt = time.Now()
			m.mu.Unlock()
			m.saveDue(t.Context())
			again := newTestACMESource(t, cfg, true, &waittest.Buffer{})
			if err := again.Provision(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if got := again.names.Load().list[0].certificate(); !got.Leaf.Equal(o.certificate.Leaf) {
				t.Error("the next start takes the old certificate from the cache, want the new one")
			}
		})
	}
}

func TestWhenToOrderAlthoughOthersMayDoSo(t *testing.T) {
	for _, tc := range []struct {
		name           string
		renewAt, ended time.Duration // from now; 0 for no window
		want           bool
	}{
		{"the renewal is not due", day, 0, false},
		{"it has just become due", -day, 0, false},
		{"half of the time for it has passed", -31 * day, 0, true},
		{"the CA's window is over, long before it is due", 20 * day, -time.Hour, true},
		{"the CA's window is still open", 20 * day, time.Hour, false},
		{"the CA's window is over, as it is due anyway", -day, -time.Hour, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newTestACMESource(t, acmeTestConfig(t, acmeTestDirectory, "", acmeTestName), true, &waittest.Buffer{})
			d := s.names.Load().list[0]
			d.cert.Store(makeACMETestCert(t, acmeTestName, time.Now().Add(-60*day), time.Now().Add(30*day)))
			d.renewAt = time.Now().Add(tc.renewAt)
			if tc.ended != 0 {
				end := time.Now().Add(tc.ended)
				d.suggested = suggestion{Certificate: "id", Start: end.Add(-2 * time.Hour), End: end, Moment: end.Add(-time.Hour)}
			}
			if got := s.manager.mayOrderAlone(d); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestACacheDirectoryThatWasRemovedIsReported covers a directory that is removed while the daemon runs and then
// created again.
func TestACacheDirectoryThatWasRemovedIsReported(t *testing.T) {
	_, cfg := datedCA(t, acmeTestName)
	var log waittest.Buffer
	s := newTestACMESource(t, cfg, true, &log)
	if err := s.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m := s.manager
	m.lookForRenewed(t.Context())
	if strings.Contains(log.String(), "was removed") {
		t.Errorf("got %s, want no report yet", log.String())
	}
	if err := os.RemoveAll(cfg.ACMECacheDir); err != nil {
		t.Fatal(err)
	}
	m.lookForRenewed(t.Context())
	m.lookForRenewed(t.Context())
	const report = "WARN ACME_ERROR directory="
	waitForACMELog(t, &log, report, "the cache directory was removed")
	if n := strings.Count(log.String(), report); n != 1 {
		t.Errorf("got %d reports, want 1:\n%s", n, log.String())
	}
	if err := os.Mkdir(cfg.ACMECacheDir, 0o700); err != nil {
		t.Fatal(err)
	}
	m.lookForRenewed(t.Context())
	m.saveDue(t.Context())
	again := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	if missing, failures := again.load(t.Context(), again.names.Load().list); len(missing)+len(failures) > 0 {
		t.Errorf("got %d names to order and %d failures at the next start, want the certificate written again", len(missing), len(failures))
	}
}

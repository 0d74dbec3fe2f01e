package acmecert

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/waittest"
)

// hangingDisk makes a disk hang and answer again. It counts the operations that wait.
type hangingDisk struct {
	mu      sync.Mutex
	answers chan struct{} // closed if the disk answers
	waiting atomic.Int32
}

// hang makes a disk of which the caller has the only user hang whenever the result says so.
func hang(d *disk) *hangingDisk {
	h := &hangingDisk{answers: make(chan struct{})}
	close(h.answers)
	d.stall = func() {
		h.mu.Lock()
		answers := h.answers
		h.mu.Unlock()
		h.waiting.Add(1)
		defer h.waiting.Add(-1)
		<-answers
	}
	return h
}

func (h *hangingDisk) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = make(chan struct{})
}

func (h *hangingDisk) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.answers)
}

func TestAnOperationOnADiskThatHangsIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := testDisk(dir)
		var reports []error
		d.late = func(err error) { reports = append(reports, err) }
		h, cache := hang(d), diskCache{d}
		h.begin()
		began := time.Now()
		err := cache.Put(t.Context(), "name", []byte("first"))
		wantACMEError(t, err, dir, "the disk has not answered for 30 s")
		if took := time.Since(began); took != diskPatience {
			t.Errorf("it took %v, want %v", took, diskPatience)
		}
		for _, operation := range []func() error{
			func() error { return cache.Put(t.Context(), "name", []byte("second")) },
			func() error { _, err := cache.Get(t.Context(), "name"); return err },
			func() error { return cache.Delete(t.Context(), "name") },
			func() error { _, err := dirLocks{d}.take(t.Context(), "name", nil); return err },
			func() error {
				l := newLedger[refusal](d, "file", "field")
				return l.onDisk(t.Context(), func() error { t.Error("an operation began on a disk that hangs"); return nil })
			},
		} {
			wantACMEError(t, operation(), "the disk has not answered")
		}
		if took := time.Since(began); took != diskPatience {
			t.Errorf("further operations took %v, want that they fail immediately", took-diskPatience)
		}
		if n := h.waiting.Load(); n != 1 {
			t.Errorf("got %d operations that wait, want only the first", n)
		}
		h.end()
		synctest.Wait()
		if got, err := cache.Get(t.Context(), "name"); err != nil || string(got) != "first" {
			t.Errorf("after that: got %q and error %v, want what the operation wrote that was given up", got, err)
		}
		if len(reports) != 1 {
			t.Errorf("got the reports %v, want one", reports)
		}
		h.begin()
		wantACMEError(t, cache.Put(t.Context(), "name", nil), "the disk has not answered")
		if len(reports) != 2 {
			t.Errorf("after it hung again: got the reports %v, want two", reports)
		}
		h.end()
	})
}

func TestAnOperationOnADiskEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := testDisk(dir)
		h := hang(d)
		h.begin()
		cause := errors.New("the shutdown")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if _, err := (diskCache{d}).Get(ctx, "name"); !errors.Is(err, cause) {
			t.Errorf("got error %v, want %v", err, cause)
		}
		if err := d.hangs(); err != nil {
			t.Errorf("after a second: %v, want that the disk has not been given up", err)
		}
		time.Sleep(diskPatience)
		if d.hangs() == nil {
			t.Error("an operation that nobody waits for is not noticed")
		}
		h.end()
		synctest.Wait()
		if _, err := (diskCache{d}).Get(t.Context(), "name"); !errors.Is(err, autocert.ErrCacheMiss) {
			t.Errorf("got error %v after the disk has answered, want %v", err, autocert.ErrCacheMiss)
		}
	})
}

func TestALockThatAHangingDiskGrantsTooLateIsReleased(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := testDisk(dir)
		h := hang(d)
		h.begin()
		if _, err := (dirLocks{d}).take(t.Context(), "name", nil); !errors.Is(err, errNoLock) {
			t.Errorf("got error %v, want %v", err, errNoLock)
		}
		h.end()
		synctest.Wait()
		lock, err := dirLocks{d}.take(t.Context(), "name", func(pid int) { t.Errorf("process %d still has the lock", pid) })
		if err != nil {
			t.Fatal(err)
		}
		lock.release()
	})
}

// hangingRenewals runs the schedule of ten names with new certificates of 90 days on a disk that can hang. The CA issues what it
// is asked for. At the end the schedule is ended while the disk is as check has left it.
func hangingRenewals(t *testing.T, check func(t *testing.T, s *Source, h *hangingDisk, log *waittest.Buffer)) {
	t.Helper()
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("n%d.example.test", i))
	}
	cfg := acmeTestConfig(t, acmeTestDirectory, "", names...)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, name := range names {
			cacheACMETestCert(t, cfg.ACMECacheDir, name, makeACMETestCert(t, name, now, now.AddDate(0, 0, 90)))
		}
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		m := s.manager
		m.obtain = func(ctx context.Context, d *domain) outcome {
			now := time.Now()
			certificate := makeACMETestCert(t, d.name, now, now.AddDate(0, 0, 90))
			return outcome{certificate: certificate, origin: ordered, saveErr: m.save(ctx, d, certificate)}
		}
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		m.asked.Store(true) // no probe
		m.suggest, m.lookEvery = nil, time.Hour
		h := hang(m.disk)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		check(t, s, h, &log)
		began := time.Now()
		cancel()
		run.Wait()
		if took := time.Since(began); took > unlockPatience {
			t.Errorf("the end took %v, want at most %v", took, unlockPatience)
		}
		if h.waiting.Load() > 0 {
			h.end()
		}
	})
}

// A disk that hangs for good must not let certificates expire. Names are then ordered without a lock, as in a cache that cannot
// be written, and so only after half of the time for that.
func TestCertificatesAreRenewedOnADiskThatHangsForGood(t *testing.T) {
	hangingRenewals(t, func(t *testing.T, s *Source, h *hangingDisk, log *waittest.Buffer) {
		acmeTestDays(50)
		h.begin()
		acmeTestDays(27.5) // half of the time for a renewal passes on day 76.5 at the latest
		for _, d := range s.names.Load().list {
			if end := d.certificate().Leaf.NotAfter; time.Until(end) < 50*day {
				t.Errorf("%s: the certificate that is served expires at %v, want a new one", d.name, end)
			}
		}
		if n := h.waiting.Load(); n > 3 {
			t.Errorf("got %d operations that wait for the disk after 27 days, want at most 3", n)
		}
		if n := strings.Count(log.String(), "ERROR ACME_ERROR"); n != 1 || !strings.Contains(log.String(), "the disk has not answered for 30 s") {
			t.Errorf("got %d reports of the disk, want 1:\n%s", n, log.String())
		}
		wantACMELogLine(t, log, "WARN ACME_ERROR domain=n0.example.test", "the lock cannot be taken", "ordered without the lock")
		h.end()
		time.Sleep(saveEvery + time.Second)
		for _, d := range s.names.Load().list {
			cached, _, err := loadCertificate(t.Context(), s.manager.cache, d.name, time.Now())
			if err != nil || cached == nil || !cached.Leaf.Equal(d.certificate().Leaf) {
				t.Errorf("%s: got %v and error %v from the cache after the disk has answered, want what is served", d.name, cached, err)
			}
		}
	})
}

// Other names are not held up by a write that never ends.
func TestARenewalWhoseWriteHangsIsServed(t *testing.T) {
	hangingRenewals(t, func(t *testing.T, s *Source, h *hangingDisk, log *waittest.Buffer) {
		m := s.manager
		obtain := m.obtain
		var once sync.Once
		m.obtain = func(ctx context.Context, d *domain) outcome {
			once.Do(h.begin) // the name has its lock
			return obtain(ctx, d)
		}
		acmeTestDays(77.5)
		for _, d := range s.names.Load().list {
			if end := d.certificate().Leaf.NotAfter; time.Until(end) < 50*day {
				t.Errorf("%s: the certificate that is served expires at %v, want a new one", d.name, end)
			}
		}
		if n := h.waiting.Load(); n > 2*maxAtOnce {
			t.Errorf("got %d operations that wait for the disk, want at most %d", n, 2*maxAtOnce)
		}
		wantACMELogLine(t, log, "WARN ACME_ERROR domain=", "the cache cannot be written", "the disk has not answered")
	})
}

func TestAStartOnADiskThatHangsFails(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(cfg.ACMECacheDir, cfg.ACMEDirectory, nil)
		h := hang(d)
		h.begin()
		var log waittest.Buffer
		_, err := NewManagers(newTestLog(t, &log), nil).managerOn(d, "listeners[0].tls", cfg)
		var key config.KeyError
		if !errors.As(err, &key) || key.Key != "listeners[0].tls.acme_cache_dir" {
			t.Errorf("got error %v, want one of acme_cache_dir", err)
		}
		wantACMEError(t, err, "the disk has not answered for 30 s; repair it")
		h.end()
		synctest.Wait()
	})
}

func TestAShutdownDoesNotWaitForADiskThatHangs(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	synctest.Test(t, func(t *testing.T) {
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		m, d := s.manager, s.names.Load().list[0]
		unlock, err := m.lock(t.Context(), acmeTestName)
		if err != nil {
			t.Fatal(err)
		}
		h := hang(m.disk)
		h.begin()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		m.forgetRecord(ctx, d)
		unlock()
		if took := time.Since(began); took > 2*unlockPatience {
			t.Errorf("it took %v, want at most %v, because a shutdown has 5 s", took, 2*unlockPatience)
		}
		h.end()
		synctest.Wait()
	})
}

package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/waittest"
)

// TestTwoProcessesOrderEachNameOnce starts two sources with an empty cache at the same time. Locks of two open files
// exclude each other even within one process.
func TestTwoProcessesOrderEachNameOnce(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("n%d.example.test", i))
	}
	ca, cfg := issuingCA(t, nil, names...)
	var starts sync.WaitGroup
	for range 2 {
		s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
		starts.Go(func() {
			if err := s.Provision(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	for path, want := range map[string]int{acmetest.FakeCANewAccount: 1, acmetest.FakeCANewOrder: len(names)} {
		if got := ca.Requests(path); got != want {
			t.Errorf("%s: got %d requests of two processes, want %d", path, got, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(cfg.ACMECacheDir, lockPrefix+"*")); len(left) != 0 {
		t.Errorf("got the locks %v after the orders, want none", left)
	}
}

func TestAProcessServesWhatAnotherHasRenewed(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName, "b.example.test")
	began := time.Now()
	old := makeACMETestCert(t, acmeTestName, began.Add(-60*day), began.Add(30*day))
	cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, old)
	cacheACMETestCert(t, cfg.ACMECacheDir, "b.example.test", makeACMETestCert(t, "b.example.test", began.Add(-60*day), began.Add(30*day)))
	var log waittest.Buffer
	s, other := newTestACMESource(t, cfg, true, &log), newTestACMESource(t, cfg, true, &waittest.Buffer{})
	for _, source := range []*Source{s, other} {
		if err := source.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	served := func() *tls.Certificate { return s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}) }
	for _, certificate := range []*tls.Certificate{
		makeACMETestCert(t, acmeTestName, began.Add(-time.Hour), began.Add(90*day)),
		makeACMETestCert(t, acmeTestName, began, began.Add(6*day)), // a shorter lifetime, as with another profile
		makeACMETestCert(t, acmeTestName, began, began.Add(6*day)), // some CAs date all certificates of a day the same
	} {
		if err := other.manager.save(t.Context(), other.names.Load().list[0], certificate); err != nil {
			t.Fatal(err)
		}
		s.manager.lookForRenewed(t.Context())
		if !served().Leaf.Equal(certificate.Leaf) {
			t.Errorf("got the old certificate, want that of the other process until %v", certificate.Leaf.NotAfter)
		}
	}
	waitForACMELog(t, &log, "ACME_RENEWED domain="+acmeTestName+" source=cache")
	before := served()
	replaced := s.names.Load().list[0].replaced.Load()
	for what, certificate := range map[string]*tls.Certificate{"an older one": old, "the one that was replaced, with the same dates": replaced} {
		cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, certificate)
		s.manager.lookForRenewed(t.Context())
		if served() != before {
			t.Errorf("%s: got it served, want the newer one kept", what)
		}
	}
}

// An attempt that is due may find the certificate before the periodic search does.
func TestAnAttemptSaysWhereItFoundTheCertificate(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	now := time.Now()
	cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, makeACMETestCert(t, acmeTestName, now.Add(-80*day), now.Add(10*day)))
	var log waittest.Buffer
	s := newTestACMESource(t, cfg, true, &log)
	if err := s.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	d := s.names.Load().list[0]
	renewed := makeACMETestCert(t, acmeTestName, now.Add(-time.Hour), now.Add(90*day))
	s.manager.obtain = func(ctx context.Context, d *domain) outcome {
		cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, renewed)
		o, _, _ := s.manager.known(ctx, d, nil)
		return o
	}
	s.manager.renewDue(t.Context())
	waitForACMELog(t, &log, "ACME_RENEWED domain="+acmeTestName+" source=cache")

	d.retryAt = now // a second attempt finds what the first has begun to serve
	if o, done, _ := s.manager.known(t.Context(), d, nil); !done || o.origin != foundServed {
		t.Errorf("got %+v, want the certificate that is served", o)
	}
	if n := strings.Count(log.String(), "ACME_RENEWED"); n != 1 {
		t.Errorf("got %d lines ACME_RENEWED, want 1", n)
	}
}

func TestTheRefusalOfAnotherProcessIsHeeded(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	for what, o := range map[string]outcome{
		"of the name":  {err: errors.New("urn:x: no"), refused: true},
		"of all names": {err: errors.New("urn:x: busy"), retryAfter: time.Hour},
	} {
		t.Run(what, func(t *testing.T) {
			cfg.ACMECacheDir = cacheDir(t)
			s, other := newTestACMESource(t, cfg, true, &waittest.Buffer{}), newTestACMESource(t, cfg, true, &waittest.Buffer{})
			s.manager.obtain = func(context.Context, *domain) outcome {
				t.Error("the CA was asked, want its refusal of the other process heeded")
				return outcome{err: errors.New("asked")}
			}
			other.manager.obtain = func(context.Context, *domain) outcome { return o }
			other.manager.try(t.Context(), other.names.Load().list[0])
			got := s.manager.try(t.Context(), s.names.Load().list[0])
			if got.err == nil || !got.elsewhere || !strings.Contains(got.err.Error(), o.err.Error()) {
				t.Errorf("got %+v, want the reason %v", got, o.err)
			}
			if next := s.Names()[0].NextTry; !next.After(time.Now()) {
				t.Errorf("got the next try at %v, want a wait", next)
			}
		})
	}
}

// TestProcessesKeepEachOthersRefusals covers the file that both processes write.
func TestProcessesKeepEachOthersRefusals(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	a, _ := loadRefusals(testDisk(dir))
	b, _ := loadRefusals(testDisk(dir))
	for name, r := range map[string]*refusals{"a.test": a, "b.test": b} {
		if _, err := r.refuse(t.Context(), acmeTestDirectory, name, "no", 0, 0, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.forget(t.Context(), acmeTestDirectory, "b.test"); err != nil {
		t.Fatal(err)
	}
	kept, err := loadRefusals(testDisk(dir))
	if err != nil || len(kept.entries) != 1 || kept.entries[ledgerKey{acmeTestDirectory, "a.test"}].Domain != "a.test" {
		t.Errorf("got %v, %v, want that of a.test only", kept.entries, err)
	}
}

// TestALockEndsWithItsProcess kills the process that holds it.
func TestALockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("ACME_LOCK_DIR"); dir != "" {
		if _, _, err := (dirLocks{testDisk(dir)}).open(acmeTestName); err != nil {
			t.Fatal(err)
		}
		fmt.Println("locked")
		select {}
	}
	locks := dirLocks{testDisk(t.TempDir())}
	holder := exec.Command(os.Args[0], "-test.run=^TestALockEndsWithItsProcess$")
	holder.Env = append(os.Environ(), "ACME_LOCK_DIR="+locks.dir)
	var output waittest.Buffer
	holder.Stdout = &output
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); holder.Wait() }()
	t.Cleanup(func() { holder.Process.Kill(); <-ended })
	waittest.For(t, "the process to have the lock", func() bool { return strings.Contains(output.String(), "locked") })

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var waitedFor []string
	lock, err := locks.take(ctx, acmeTestName, func(pid int) {
		waitedFor = append(waitedFor, strconv.Itoa(pid))
		holder.Process.Kill()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	if want := strconv.Itoa(holder.Process.Pid); len(waitedFor) != 1 || waitedFor[0] != want {
		t.Errorf("got a wait for the processes %v, want %s", waitedFor, want)
	}
	if got := holderOf(t, locks); got != os.Getpid() {
		t.Errorf("got process %d in the file, want %d", got, os.Getpid())
	}
}

func holderOf(t *testing.T, locks dirLocks) int {
	t.Helper()
	f, err := os.Open(locks.path(acmeTestName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return holder(f)
}

func TestTheWaitForALockEndsWithItsContext(t *testing.T) {
	locks := dirLocks{testDisk(t.TempDir())}
	held, err := locks.take(t.Context(), acmeTestName, nil)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	if _, err := locks.take(ctx, acmeTestName, func(int) { cancel(cause) }); err != cause {
		t.Errorf("got %v, want %v", err, cause)
	}
	held.release()
	if lock, err := locks.take(t.Context(), acmeTestName, nil); err != nil {
		t.Errorf("got %v for a lock that was released", err)
	} else {
		lock.release()
	}
}

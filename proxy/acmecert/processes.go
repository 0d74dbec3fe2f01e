package acmecert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// lookEvery is the time between two searches of the cache for certificates that another process has renewed (S-20.6).
const lookEvery = 10 * time.Second

// unlockPatience bounds the wait for the disk at the end of an attempt, also at a shutdown: for the release of a lock, and for
// the removal of a DNS-01 record from the cache.
const unlockPatience = 2 * time.Second

// fileState identifies what a path led to; a file that is replaced or rewritten has another one.
type fileState struct {
	modified time.Time
	size     int64
	inode    uint64
}

// lock takes the lock of a name or of the account. If another process holds it, it logs that it waits.
func (m *Manager) lock(ctx context.Context, name string) (unlock func(), err error) {
	lock, err := dirLocks{m.disk}.take(ctx, name, func(pid int) {
		m.log.Log(eventlog.LevelInfo, "ACME_WAITING", eventlog.Str("domain", name), m.directory(), eventlog.Int("pid", pid))
	})
	if err != nil {
		return nil, err
	}
	return func() { m.unlock(lock) }, nil
}

// unlock releases a lock, also when the daemon is ending. If the disk hangs, the lock is released when it answers.
func (m *Manager) unlock(lock *dirLock) {
	patience := unlockPatience
	if m.disk.hangs() != nil {
		patience = 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _ = begin(ctx, m.disk, func() (struct{}, error) { lock.release(); return struct{}{}, nil }, nil)
}

// lockName takes the lock of a name for an attempt. If the cache cannot be written or its disk hangs, there are no locks.
// A certificate is then renewed without one rather than left to expire, but only near its end, because another process may
// order the same one.
func (m *Manager) lockName(ctx context.Context, d *domain) (unlock func(), err error) {
	unlock, err = m.lock(ctx, cacheKey(d.name))
	if errors.Is(err, errNoLock) && m.mayOrderAlone(d) {
		m.warn(d, err.Error()+"; the certificate is near its end, so it is ordered without the lock")
		return func() {}, nil
	}
	return unlock, err
}

// heed makes a name wait for the next try that an earlier refusal allows, and returns the refusal as an error.
func (m *Manager) heed(d *domain, r refusal) error {
	m.mu.Lock()
	d.lastAttempt, d.lastError, d.retryAt = r.LastAttempt, r.LastError, r.NextTry
	m.mu.Unlock()
	return fmt.Errorf("refused by %s at %s: %s; the next try is not before %s, remove %s to try sooner",
		m.cfg.Directory, wording.Time(r.LastAttempt), r.LastError, wording.Time(r.NextTry), m.refusals.path)
}

// refusedElsewhere returns the CA's refusal of a name, or its demand to wait with all names, if another process
// received it while this one waited. The caller holds the lock of the name.
func (m *Manager) refusedElsewhere(ctx context.Context, d *domain) error {
	m.refusals.refresh(ctx)
	if r, ok := m.refusals.get(m.cfg.Directory, d.name); ok && r.waiting(time.Now()) {
		return m.heed(d, r)
	}
	m.mu.Lock()
	known := m.outage.demanded > 0
	m.mu.Unlock()
	if !known {
		m.recallOutage()
	}
	until, waiting, why := m.demandedUntil(time.Now())
	if !waiting {
		return nil
	}
	return fmt.Errorf("no certificate from %s: %w; the next try is not before %s", m.cfg.Directory, why, wording.Time(until))
}

// look searches the cache from time to time for certificates that other processes have renewed, until ctx ends. It thus
// finds a disk that hangs before a renewal needs it.
func (m *Manager) look(ctx context.Context) {
	for clock.Sleep(ctx, m.lookEvery) {
		m.lookForRenewed(ctx)
	}
}

// lookForRenewed starts to use the certificates that another process has put into the cache. It reads only files that
// have changed.
func (m *Manager) lookForRenewed(ctx context.Context) {
	names := m.all()
	files, err := onDisk(ctx, m.disk, func() ([]fileState, error) {
		files := make([]fileState, len(names)+1)
		for i, d := range names {
			files[i] = stateOf(diskCache{m.disk}.path(cacheKey(d.name)))
		}
		files[len(names)] = stateOf(m.disk.dir)
		return files, nil
	}, nil)
	if err != nil {
		return
	}
	m.noteDir(files[len(names)].inode)
	for i, d := range names {
		if files[i] != d.found && m.takeRenewed(ctx, d) {
			d.found = files[i]
		}
	}
}

// noteDir logs that the cache directory was removed. Once it exists again, all certificates are written to it:
// otherwise the next start would order all of them again.
func (m *Manager) noteDir(inode uint64) {
	before := m.dirInode
	m.dirInode = inode
	switch {
	case inode == before:
		return
	case inode == 0:
		m.log.Log(eventlog.LevelWarn, "ACME_ERROR", m.directory(), eventlog.Str("error", m.disk.dir+
			": the cache directory was removed; the certificates are served and renewed from memory, and a restart would order all of them again"))
		return
	}
	m.mu.Lock()
	for _, d := range m.domains {
		if certificate := d.certificate(); certificate != nil {
			d.unsaved, d.saveAt = certificate, time.Time{}
		}
	}
	m.mu.Unlock()
	m.rouse()
}

// takeRenewed starts to use the certificate in the cache if it is newer than the current one. It reports whether the file
// could be read.
func (m *Manager) takeRenewed(ctx context.Context, d *domain) (read bool) {
	cached, _, err := loadCertificate(ctx, m.cache, d.name, time.Now())
	if err != nil {
		return false
	}
	if cached == nil || !d.wants(cached) {
		return true
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	default:
		return false // a running attempt looks there itself
	}
	m.succeed(ctx, d, outcome{certificate: cached, origin: foundCache})
	m.log.Log(eventlog.LevelInfo, "ACME_RENEWED", m.describe(d, cached, foundCache)...)
	m.rouse()
	return true
}

// rouse interrupts the schedule's sleep.
func (m *Manager) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// stateOf returns the state of a file, or the zero value if the file does not exist.
func stateOf(path string) (state fileState) {
	info, err := os.Stat(path)
	if err != nil {
		return state
	}
	state = fileState{modified: info.ModTime(), size: info.Size()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		state.inode = stat.Ino
	}
	return state
}

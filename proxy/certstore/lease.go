package certstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"reverse-proxy/proxy/wording"
)

const (
	// leaseTime is how long a lease lasts unless it is extended, and therefore how long other machines wait after its
	// holder has died. The holder extends it every third of that time.
	leaseTime = 30 * time.Second
	// maxChanges is roughly how many changes the server remembers: more than a connected machine can miss. A machine
	// that reconnects compares everything.
	maxChanges = 10000
	// fenced begins the server's error for a write under a lost lease.
	fenced = "FENCED"
)

// ErrLost is the error of a write under a lost lease.
var ErrLost = errors.New("the lease was lost: another machine may have it")

// LeasedError is the error for a lease that another machine holds.
type LeasedError struct{ Holder string }

// Error implements error.
func (e LeasedError) Error() string { return "leased to " + e.Holder }

// Lease is a lock that expires. Its holder can write only while it has the lease.
type Lease struct {
	store *Store
	key   string
	// token identifies the holder on the server: a random text and the name of its machine.
	token string
	// ctx ends when the lease is lost or released.
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
}

var (
	// extendScript extends a lease if its holder still has it.
	extendScript = redis.NewScript(1, `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`)
	// releaseScript removes a lease if its holder still has it.
	releaseScript = redis.NewScript(1, `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`)
	// writeScript writes or removes a value under a lease, and adds the change to the stream, in one step. It returns the
	// number of the change.
	writeScript = redis.NewScript(3, `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return redis.error_reply('FENCED the lease was lost') end
if ARGV[2] == '' then redis.call('del', KEYS[2])
elseif ARGV[3] == '0' then redis.call('set', KEYS[2], ARGV[2])
else redis.call('set', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return redis.call('xadd', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'name', ARGV[4])`)
)

// Lease takes the lease of a name, which need not be the name of a value. The error is a LeasedError if another
// machine holds it.
func (s *Store) Lease(ctx context.Context, name string) (*Lease, error) {
	l := &Lease{store: s, key: prefix + "lease:" + name, token: rand.Text() + " " + s.opts.Machine}
	var holder string
	err := s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		_, err := redis.String(redis.DoContext(conn, ctx, "SET", l.key, l.token, "NX", "PX", s.opts.leaseTime.Milliseconds()))
		if !errors.Is(err, redis.ErrNil) {
			return err
		}
		if holder, err = redis.String(redis.DoContext(conn, ctx, "GET", l.key)); errors.Is(err, redis.ErrNil) {
			holder, err = "another machine, until now", nil
		}
		return err
	})
	if err != nil {
		if ctx.Err() != nil { // the server may have granted the lease, and others would wait for its expiry
			l.giveUp()
		}
		return nil, err
	}
	if holder != "" {
		if _, machine, ok := strings.Cut(holder, " "); ok {
			holder = machine
		}
		return nil, LeasedError{wording.Printable(holder)}
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.done.Go(l.extend)
	return l, nil
}

// extend keeps extending the lease until it is released. If the server does not confirm in time, the lease is lost.
func (l *Lease) extend() {
	ticker := time.NewTicker(l.store.opts.leaseTime / 3)
	defer ticker.Stop()
	confirmed := time.Now()
	for {
		select {
		case <-ticker.C:
		case <-l.ctx.Done():
			return
		}
		began := time.Now()
		var ours int
		err := l.store.do(l.ctx, func(ctx context.Context, conn redis.Conn) (err error) {
			ours, err = redis.Int(extendScript.DoContext(ctx, conn, l.key, l.token, l.store.opts.leaseTime.Milliseconds()))
			return err
		})
		switch {
		case err == nil && ours == 1:
			confirmed = began
		case err == nil, time.Since(confirmed) > l.store.opts.leaseTime*2/3:
			l.cancel(ErrLost)
			return
		}
	}
}

// Context returns a context that ends with parent, or with ErrLost if the lease is lost.
func (l *Lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return ctx, func() { stop(); cancel(nil) }
}

// Release releases the lease. If the server cannot be reached, the lease expires.
func (l *Lease) Release() {
	l.cancel(errors.New("the lease was released"))
	l.done.Wait()
	l.giveUp()
}

// giveUp removes the lease from the server if this holder still has it.
func (l *Lease) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	_ = l.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		_, err := releaseScript.DoContext(ctx, conn, l.key, l.token)
		return err
	})
}

// Get reads a value.
func (l *Lease) Get(ctx context.Context, name string) ([]byte, error) { return l.store.Get(ctx, name) }

// Put writes the next version of a value. With Get, Put and Delete, a Lease is an autocert.Cache.
func (l *Lease) Put(ctx context.Context, name string, data []byte) error {
	_, err := l.put(ctx, name, data, 0)
	return err
}

// PutExpiring is Put for a value that expires.
func (l *Lease) PutExpiring(ctx context.Context, name string, data []byte, lifetime time.Duration) error {
	_, err := l.put(ctx, name, data, lifetime)
	return err
}

// PutFor is PutExpiring for a value that all machines need. It returns once all machines have read the change, or after a few seconds,
// so that a machine that hangs does not delay the others for long.
func (l *Lease) PutFor(ctx context.Context, name string, data []byte, lifetime time.Duration) error {
	change, err := l.put(ctx, name, data, lifetime)
	if err != nil {
		return err
	}
	return l.store.awaitHeard(ctx, change)
}

func (l *Lease) put(ctx context.Context, name string, data []byte, lifetime time.Duration) (change string, err error) {
	version, err := l.store.nextVersion(ctx, name)
	if err != nil {
		return "", err
	}
	sealed := l.store.sealer.seal(name, version, data)
	if len(sealed) > maxValueBytes {
		return "", fmt.Errorf("%s: %w: it has %d bytes, and at most %d are allowed", name, errTooLarge, len(sealed), maxValueBytes)
	}
	if change, err = l.write(ctx, name, sealed, lifetime); err != nil {
		return "", err
	}
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.store.seen[name] = max(l.store.seen[name], version)
	return change, nil
}

// Delete removes a value.
func (l *Lease) Delete(ctx context.Context, name string) error {
	_, err := l.write(ctx, name, nil, 0)
	return err
}

// write writes or removes a value, if the lease is still held.
func (l *Lease) write(ctx context.Context, name string, sealed []byte, lifetime time.Duration) (change string, err error) {
	err = l.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		change, err = redis.String(writeScript.DoContext(ctx, conn, l.key, valueKey(name), changesKey,
			l.token, sealed, lifetime.Milliseconds(), name, maxChanges))
		return err
	})
	var refused redis.Error
	if errors.As(err, &refused) && strings.HasPrefix(string(refused), fenced) {
		l.cancel(ErrLost)
		return "", ErrLost
	}
	return change, err
}

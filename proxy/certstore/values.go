package certstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/crypto/acme/autocert"
)

var errTooLarge = errors.New("the value is too large")

// UnreadableError is the error for a value that this machine cannot use. It counts as missing, and the next write
// replaces it.
type UnreadableError struct{ Name string }

// Error implements error.
func (e UnreadableError) Error() string { return fmt.Sprintf("%s: %v", e.Name, errUnreadable) }

// Unwrap makes an unreadable value count as missing.
func (e UnreadableError) Unwrap() error { return autocert.ErrCacheMiss }

// valueKey returns the key of a value on the server.
func valueKey(name string) string { return prefix + "value:" + name }

// changesKey is the stream of the names of changed values.
const changesKey = prefix + "changes"

// Get implements autocert.Cache.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	sealed, err := s.read(ctx, name)
	if err != nil {
		return nil, err
	}
	data, version, err := s.sealer.open(name, sealed)
	if err != nil {
		return nil, UnreadableError{name}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if version < s.seen[name] {
		return nil, UnreadableError{name} // an older version than before, as from a backup
	}
	s.seen[name] = version
	return data, nil
}

// read returns a value as it is on the server.
func (s *Store) read(ctx context.Context, name string) (sealed []byte, err error) {
	err = s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		// This bounds the length even if another program wrote the value.
		sealed, err = redis.Bytes(redis.DoContext(conn, ctx, "GETRANGE", valueKey(name), 0, maxValueBytes))
		return err
	})
	var refused redis.Error
	switch {
	case errors.As(err, &refused) && strings.HasPrefix(string(refused), "WRONGTYPE"):
		return nil, UnreadableError{name}
	case err != nil:
		return nil, err
	case len(sealed) == 0:
		return nil, autocert.ErrCacheMiss
	}
	return sealed, nil
}

// Put implements autocert.Cache. It takes the lease of the name for the write. A caller that already holds the lease
// uses Lease.Put.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.leased(ctx, name, func(l *Lease) error { return l.Put(ctx, name, data) })
}

// Delete implements autocert.Cache.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.leased(ctx, name, func(l *Lease) error { return l.Delete(ctx, name) })
}

func (s *Store) leased(ctx context.Context, name string, write func(*Lease) error) error {
	l, err := s.Lease(ctx, name)
	if err != nil {
		return err
	}
	defer l.Release()
	return write(l)
}

// nextVersion returns a version for a new value that is above the one on the server and above all that any machine has
// seen. If the server has none, because the value was removed or is unreadable, the version is the server's time, so
// that it is also above versions that another machine has seen and this one has not.
func (s *Store) nextVersion(ctx context.Context, name string) (uint64, error) {
	sealed, err := s.read(ctx, name)
	if err != nil && !errors.Is(err, autocert.ErrCacheMiss) {
		return 0, err
	}
	_, current, err := s.sealer.open(name, sealed)
	if err != nil {
		if current, err = s.serverTime(ctx); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(current, s.seen[name]) + 1, nil
}

// serverTime returns the time of the server in microseconds since 1970.
func (s *Store) serverTime(ctx context.Context) (us uint64, err error) {
	err = s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		now, err := timeOf(ctx, conn)
		us = uint64(now.UnixMicro())
		return err
	})
	return us, err
}

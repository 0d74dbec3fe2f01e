package certstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/clock"
)

const (
	// prefix begins every key on the server.
	prefix = "reverse-proxy:"
	// requestTimeout bounds one request to the server.
	requestTimeout = 3 * time.Second
)

// ErrAway is the error of every request while the server is unavailable. It wraps the cause.
var ErrAway = errors.New("the store is away")

// Options say where the store is and how it is used.
type Options struct {
	// Address is the host and port of the server. TLS is nil for a connection without TLS.
	Address string
	TLS     *tls.Config
	// Username may be "". Password returns the password for a new connection, or "" for none; Password itself may be
	// nil.
	Username string
	Password func() (string, error)
	Database int
	// Secret is the secret from which the encryption key is derived.
	Secret []byte
	// Machine names this machine and process for people, as in a lease's holder.
	Machine string

	// Changed is called with the name of each value that any machine has changed, one call at a time. Synced is
	// called after each connection, because anything may have changed before it.
	Changed func(ctx context.Context, name string)
	Synced  func(ctx context.Context)
	// StateChanged is called with the cause when the store goes away, and with nil when it is back.
	StateChanged func(err error)

	// leaseTime and leastRound replace the constants of these names in tests.
	leaseTime, leastRound time.Duration
}

// Store is a client of the server.
type Store struct {
	opts   Options
	sealer *sealer
	id     string // of this process, for the list of machines
	conns  *conns
	// first is closed once the recent changes have been read for the first time, or the first try has failed.
	first     chan struct{}
	firstOnce sync.Once
	// broken wakes Run after a failed request.
	broken chan struct{}

	mu       sync.Mutex
	up       bool
	since    time.Time
	err      error
	machines int
	// epoch identifies the contents of the store as a whole. seen are the latest versions of its values that were
	// read or written.
	epoch string
	seen  map[string]uint64
}

// State says whether a store is available.
type State struct {
	// Up reports whether it is available, Since when that last changed, and Err why it is not.
	Up    bool
	Since time.Time
	Err   error
	// Machines is the number of processes that use it, including this one.
	Machines int
}

// New returns a store. It does not connect: Run does.
func New(opts Options) (*Store, error) {
	sealer, err := newSealer(opts.Secret)
	if err != nil {
		return nil, err
	}
	opts.leaseTime, opts.leastRound = cmp.Or(opts.leaseTime, leaseTime), cmp.Or(opts.leastRound, leastRound)
	s := &Store{opts: opts, sealer: sealer, id: rand.Text(), first: make(chan struct{}), broken: make(chan struct{}, 1),
		seen: map[string]uint64{}, since: time.Now(), err: errors.New("not connected yet")}
	s.conns = newConns(s.dial)
	return s, nil
}

// dial connects and authenticates.
func (s *Store) dial(ctx context.Context) (redis.Conn, error) {
	options := []redis.DialOption{
		redis.DialContextFunc(s.connect), redis.DialReadTimeout(requestTimeout),
		redis.DialWriteTimeout(requestTimeout), redis.DialDatabase(s.opts.Database),
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if s.opts.Password != nil {
		password, err := clock.Within(ctx, s.opts.Password)
		if err != nil {
			return nil, fmt.Errorf("the password cannot be read: %w", err)
		}
		options = append(options, redis.DialUsername(s.opts.Username), redis.DialPassword(password))
	}
	return redis.DialContext(ctx, "tcp", s.opts.Address, options...)
}

// connect connects, and bounds what the server can send. It does the TLS handshake itself, because the bounds apply
// to the decrypted data.
func (s *Store) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: requestTimeout}).DialContext(ctx, network, address)
	if err != nil || s.opts.TLS == nil {
		return &boundedConn{Conn: conn}, err
	}
	secured := tls.Client(conn, s.opts.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return &boundedConn{Conn: secured}, nil
}

// State returns the state of the store.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{Up: s.up, Since: s.since, Err: s.err, Machines: s.machines}
}

// AwaitFirst waits until Run has connected and has reported the changes of the last minutes, or until its first try
// has failed. A CA that validates at this machine then finds the answers to the other machines' challenges.
func (s *Store) AwaitFirst(ctx context.Context) {
	select {
	case <-s.first:
	case <-ctx.Done():
	}
}

// setState records whether the store is available.
func (s *Store) setState(err error) {
	s.mu.Lock()
	changed := s.up != (err == nil)
	if changed {
		s.since = time.Now()
	}
	s.up, s.err = err == nil, err
	s.mu.Unlock()
	if err != nil {
		s.firstOnce.Do(func() { close(s.first); changed = true })
	}
	if s.opts.StateChanged != nil && (changed || err != nil) {
		s.opts.StateChanged(err)
	}
}

// do makes one request. It fails at once while the store is away.
func (s *Store) do(ctx context.Context, request func(ctx context.Context, conn redis.Conn) error) error {
	if state := s.State(); !state.Up {
		return fmt.Errorf("%w: %w", ErrAway, state.Err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := s.conns.use(ctx, func(conn redis.Conn) error { return request(ctx, conn) })
	if err == nil || !isAway(err) {
		return err
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // the caller has not just given up
		select {
		case s.broken <- struct{}{}:
		default:
		}
	}
	return fmt.Errorf("%w: %w", ErrAway, cause(err))
}

// isAway reports whether an error means that the server is unavailable, and not only that it refused something about
// one value.
func isAway(err error) bool {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return !errors.Is(err, errUnreadable) && !errors.Is(err, autocert.ErrCacheMiss) && !errors.Is(err, ErrLost) &&
			!errors.Is(err, errTooLarge)
	}
	return !strings.HasPrefix(string(refused), "WRONGTYPE") && !strings.HasPrefix(string(refused), fenced)
}

package certstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"reverse-proxy/proxy/clock"
)

const (
	// block is how long the server delays its answer to a request for changes when there are none.
	block = time.Second
	// leastRound is the minimum time between two requests for changes, so that a server that always has some, or that
	// answers immediately, does not keep the processor busy.
	leastRound = 10 * time.Millisecond
	// firstRetry is the first wait after the store has gone away. Each further wait is twice as long, up to
	// lastRetry.
	firstRetry, lastRetry = 250 * time.Millisecond, 5 * time.Second
	// heardPatience bounds the wait until all machines have read a change. It ends earlier for a machine that has
	// sent no beat for memberTime.
	heardPatience, memberTime = 5 * time.Second, 10 * time.Second
	// leavePatience bounds how long the daemon's end waits for the store.
	leavePatience = 500 * time.Millisecond
	// recent is the age of the oldest changes that a machine reads when it connects. It is longer than the lifetime
	// of values that expire, such as answers to challenges.
	recent = 5 * time.Minute

	epochKey   = prefix + "epoch"
	membersKey = prefix + "machines"
	// checkName is the name of a value that shows whether this machine has the same key as the others.
	checkName = "check"
)

// errWrongKey is the error for a machine whose key differs from that of the store's values.
var errWrongKey = errors.New("the values there are encrypted with another key; give all machines the same store_key_file")

// beatScript records the last change that a machine has read, unless that is "". It returns the last changes of all
// machines that sent a beat recently, and removes the others.
var beatScript = redis.NewScript(1, `
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if ARGV[2] ~= '' then redis.call('hset', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2]) end
local all, live = redis.call('hgetall', KEYS[1]), {}
for i = 1, #all, 2 do
  local at, id = string.match(all[i + 1], '^(%d+) (.*)$')
  if at and now - tonumber(at) <= tonumber(ARGV[3]) then live[#live + 1] = id
  else redis.call('hdel', KEYS[1], all[i]) end
end
return live`)

// Run keeps a connection to the server and waits on it for changes, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	defer s.conns.drop()
	defer s.leave()
	wait := firstRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := s.session(ctx)
		s.conns.drop()
		if ctx.Err() != nil {
			break
		}
		s.setState(cause(err))
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, lastRetry)
	}
	s.firstOnce.Do(func() { close(s.first) })
}

// session waits for changes on one connection until it ends.
func (s *Store) session(ctx context.Context) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	select {
	case <-s.broken: // left by a request of the previous session
	default:
	}
	epoch, err := epochOf(ctx, conn)
	if err != nil {
		return err
	}
	s.enter(epoch)
	last, err := recentChange(ctx, conn)
	if err != nil {
		return err
	}
	if err := s.beat(ctx, conn, last); err != nil {
		return err
	}
	if err := s.checkKey(ctx, conn); err != nil {
		return err
	}
	s.setState(nil)
	s.synced(ctx)
	for first := true; ; first = false {
		select {
		case <-s.broken:
			return errors.New("a request has failed")
		default:
		}
		began := time.Now()
		names, next, err := changesAfter(ctx, conn, last, !first)
		if err != nil {
			return err
		}
		for _, name := range names {
			if s.opts.Changed != nil {
				s.opts.Changed(ctx, name)
			}
		}
		if first {
			s.firstOnce.Do(func() { close(s.first) })
		}
		last = next
		now, err := epochOf(ctx, conn)
		if err != nil {
			return err
		}
		if now != epoch {
			return errors.New("the store was emptied") // the next session fills it again
		}
		if err := s.beat(ctx, conn, last); err != nil {
			return err
		}
		if !clock.Sleep(ctx, s.opts.leastRound-time.Since(began)) {
			return ctx.Err()
		}
	}
}

// enter forgets the versions of another epoch: those of an emptied store may begin below them.
func (s *Store) enter(epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		s.epoch, s.seen = epoch, map[string]uint64{}
	}
}

func (s *Store) synced(ctx context.Context) {
	if s.opts.Synced != nil {
		s.opts.Synced(ctx)
	}
}

// epochOf returns the random text that identifies the contents of the store. It changes when the store is emptied.
func epochOf(ctx context.Context, conn redis.Conn) (string, error) {
	for range 3 { // the store may be emptied between the two commands
		epoch, err := redis.String(redis.DoContext(conn, ctx, "GET", epochKey))
		if !errors.Is(err, redis.ErrNil) {
			return epoch, err
		}
		if _, err := redis.DoContext(conn, ctx, "SET", epochKey, rand.Text(), "NX"); err != nil {
			return "", err
		}
	}
	return "", replyError{"nothing at " + epochKey + ", which was just written"}
}

// recentChange returns a number below those of the changes of the last few minutes. A machine that connects begins
// there, so that it reads these changes too.
func recentChange(ctx context.Context, conn redis.Conn) (string, error) {
	now, err := timeOf(ctx, conn)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(now.Add(-recent).UnixMilli(), 10) + "-0", nil
}

// timeOf returns the time of the server. A time before 1970 or after the year 6000 is an error.
func timeOf(ctx context.Context, conn redis.Conn) (time.Time, error) {
	now, err := redis.Int64s(redis.DoContext(conn, ctx, "TIME"))
	if err != nil || len(now) != 2 || now[0] < 0 || now[0] >= 1<<37 || now[1] < 0 || now[1] >= 1e6 {
		return time.Time{}, errors.Join(errors.New("the time of the server cannot be read"), err)
	}
	return time.Unix(now[0], now[1]*1000), nil
}

// changesAfter reads the changes after last. If wait is set, it waits a moment for them. It returns the names, each
// once, and the number of the last change.
func changesAfter(ctx context.Context, conn redis.Conn, last string, wait bool) (names []string, next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, block+requestTimeout)
	defer cancel()
	args := []any{"COUNT", 1000}
	if wait {
		args = append(args, "BLOCK", block.Milliseconds())
	}
	reply, err := redis.Values(doWithin(ctx, conn, block+requestTimeout, "XREAD", append(args, "STREAMS", changesKey, last)...))
	if errors.Is(err, redis.ErrNil) {
		return nil, last, nil
	}
	if err != nil {
		return nil, last, err
	}
	names, next, ok := parseChanges(reply)
	if !ok || !before(last, next) {
		return nil, last, replyError{"a list of changes that cannot be read"}
	}
	return names, next, nil
}

// doWithin makes a request whose answer may take longer than usual.
func doWithin(ctx context.Context, conn redis.Conn, limit time.Duration, command string, args ...any) (any, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	return redis.DoWithTimeout(conn, limit, command, args...)
}

// parseChanges parses the answer to an XREAD of one stream.
func parseChanges(reply []any) (names []string, last string, ok bool) {
	seen := map[string]bool{}
	for _, stream := range reply {
		parts, err := redis.Values(stream, nil)
		if err != nil || len(parts) != 2 {
			return nil, "", false
		}
		entries, err := redis.Values(parts[1], nil)
		if err != nil {
			return nil, "", false
		}
		for _, e := range entries {
			entry, err := redis.Values(e, nil)
			if err != nil || len(entry) != 2 {
				return nil, "", false
			}
			if last, err = redis.String(entry[0], nil); err != nil {
				return nil, "", false
			}
			fields, err := redis.Strings(entry[1], nil)
			if err != nil || len(fields) != 2 || seen[fields[1]] {
				continue
			}
			seen[fields[1]] = true
			names = append(names, fields[1])
		}
	}
	return names, last, last != ""
}

// beat tells the other machines that this one has read all changes up to last. It also counts the machines.
func (s *Store) beat(ctx context.Context, conn redis.Conn, last string) error {
	heard, err := redis.Strings(beatScript.DoContext(ctx, conn, membersKey, s.id, last, memberTime.Milliseconds()))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machines = len(heard)
	return nil
}

// leave tells the other machines, when the daemon ends, not to wait for this one any more.
func (s *Store) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
	defer cancel()
	_ = s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		_, err := redis.DoContext(conn, ctx, "HDEL", membersKey, s.id)
		return err
	})
}

// checkKey checks that this machine has the same key as the others.
func (s *Store) checkKey(ctx context.Context, conn redis.Conn) error {
	const text = "reverse-proxy"
	for range 2 {
		sealed, err := redis.Bytes(redis.DoContext(conn, ctx, "GETRANGE", valueKey(checkName), 0, maxValueBytes))
		if err != nil {
			return err
		}
		if len(sealed) > 0 {
			if data, _, err := s.sealer.open(checkName, sealed); err != nil || string(data) != text {
				return errWrongKey
			}
			return nil
		}
		if _, err := redis.DoContext(conn, ctx, "SET", valueKey(checkName), s.sealer.seal(checkName, 1, []byte(text)), "NX"); err != nil {
			return err
		}
	}
	return replyError{"nothing at " + valueKey(checkName) + ", which was just written"}
}

// awaitHeard waits until all machines have read a change.
func (s *Store) awaitHeard(ctx context.Context, change string) error {
	began := time.Now()
	for time.Since(began) < heardPatience {
		var heard []string
		err := s.do(ctx, func(ctx context.Context, conn redis.Conn) (err error) {
			heard, err = redis.Strings(beatScript.DoContext(ctx, conn, membersKey, s.id, "", memberTime.Milliseconds()))
			return err
		})
		if err != nil {
			return err
		}
		all := true
		for _, last := range heard {
			all = all && !before(last, change)
		}
		if all {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// before reports whether one change came before another.
func before(a, b string) bool {
	ma, sa := changeNumber(a)
	mb, sb := changeNumber(b)
	return ma < mb || ma == mb && sa < sb
}

// changeNumber parses the number of a change: milliseconds and a counter.
func changeNumber(id string) (ms, seq uint64) {
	left, right, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(left, 10, 64)
	seq, _ = strconv.ParseUint(right, 10, 64)
	return ms, seq
}

// String returns the address of the server, without its password.
func (o Options) String() string {
	scheme := "redis"
	if o.TLS != nil {
		scheme = "rediss"
	}
	return fmt.Sprintf("%s://%s/%d", scheme, o.Address, o.Database)
}

package certstore

import (
	"context"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// maxConns bounds the connections to the server, without the one that waits for changes.
	maxConns = 8
	// maxIdle is how long an idle connection is kept.
	maxIdle = 30 * time.Second
)

// conns are the connections for requests. It replaces redis.Pool, which panics if it is closed while a caller waits
// for a connection, as may happen when the daemon ends.
type conns struct {
	dial func(ctx context.Context) (redis.Conn, error)
	// slots bounds the connections in use.
	slots chan struct{}

	mu   sync.Mutex
	idle []idleConn
}

type idleConn struct {
	redis.Conn
	since time.Time
}

func newConns(dial func(ctx context.Context) (redis.Conn, error)) *conns {
	return &conns{dial: dial, slots: make(chan struct{}, maxConns)}
}

// use runs a request on a connection, and keeps the connection for the next request if it still works.
func (c *conns) use(ctx context.Context, request func(conn redis.Conn) error) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	conn := c.take()
	if conn == nil {
		var err error
		if conn, err = c.dial(ctx); err != nil {
			return err
		}
	}
	err := request(conn)
	if conn.Err() != nil || ctx.Err() != nil {
		conn.Close()
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, idleConn{conn, time.Now()})
	return err
}

// take returns an idle connection; nil if there is none.
func (c *conns) take() redis.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.idle) > 0 {
		last := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if time.Since(last.since) < maxIdle {
			return last.Conn
		}
		last.Close()
	}
	return nil
}

// drop closes the idle connections.
func (c *conns) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle = nil
}

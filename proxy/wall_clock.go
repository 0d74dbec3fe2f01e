package proxy

import (
	"errors"
	"time"
)

// now returns the wall clock time in UTC. Every time that an operator sees is in UTC.
func now() time.Time { return time.Now().UTC() }

// errShuttingDown refuses a reload during the shutdown.
var errShuttingDown = errors.New("the daemon is shutting down")

package proxy

import (
	"io"
	"time"
)

// sharedState is what all listeners and requests share and what outlives every reload (step 3).
type sharedState struct {
	log       *Logger
	limiter   *limiter
	upstreams *upstreams
	conns     *connTracker
}

// newSharedState opens the log and makes the limiter, which keeps its state over reloads (S-3.6), and the upstream
// client. The error names the key of the log file.
func newSharedState(cfg *Config, stdout io.Writer) (*sharedState, error) {
	log, err := NewLogger(cfg.Logging, stdout)
	if err != nil {
		return nil, err
	}
	return &sharedState{
		log:       log,
		limiter:   newLimiter(time.Now),
		upstreams: &upstreams{client: newTransportClient()},
		conns:     &connTracker{},
	}, nil
}

// close ends the idle upstream connections and writes out the log. A log that cannot be written any more has nowhere to
// report it to.
func (s *sharedState) close() {
	s.upstreams.client.close()
	_ = s.log.Close()
}

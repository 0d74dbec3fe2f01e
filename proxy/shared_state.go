package proxy

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/readiness"
)

// sharedState is what all listeners and requests share and what outlives every reload (step 3).
type sharedState struct {
	log       *eventlog.Logger
	limits    *limits
	upstreams *upstreams
	// sweeper holds all deadlines, and conns all client connections.
	sweeper *deadline.Sweeper
	conns   *connRegistry
	metrics *metrics
	// store is what several machines share, from step 7 on; nil without one.
	store *machineStore
	// holds are the sites that an operator holds back.
	holds *hold.Holds
	// responders are the DNS responders, from step 6 on.
	responders responders
	// stop ends the goroutines of the sweeper and of the pools, and tasks waits for them.
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// newSharedState opens the log and creates the limits, which keep their state across reloads (S-3.6), and the
// upstreams. The error names the key of the log file.
func newSharedState(cfg *config.Config, stdout io.Writer) (*sharedState, error) {
	log, err := eventlog.New(cfg.Logging, stdout)
	if err != nil {
		const key = "logging.log_file_path"
		return nil, config.KeyError{Key: key, Problem: strings.TrimPrefix(err.Error(), key+": ")}
	}
	poller, err := readiness.New()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	sweeper := deadline.NewSweeper()
	ctx, stop := context.WithCancel(context.Background())
	shared := &sharedState{
		stop:      stop,
		log:       log,
		limits:    newLimits(cfg.MaxConnections),
		upstreams: newUpstreams(cfg.MaxConnections),
		sweeper:   sweeper,
		conns:     newConnRegistry(cfg.MaxConnections, cfg.ConnectionShare(), sweeper),
		metrics:   newMetrics(),
		holds:     hold.New(now),
	}
	shared.holds.Expired = func(info hold.Info) { logPauseEnd(log, info, "over") }
	shared.conns.poller = poller
	shared.upstreams.busy = shared.conns.busy
	shared.conns.onCut = logCut(log, cfg.ConnectionShare())
	shared.conns.onFull = shared.upstreams.crowd
	shared.upstreams.clientsWaiting = shared.conns.unpromised
	shared.upstreams.names.log = log
	shared.upstreams.states.Changed = logUpstreamChange(log)
	shared.tasks.Go(func() { shared.sweeper.Run(ctx) })
	shared.tasks.Go(func() { poller.Run(ctx) })
	shared.tasks.Go(func() { shared.upstreams.run(ctx) })
	return shared, nil
}

// close cuts the clients' connections, closes the idle upstream connections and writes out the log. An error of the log
// cannot be reported anywhere.
func (s *sharedState) close() {
	s.store.close()
	s.holds.Close()
	s.conns.close()
	s.stop()
	s.tasks.Wait()
	s.upstreams.close()
	_ = s.log.Close()
}

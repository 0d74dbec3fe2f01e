//go:build linux

package main

import (
	"context"
	"slices"
	"syscall"
	"time"

	"reverse-proxy/bench/internal/load"
)

// turnTime is how long a peer is loaded before it is the next one's turn.
const turnTime = 60 * time.Millisecond

// takesTurns reports whether the peers are loaded in turns. The speed of the machine changes from one second to the next,
// and that of a build from one start to the next, so two builds that are measured one after the other differ by ten
// percent or more by chance. With turns of a few hundredths of a second, both run under the same conditions, and each
// round starts both anew. Only loads that wait for their answers can be stopped and continued: with others, requests or
// events would pile up.
func (b *bench) takesTurns(sc scenario) bool {
	return b.settings.noise && sc.metric == cpuTime && sc.job.Rate == 0 && sc.job.Kind != load.Events
}

// runInTurns starts all peers anew and measures them over the same time, of which each gets an equal part. Absolute figures
// are higher than those of a peer that is measured by itself, because the others' work displaces its data from the
// processor's caches.
func (b *bench) runInTurns(ctx context.Context, sc scenario, peers []peer) map[string]round {
	rounds := map[string]round{}
	fail := func(p peer, err error) { rounds[p.name] = round{err: err} }
	present := slices.DeleteFunc(slices.Clone(peers), func(p peer) bool { return p.missing != "" })
	share := time.Duration(len(present))
	sc.job.Warmup, sc.job.Window = warmup*share, b.settings.window*share
	var loads []*loadRun
	var instances []*instance
	var names []string
	for _, p := range present {
		i, err := b.start(ctx, p, b.proxyCores(sc), sc.upstreamH2)
		if err != nil {
			fail(p, err)
			continue
		}
		defer i.process.stop()
		l, err := b.startLoad(ctx, sc, i)
		if err != nil {
			fail(p, err)
			continue
		}
		defer l.cancel()
		if err := l.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			fail(p, err)
			continue
		}
		loads, instances, names = append(loads, l), append(instances, i), append(names, p.name)
	}
	takeTurns(ctx, loads)
	for n, l := range loads {
		result, err := l.result()
		if err == nil {
			result.Seconds /= float64(share)
			err = instances[n].takeLog(ctx)
		}
		rounds[names[n]] = round{result, err}
	}
	return rounds
}

// takeTurns lets one load after the other run for turnTime, until all have ended.
func takeTurns(ctx context.Context, loads []*loadRun) {
	running := slices.Clone(loads)
	for len(running) > 0 && ctx.Err() == nil {
		running = slices.DeleteFunc(running, func(l *loadRun) (ended bool) {
			_ = l.cmd.Process.Signal(syscall.SIGCONT) // fails only if the load has ended
			select {
			case <-l.ended:
				return true
			case <-time.After(turnTime):
				_ = l.cmd.Process.Signal(syscall.SIGSTOP)
				return false
			case <-ctx.Done():
				return false
			}
		})
	}
}

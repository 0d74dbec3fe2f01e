//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"reverse-proxy/bench/internal/load"
	"reverse-proxy/bench/internal/stats"
)

// warmup is the time before every measured window.
const warmup = 700 * time.Millisecond

// bench is one run of the benchmark.
type bench struct {
	settings settings
	self     string
	// dir is a temporary directory, in memory if possible.
	dir   string
	files certificateFiles
	// proxyCore and loadCore are the two cores; they are the same if there is only one.
	proxyCore, loadCore int
	origin              netip.AddrPort
	progress            io.Writer
}

// outcome holds the results of a scenario: for each peer one result per round, or an error if the round failed.
type outcome struct {
	scenario scenario
	peers    []peer
	rounds   map[string][]round
	// calls has for each peer a round in which its system calls were counted, if they could be.
	calls map[string]round
}

// round is one measured window of one peer.
type round struct {
	result load.Result
	err    error
}

// runAll measures all scenarios that the settings name. On an error it returns the outcomes so far.
func runAll(ctx context.Context, s settings, progress io.Writer) ([]outcome, []peer, error) {
	peers := findPeers(s)
	if peers[0].missing != "" {
		return nil, peers, errors.New(peers[0].missing)
	}
	b := &bench{settings: s, progress: progress}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, peers, err
	}
	cores, err := allowedCores()
	if err != nil {
		return nil, peers, err
	}
	b.proxyCore, b.loadCore = cores[0], cores[len(cores)-1]
	if len(cores) == 1 {
		fmt.Fprintln(progress, "only one core: the proxy, the load and the origin share it")
	}
	parent := os.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	if b.dir, err = os.MkdirTemp(parent, "bench-"); err != nil {
		return nil, peers, err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	// nginx's worker must be able to enter the directory if it runs as another user.
	if err := os.Chmod(b.dir, 0o711); err != nil {
		return nil, peers, err
	}
	if b.files, err = writeCertificate(b.dir); err != nil {
		return nil, peers, err
	}
	stopOrigin, err := b.startOrigin(ctx)
	if err != nil {
		return nil, peers, err
	}
	defer stopOrigin()
	var outcomes []outcome
	for _, sc := range scenarios() {
		if !slices.Contains(s.scenarios, sc.name) {
			continue
		}
		o, err := b.runScenario(ctx, sc, peers)
		if err != nil {
			return outcomes, peers, fmt.Errorf("%s: %w", sc.name, err)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, peers, nil
}

// startOrigin starts the origin on the load's core and returns a function that stops it.
func (b *bench) startOrigin(ctx context.Context) (func(), error) {
	stdout := filepath.Join(b.dir, "origin")
	process, err := startProcess(b.self, []string{"origin"}, []int{b.loadCore}, stdout, filepath.Join(b.dir, "origin-errors"), b.dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		text, _ := os.ReadFile(stdout)
		if line, _, ok := strings.Cut(string(text), "\n"); ok {
			if b.origin, err = netip.ParseAddrPort(line); err == nil {
				return process.stop, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			process.stop()
			return nil, fmt.Errorf("origin: did not say where it listens: %w", ctx.Err())
		}
	}
}

// runScenario measures the peers of a scenario in interleaved rounds, each of which begins with a different peer.
func (b *bench) runScenario(ctx context.Context, sc scenario, all []peer) (outcome, error) {
	o := outcome{scenario: sc, rounds: map[string][]round{}, calls: map[string]round{}}
	for _, p := range all {
		if sc.measures(p.name) {
			o.peers = append(o.peers, p)
		}
	}
	running := map[string]*instance{}
	defer func() {
		for _, i := range running {
			i.process.stop()
		}
	}()
	rounds := b.settings.rounds
	if sc.maxRounds > 0 {
		rounds = min(rounds, sc.maxRounds)
	}
	for n := range rounds {
		peers := stats.Rotate(o.peers, n)
		together := map[string]round{}
		if b.takesTurns(sc) {
			together = b.runInTurns(ctx, sc, peers)
		}
		for _, p := range peers {
			if p.missing != "" {
				continue
			}
			r, measured := together[p.name]
			if !measured {
				r = b.runRound(ctx, sc, p, running)
			}
			if ctx.Err() != nil {
				return o, ctx.Err()
			}
			o.rounds[p.name] = append(o.rounds[p.name], r)
			b.report(sc, n, p, r)
		}
	}
	if sc.metric == cpuTime {
		b.countCalls(ctx, &o, running)
	}
	return o, ctx.Err()
}

// countCalls counts the system calls of each peer in a round of its own, because that makes a program slower.
func (b *bench) countCalls(ctx context.Context, o *outcome, running map[string]*instance) {
	sc := o.scenario
	sc.job.CountCalls = true
	for _, p := range o.peers {
		if p.missing != "" {
			continue
		}
		r := b.runRound(ctx, sc, p, running)
		if ctx.Err() != nil {
			return
		}
		if r.err != nil {
			fmt.Fprintf(b.progress, "%s %s: its system calls are not counted: %v\n", sc.name, p.name, r.err)
			continue
		}
		o.calls[p.name] = r
	}
}

// runRound measures one window of a peer, which it starts if it is not running.
func (b *bench) runRound(ctx context.Context, sc scenario, p peer, running map[string]*instance) round {
	i := running[p.name]
	if i == nil || !i.process.running() {
		var err error
		if i, err = b.start(ctx, p, b.proxyCores(sc), sc.upstreamH2); err != nil {
			return round{err: err}
		}
		running[p.name] = i
	}
	result, err := b.runLoad(ctx, sc, i)
	if err == nil {
		err = i.takeLog(ctx)
	}
	if sc.fresh || err != nil {
		i.process.stop()
		delete(running, p.name)
	}
	return round{result, err}
}

func (b *bench) proxyCores(sc scenario) []int {
	if sc.cores == 2 && b.loadCore != b.proxyCore {
		return []int{b.proxyCore, b.loadCore}
	}
	return []int{b.proxyCore}
}

// loadRun is a load generator that runs as a separate process.
type loadRun struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	cancel         context.CancelFunc
	// ended is closed when the process has ended, after err was set.
	ended chan struct{}
	err   error
}

// startLoad starts the load generator for the scenario's job.
func (b *bench) startLoad(ctx context.Context, sc scenario, i *instance) (*loadRun, error) {
	job := sc.job
	job.Addr, job.ServerName, job.Pids, job.Core = i.addr, siteName, i.pids, b.loadCore
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	l := &loadRun{ended: make(chan struct{})}
	ctx, l.cancel = context.WithTimeout(ctx, job.Warmup+job.Window+time.Minute)
	l.cmd = exec.CommandContext(ctx, b.self, "load", string(text))
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	l.cmd.Stdout, l.cmd.Stderr = &l.stdout, &l.stderr
	if err := pinned(l.cmd, []int{b.loadCore}); err != nil {
		l.cancel()
		return nil, err
	}
	go func() {
		l.err = l.cmd.Wait()
		close(l.ended)
	}()
	return l, nil
}

// result waits for the end of the load and returns what it has measured.
func (l *loadRun) result() (load.Result, error) {
	<-l.ended
	if l.err != nil {
		return load.Result{}, fmt.Errorf("load: %w: %s", l.err, clip(l.stderr.String()))
	}
	var result load.Result
	if err := json.Unmarshal(l.stdout.Bytes(), &result); err != nil {
		return load.Result{}, fmt.Errorf("load: %w", err)
	}
	return result, nil
}

// runLoad measures one window of a peer.
func (b *bench) runLoad(ctx context.Context, sc scenario, i *instance) (load.Result, error) {
	sc.job.Warmup, sc.job.Window = warmup, b.settings.window
	if sc.metric == memory {
		sc.job.Window = settle
	}
	l, err := b.startLoad(ctx, sc, i)
	if err != nil {
		return load.Result{}, err
	}
	defer l.cancel()
	return l.result()
}

// report prints how a round went.
func (b *bench) report(sc scenario, n int, p peer, r round) {
	what := fmt.Sprintf("%s round %d %s: ", sc.name, n+1, p.name)
	switch {
	case r.err != nil:
		what += "failed: " + r.err.Error()
	case sc.metric == memory:
		what += fmt.Sprintf("%.1f KiB a connection", r.value(memory))
	case sc.metric == latency:
		what += fmt.Sprintf("p50 %.0f µs, p90 %.0f µs, p99 %.0f µs, p99.9 %.0f µs", r.percentile("p50"), r.percentile("p90"),
			r.percentile("p99"), r.percentile("p99.9"))
	default:
		what += fmt.Sprintf("%.2f µs %s, %.0f %s/s, load's core %.0f %%", r.value(cpuTime), sc.perUnit(), r.rate(),
			sc.units(), r.busy())
	}
	fmt.Fprintln(b.progress, what)
}

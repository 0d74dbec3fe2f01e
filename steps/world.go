// Package steps is the vocabulary of the acceptance suite: it implements the sentences in features/. It sees the daemon
// only from outside, through sockets, signals, files, output and exit codes, and imports nothing from package proxy.
//
// Each scenario has its own World, which owns everything that the scenario starts: a directory, a block of loopback
// addresses, processes, upstreams and clients. steps/README.md lists all sentences.
package steps

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cucumber/godog"
	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"reverse-proxy/conformance/netns"
	"reverse-proxy/conformance/redistest"
)

// Suite is what all scenarios of one run share. Only its counts and its failures change while they run.
type Suite struct {
	// Binary is the daemon under test.
	Binary string
	// Released is the released build of the daemon, without what Binary contains for the tests.
	Released string
	// SampleUpstream is the binary of cmd/sample-upstream.
	SampleUpstream string
	// Tools are other programs that scenarios start, by name, such as "pebble".
	Tools map[string]string
	// CoverDir is where the daemon leaves its coverage counters; "" for nowhere.
	CoverDir string
	// Root is the project's directory, for the shipped files.
	Root string
	// Diagnostics receives the output of failed scenarios.
	Diagnostics io.Writer

	ca   *authority
	pace *pace      // nil before Start
	mu   sync.Mutex // serialises writes to Diagnostics and guards the counts
	// ran and passed count the scenarios, and those without an error, by feature file.
	ran, passed map[string]int
	failures    []string
	took        []Duration
	// machine is locked by a scenario tagged @heavy, and read-locked by every other one. A heavy one uses the whole
	// machine, so it and the others would slow each other down.
	machine sync.RWMutex
}

// Duration is how long a scenario took.
type Duration struct {
	Scenario string
	Took     time.Duration
}

// NewSuite prepares a suite. The caller sets the fields other than Binary and SampleUpstream.
func NewSuite(binary, sampleUpstream string) (*Suite, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("cannot make the suite's CA: %w", err)
	}
	return &Suite{
		Binary: binary, SampleUpstream: sampleUpstream, Tools: map[string]string{}, Diagnostics: io.Discard,
		ca: ca, ran: map[string]int{}, passed: map[string]int{},
	}, nil
}

// Start starts what all scenarios share. The caller closes the suite at the end.
func (s *Suite) Start() (err error) {
	s.pace, err = startPace(s.SampleUpstream)
	return err
}

// Close ends what Start started.
func (s *Suite) Close() { s.pace.close() }

// Counts returns how many scenarios of each feature file have passed, and how many have run.
func (s *Suite) Counts() (passed, ran map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.passed), maps.Clone(s.ran)
}

// Failures returns the file, the name, the error, and the daemon's last log lines of each scenario that has failed, in the
// order in which they ended.
func (s *Suite) Failures() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.failures)
}

// Slowest returns the n scenarios that took longest, the longest first.
func (s *Suite) Slowest(n int) []Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(slices.Values(s.took), func(a, b Duration) int { return cmp.Compare(b.Took, a.Took) })
	return all[:min(n, len(all))]
}

// CanBindPrivilegedPorts reports whether this user may listen on ports below 1024, which scenarios tagged
// @privileged-ports need.
func (s *Suite) CanBindPrivilegedPorts() bool {
	addresses, err := newAddresses()
	if err != nil {
		return false
	}
	defer addresses.close()
	return free(addresses.address(1) + ":443")
}

// InitializeScenario is called by godog for each scenario. It makes the scenario's World and registers its steps.
func (s *Suite) InitializeScenario(sc *godog.ScenarioContext) {
	w := &World{suite: s}
	w.register(sc)
	var begun time.Time
	var release func()
	sc.Before(func(ctx context.Context, scenario *godog.Scenario) (context.Context, error) {
		release = s.reserve(scenario)
		begun = time.Now()
		return ctx, w.open(ctx)
	})
	sc.After(func(ctx context.Context, scenario *godog.Scenario, failed error) (context.Context, error) {
		left := w.close()
		took := time.Since(begun)
		release()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.took = append(s.took, Duration{filepath.Base(scenario.Uri) + ": " + scenario.Name, took})
		s.ran[scenario.Uri]++
		if failed == nil && left == nil {
			s.passed[scenario.Uri]++
		} else {
			failure := fmt.Sprintf("%s: %s\n%v", scenario.Uri, scenario.Name, errors.Join(failed, left))
			if w.daemon != nil {
				failure += w.daemon.lastLines(6)
			}
			s.failures = append(s.failures, failure)
			fmt.Fprintf(s.Diagnostics, "\n--- %s\n%s", failure, w.report)
		}
		return ctx, left
	})
}

// reserve waits until the scenario may run, and returns the function that ends its use of the machine.
func (s *Suite) reserve(scenario *godog.Scenario) (release func()) {
	for _, tag := range scenario.Tags {
		if tag.Name == "@heavy" {
			s.machine.Lock()
			return s.machine.Unlock
		}
	}
	s.machine.RLock()
	return s.machine.RUnlock
}

// World is everything that one scenario has. Its methods are the steps.
type World struct {
	suite  *Suite
	ctx    context.Context // ends with the scenario
	cancel context.CancelFunc
	// report is what the scenario's processes printed, for use in a failure.
	report string

	dir       string // the scenario's own directory
	addresses *addresses
	config    *config
	launch    launch // how the daemon will be started

	daemon       *process      // the last daemon started
	processes    []*process    // all processes started
	command      *process      // the last command run
	terminalRead chan struct{} // closed when all its output to the terminal has been read
	notify       *notifySocket
	upstreams    map[string]*upstream
	protocol     string // the protocol on HTTPS ports if a step names none; "" for HTTP/1.1
	transports   map[string]transport
	// preludes are the bytes with which the connections of clients begin.
	preludes  map[string]string
	conns     map[string]*rawConn
	conn      *rawConn // the last one used
	exchange  *exchange
	exchanges map[string]*exchange // the exchanges that a scenario has named
	uploads   map[string]*io.PipeWriter
	batch     []*exchange // the answers of a repeated request
	handshake *handshake
	// sessions are the TLS sessions of clients, by the name that a scenario gives them.
	sessions map[string]*sessionCache
	h2       *h2Result
	h2Framer *http2.Framer // of the idle HTTP/2 connection
	h2Conn   *h2Conn       // the connection whose frames the scenario chooses
	// greedy are the clients that send many requests and read nothing.
	greedy       []*greedyClient
	memory       int            // the daemon's memory when recorded, in KiB
	network      *netns.Network // nil for the machine's own
	names        *ownedNames    // nil for the machine's own
	dnsHook      *dnsHook       // the program that a webhook calls; nil for none
	dnsFlood     *dnsFlood      // the flood of the DNS responder
	load         *load
	fail2ban     *process    // the real fail2ban-server
	stdout       *stdoutPipe // receives the log if the scenario decides when it is read
	descriptors  unix.Rlimit // the daemon's own limit while a scenario has lowered it
	admin        *adminAnswer
	adminClients adminClients
	acme         *acmeServer
	machines     map[string]*machine
	store        *redistest.Server
	storeRelay   *redistest.Relay
	steady       *steadyLoad
	remembered   map[string]string
	privateCAs   map[string]*authority
	occupied     map[string]net.Listener
	logMark      int // index of the first line of the log that counts as new

	// cleanups run at the end of the scenario in reverse, before its processes are ended.
	cleanups []func() error
}

// open prepares an empty scenario.
func (w *World) open(ctx context.Context) (err error) {
	w.ctx, w.cancel = context.WithCancel(ctx)
	// A Unix socket's address holds 107 bytes, so the directory's name is short.
	if w.dir, err = os.MkdirTemp("", "rp"); err != nil {
		return err
	}
	if w.addresses, err = newAddresses(); err != nil {
		return err
	}
	w.upstreams = map[string]*upstream{}
	w.transports = map[string]transport{}
	w.conns = map[string]*rawConn{}
	w.exchanges = map[string]*exchange{}
	w.uploads = map[string]*io.PipeWriter{}
	w.remembered = map[string]string{}
	w.privateCAs = map[string]*authority{}
	w.occupied = map[string]net.Listener{}
	w.launch = launch{env: map[string]string{}}
	if err = os.WriteFile(filepath.Join(w.dir, "ca.pem"), w.suite.ca.pem, 0o600); err != nil {
		return err
	}
	if w.notify, err = newNotifySocket(filepath.Join(w.dir, "notify.sock")); err != nil {
		return err
	}
	return w.defaultConfig()
}

// close ends everything that the scenario started, and returns an error if anything did not end properly.
func (w *World) close() error {
	if w.cancel == nil {
		return nil
	}
	var left []error
	w.cancel()
	for i := len(w.cleanups) - 1; i >= 0; i-- {
		left = append(left, w.cleanups[i]())
	}
	for _, conn := range w.conns {
		conn.close()
	}
	for _, transport := range w.transports {
		transport.CloseIdleConnections()
	}
	for _, upstream := range w.upstreams {
		upstream.close()
	}
	for _, listener := range w.occupied {
		_ = listener.Close()
	}
	var report bytes.Buffer
	for _, process := range w.processes {
		left = append(left, process.end())
		process.describe(&report)
	}
	w.report = report.String()
	if w.notify != nil {
		w.notify.close()
	}
	if w.addresses != nil {
		w.addresses.close()
	}
	left = append(left, os.RemoveAll(w.dir))
	return errors.Join(left...)
}

// cleanup registers a function to run at the end of the scenario.
func (w *World) cleanup(fn func() error) { w.cleanups = append(w.cleanups, fn) }

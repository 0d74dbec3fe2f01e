//go:build linux

package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"reverse-proxy/bench/internal/load"
	"reverse-proxy/bench/internal/origin"
)

// scenario is one kind of work.
type scenario struct {
	name string
	// about describes the scenario in the table.
	about string
	job   load.Job
	// cores is the number of the proxy's cores; 0 means 1.
	cores int
	// peers are the peers that it is measured against; empty means all.
	peers []string
	// fresh restarts the proxies for each round; at most maxRounds rounds are measured.
	fresh     bool
	maxRounds int
	// upstreamH2 makes the proxies speak HTTP/2 to the origin.
	upstreamH2 bool
	// metric is what is compared.
	metric metric
	// unit is what the processor time is divided by; empty means a request.
	unit string
}

// metric is what a scenario compares.
type metric int

const (
	cpuTime metric = iota
	memory
	latency
)

// The rates of the paced scenarios, in requests a second. The slowest peer manages about twice the higher rate on one
// core.
const (
	pacedRate   = 3000
	latencyRate = 4000
)

// settle is how long connections are left idle before the memory is read.
const settle = 3 * time.Second

// scenarios lists all scenarios in the order of a run. The run fills in warm-up and window.
func scenarios() []scenario {
	small := load.Job{Kind: load.H1, Target: origin.Small, AnswerBytes: origin.SmallBytes, Connections: 64}
	with := func(job load.Job, change func(*load.Job)) load.Job {
		change(&job)
		return job
	}
	return []scenario{
		{name: "h1-tls-1k", about: "GET of 1 KiB, 64 keep-alive connections", job: small},
		{name: "h2-tls-1k", about: "GET of 1 KiB, 16 HTTP/2 connections of 32 streams", job: with(small, func(j *load.Job) {
			j.Kind, j.Connections, j.Streams = load.H2, 16, 32
		})},
		{name: "h2-to-h2-1k", about: "as h2-tls-1k, with HTTP/2 to the origin", upstreamH2: true,
			peers: []string{peerHAProxy, peerCaddy, peerOther, peerAgain}, job: with(small, func(j *load.Job) {
				j.Kind, j.Connections, j.Streams = load.H2, 16, 32
			})},
		{name: "h1-tls-1m", about: "GET of 1 MiB, 16 keep-alive connections", job: with(small, func(j *load.Job) {
			j.Target, j.AnswerBytes, j.Connections = origin.Large, origin.LargeBytes, 16
		})},
		{name: "h1-tls-post-64k", about: "POST of 64 KiB, 32 keep-alive connections", job: with(small, func(j *load.Job) {
			j.Target, j.AnswerBytes, j.BodyBytes, j.Connections = origin.Sink, origin.SinkBytes, 64<<10, 32
		})},
		{name: "h2-tls-1m", about: "GET of 1 MiB, 8 HTTP/2 connections of 2 streams", job: with(small, func(j *load.Job) {
			j.Kind, j.Target, j.AnswerBytes, j.Connections, j.Streams = load.H2, origin.Large, origin.LargeBytes, 8, 2
		})},
		{name: "h2-tls-post-64k", about: "POST of 64 KiB, 8 HTTP/2 connections of 4 streams", job: with(small, func(j *load.Job) {
			j.Kind, j.Target, j.AnswerBytes, j.BodyBytes, j.Connections, j.Streams = load.H2, origin.Sink, origin.SinkBytes, 64<<10, 8, 4
		})},
		{name: "tls-handshake", about: "a new connection for each GET of 1 KiB, 16 at once, X25519, ECDSA P-256",
			job: with(small, func(j *load.Job) { j.Kind, j.Connections = load.Handshake, 16 })},
		{name: "idle-memory", about: "2,000 idle TLS connections, each after one request", metric: memory,
			fresh: true, maxRounds: 3, job: with(small, func(j *load.Job) { j.Kind, j.Connections = load.Idle, 2000 })},
		{name: "h2-idle-memory", about: "2,000 idle HTTP/2 connections over TLS, each after one request", metric: memory,
			fresh: true, maxRounds: 3, job: with(small, func(j *load.Job) { j.Kind, j.Connections, j.Streams = load.Idle, 2000, 1 })},
		{name: "h2-idle-memory-32", about: "as h2-idle-memory, after 32 requests at once on each", metric: memory,
			fresh: true, maxRounds: 3, job: with(small, func(j *load.Job) { j.Kind, j.Connections, j.Streams = load.Idle, 2000, 32 })},
		{name: "latency", about: "GET of 1 KiB at 4,000 requests a second over 64 connections", metric: latency,
			job: with(small, func(j *load.Job) { j.Rate = latencyRate })},
		{name: "paced-3k", about: "GET of 1 KiB at 3,000 requests a second over 64 connections",
			job: with(small, func(j *load.Job) { j.Rate = pacedRate })},
		{name: "h1-tls-1k-2cores", about: "as h1-tls-1k, the proxy on both cores, the load on one of them", job: small,
			cores: 2, peers: []string{peerNginx, peerOther, peerAgain}},
		{name: "h2-tls-page", about: "a page over a new HTTP/2 connection: a document of 32 KiB and 40 resources of 2 to 80 KiB, 16 at once",
			unit: "page", job: with(small, func(j *load.Job) {
				j.Kind, j.Target, j.AnswerBytes, j.Connections, j.Resources = load.Page, origin.Sized(32), 32<<10, 16, resources()
			})},
		{name: "ws-tunnel", about: "WebSocket messages of 200 bytes over TLS, in turn in both directions, on 200 connections", unit: "message",
			job: with(small, func(j *load.Job) { j.Kind, j.Target, j.Connections = load.Tunnel, origin.Socket, 200 })},
		{name: "sse", about: "server-sent events over TLS: 1,000 connections, an event a second on each", unit: "event",
			job: with(small, func(j *load.Job) { j.Kind, j.Target, j.Connections = load.Events, origin.Events, 1000 })},
	}
}

// resources are those of a page: 40 of 2 to 80 KiB, small and large ones mixed.
func resources() []load.Resource {
	var list []load.Resource
	for i := range 40 {
		kib := 2 + 2*(i*7%40)
		list = append(list, load.Resource{Target: origin.Sized(kib), Bytes: kib << 10})
	}
	return list
}

// perUnit is the scenario's figure for the processor time, as in "a request".
func (s scenario) perUnit() string {
	unit := cmp.Or(s.unit, "request")
	if strings.ContainsRune("aeio", rune(unit[0])) {
		return "an " + unit
	}
	return "a " + unit
}

// units is the plural of the unit.
func (s scenario) units() string { return cmp.Or(s.unit, "request") + "s" }

func scenarioNames() []string {
	var list []string
	for _, s := range scenarios() {
		list = append(list, s.name)
	}
	return list
}

// measures reports whether the scenario is measured against a peer.
func (s scenario) measures(peer string) bool {
	return len(s.peers) == 0 || peer == peerOurs || slices.Contains(s.peers, peer)
}

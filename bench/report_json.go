//go:build linux

package main

import (
	"encoding/json"
	"math"

	"reverse-proxy/bench/internal/stats"
)

// latest is the layout of latest.json, which other programs read.
type latest struct {
	Scenarios []latestScenario `json:"scenarios"`
}

// latestScenario is one scenario: one of the three maps of figures, each by peer, and the median ratio of our figure to
// each peer's, by the same name. Peers that were not measured are omitted.
type latestScenario struct {
	Name         string             `json:"name"`
	MicrosPerReq map[string]float64 `json:"us_per_request,omitempty"`
	// CallsPerReq is the number of system calls for each request, by peer.
	CallsPerReq   map[string]float64            `json:"calls_per_request,omitempty"`
	KiBPerConn    map[string]float64            `json:"kib_per_connection,omitempty"`
	LatencyMicros map[string]map[string]float64 `json:"latency_us,omitempty"`
	// Ratio compares the median latencies if latencies are measured, and RatioP90 the 90th percentiles.
	Ratio    map[string]float64 `json:"ratio"`
	RatioP90 map[string]float64 `json:"ratio_p90,omitempty"`
}

// percentileNames lists the latencies in the order of the table.
func percentileNames() []string { return []string{"p50", "p90", "p99", "p99.9"} }

// renderJSON renders the contents of latest.json.
func renderJSON(outcomes []outcome) ([]byte, error) {
	result := latest{Scenarios: []latestScenario{}}
	for _, o := range outcomes {
		s := latestScenario{Name: o.scenario.name, Ratio: o.ratios(o.main())}
		figures := map[string]float64{}
		for _, p := range o.peers {
			if value := o.median(p.name, o.main()); !math.IsNaN(value) {
				figures[p.name] = stats.Round(value, 2)
			}
		}
		switch o.scenario.metric {
		case cpuTime:
			s.MicrosPerReq, s.CallsPerReq = figures, o.callCounts()
		case memory:
			s.KiBPerConn = figures
		case latency:
			s.LatencyMicros = map[string]map[string]float64{}
			for name := range figures {
				s.LatencyMicros[name] = o.latencies(name)
			}
			s.RatioP90 = o.ratios(func(r round) float64 { return r.percentile("p90") })
		}
		result.Scenarios = append(result.Scenarios, s)
	}
	text, err := json.MarshalIndent(result, "", "  ")
	return append(text, '\n'), err
}

// ratios maps each measured peer to the median ratio of our figure to its own.
func (o outcome) ratios(f func(round) float64) map[string]float64 {
	found := map[string]float64{}
	for _, p := range o.peers {
		if ratio, ok := o.ratio(p.name, f); ok && p.name != peerOurs {
			found[p.name] = stats.Round(ratio.Median, 3)
		}
	}
	return found
}

// callCounts maps each peer whose system calls were counted to their number for each request.
func (o outcome) callCounts() map[string]float64 {
	found := map[string]float64{}
	for name := range o.calls {
		if value := o.callsPerUnit(name); !math.IsNaN(value) {
			found[name] = stats.Round(value, 2)
		}
	}
	return found
}

// latencies returns the latency percentiles of a peer, each the median over the rounds.
func (o outcome) latencies(peer string) map[string]float64 {
	found := map[string]float64{}
	for _, name := range percentileNames() {
		if value := o.median(peer, func(r round) float64 { return r.percentile(name) }); !math.IsNaN(value) {
			found[name] = stats.Round(value, 1)
		}
	}
	return found
}

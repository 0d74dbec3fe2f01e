//go:build linux

package main

import (
	"errors"
	"math"

	"reverse-proxy/bench/internal/stats"
)

// value returns the figure that a scenario compares: CPU microseconds per unit of work, KiB per connection, or the median
// latency in microseconds. It is NaN for a round that failed.
func (r round) value(m metric) float64 {
	switch {
	case r.err != nil:
		return math.NaN()
	case m == memory:
		return r.result.BytesPerConnection / 1024
	case m == latency:
		return r.percentile("p50")
	}
	return r.result.ProxySeconds * 1e6 / float64(r.result.Requests)
}

// rate returns the number of answers per second.
func (r round) rate() float64 {
	if r.err != nil {
		return math.NaN()
	}
	return float64(r.result.Requests) / r.result.Seconds
}

// busy returns how much of the time the load's core was busy, in percent.
func (r round) busy() float64 {
	if r.err != nil {
		return math.NaN()
	}
	return 100 * r.result.CoreBusy
}

// percentile returns a latency in microseconds.
func (r round) percentile(name string) float64 {
	if value, ok := r.result.Latencies[name]; ok && r.err == nil {
		return value
	}
	return math.NaN()
}

// callsPerUnit returns how many system calls a peer made for a unit of work, or NaN if they were not counted.
func (o outcome) callsPerUnit(peer string) float64 {
	r, ok := o.calls[peer]
	if !ok || r.err != nil {
		return math.NaN()
	}
	return float64(r.result.Calls) / float64(r.result.Requests)
}

// each returns the values of f for the rounds of a peer, in their order.
func each(rounds []round, f func(round) float64) []float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = f(r)
	}
	return values
}

// median returns the median of f over the rounds that did not fail, or NaN if there is none.
func (o outcome) median(peer string, f func(round) float64) float64 {
	return stats.Median(stats.Valid(each(o.rounds[peer], f)))
}

// ratio compares us with a peer.
func (o outcome) ratio(peer string, f func(round) float64) (stats.Ratio, bool) {
	return stats.Ratios(each(o.rounds[peerOurs], f), each(o.rounds[peer], f))
}

// main returns the function for the figure that the scenario compares.
func (o outcome) main() func(round) float64 {
	return func(r round) float64 { return r.value(o.scenario.metric) }
}

// failed returns the first error of a peer, or nil if all its rounds succeeded.
func (o outcome) failed(peer string) error {
	for _, r := range o.rounds[peer] {
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// ourFailure returns the error of our own program, if any: a comparison without us says nothing.
func ourFailure(outcomes []outcome) error {
	var errs []error
	for _, o := range outcomes {
		if err := o.failed(peerOurs); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

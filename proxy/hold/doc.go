// Package hold holds sites back by an operator's order: in maintenance, where requests are refused, or paused, where they wait
// for a while (S-14.9). The orders outlive reloads, not the process.
//
// It knows nothing of requests, of their answers, or of how an order arrives.
package hold

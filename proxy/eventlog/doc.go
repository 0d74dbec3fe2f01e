// Package eventlog writes the daemon's log. It formats lines as text or JSON so that no value can forge a line or a
// field (S-8), combines repeating failures, and writes to its sinks from bounded buffers, so that a slow disk does not
// stall the program.
//
// It knows nothing of the program that logs: neither its configuration nor its events.
package eventlog

// Package eventlog writes the daemon's log: it lays lines out as text or JSON so that no value can forge a line or a field
// (S-8), holds repeating failures back, and writes to its sinks from bounded buffers, so that a slow disk stalls nobody.
//
// It knows nothing of the program that logs: neither its configuration nor which events there are.
package eventlog

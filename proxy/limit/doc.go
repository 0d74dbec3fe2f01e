// Package limit implements the token bucket of each client (S-7): sharded over locks, bounded in memory, and kept
// across reloads.
//
// It knows nothing of requests, of the log, or of where its configuration comes from.
package limit

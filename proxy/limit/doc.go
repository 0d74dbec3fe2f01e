// Package limit implements the limits of sections 7 and 17: the token buckets of each client, sharded over locks and bounded
// in memory, and the limits of all clients together. All are kept across reloads.
//
// It knows nothing of requests, of the log, or of where its configuration comes from.
package limit

// Package limit implements the limits of sections 7 and 17: the token buckets of each client, which are spread over
// locks and bounded in memory, and the limits of all clients together. All of them survive reloads.
//
// It knows nothing of requests, of the log, or of where its configuration comes from.
package limit

// Package share divides the connections to upstreams among clients and upstreams (S-12.6). It enforces a share only while a
// request waits: otherwise one client, or one upstream, may have all connections. The package counts, queues and chooses. It
// opens and closes nothing, reads no clock, and knows nothing of sockets or requests.
package share

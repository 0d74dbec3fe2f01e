// Package share divides the connections to upstreams among the clients that use them and the upstreams that they lead to
// (S-12.6). A share is enforced only while a request waits: in an idle proxy one client, or one upstream, may have all
// connections. The package counts, queues and chooses. It opens and closes nothing, reads no clock, and knows neither
// sockets nor requests.
package share

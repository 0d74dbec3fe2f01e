// Package headers implements the rules that change the header fields of requests and responses. It also lists the fields
// that the proxy itself sets or removes and that no rule can change. It knows nothing of the configuration file, connections
// or the log.
package headers

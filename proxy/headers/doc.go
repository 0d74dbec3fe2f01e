// Package headers has the rules of the configuration for the header fields of requests and responses, and the names that the
// proxy keeps to itself: it sets or removes those fields, and no rule can change them. It knows nothing of the
// configuration file, of connections, or of the log.
package headers

// Package conformance runs the acceptance suite, the features of features/ with the sentences of package steps against
// the daemon's binary, and holds features, promises and sentences together. It knows nothing of package proxy: what it
// tests, it tests from outside.
package conformance

// Package conformance runs the acceptance suite, the features of features/ with the sentences of package steps against
// the daemon's binary, and holds features, promises and sentences together. It knows nothing of package proxy: what it
// tests, it tests from outside. The exception are its tables of commands, flags and keys, by which the man pages and the
// completions are judged.
package conformance

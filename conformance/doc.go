// Package conformance runs the acceptance suite, the features of features/ with the sentences of package steps, against
// the daemon's binary, and keeps features, promises and sentences consistent. It tests everything from outside and knows
// nothing of package proxy, with one exception: it uses the tables of commands, flags and keys to judge the man pages
// and the completions.
package conformance

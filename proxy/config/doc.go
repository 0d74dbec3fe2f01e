// Package config turns a configuration file into a validated value: it reads the file, reports all errors in it
// together, describes each key for the documents, and compares two configurations (S-2, S-3.4).
//
// It opens, binds and starts nothing, and knows nothing of the daemon that uses the value.
package config

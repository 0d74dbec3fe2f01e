// Package manual writes what describes the program to its users: the tables of docs/configuration.md, the man pages and
// the completions of shells. All of it comes from two tables in the package proxy, that of the command line and that of
// the configuration, and its test compares the committed files with them: they cannot drift.
//
// Nothing of it is in the daemon.
package manual

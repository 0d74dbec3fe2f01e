// Package manual generates the documents that describe the program to its users: the tables of docs/configuration.md,
// the man pages and the shell completions. All come from two tables in packages proxy and config, of the command line
// and of the configuration, and a test compares the committed files with them, so that they cannot drift.
//
// The daemon contains none of this.
package manual

// Package sandbox restricts the process, once it serves, to the files and ports that its configuration needs (S-4.7), and
// reports how far the kernel could do that.
//
// It knows the configuration, and nothing of the daemon that it confines: it restricts the whole process that calls it.
package sandbox

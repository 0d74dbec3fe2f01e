// Package check reports on a configuration file (S-1.2): everything that is wrong with it, and what is legal but probably
// wrong on this machine, such as a file that the daemon's user cannot read or an upstream without an address.
//
// It asks the machine and creates, changes and binds nothing. It knows nothing of a running daemon.
package check

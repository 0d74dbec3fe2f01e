package proxy

import "io"

// Options holds the settings from the command line for the start.
type Options struct {
	// ConfigPath is the configuration file, which every reload reads too (S-2.31).
	ConfigPath string
	// AllowWildcardBind is the command-line flag. It is OR-ed with the file's key at startup and at every reload
	// (S-1.3).
	AllowWildcardBind bool
	// Confine applies the configuration's sandbox. It is for a process that does nothing else: the restrictions hold for
	// all of it, irrevocably.
	Confine bool
	// Stdout receives the log in addition to its file.
	Stdout io.Writer
}

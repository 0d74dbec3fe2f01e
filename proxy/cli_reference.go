package proxy

// CommandLine describes the command line for the man page and for the completions of shells. It is the tables of
// cli_table.go without what only the program needs.
type CommandLine struct {
	// Commands are what the program can be told to do; the first has no name and is the daemon.
	Commands []CommandReference
	// Flags are all flags, of whatever command.
	Flags []FlagReference
	// Signals are what the daemon obeys.
	Signals []SignalReference
	// Exits are the exit codes.
	Exits []ExitReference
}

// CommandReference is one command.
type CommandReference struct {
	// Name is the word on the command line; "" for the daemon.
	Name string
	// Summary says what the command does, as the end of a sentence without a full stop.
	Summary string
	// Flags are the names of the command's flags besides --version and --help; of a group only one makes sense.
	Flags [][]string
}

// FlagReference is one flag.
type FlagReference struct {
	// Name is what stands behind the two hyphens.
	Name string
	// Value is the placeholder of the flag's value, PATH for that of a file; "" for a flag without one.
	Value string
	// Summary says what the flag does, as the end of a sentence without a full stop.
	Summary string
}

// SignalReference is one signal, or several that do the same, and what the daemon does at it.
type SignalReference struct{ Names, Summary string }

// ExitReference is an exit code and its meaning.
type ExitReference struct {
	Code    int
	Summary string
}

// CommandLineReference describes the command line.
func CommandLineReference() CommandLine {
	var line CommandLine
	for _, command := range cliCommands() {
		line.Commands = append(line.Commands, CommandReference{command.Name, command.Summary, command.Flags})
	}
	for _, f := range cliFlags() {
		line.Flags = append(line.Flags, FlagReference{f.Name, f.Value, f.Summary})
	}
	for _, signal := range cliSignals() {
		line.Signals = append(line.Signals, SignalReference(signal))
	}
	for _, exit := range cliExits() {
		line.Exits = append(line.Exits, ExitReference(exit))
	}
	return line
}

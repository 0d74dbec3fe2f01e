package proxy

// CommandLine describes the command line for the man page and for shell completions. It holds the tables of
// cli_table.go without what only the program needs.
type CommandLine struct {
	// Commands are the program's commands; the first has no name and is the daemon.
	Commands []CommandReference
	// Flags are the flags of all commands.
	Flags []FlagReference
	// Signals are the signals that the daemon obeys.
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
	// Flags are the names of the command's flags other than --version and --help; of a group only one makes sense.
	Flags [][]string
}

// FlagReference is one flag.
type FlagReference struct {
	// Name is the flag's name without the two hyphens.
	Name string
	// Value is the placeholder of the flag's value, PATH for a file; "" for a flag without a value.
	Value string
	// Summary says what the flag does, as the end of a sentence without a full stop.
	Summary string
}

// SignalReference is one signal, or several with the same effect, and what the daemon does on it.
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

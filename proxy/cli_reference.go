package proxy

// CommandLine describes the command line for the man page and for shell completions. It holds the tables of
// cli_table.go, except the parts that only the program needs.
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
	// Operands are the words that the command needs after its name.
	Operands []OperandReference
	// Flags are the names of the command's flags other than --version and --help. The flags of one group are
	// alternatives.
	Flags [][]string
}

// OperandReference is a word that a command needs after its name.
type OperandReference struct {
	// Name is the placeholder of the word, such as HOST for the host of a site.
	Name string
	// Values are the words that it can be; nil for any.
	Values []string
}

// FlagReference is one flag.
type FlagReference struct {
	// Name is the flag's name without hyphens.
	Name string
	// Value is the placeholder of the flag's value, such as PATH for a file; "" for a flag without a value.
	Value string
	// Summary says what the flag does, as the end of a sentence without a full stop.
	Summary string
}

// Typed returns the flag's name as it is typed, with one hyphen before a letter and two before a word.
func (f FlagReference) Typed() string { return dashed(f.Name) }

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
		reference := CommandReference{Name: command.Name, Summary: command.Summary, Flags: command.Flags}
		for _, operand := range command.Operands {
			reference.Operands = append(reference.Operands, OperandReference(operand))
		}
		line.Commands = append(line.Commands, reference)
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

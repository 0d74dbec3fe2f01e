package manual

import (
	"slices"
	"strings"

	"reverse-proxy/proxy"
)

// completionNotice is the first comment of a generated completion.
const completionNotice = "Written by go test ./deploy/manual -update from the tables of the program. Do not edit."

// everywhere returns the flags that every command takes.
func everywhere() []string { return []string{"version", "help"} }

// takenFlags returns the flags that a command takes, in the order of the table.
func takenFlags(line proxy.CommandLine, command proxy.CommandReference) []proxy.FlagReference {
	var taken []proxy.FlagReference
	for _, flag := range line.Flags {
		own := slices.ContainsFunc(command.Flags, func(group []string) bool { return slices.Contains(group, flag.Name) })
		if own || slices.Contains(everywhere(), flag.Name) {
			taken = append(taken, flag)
		}
	}
	return taken
}

// withValue returns the flags that have a value: those whose value is a PATH if paths, else the others, whose values
// cannot be completed.
func withValue(line proxy.CommandLine, paths bool) []string {
	var names []string
	for _, flag := range line.Flags {
		if flag.Value != "" && (flag.Value == "PATH") == paths {
			names = append(names, flag.Typed())
		}
	}
	return names
}

// commandNames returns the words that name a command.
func commandNames(line proxy.CommandLine) []string {
	var names []string
	for _, command := range line.Commands[1:] {
		names = append(names, command.Name)
	}
	return names
}

// singleQuoted returns text in the single quotes of bash and zsh.
func singleQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// hasHosts reports whether an operand is the host of a site, which the shells ask the program for.
func hasHosts(operand proxy.OperandReference) bool { return operand.Name == "HOST" }

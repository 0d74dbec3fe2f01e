package proxy

import (
	"fmt"
	"strings"
)

// usageText renders the answer to --help from the tables of commands and flags.
func usageText() string {
	var b strings.Builder
	commands, flags := cliCommands(), cliFlags()
	for i, command := range commands {
		if i == 0 {
			b.WriteString("usage: ")
		} else {
			b.WriteString("       ")
		}
		b.WriteString(wrapSynopsis(command.synopsis(flags)))
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nWithout a command, %s.\n\n", commands[0].Summary)
	for _, command := range commands[1:] {
		usageLine(&b, command.Name, command.Summary)
	}
	b.WriteByte('\n')
	for _, f := range flags {
		usageLine(&b, f.synopsis(), f.Summary)
	}
	b.WriteString("\nSignals: ")
	for i, s := range cliSignals() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.Names + " " + s.Summary)
	}
	b.WriteString(".\nExit codes:\n")
	for _, e := range cliExits() {
		fmt.Fprintf(&b, "  %d  %s\n", e.Code, e.Summary)
	}
	return b.String()
}

// wrapSynopsis breaks a long synopsis before one of its flags.
func wrapSynopsis(text string) string {
	const columns = 110
	if len(text) <= columns {
		return text
	}
	at := strings.LastIndex(text[:columns], " [")
	return text[:at] + "\n         " + text[at:]
}

// usageLine writes one line in two columns.
func usageLine(b *strings.Builder, left, right string) { fmt.Fprintf(b, "  %-23s %s\n", left, right) }

// synopsis renders the flag as it is typed.
func (f cliFlag) synopsis() string {
	if f.Value == "" {
		return dashed(f.Name)
	}
	return dashed(f.Name) + " " + f.Value
}

// dashed returns a flag's name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// synopsis renders the command with the flags that it takes.
func (c cliCommand) synopsis(flags []cliFlag) string {
	text := "reverse-proxy"
	if c.Name != "" {
		text += " " + c.Name
	}
	for _, operand := range c.Operands {
		text += " " + operand.synopsis()
	}
	for _, group := range c.Flags {
		if flags == nil {
			break
		}
		var choices []string
		for _, name := range group {
			for _, f := range flags {
				if f.Name == name {
					choices = append(choices, f.synopsis())
				}
			}
		}
		text += " [" + strings.Join(choices, " | ") + "]"
	}
	return text
}

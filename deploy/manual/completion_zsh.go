package manual

import (
	"fmt"
	"strings"

	"reverse-proxy/proxy"
)

// zshCompletion returns the completion for zsh.
func zshCompletion(line proxy.CommandLine) string {
	var out strings.Builder
	fmt.Fprintf(&out, "#compdef reverse-proxy\n# Completion of reverse-proxy(8) for zsh.\n# %s\n", completionNotice)
	out.WriteString("\n_reverse-proxy() {\n    local command= config= i\n    local -a commands flags operands hosts\n    commands=(\n")
	for _, command := range line.Commands[1:] {
		fmt.Fprintf(&out, "        %s\n", singleQuoted(command.Name+":"+command.Summary))
	}
	fmt.Fprintf(&out, "    )\n    for ((i = 2; i < CURRENT; i++)); do\n        case $words[i] in\n        (--config=*) config=${words[i]#*=} ;;\n        (%s)\n            [[ $words[i] != --config ]] || config=$words[i+1]\n            ((i++))\n            ;;\n        (%s) [[ -n $command ]] || command=$words[i] ;;\n        esac\n    done\n",
		strings.Join(append(withValue(line, true), withValue(line, false)...), "|"), strings.Join(commandNames(line), "|"))
	out.WriteString("    case $command in\n")
	for _, command := range append(line.Commands[1:len(line.Commands):len(line.Commands)], line.Commands[0]) {
		pattern := command.Name
		if pattern == "" {
			pattern = "*"
		}
		fmt.Fprintf(&out, "    (%s)\n        flags=(\n", pattern)
		for _, flag := range takenFlags(line, command) {
			fmt.Fprintf(&out, "            %s\n", singleQuoted(zshFlag(flag)))
		}
		out.WriteString("        )\n")
		for i, operand := range command.Operands {
			if hasHosts(operand) {
				out.WriteString("        hosts=(${(f)\"$($words[1] hosts ${config:+--config} $config 2>/dev/null)\"})\n")
				fmt.Fprintf(&out, "        operands+=(\"%d:%s:($hosts)\")\n", i+2, operand.Name)
			} else {
				fmt.Fprintf(&out, "        operands+=('%d:%s:(%s)')\n", i+2, operand.Name, strings.Join(operand.Values, " "))
			}
		}
		out.WriteString("        ;;\n")
	}
	out.WriteString(`    esac
    if [[ -n $command ]]; then
        _arguments $flags '1: :' $operands '*: :'
    else
        _arguments $flags '1:command:(($commands))'
    fi
}

_reverse-proxy "$@"
`)
	return out.String()
}

// zshFlag returns a flag in the form that _arguments takes.
func zshFlag(flag proxy.FlagReference) string {
	summary := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(flag.Summary)
	switch flag.Value {
	case "":
		return flag.Typed() + "[" + summary + "]"
	case "PATH":
		return zshValued(flag) + "[" + summary + "]:" + flag.Value + ":_files"
	}
	return zshValued(flag) + "[" + summary + "]:" + flag.Value + ": "
}

// zshValued returns a flag that has a value: after a word, = may come before the value.
func zshValued(flag proxy.FlagReference) string {
	if len(flag.Name) == 1 {
		return flag.Typed()
	}
	return flag.Typed() + "="
}

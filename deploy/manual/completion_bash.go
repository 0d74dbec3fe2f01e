package manual

import (
	"fmt"
	"strings"

	"reverse-proxy/proxy"
)

// bashCompletion returns the completion for bash. It does not use the functions of the package bash-completion.
func bashCompletion(line proxy.CommandLine) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Completion of reverse-proxy(8) for bash.\n# %s\n", completionNotice)
	out.WriteString(`
_reverse_proxy() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= words= operands=0 config= i
    COMPREPLY=()
    # In --flag=value the sign is a word of its own.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $before in
`)
	if paths := withValue(line, true); paths != nil {
		fmt.Fprintf(&out, "    %s)\n        compopt -o filenames 2>/dev/null\n        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n        return\n        ;;\n",
			strings.Join(paths, " | "))
	}
	if others := withValue(line, false); others != nil {
		fmt.Fprintf(&out, "    %s) return ;;\n", strings.Join(others, " | "))
	}
	valued := strings.Join(append(withValue(line, true), withValue(line, false)...), " | ")
	fmt.Fprintf(&out, `    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        %s)
            [[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
            [[ ${COMP_WORDS[i]} != --config && ${COMP_WORDS[i - 1]} != --config ]] || config=${COMP_WORDS[i + 1]}
            ((i++))
            ;;
        -*) ;;
        *) if [[ -n $command ]]; then ((++operands)); else case ${COMP_WORDS[i]} in %s) command=${COMP_WORDS[i]} ;; esac; fi ;;
        esac
    done
    case $command in
`, valued, strings.Join(commandNames(line), " | "))
	for _, command := range line.Commands[1:] {
		fmt.Fprintf(&out, "    %s)\n        words='%s'\n", command.Name, bashFlags(line, command))
		if command.Operands != nil {
			out.WriteString("        [[ $word == -* ]] || case $operands in\n")
			for i, operand := range command.Operands {
				words := singleQuoted(strings.Join(operand.Values, " "))
				if hasHosts(operand) {
					words = `$("${COMP_WORDS[0]}" hosts ${config:+--config "$config"} 2>/dev/null)`
				}
				fmt.Fprintf(&out, "        %d) words=%s ;;\n", i, words)
			}
			out.WriteString("        esac\n")
		}
		out.WriteString("        ;;\n")
	}
	fmt.Fprintf(&out, `    *)
        words='%s'
        [[ $word == -* ]] || words='%s'
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _reverse_proxy reverse-proxy
`, bashFlags(line, line.Commands[0]), strings.Join(commandNames(line), " "))
	return out.String()
}

// bashFlags returns the flags of a command as words.
func bashFlags(line proxy.CommandLine, command proxy.CommandReference) string {
	var words []string
	for _, flag := range takenFlags(line, command) {
		words = append(words, flag.Typed())
	}
	return strings.Join(words, " ")
}

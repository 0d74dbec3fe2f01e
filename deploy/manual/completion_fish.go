package manual

import (
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy"
)

// fishCompletion returns the completion for fish.
func fishCompletion(line proxy.CommandLine) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Completion of reverse-proxy(8) for fish.\n# %s\n", completionNotice)
	fmt.Fprintf(&out, `
# The words that are neither flags nor their values: the command, and what follows it.
function __reverse_proxy_words
    set -l value no
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case %s
                set value yes
            case '-*'
            case '*'
                printf '%%s\n' $word
        end
    end
end

# Reports whether one of the arguments is the command that was typed. "" is not a command.
function __reverse_proxy_command
    set -l words (__reverse_proxy_words)
    contains -- "$words[1]" $argv
end

# Whether a command was typed with a number of words after it.
function __reverse_proxy_operand
    set -l words (__reverse_proxy_words)
    test "$words[1]" = $argv[1]; and test (count $words) -eq (math $argv[2] + 1)
end

# The hosts in the configuration that the command line names.
function __reverse_proxy_hosts
    set -l words (commandline -opc)
    set -l config
    for i in (seq (count $words))
        switch $words[$i]
            case --config
                set config $words[$i] $words[(math $i + 1)]
            case '--config=*'
                set config $words[$i]
        end
    end
    $words[1] hosts $config 2>/dev/null
end

complete -c reverse-proxy -f
`, strings.Join(append(withValue(line, true), withValue(line, false)...), " "))
	for _, command := range line.Commands[1:] {
		fmt.Fprintf(&out, "complete -c reverse-proxy -n '__reverse_proxy_command \"\"' -a %s -d %s\n", command.Name, fishQuoted(command.Summary))
	}
	for _, command := range line.Commands[1:] {
		for i, operand := range command.Operands {
			words := fishQuoted(strings.Join(operand.Values, " "))
			if hasHosts(operand) {
				words = "'(__reverse_proxy_hosts)'"
			}
			fmt.Fprintf(&out, "complete -c reverse-proxy -n '__reverse_proxy_operand %s %d' -a %s\n", command.Name, i, words)
		}
	}
	for _, flag := range line.Flags {
		var takers []string
		for _, command := range line.Commands {
			if slices.Contains(takenFlags(line, command), flag) {
				takers = append(takers, `"`+command.Name+`"`)
			}
		}
		form := "-l"
		if len(flag.Name) == 1 {
			form = "-s"
		}
		value := ""
		switch flag.Value {
		case "":
		case "PATH":
			value = " -r -F"
		default:
			value = " -x"
		}
		fmt.Fprintf(&out, "complete -c reverse-proxy -n '__reverse_proxy_command %s' %s %s%s -d %s\n", strings.Join(takers, " "), form, flag.Name, value, fishQuoted(flag.Summary))
	}
	return out.String()
}

// fishQuoted returns text in the single quotes of fish.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

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
# Whether one of the arguments is the command that was typed; "" is no command.
function __reverse_proxy_command
    set -l found ""
    set -l value no
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case %s
                set value yes
            case %s
                set found $word
        end
    end
    contains -- "$found" $argv
end

complete -c reverse-proxy -f
`, strings.Join(append(withValue(line, true), withValue(line, false)...), " "), strings.Join(commandNames(line), " "))
	for _, command := range line.Commands[1:] {
		fmt.Fprintf(&out, "complete -c reverse-proxy -n '__reverse_proxy_command \"\"' -a %s -d %s\n", command.Name, fishQuoted(command.Summary))
	}
	for _, flag := range line.Flags {
		var takers []string
		for _, command := range line.Commands {
			if slices.Contains(takenFlags(line, command), flag) {
				takers = append(takers, `"`+command.Name+`"`)
			}
		}
		value := ""
		switch flag.Value {
		case "":
		case "PATH":
			value = " -r -F"
		default:
			value = " -x"
		}
		fmt.Fprintf(&out, "complete -c reverse-proxy -n '__reverse_proxy_command %s' -l %s%s -d %s\n", strings.Join(takers, " "), flag.Name, value, fishQuoted(flag.Summary))
	}
	return out.String()
}

// fishQuoted returns text in the single quotes of fish.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

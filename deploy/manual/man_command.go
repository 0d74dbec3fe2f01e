package manual

import (
	"fmt"
	"strings"

	"reverse-proxy/proxy"
)

// commandPage returns the man page reverse-proxy(8).
func commandPage(line proxy.CommandLine, date string) string {
	var page roff
	page.heading("reverse-proxy", "8", date, "reverse proxy with TLS, ACME and rate limits")
	page.section("SYNOPSIS")
	for i, command := range line.Commands {
		if i > 0 {
			page.WriteString(".br\n")
		}
		page.WriteString(roffInline(synopsis(line, command)) + "\n")
	}
	page.section("DESCRIPTION")
	page.paragraph("`reverse-proxy` terminates TLS, gets and renews its certificates, routes requests by their host, limits and logs " +
		"them, and forwards them to upstreams. Everything about it is in one file, `reverse-proxy.toml`(5).")
	page.paragraph("Without a command, " + line.Commands[0].Summary + ". It starts whole or not at all: a fault ends the start " +
		"with one line for each mistake, and no port answers before every port is bound and every certificate is loaded.")
	page.section("COMMANDS")
	for _, command := range line.Commands[1:] {
		name := "`" + command.Name + "`"
		for _, operand := range command.Operands {
			name += " " + operandText(operand)
		}
		page.item(name, sentence(command.Summary))
		if names := flagNames(line, command); names != "" {
			page.more("Takes " + names + ".")
		}
	}
	page.section("OPTIONS")
	for _, flag := range line.Flags {
		page.item(flagSynopsis(flag), sentence(flag.Summary))
	}
	page.section("SIGNALS")
	for _, signal := range line.Signals {
		page.item("`"+signal.Names+"`", sentence(signal.Summary))
	}
	page.section("EXIT STATUS")
	for _, exit := range line.Exits {
		page.item(fmt.Sprintf("`%d`", exit.Code), sentence(exit.Summary))
	}
	page.section("ENVIRONMENT")
	page.item("`NOTIFY_SOCKET`", "Where the service manager is told of readiness, reloads and the end; see `sd_notify`(3).")
	page.item("`WATCHDOG_USEC`", "How often the service manager wants a sign of life, in microseconds.")
	page.section("FILES")
	page.item("`/etc/reverse-proxy/config.toml`", "The configuration.")
	page.item("`/run/reverse-proxy/admin.sock`", "Where a running daemon is asked; `admin_socket_path` names another place.")
	page.item("`/var/lib/reverse-proxy/`", "The certificates of ACME and what belongs to them, where `acme_cache_dir` names it.")
	page.item("`/var/log/reverse-proxy/`", "The log, where `log_file_path` names it.")
	page.section("EXAMPLES")
	page.paragraph("Check the configuration, and put it to use without losing a request:")
	page.example("reverse-proxy --validate && reverse-proxy reload\n")
	page.seeAlso("reverse-proxy.toml(5)", "systemctl(1)", "fail2ban(1)", "logrotate(8)")
	return page.String()
}

// synopsis returns how a command is typed, in Markdown.
func synopsis(line proxy.CommandLine, command proxy.CommandReference) string {
	text := "`reverse-proxy`"
	if command.Name != "" {
		text = "`reverse-proxy " + command.Name + "`"
	}
	for _, operand := range command.Operands {
		text += " " + operandText(operand)
	}
	for _, group := range command.Flags {
		var choices []string
		for _, name := range group {
			choices = append(choices, flagSynopsis(flagOf(line, name)))
		}
		text += " [" + strings.Join(choices, " | ") + "]"
	}
	return text
}

// operandText returns how a word after a command is typed, in Markdown.
func operandText(operand proxy.OperandReference) string {
	if operand.Values != nil {
		return "`" + strings.Join(operand.Values, "`|`") + "`"
	}
	return "*" + operand.Name + "*"
}

// flagOf returns the flag of that name; a test checks that the tables agree on it.
func flagOf(line proxy.CommandLine, name string) proxy.FlagReference {
	for _, flag := range line.Flags {
		if flag.Name == name {
			return flag
		}
	}
	return proxy.FlagReference{Name: name}
}

// flagSynopsis returns how a flag is typed, in Markdown.
func flagSynopsis(flag proxy.FlagReference) string {
	if flag.Value == "" {
		return "`" + flag.Typed() + "`"
	}
	return "`" + flag.Typed() + "` *" + flag.Value + "*"
}

// flagNames lists the flags of a command, in Markdown.
func flagNames(line proxy.CommandLine, command proxy.CommandReference) string {
	var names []string
	for _, group := range command.Flags {
		for _, name := range group {
			names = append(names, "`"+flagOf(line, name).Typed()+"`")
		}
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// sentence returns a summary from the tables as a sentence: with a capital letter and a period.
func sentence(summary string) string {
	return strings.ToUpper(summary[:1]) + strings.TrimSuffix(summary[1:], ".") + "."
}

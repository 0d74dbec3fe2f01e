package proxy

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/wording"
)

// cliFlag is one flag of the program. The usage text, the man page and the shell completions are all made from the
// table of flags, so that they always agree.
type cliFlag struct {
	// Name is the flag's name without the two hyphens.
	Name string
	// Value is the placeholder of the value, such as PATH; "" for a flag without a value.
	Value string
	// Summary says in one line what the flag does.
	Summary string
	// bind defines the flag in a flag set, with its value stored in the command line.
	bind func(*flag.FlagSet, *commandLine, string)
}

// cliCommand is one command of the program.
type cliCommand struct {
	// Name is the word on the command line; "" is the daemon itself, which runs if no command is named.
	Name string
	// Summary says in one line what the command does.
	Summary string
	// Operands are the words that the command needs after its name.
	Operands []cliOperand
	// Flags are the names of the command's flags other than --version and --help, in the order of the usage text. Flags
	// that are alternatives form one group.
	Flags [][]string
	// run carries out the command and returns the exit code.
	run func(c commandLine, stdout, stderr io.Writer) int
}

// cliOperand is a word that a command needs after its name.
type cliOperand struct {
	// Name is the placeholder of the word, such as HOST, which is the host of a site.
	Name string
	// Values are the words that it can be; nil for any.
	Values []string
}

// synopsis renders the operand as it is typed.
func (o cliOperand) synopsis() string { return cmp.Or(strings.Join(o.Values, "|"), o.Name) }

// takes reports whether the command takes the flag.
func (c cliCommand) takes(name string) bool {
	if name == "version" || name == "help" || name == "h" {
		return true
	}
	return slices.ContainsFunc(c.Flags, func(group []string) bool { return slices.Contains(group, name) })
}

// cliCommands lists all commands; the first is the default (S-1.1, S-1.4).
func cliCommands() []cliCommand {
	socket, form := []string{"config", "socket"}, []string{"json", "text"}
	host := cliOperand{Name: "HOST"}
	return []cliCommand{
		{
			Summary: "run the proxy in the foreground, logging to stdout",
			Flags:   [][]string{{"config"}, {"validate"}, {"allow-wildcard-bind"}},
			run: func(c commandLine, stdout, stderr io.Writer) int {
				if c.validate {
					return checkConfig(c, stdout, stderr)
				}
				return runDaemon(c, stdout, stderr)
			},
		},
		{
			Name:    "check",
			Summary: "check the configuration as --validate does, and exit",
			Flags:   [][]string{{"config"}, {"allow-wildcard-bind"}, {"json"}},
			run:     checkConfig,
		},
		{
			Name:    "reload",
			Summary: "make the running proxy read its configuration again, and show what that changed",
			Flags:   [][]string{socket, form},
			run:     runClient,
		},
		{
			Name:    "status",
			Summary: "show what the running proxy is doing",
			Flags:   [][]string{socket, form, {"watch"}},
			run:     runClient,
		},
		{
			Name:    "diff",
			Summary: "show what a reload of the configuration as it is now would change, and change nothing",
			Flags:   [][]string{socket, form},
			run:     runClient,
		},
		{
			Name:    "reopen",
			Summary: "make the running proxy open its log file again, after logrotate has renamed it",
			Flags:   [][]string{socket, form},
			run:     runClient,
		},
		{
			Name:     "maintenance",
			Summary:  "answer a site's requests with 503 until off, or for the time of --for",
			Operands: []cliOperand{host, {Name: "STATE", Values: []string{"on", "off"}}},
			Flags:    [][]string{{"for"}, socket, form},
			run:      runClient,
		},
		{
			Name:     "pause",
			Summary:  "let a site's requests wait while its application restarts, until resume",
			Operands: []cliOperand{host},
			Flags:    [][]string{{"max"}, socket, form},
			run:      runClient,
		},
		{
			Name:     "resume",
			Summary:  "let the requests for a paused site go on",
			Operands: []cliOperand{host},
			Flags:    [][]string{socket, form},
			run:      runClient,
		},
		{
			Name:     "drain",
			Summary:  "send no new requests to an upstream of a site, until undrain",
			Operands: []cliOperand{host, {Name: "ADDRESS"}},
			Flags:    [][]string{socket, form},
			run:      runClient,
		},
		{
			Name:     "undrain",
			Summary:  "let a drained upstream get requests again",
			Operands: []cliOperand{host, {Name: "ADDRESS"}},
			Flags:    [][]string{socket, form},
			run:      runClient,
		},
		{
			Name:     "explain",
			Summary:  "show what would become of a request, without sending it",
			Operands: []cliOperand{{Name: "URL"}},
			Flags:    [][]string{{"X"}, {"from"}, {"H"}, {"listener"}, socket, form},
			run:      runExplain,
		},
		{
			Name:    "hosts",
			Summary: "list the hosts and aliases in the configuration, one a line; nothing else in it is checked",
			Flags:   [][]string{{"config"}},
			run:     listHosts,
		},
	}
}

// cliFlags lists every flag, in the order of the usage text (S-1.1).
func cliFlags() []cliFlag {
	text := func(to func(*commandLine) *string, value string) func(*flag.FlagSet, *commandLine, string) {
		return func(set *flag.FlagSet, c *commandLine, name string) { set.StringVar(to(c), name, value, "") }
	}
	toggle := func(to func(*commandLine) *bool) func(*flag.FlagSet, *commandLine, string) {
		return func(set *flag.FlagSet, c *commandLine, name string) { set.BoolVar(to(c), name, false, "") }
	}
	duration := func(to func(*commandLine) *time.Duration, most time.Duration) func(*flag.FlagSet, *commandLine, string) {
		return func(set *flag.FlagSet, c *commandLine, name string) {
			set.Func(name, "", func(text string) (err error) {
				*to(c), err = parseDuration(text, most)
				return err
			})
		}
	}
	return []cliFlag{
		{"config", "PATH", "the configuration file (default " + defaultConfigPath + ")",
			text(func(c *commandLine) *string { return &c.config }, defaultConfigPath)},
		{"socket", "PATH", "the admin socket (default: the configuration's admin_socket_path)",
			text(func(c *commandLine) *string { return &c.socket }, "")},
		{"validate", "", "check the configuration, report every error, warn of probable mistakes, and exit",
			toggle(func(c *commandLine) *bool { return &c.validate })},
		{"allow-wildcard-bind", "", "permit 0.0.0.0 and :: as bind addresses",
			toggle(func(c *commandLine) *bool { return &c.wildcard })},
		{"for", "DURATION", "end the maintenance after this time, as in 90s, 10m or 2h (default: not before off)",
			duration(func(c *commandLine) *time.Duration { return &c.lasting }, hold.MaxMaintenance)},
		{"max", "DURATION", "end the pause after this time at the latest (default 30s, at most 10m)",
			duration(func(c *commandLine) *time.Duration { return &c.most }, hold.MaxPause)},
		{"X", "METHOD", "the method of the request to explain (default GET)",
			text(func(c *commandLine) *string { return &c.method }, "GET")},
		{"from", "ADDRESS", "the address of the client (default an example, 192.0.2.1)",
			text(func(c *commandLine) *string { return &c.from }, "")},
		{"H", "FIELD", "a header field of the request, as in 'Cookie: a=b'; may be repeated",
			func(set *flag.FlagSet, c *commandLine, name string) {
				set.Func(name, "", func(field string) error { c.fields = append(c.fields, field); return nil })
			}},
		{"listener", "ADDRESS", "the listener, if several with the same port serve the host, as in 192.0.2.1:443",
			text(func(c *commandLine) *string { return &c.listener }, "")},
		{"json", "", "print JSON, the default if stdout is not a terminal; check prints text without it",
			toggle(func(c *commandLine) *bool { return &c.json })},
		{"text", "", "print text for people, the default on a terminal",
			toggle(func(c *commandLine) *bool { return &c.text })},
		{"watch", "", "print the status again every 2 seconds, until Ctrl-C",
			toggle(func(c *commandLine) *bool { return &c.watch })},
		{"version", "", "print version, revision and Go version",
			toggle(func(c *commandLine) *bool { return &c.version })},
		{"help", "", "print this help",
			toggle(func(c *commandLine) *bool { return &c.help })},
	}
}

// defaultPause is how long a pause lasts without --max.
const defaultPause = 30 * time.Second

// parseDuration parses a duration of whole seconds from one second to most.
func parseDuration(text string, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("write a number with its unit, as in 90s, 10m or 2h")
	case d < time.Second || d > most || d%time.Second != 0:
		return 0, fmt.Errorf("write whole seconds, from 1s to %s", wording.Duration(most))
	}
	return d, nil
}

// cliSignal is a signal that the daemon obeys, for the usage text and the man page.
type cliSignal struct{ Names, Summary string }

// cliSignals lists the signals that the daemon obeys (S-11).
func cliSignals() []cliSignal {
	return []cliSignal{
		{"SIGHUP", "reload"},
		{"SIGUSR1", "reopen the log file"},
		{"SIGTERM and SIGINT", "shut down"},
	}
}

// cliExit is an exit code of the program, for the usage text and the man page.
type cliExit struct {
	Code    int
	Summary string
}

// cliExits lists the exit codes of the program (S-1.5).
func cliExits() []cliExit {
	return []cliExit{
		{exitcode.OK, "success, or graceful shutdown; of diff: no difference"},
		{exitcode.Error, "configuration, startup or command failed, or the daemon cannot be reached; of diff: differences"},
		{exitcode.Usage, "wrong usage; of diff: also, the file would be refused, or the daemon cannot be reached"},
	}
}

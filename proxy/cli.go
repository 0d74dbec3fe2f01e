package proxy

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"reverse-proxy/proxy/check"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/gcpace"
	"reverse-proxy/proxy/wording"
)

// defaultConfigPath is the configuration file without --config.
const defaultConfigPath = "/etc/reverse-proxy/config.toml"

// commandLine holds the parsed arguments.
type commandLine struct {
	command                           string
	config, socket                    string
	validate, wildcard, version, help bool
	json, text, watch                 bool
	// operands are the words after the command.
	operands []string
	// method, from, listener and fields describe the request to explain.
	method, from, listener string
	fields                 []string
	// lasting and most are --for and --max; 0 if they are not given.
	lasting, most time.Duration
	// configGiven reports whether --config is on the command line.
	configGiven bool
}

// parseCommandLine parses the arguments, and returns the command that they name with its settings. Flags may come
// before and after the command. Every error is a usage error.
func parseCommandLine(args []string) (cliCommand, commandLine, error) {
	var c commandLine
	commands := cliCommands()
	command := commands[0]
	set := flag.NewFlagSet("reverse-proxy", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range cliFlags() {
		f.bind(set, &c, f.Name)
	}
	set.BoolVar(&c.help, "h", false, "")
	for {
		if err := set.Parse(args); err != nil {
			return command, c, flagError(err)
		}
		if set.NArg() == 0 {
			break
		}
		name := set.Arg(0)
		if len(c.operands) < len(command.Operands) {
			c.operands, args = append(c.operands, name), set.Args()[1:]
			continue
		}
		at := slices.IndexFunc(commands[1:], func(known cliCommand) bool { return known.Name == name })
		switch {
		case at < 0:
			return command, c, fmt.Errorf("unknown command %q%s", name, meant(wording.Nearest(name, commandNames(commands))))
		case command.Name != "":
			return command, c, fmt.Errorf("one command at a time: %q after %q", name, command.Name)
		}
		command, args = commands[1+at], set.Args()[1:]
	}
	c.command = command.Name
	var misplaced error
	set.Visit(func(f *flag.Flag) {
		c.configGiven = c.configGiven || f.Name == "config"
		switch {
		case misplaced != nil || command.takes(f.Name):
		case command.Name != "":
			misplaced = fmt.Errorf("%s does not go with %s", dashed(f.Name), command.Name)
		default:
			misplaced = fmt.Errorf("%s goes with %s", dashed(f.Name), strings.Join(takers(commands, f.Name), " or "))
		}
	})
	switch {
	case misplaced != nil:
	case c.config == "":
		misplaced = errors.New("--config needs a path")
	case c.json && c.text:
		misplaced = errors.New("--json does not go with --text")
	case c.json && c.watch:
		misplaced = errors.New("--json does not go with --watch")
	case !c.help && !c.version:
		misplaced = command.checkOperands(c)
	}
	return command, c, misplaced
}

// checkOperands checks that the words after the command are there, and are words that the command knows.
func (c cliCommand) checkOperands(line commandLine) error {
	for i, operand := range c.Operands {
		switch {
		case i >= len(line.operands) || line.operands[i] == "":
			return fmt.Errorf("%s needs %s, as in %s", c.Name, operand.synopsis(), c.synopsis(nil))
		case operand.Values != nil && !slices.Contains(operand.Values, line.operands[i]):
			return fmt.Errorf("%s: got %q, want %s", c.Name, line.operands[i], strings.Join(operand.Values, " or "))
		}
	}
	if line.lasting > 0 && line.operands[1] == "off" {
		return errors.New("--for goes with maintenance on")
	}
	return nil
}

// commandNames lists the names of the commands.
func commandNames(commands []cliCommand) []string {
	var names []string
	for _, command := range commands[1:] {
		names = append(names, command.Name)
	}
	return names
}

// flagError adds a suggestion to the error of an unknown flag.
func flagError(err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err
	}
	var names []string
	for _, f := range cliFlags() {
		names = append(names, f.Name)
	}
	near, ok := wording.Nearest(name, names)
	return fmt.Errorf("%w%s", err, meant(dashed(near), ok))
}

// meant suggests the word that was probably meant (S-1.8), or nothing if there is none.
func meant(word string, ok bool) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", word)
}

// takers names the commands that take the flag.
func takers(commands []cliCommand, name string) []string {
	var names []string
	for _, command := range commands {
		if command.takes(name) {
			names = append(names, command.Name)
		}
	}
	return names
}

// Main is the program: it does what the arguments ask for and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	command, c, err := parseCommandLine(args)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "reverse-proxy: %v; see reverse-proxy --help\n", err)
		return exitcode.Usage
	case c.help:
		fmt.Fprint(stdout, usageText())
		return exitcode.OK
	case c.version:
		fmt.Fprintln(stdout, versionText())
		return exitcode.OK
	}
	return command.run(c, stdout, stderr)
}

// runDaemon starts the proxy and serves until a signal ends it.
func runDaemon(c commandLine, stdout, stderr io.Writer) int {
	signals := notifySignals()
	signal.Ignore(syscall.SIGPIPE) // a reader of stdout that goes away must not end the daemon
	starting, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()

	if os.Getenv("GOGC") == "" {
		defer gcpace.Pace()()
	}
	daemon, err := Start(starting, Options{ConfigPath: c.config, AllowWildcardBind: c.wildcard, Confine: true, Stdout: stdout})
	if err != nil {
		if starting.Err() != nil {
			return exitcode.OK // it was told to stop before it served, and has released everything
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Fprintln(stderr, "reverse-proxy: "+line)
		}
		return exitcode.Error
	}
	if err := daemon.Run(signals); err != nil {
		fmt.Fprintln(stderr, "reverse-proxy: "+err.Error())
		return exitcode.Error
	}
	return exitcode.OK
}

// checkConfig checks the configuration, for `check` and `--validate`.
func checkConfig(c commandLine, stdout, stderr io.Writer) int {
	return check.Run(check.Options{Path: c.config, AllowWildcardBind: c.wildcard, JSON: c.json, Expectations: checkExpectations}, stdout, stderr)
}

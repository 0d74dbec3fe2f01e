package proxy

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes (S-1.5).
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// defaultConfigPath is the file that is read when --config names none.
const defaultConfigPath = "/etc/reverse-proxy/config.toml"

const usageText = `usage: reverse-proxy [--config PATH] [--validate] [--allow-wildcard-bind]
       reverse-proxy reload [--config PATH | --socket PATH]
       reverse-proxy status [--config PATH | --socket PATH]

Without a command it runs the proxy in the foreground, logging to stdout.

  --config PATH           the configuration file (default ` + defaultConfigPath + `)
  --validate              check the configuration, report every error, and exit
  --allow-wildcard-bind   permit 0.0.0.0 and :: as bind addresses
  --version               print version, revision and Go version
  --help                  print this help

  reload                  make the running proxy read its configuration again
  status                  print what the running proxy is doing, as JSON
  --socket PATH           the admin socket (default: the configuration's admin_socket_path)

Signals: SIGHUP reload, SIGUSR1 reopen the log file, SIGTERM and SIGINT shut down.
Exit codes: 0 done or graceful shutdown, 1 configuration or startup failure, 2 wrong usage.
`

// commandLine is what the arguments ask for.
type commandLine struct {
	command                           string
	config, socket                    string
	validate, wildcard, version, help bool
}

// parseCommandLine parses the arguments. Flags may stand before and after the command. Every error is one of usage.
func parseCommandLine(args []string) (commandLine, error) {
	var c commandLine
	flags := flag.NewFlagSet("reverse-proxy", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.config, "config", defaultConfigPath, "")
	flags.StringVar(&c.socket, "socket", "", "")
	flags.BoolVar(&c.validate, "validate", false, "")
	flags.BoolVar(&c.wildcard, "allow-wildcard-bind", false, "")
	flags.BoolVar(&c.version, "version", false, "")
	flags.BoolVar(&c.help, "help", false, "")
	flags.BoolVar(&c.help, "h", false, "")
	for {
		if err := flags.Parse(args); err != nil {
			return c, err
		}
		if flags.NArg() == 0 {
			break
		}
		command := flags.Arg(0)
		switch {
		case command != "reload" && command != "status":
			return c, fmt.Errorf("unknown command %q", command)
		case c.command != "":
			return c, fmt.Errorf("one command at a time: %q after %q", command, c.command)
		}
		c.command, args = command, flags.Args()[1:]
	}
	switch {
	case c.config == "":
		return c, errors.New("--config needs a path")
	case c.socket != "" && c.command == "":
		return c, errors.New("--socket goes with reload or status")
	case c.command != "" && (c.validate || c.wildcard):
		return c, fmt.Errorf("--validate and --allow-wildcard-bind do not go with %s", c.command)
	}
	return c, nil
}

// Main is the program: it runs what the arguments ask for and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	c, err := parseCommandLine(args)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "reverse-proxy: %v; see reverse-proxy --help\n", err)
		return exitUsage
	case c.help:
		fmt.Fprint(stdout, usageText)
		return exitOK
	case c.version:
		fmt.Fprintln(stdout, versionText())
		return exitOK
	case c.command != "":
		return runClient(c, stdout, stderr)
	case c.validate:
		return runValidate(c, stdout, stderr)
	}
	return runDaemon(c, stdout, stderr)
}

// runValidate checks the configuration and reports on it (S-1.2).
func runValidate(c commandLine, stdout, stderr io.Writer) int {
	cfg, err := LoadConfig(c.config, c.wildcard)
	if err != nil {
		fmt.Fprintln(stderr, strings.Join(errorLines(err), "\n"))
		return exitError
	}
	fmt.Fprintln(stdout, validationReport(cfg))
	return exitOK
}

// runClient sends the command to the running daemon (S-1.4). The socket is the one of --socket or of the configuration.
func runClient(c commandLine, stdout, stderr io.Writer) int {
	socket := c.socket
	if socket == "" {
		var err error
		if socket, err = adminSocketPathIn(c.config); err != nil {
			fmt.Fprintf(stderr, "reverse-proxy: %v; use --socket PATH\n", err)
			return exitError
		}
	}
	return runAdminCommand(socket, c.command, stdout, stderr)
}

// runDaemon starts the proxy and serves until a signal ends it.
func runDaemon(c commandLine, stdout, stderr io.Writer) int {
	// The signals stay ours to the end of the process: given back, one that comes while the last lines are written would
	// kill it, and a graceful shutdown would look like a crash.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, os.Interrupt)
	signal.Ignore(syscall.SIGPIPE) // a reader of stdout that leaves must not end the daemon
	starting, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()

	daemon, err := Start(starting, Options{ConfigPath: c.config, AllowWildcardBind: c.wildcard, Confine: true, Stdout: stdout})
	if err != nil {
		if starting.Err() != nil {
			return exitOK // it was told to stop before it served, and has released everything
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Fprintln(stderr, "reverse-proxy: "+line)
		}
		return exitError
	}
	if err := daemon.Run(signals); err != nil {
		fmt.Fprintln(stderr, "reverse-proxy: "+err.Error())
		return exitError
	}
	return exitOK
}

package proxy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/wording"
)

// runClient sends the command to the running daemon and shows its answer (S-1.4). The socket comes from --socket or
// from the configuration. The daemon must use that configuration, unless only --socket is given (S-1.7). On a terminal
// or with --text the answer is shown as text for people. Otherwise it is the daemon's line of JSON, which was promised
// to programs and scripts: they have no terminal.
func runClient(c commandLine, stdout, stderr io.Writer) int {
	socket := c.socket
	if socket == "" {
		var err error
		if socket, err = admin.SocketPathIn(c.config); err != nil {
			fmt.Fprintf(stderr, "reverse-proxy: %s: %v; or use --socket PATH to name the daemon's socket\n", c.command, err)
			return admin.FailureCode(c.command)
		}
	}
	client := admin.Client{Socket: socket, Command: c.command, Arguments: c.arguments(), Timeout: admin.ClientTimeout, Stdout: stdout, Stderr: stderr,
		Text: c.text || !c.json && isTerminal(stdout)}
	if c.socket == "" || c.configGiven {
		client.Config = c.config
	}
	if !c.watch {
		return client.Run(context.Background())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return admin.Watcher{Client: client, Interval: admin.WatchInterval, Screen: screenOf(stdout)}.Run(ctx)
}

// arguments returns the arguments of the command for the daemon; nil for most commands.
func (c commandLine) arguments() any {
	switch c.command {
	case "maintenance":
		return admin.MaintenanceOrder{Host: c.operands[0], On: c.operands[1] == "on", ForSecs: int64(c.lasting / time.Second)}
	case "pause":
		return admin.PauseOrder{Host: c.operands[0], MaxSecs: int64(cmp.Or(c.most, defaultPause) / time.Second)}
	case "explain":
		return c.explainOrder()
	case "resume":
		return admin.ResumeOrder{Host: c.operands[0]}
	case "drain", "undrain":
		return admin.DrainOrder{Host: c.operands[0], Address: c.operands[1]}
	}
	return nil
}

// listHosts prints the hosts and aliases in the configuration file, for shell completions and scripts.
func listHosts(c commandLine, stdout, stderr io.Writer) int {
	hosts, err := config.HostsIn(c.config)
	if err == nil {
		err = wording.WriteLines(stdout, hosts)
	}
	if err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: hosts: %v\n", err)
		return exitcode.Error
	}
	return exitcode.OK
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// screenOf returns a function that returns the size of the terminal that w writes to, in rows and columns. It returns
// nil if w is not a terminal, or if the terminal cannot move its cursor.
func screenOf(w io.Writer) func() (rows, columns int) {
	if !isTerminal(w) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	fd := int(w.(*os.File).Fd())
	return func() (rows, columns int) {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil || size.Row == 0 || size.Col == 0 {
			return 24, 80 // a serial line does not know its size
		}
		return int(size.Row), int(size.Col)
	}
}

// explainOrder returns the request to explain.
func (c commandLine) explainOrder() admin.ExplainOrder {
	return admin.ExplainOrder{Method: c.method, URL: c.operands[0], From: c.from, Fields: c.fields, Listener: c.listener}
}

package steps

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/cucumber/godog"
)

func (w *World) frontSteps() []step {
	return []step{
		{`the connections of the client {string} begin with {string}`, w.beginConns, "These bytes come before TLS, or the first request, on each connection that is made from then on, with the escapes of raw connections. Empty: nothing comes before."},
		{`HAProxy runs with:`, w.startHAProxy, "The sections of its configuration; the defaults have timeouts. Its pages and ports are those of the scenario. Waits until it accepts connections on the first `bind` or `listen`. For scenarios tagged @haproxy."},
		{`nginx runs with:`, w.startNginx, "The top level of its configuration, next to `events`. Waits as for HAProxy. For scenarios tagged @nginx."},
		{`hitch runs with:`, w.startHitch, "Its configuration. Waits until it accepts connections on its `frontend`. For scenarios tagged @hitch."},
	}
}

func (w *World) beginConns(client, text string) error {
	bytes, err := unescape(text)
	if err != nil {
		return err
	}
	if w.preludes == nil {
		w.preludes = map[string]string{}
	}
	w.preludes[client] = bytes
	return nil
}

// sendPrelude sends what a client's connections begin with.
func sendPrelude(prelude string, conn net.Conn, err error) (net.Conn, error) {
	if err != nil || prelude == "" {
		return conn, err
	}
	if _, err := conn.Write([]byte(prelude)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// HasHAProxy reports whether HAProxy is installed, which scenarios tagged @haproxy need.
func (s *Suite) HasHAProxy() bool { return installed("haproxy") }

// HasNginx reports whether nginx is installed, which scenarios tagged @nginx need.
func (s *Suite) HasNginx() bool { return installed("nginx") }

// HasHitch reports whether hitch is installed, which scenarios tagged @hitch need.
func (s *Suite) HasHitch() bool { return installed("hitch") }

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func (w *World) startHAProxy(text *godog.DocString) error {
	const defaults = "defaults\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n"
	path := w.path("haproxy.cfg")
	if err := os.WriteFile(path, []byte(defaults+text.Content+"\n"), 0o600); err != nil {
		return err
	}
	return w.startFront("haproxy", exec.Command("haproxy", "-db", "-f", path), text.Content)
}

func (w *World) startNginx(text *godog.DocString) error {
	config := "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr;\n" + text.Content + "\nevents {}\n"
	path := w.path("nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	return w.startFront("nginx", exec.Command("nginx", "-p", w.dir, "-c", path, "-e", "stderr"), text.Content)
}

func (w *World) startHitch(text *godog.DocString) error {
	path := w.path("hitch.conf")
	if err := os.WriteFile(path, []byte(text.Content+"\n"), 0o600); err != nil {
		return err
	}
	return w.startFront("hitch", exec.Command("hitch", "--config", path, "--daemon=off"), text.Content)
}

// startFront starts a proxy in front and waits until it accepts connections on the first address of its configuration.
func (w *World) startFront(name string, cmd *exec.Cmd, config string) error {
	p, err := w.start(name, cmd)
	if err != nil {
		return err
	}
	address := ""
	for line := range strings.Lines(config) {
		words := strings.Fields(strings.TrimRight(strings.TrimSpace(line), ";"))
		if len(words) > 1 && (words[0] == "bind" || words[0] == "listen") && strings.Contains(words[1], ":") {
			address = words[1]
			break
		}
		if len(words) > 2 && words[0] == "frontend" && words[1] == "=" {
			address = strings.NewReplacer(`"`, "", "[", "", "]", "").Replace(words[2])
			break
		}
	}
	return w.eventually(func() error {
		if !p.running() {
			return fmt.Errorf("%s has ended: %s", name, p.stderr.text())
		}
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

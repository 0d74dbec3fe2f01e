package conformance_test

import (
	"fmt"
	"strings"
	"testing"
)

// unitConfig is a configuration like those in the documents, on the machine's loopback.
const unitConfig = `[logging]
log_file_path = "/var/log/reverse-proxy/proxy.log"
[rate_limit]
requests_per_second = 1000
burst = 1000
[body]
limit_bytes = 1000
[[listeners]]
bind_addr = "127.0.0.1"
[listeners.tls]
mode = "manual"
cert_path = "/etc/reverse-proxy/site.pem"
key_path = "/etc/reverse-proxy/site.key"
[[listeners.sites]]
host = "site.example.test"
upstream = "127.0.0.1:3000"
`

// acmeConfig waits for a CA that does not exist.
const acmeConfig = `[rate_limit]
requests_per_second = 1000
burst = 1000
[body]
limit_bytes = 1000
[[listeners]]
bind_addr = "127.0.0.1"
[listeners.tls]
mode = "acme"
acme_domains = ["site.example.com"]
acme_cache_dir = "/var/lib/reverse-proxy/acme"
acme_contact = "mailto:admin@example.com"
acme_directory = "https://127.0.0.1:14000/dir"
`

const (
	unitDropIn = "etc/systemd/system/reverse-proxy.service.d/test.conf"
	// askSite is a request that the daemon answers itself.
	askSite = "curl -sk --fail --resolve site.example.test:443:127.0.0.1 https://site.example.test/health"
)

// TestTheUnitsUnderARealSystemd checks what the documents promise of the shipped units, with the daemon under all the
// restrictions of the service.
func TestTheUnitsUnderARealSystemd(t *testing.T) {
	m := bootSystemd(t, map[string]string{
		"etc/reverse-proxy/config.toml": unitConfig,
		// Makes the lines readable without a journal, and the times short enough for a test.
		unitDropIn: "[Service]\nStandardOutput=append:/run/daemon.log\nStandardError=append:/run/daemon.log\nWatchdogSec=3\nRestartSec=100ms\n",
		"etc/systemd/system/reverse-proxy.socket.d/test.conf": "[Socket]\nListenStream=\nListenStream=127.0.0.1:443\nListenStream=127.0.0.1:80\n",
	})
	pid := func() string {
		return m.must("systemctl show --property=MainPID --value reverse-proxy.service")
	}

	m.must("systemctl start reverse-proxy.service")
	m.must(askSite)
	m.must("curl -s --fail http://127.0.0.1:9900/health")
	if got := m.must("systemctl show --property=StatusText --value reverse-proxy.service"); got != "serving 1 sites on 1 listeners" {
		t.Errorf("got the status %q, want how much is served", got)
	}

	status := m.must("cat /proc/" + pid() + "/status")
	for _, want := range []string{"Uid:\t990\t990\t990\t990\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		// CAP_NET_BIND_SERVICE is bit 10.
		"CapEff:\t0000000000000400\n", "CapBnd:\t0000000000000400\n", "CapAmb:\t0000000000000400\n"} {
		if !strings.Contains(status, want) {
			t.Errorf("got no %q in %q", want, status)
		}
	}
	if got := m.must("reverse-proxy status | jq -r .sandbox.state,.sandbox.error"); got != "on\nnull" && (hasLandlock() || !strings.HasPrefix(got, "unavailable\n")) {
		t.Errorf("got the sandbox %q, want it on: the filter of system calls must let it", got)
	}
	if got := m.must("stat -c '%U %a' /run/reverse-proxy/admin.sock /var/log/reverse-proxy/proxy.log"); got != "reverse-proxy 600\nreverse-proxy 600" {
		t.Errorf("got %q for the admin socket and the log, want them private", got)
	}

	t.Run("a reload fails when the file is refused, and succeeds otherwise", func(t *testing.T) {
		m := m.in(t)
		m.must("systemctl reload reverse-proxy.service")
		m.must("cd /etc/reverse-proxy && sed s/burst/bust/ config.toml > next && chgrp reverse-proxy next && chmod 640 next && cp -p config.toml good && mv next config.toml")
		if out, code := m.run("systemctl reload reverse-proxy.service"); code == 0 {
			t.Errorf("got %q and success for a configuration with a mistake, want a failure", out)
		}
		m.must("systemctl is-active reverse-proxy.service && " + askSite)
		m.must("cd /etc/reverse-proxy && mv good config.toml && systemctl reload reverse-proxy.service")
		m.must("cd /etc/reverse-proxy && cp -p site.pem next && mv next site.pem && systemctl reload reverse-proxy.service")
	})
	t.Run("the log is reopened", func(t *testing.T) {
		m := m.in(t)
		m.must("mv /var/log/reverse-proxy/proxy.log /var/log/reverse-proxy/proxy.log.1")
		m.must("systemctl kill --kill-who=main --signal=SIGUSR1 reverse-proxy.service")
		m.await("grep -q LOG_REOPENED /var/log/reverse-proxy/proxy.log")
	})
	t.Run("a daemon that hangs is ended and started again", func(t *testing.T) {
		m := m.in(t)
		before := pid()
		m.must("systemctl kill --kill-who=main --signal=SIGSTOP reverse-proxy.service")
		// MainPID is checked first: the unit of a hanging process is still active, and the process can end between two commands.
		m.await(fmt.Sprintf(`case $(systemctl show --property=MainPID --value reverse-proxy.service) in 0|%s) exit 1;; esac; systemctl is-active -q reverse-proxy.service`, before))
		m.must(askSite)
	})
	t.Run("with the socket unit a restart refuses nobody", func(t *testing.T) {
		m := m.in(t)
		m.must("systemctl stop reverse-proxy.service")
		m.must("systemctl start reverse-proxy.socket")
		m.must(askSite) // this starts the service
		m.must("rm -f /tmp/stop /tmp/asked; (while [ ! -e /tmp/stop ]; do " + askSite +
			" || echo failed $?; echo asked; done > /tmp/asked 2>&1) > /dev/null 2>&1 &")
		for i := range 3 {
			m.await(fmt.Sprintf("[ $(grep -c asked /tmp/asked) -ge %d ]", 3*(i+1)))
			m.must("systemctl restart reverse-proxy.service")
		}
		m.must("touch /tmp/stop")
		if out, code := m.run("grep failed /tmp/asked"); code == 0 {
			t.Errorf("got %q during the restarts, want every request answered", out)
		}
		m.must("systemctl stop reverse-proxy.service reverse-proxy.socket")
	})
	t.Run("an error of the start is the unit's", func(t *testing.T) {
		m := m.in(t)
		m.must("cat > /etc/reverse-proxy/config.toml <<'EOF'\n" + acmeConfig + "EOF")
		if out, code := m.run("systemctl start reverse-proxy.service"); code == 0 {
			t.Errorf("got %q and success without a CA, want a failure", out)
		}
		m.must("grep 'step 7' /run/daemon.log | grep 'connection refused'")
		if got := m.must("stat -c '%U %a' /var/lib/reverse-proxy/acme"); got != "reverse-proxy 700" {
			t.Errorf("got %q for the cache of certificates, want it private and written to", got)
		}
		m.await("systemctl is-failed reverse-proxy.service")
		if got := m.must("systemctl show --property=Result --value reverse-proxy.service"); got != "start-limit-hit" && got != "exit-code" {
			t.Errorf("got the result %q, want the limit of starts", got)
		}
	})
}

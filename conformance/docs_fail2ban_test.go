package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fail2banClientWrapper makes the client talk to the machine's own server.
const fail2banClientWrapper = `#!/bin/sh
exec /usr/bin/fail2ban-client -c %[1]s/etc/fail2ban -s %[1]s/run/fail2ban.sock -p %[1]s/run/fail2ban.pid "$@"
`

// machineFail2ban are files that isolate the machine's server from others. It does not really ban.
var machineFail2ban = map[string]string{
	"etc/fail2ban/action.d/nothing.conf": "[Definition]\nactionban =\n",
	"etc/fail2ban/jail.local":            "[DEFAULT]\nbanaction = nothing\naction = nothing\n",
	"etc/fail2ban/fail2ban.local": `[DEFAULT]
logtarget = STDOUT
socket = %[1]s/run/fail2ban.sock
pidfile = %[1]s/run/fail2ban.pid
dbfile = %[1]s/run/fail2ban.sqlite3
`,
}

// startFail2ban installs Debian's fail2ban on the machine and starts it, with no jail enabled. It ends with the test.
func (m *machine) startFail2ban() {
	m.t.Helper()
	files := map[string]string{}
	for _, name := range []string{"fail2ban.conf", "jail.conf", "paths-debian.conf", "paths-common.conf"} {
		text, err := os.ReadFile(filepath.Join("/etc/fail2ban", name))
		if err != nil {
			m.t.Fatal(err)
		}
		files["etc/fail2ban/"+name] = string(text)
	}
	for name, text := range machineFail2ban {
		if name == "etc/fail2ban/fail2ban.local" {
			text = fmt.Sprintf(text, m.dir)
		}
		files[name] = text
	}
	files["bin/fail2ban-client"] = fmt.Sprintf(fail2banClientWrapper, m.dir)
	for name, text := range files {
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	m.background("fail2ban-server", "-c", filepath.Join(m.dir, "etc/fail2ban"), "-xf", "start")
	m.await("fail2ban-client ping")
}

// TestTheJailForContainersBansInTheChainOfDocker shows how Debian's fail2ban uses the jail in docs/operations.md for
// containers: rules in INPUT would not see packets to a published port.
func TestTheJailForContainersBansInTheChainOfDocker(t *testing.T) {
	needPrograms(t, "fail2ban-server")
	m := bareMachine(t, buildDaemon(t))
	m.configure(machineConfig)
	m.start()
	defer m.stop()
	m.startFail2ban()
	m.copyPlaced("/etc/fail2ban/action.d", filepath.Join(m.dir, "etc/fail2ban/action.d"))
	if err := os.Remove(filepath.Join(m.dir, "etc/fail2ban/jail.local")); err != nil {
		t.Fatal(err)
	}
	tried := false
	for _, command := range commandsIn(documents(t)["operations.md"]) {
		if strings.Contains(command, "DOCKER") {
			tried = true
			if out, code := m.run(command); code != 0 {
				t.Fatalf("%s: got %d and %s, want success", command, code, out)
			}
		}
	}
	out, code := m.run("fail2ban-client -d")
	const want = "'reverse-proxy', 'action', 'iptables-multiport', [['actionstart'"
	if !tried || code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "['chain', 'DOCKER-USER']") {
		t.Errorf("got the command %t, the exit code %d and %s, want %s and the chain DOCKER-USER", tried, code, out, want)
	}
}

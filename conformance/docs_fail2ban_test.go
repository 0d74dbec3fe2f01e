package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
)

// fail2banClientWrapper leads the client to the machine's own server.
const fail2banClientWrapper = `#!/bin/sh
exec /usr/bin/fail2ban-client -c %[1]s/etc/fail2ban -s %[1]s/run/fail2ban.sock -p %[1]s/run/fail2ban.pid "$@"
`

// machineFail2ban are files that keep the machine's server apart from others. It bans nobody really.
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

// startFail2ban installs Debian's fail2ban on the machine and starts it, with no jail turned on. It ends with the test.
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

package steps

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) fail2banSteps() []step {
	return []step{
		{`fail2ban watches {string} with the shipped jails`, func(log string) error { return w.fail2banWatches(log, "") }, "The real fail2ban-server with Debian's configuration and the jails of `deploy/fail2ban`, all of them turned on. A ban writes the address to a file, and loopback addresses are treated like others. Waits until it watches. As all of these, for scenarios with the tag @fail2ban only."},
		{`fail2ban watches {string} with the shipped jails and bans at the first offence`, func(log string) error { return w.fail2banWatches(log, "maxretry = 1\n") }, ""},
		{`fail2ban has counted {int} offence(s) in the jail {string}`, w.fail2banCounted, "Since it was started, of all addresses together. Waits for it."},
		{`the client {string} keeps requesting {string} until the jail {string} bans it`, w.untilBanned, "Ten times a second, whatever it is answered."},
		{`fail2ban has banned only:`, w.fail2banBanned, "A table of two columns: each jail and an address that it has banned. Waits until all are banned, and fails if another one is."},
	}
}

// fail2banPatience bounds the wait for fail2ban, which checks its files and decides once a second.
const fail2banPatience = 3 * patience

// HasFail2ban reports whether fail2ban is installed, which scenarios tagged @fail2ban need.
func (s *Suite) HasFail2ban() bool {
	_, err := exec.LookPath("fail2ban-server")
	return err == nil
}

// fail2banAction is an action that does not ban, but records whom it would have banned.
const fail2banAction = `[Definition]
actionban = echo "<name> <ip>" >>%s
`

// fail2banJails enables the shipped jails, for another log file and for clients on loopback.
const fail2banJails = `[DEFAULT]
ignoreself = false
ignoreip =
banaction = write-down
action = write-down
`

// fail2banSettings separate a server from the machine's own.
const fail2banSettings = `[DEFAULT]
loglevel = INFO
logtarget = STDOUT
socket = %[1]s/fail2ban.sock
pidfile = %[1]s/fail2ban.pid
dbfile = %[1]s/fail2ban.sqlite3
`

// jailName matches the jails of the shipped file.
var jailName = regexp.MustCompile(`(?m)^\[(.+)\]$`)

// fail2banWatches starts a server whose jails watch the log, with an additional setting for each.
func (w *World) fail2banWatches(log, setting string) error {
	if !w.suite.HasFail2ban() {
		return errors.New("fail2ban is not installed; make deps installs it")
	}
	jails, err := w.configureFail2ban(log, setting)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(w.ctx, "fail2ban-server", append(w.fail2banArguments(), "-xf", "start")...)
	if w.fail2ban, err = w.start("fail2ban-server", cmd); err != nil {
		return err
	}
	// A jail is ready when it has begun to watch the end of the file.
	return w.withinEvery(fail2banPatience, 200*time.Millisecond, func() error {
		if !w.fail2ban.running() {
			return fmt.Errorf("fail2ban-server has ended: %s", clip(w.fail2ban.stdout.text()))
		}
		for _, jail := range jails {
			if _, err := w.fail2banStatus(jail); err != nil {
				return err
			}
		}
		return nil
	})
}

// fail2banArguments direct the programs of fail2ban to the scenario's own server.
func (w *World) fail2banArguments() []string {
	return []string{"-c", w.path("fail2ban"), "-s", w.path("fail2ban.sock"), "-p", w.path("fail2ban.pid")}
}

// configureFail2ban writes a configuration from Debian's and the shipped one, and returns the names of the jails.
func (w *World) configureFail2ban(log, setting string) (jails []string, err error) {
	dir, shipped := w.path("fail2ban"), filepath.Join(w.suite.Root, "deploy", "fail2ban")
	for _, name := range []string{"fail2ban.conf", "jail.conf", "paths-debian.conf", "paths-common.conf"} {
		text, err := os.ReadFile(filepath.Join("/etc/fail2ban", name))
		if err != nil {
			return nil, err
		}
		if err := w.writeText(filepath.Join(dir, name), string(text)); err != nil {
			return nil, err
		}
	}
	if err := os.CopyFS(dir, os.DirFS(shipped)); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(shipped, "jail.d", "reverse-proxy.conf"))
	if err != nil {
		return nil, err
	}
	local := fail2banJails
	for _, match := range jailName.FindAllStringSubmatch(string(text), -1) {
		jails = append(jails, match[1])
		local += fmt.Sprintf("[%s]\nenabled = true\nlogpath = %s\n%s", match[1], w.path(log), setting)
	}
	if len(jails) == 0 {
		return nil, errors.New("the shipped file has no jail")
	}
	return jails, errors.Join(
		w.writeText(filepath.Join(dir, "jail.d", "reverse-proxy.local"), local),
		w.writeText(filepath.Join(dir, "action.d", "write-down.conf"), fmt.Sprintf(fail2banAction, w.path("banned"))),
		w.writeText(filepath.Join(dir, "fail2ban.local"), fmt.Sprintf(fail2banSettings, w.dir)),
	)
}

// writeText writes a file, and creates its directories.
func (w *World) writeText(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

var totalFailed = regexp.MustCompile(`Total failed:\s+(\d+)`)

// fail2banStatus returns how many offences a jail has counted.
func (w *World) fail2banStatus(jail string) (int, error) {
	cmd := exec.CommandContext(w.ctx, "fail2ban-client", append(w.fail2banArguments(), "status", jail)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("fail2ban-client status %s: %w: %s", jail, err, clip(string(out)))
	}
	match := totalFailed.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("fail2ban-client status %s: got %q, want the number of offences", jail, clip(string(out)))
	}
	return strconv.Atoi(string(match[1]))
}

func (w *World) fail2banCounted(want int, jail string) error {
	return w.withinEvery(fail2banPatience, 200*time.Millisecond, func() error {
		got, err := w.fail2banStatus(jail)
		if err == nil && got != want {
			err = fmt.Errorf("got %d offences in the jail %s, want %d", got, jail, want)
		}
		return err
	})
}

// untilBanned repeats the request until a jail has banned the client.
func (w *World) untilBanned(client, url, jail string) error {
	address, err := w.expand("${client:" + client + "}")
	if err != nil {
		return err
	}
	ban := jail + " " + address
	return w.withinEvery(fail2banPatience, 100*time.Millisecond, func() error {
		if err := w.exchangeNow(request{url: url, client: client}); err != nil {
			return err
		}
		text, err := os.ReadFile(w.path("banned"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if bans := completeLines(string(text)); !slices.Contains(bans, ban) {
			return fmt.Errorf("fail2ban has banned %q, and not yet %q", bans, ban)
		}
		return nil
	})
}

func (w *World) fail2banBanned(table *godog.Table) error {
	var want []string
	for _, row := range table.Rows {
		if len(row.Cells) != 2 {
			return errors.New("the table needs the columns jail and address")
		}
		want = append(want, row.Cells[0].Value+" "+row.Cells[1].Value)
	}
	slices.Sort(want)
	var got []string
	// It ends early if there is one too many, which cannot change again.
	tooMany := func() bool {
		return slices.ContainsFunc(got, func(ban string) bool { return !slices.Contains(want, ban) })
	}
	err := w.within(fail2banPatience, func() error {
		text, err := os.ReadFile(w.path("banned"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		got = completeLines(string(text))
		slices.Sort(got)
		if !slices.Equal(got, want) && !tooMany() {
			return fmt.Errorf("fail2ban has banned %q, want %q", got, want)
		}
		return nil
	})
	if err == nil && tooMany() {
		err = fmt.Errorf("fail2ban has banned %q, want %q", got, want)
	}
	return err
}

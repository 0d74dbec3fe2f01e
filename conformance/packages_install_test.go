package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// nextVersion builds packages of a later commit, with a changed configuration, only for amd64.
func nextVersion(t *testing.T, built builtPackages) builtPackages {
	t.Helper()
	next := builtPackages{checkout: filepath.Join(t.TempDir(), "next"), dir: filepath.Join(t.TempDir(), "packages")}
	output(t, built.checkout, "git", "clone", "--quiet", ".", next.checkout)
	output(t, next.checkout, "bash", "-c", "echo '# A later version.' >> deploy/packages/config.toml")
	output(t, next.checkout, built.tool, "-arch", "amd64", "-version", "99.1", "-out", next.dir)
	return next
}

// copyInto copies a package into the root.
func (s *scratchRoot) copyInto(name, from string) {
	s.t.Helper()
	contents, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(s.path(name), contents, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// clean removes the machine's own files of the program, installed by hand or by another test.
func (s *scratchRoot) clean() {
	s.t.Helper()
	s.run("rm -rf /etc/reverse-proxy /var/lib/reverse-proxy /var/log/reverse-proxy /usr/local/bin/reverse-proxy")
}

// servesAsInstalled runs the installed daemon as its unit would, with the configuration of the package.
func (s *scratchRoot) servesAsInstalled() {
	s.t.Helper()
	uid, gid := s.user("reverse-proxy")
	for name, want := range map[string]fs.FileMode{"/var/lib/reverse-proxy": 0o700, "/var/log/reverse-proxy": 0o750} {
		if u, g, mode := s.owner(name); u != uid || g != gid || mode != want {
			s.t.Errorf("%s: got the owner %d:%d and the mode %v, want %d:%d and %v", name, u, g, mode, uid, gid, want)
		}
	}
	s.run("install -d -o reverse-proxy -g reverse-proxy /run/reverse-proxy") // RuntimeDirectory=
	if out := s.run("runuser -u reverse-proxy -- reverse-proxy --validate"); !strings.Contains(out, "configuration OK: /etc/reverse-proxy/config.toml") {
		s.t.Errorf("got %q, want the shipped configuration to be valid", out)
	}
	s.serves(uid, gid,
		"curl -sf http://127.0.0.1:9900/health",
		"curl -sfk https://localhost:8443/health",
		"[ $(curl -sk -o /dev/null -w '%{http_code}' https://localhost:8443/) = 502 ]", // nothing listens on port 3000
		"curl -sI http://localhost:8080/a | grep -i '^location: https://localhost:8443/a'",
		"runuser -u reverse-proxy -- reverse-proxy status --json | grep -F '\"status\":\"ok\"'",
		"reverse-proxy reload",
		"grep ' REQUEST ' /var/log/reverse-proxy/proxy.log",
	)
}

// installDeb takes the package through its life on a machine without a running systemd.
func installDeb(t *testing.T, built, next builtPackages) {
	s := newScratchRoot(t)
	s.clean()
	s.copyInto("/first.deb", built.file(t, "*_amd64.deb"))
	s.copyInto("/next.deb", next.file(t, "*_amd64.deb"))

	s.run("dpkg -i /first.deb")
	if out := s.run("reverse-proxy --version; man --warnings -E ascii -l /usr/share/man/man8/reverse-proxy.8.gz; man -w reverse-proxy.toml"); !strings.Contains(out, "v"+built.version) {
		t.Errorf("got %q, want the version %s", out, built.version)
	}
	if out := s.run("dpkg -V reverse-proxy; dpkg -s reverse-proxy"); !strings.Contains(out, "Status: install ok installed") || strings.Contains(out, "missing") {
		t.Errorf("got %q, want it installed and whole", out)
	}
	s.servesAsInstalled()

	s.run("sed -i 's/^burst = 1000.*/burst = 123/' /etc/reverse-proxy/config.toml && touch /var/lib/reverse-proxy/key && echo 'a line of a log' >> /var/log/reverse-proxy/proxy.log")
	s.run("dpkg --force-confdef --force-confold -i /next.deb")
	if out := s.run("reverse-proxy --version"); !strings.Contains(out, "v99.1 ") {
		t.Errorf("got %q after the upgrade, want the version 99.1", out)
	}
	s.run("grep -x 'burst = 123' /etc/reverse-proxy/config.toml && grep 'A later version' /etc/reverse-proxy/config.toml.dpkg-dist")
	s.run("grep 'a line of a log' /var/log/reverse-proxy/proxy.log")
	s.servesAsInstalled()

	s.run("dpkg -r reverse-proxy")
	s.run("[ ! -e /usr/bin/reverse-proxy ] && grep -x 'burst = 123' /etc/reverse-proxy/config.toml && [ -e /var/lib/reverse-proxy/key ] && getent passwd reverse-proxy")
	s.run("rm -r /var/lib/reverse-proxy && dpkg -i --force-confold /next.deb")
	s.servesAsInstalled()
	// A key of the administrator's that only the daemon may read. The next system user to get the same id must not be
	// able to read it.
	s.run("install -o reverse-proxy -g reverse-proxy -m 0440 /dev/null /etc/reverse-proxy/site.key && id reverse-proxy > /id")
	s.run("dpkg -P reverse-proxy")
	s.run("id reverse-proxy | diff - /id && getent passwd reverse-proxy | grep nologin")
	s.run("useradd --system --user-group next && ! runuser -u next -- cat /etc/reverse-proxy/site.key && userdel next")
	s.run("rm -r /etc/reverse-proxy /id")

	// What every installation leaves: the user, and the lists, caches and logs of dpkg and of the programs it calls.
	bookkeeping := regexp.MustCompile(`^/(var/(lib/(dpkg|systemd)|cache|log)/|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|etc/\.pwd\.lock$|etc/ld\.so\.cache$|(first|next)\.deb$)|^-/(etc|var/lib|var/log)/reverse-proxy`)
	for _, name := range s.changed() {
		if !bookkeeping.MatchString(name) || strings.Contains(name, "/log/reverse-proxy") {
			t.Errorf("got %s after the purge, want nothing left", name)
		}
	}
	if out := s.run("dpkg -l reverse-proxy 2>&1 || true"); !strings.Contains(out, "no packages found") {
		t.Errorf("got %q after the purge, want dpkg to have forgotten it", out)
	}
}

// fakeSystemctl records its arguments, and says that the daemon is active if a file says so.
const fakeSystemctl = `#!/bin/sh
echo "$@" >> /calls
case "$*" in *is-active*) [ -e /active ] ;; esac
`

// systemctlCalls returns the calls of systemctl since the last time.
func (s *scratchRoot) systemctlCalls() string {
	s.t.Helper()
	calls := s.run("cat /calls 2>/dev/null || true; rm -f /calls")
	return strings.ReplaceAll(strings.TrimSpace(calls), "\n", "; ")
}

// pretendSystemd makes systemd appear to run in the root, as far as packages can see.
func (s *scratchRoot) pretendSystemd() {
	s.t.Helper()
	s.run("mkdir -p /run/systemd/system && rm -f /usr/bin/systemctl")
	if err := os.WriteFile(s.path("/usr/bin/systemctl"), []byte(fakeSystemctl), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// installDebUnderSystemd checks what the scripts tell systemd.
func installDebUnderSystemd(t *testing.T, built builtPackages) {
	s := newScratchRoot(t)
	s.clean()
	s.pretendSystemd()
	s.copyInto("/first.deb", built.file(t, "*_amd64.deb"))
	wantCalls := func(when, want string) {
		t.Helper()
		if got := s.systemctlCalls(); got != want {
			t.Errorf("%s: got %q told to systemctl, want %q", when, got, want)
		}
	}
	s.run("dpkg -i /first.deb")
	wantCalls("a first installation", "daemon-reload; --quiet is-active reverse-proxy.service") // it starts nothing

	s.run("touch /active && dpkg -i /first.deb")
	wantCalls("an upgrade of a running daemon", "daemon-reload; --quiet is-active reverse-proxy.service; restart reverse-proxy.service")

	s.run("echo 'burzt = 1' >> /etc/reverse-proxy/config.toml")
	out := s.run("dpkg --force-confold -i /first.deb 2>&1")
	wantCalls("an upgrade that does not take the configuration", "daemon-reload; --quiet is-active reverse-proxy.service")
	if !strings.Contains(out, "burzt (line ") || !strings.Contains(out, ": unknown key") || !strings.Contains(out, "the old one goes on running") {
		t.Errorf("got %q, want the mistake and what becomes of the daemon", out)
	}

	s.run("mkdir -p /etc/systemd/system/multi-user.target.wants && ln -s /usr/lib/systemd/system/reverse-proxy.service /etc/systemd/system/multi-user.target.wants/")
	s.run("dpkg -r reverse-proxy")
	wantCalls("a removal", "--quiet stop reverse-proxy.socket; --quiet stop reverse-proxy.service; daemon-reload")
	s.run("dpkg -P reverse-proxy && [ ! -L /etc/systemd/system/multi-user.target.wants/reverse-proxy.service ]")
	wantCalls("a purge", "daemon-reload")
}

// installRPM takes the other package through its life. Debian's rpm has no package of its own that could satisfy this
// one's dependencies.
func installRPM(t *testing.T, built, next builtPackages) {
	s := newScratchRoot(t)
	s.clean()
	s.copyInto("/first.rpm", built.file(t, "*.x86_64.rpm"))
	s.copyInto("/next.rpm", next.file(t, "*.x86_64.rpm"))
	const rpm = "rpm --force-debian --nodeps "
	s.run(rpm + "--nosignature -i /first.rpm")
	s.run("rpm -V --nodeps reverse-proxy")
	s.servesAsInstalled()
	s.run("sed -i 's/^burst = 1000.*/burst = 123/' /etc/reverse-proxy/config.toml")
	s.run(rpm + "--nosignature -U /next.rpm && reverse-proxy --version | grep -F 'v99.1 '")
	s.run("grep -x 'burst = 123' /etc/reverse-proxy/config.toml && grep 'A later version' /etc/reverse-proxy/config.toml.rpmnew")

	s.pretendSystemd()
	s.run("touch /active && " + rpm + "--nosignature -U --force /next.rpm")
	if got, want := s.systemctlCalls(), "daemon-reload; --quiet is-active reverse-proxy.service; restart reverse-proxy.service"; got != want {
		t.Errorf("an upgrade of a running daemon: got %q told to systemctl, want %q", got, want)
	}
	s.run(rpm + "-e reverse-proxy")
	if got, want := s.systemctlCalls(), "--quiet disable --now reverse-proxy.socket; --quiet disable --now reverse-proxy.service; daemon-reload"; got != want {
		t.Errorf("a removal: got %q told to systemctl, want %q", got, want)
	}
	s.run("[ ! -e /usr/bin/reverse-proxy ] && grep -x 'burst = 123' /etc/reverse-proxy/config.toml.rpmsave && getent passwd reverse-proxy && ! rpm -q reverse-proxy")
}

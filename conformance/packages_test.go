package conformance_test

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// builtPackages are the packages of one commit, built by `make packages`.
type builtPackages struct {
	// checkout is the tree from which they were built, dir where they are, version their version, tool the program that
	// builds them.
	checkout, dir, version, tool string
}

// file returns the one package that matches a pattern.
func (b builtPackages) file(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v and %v for %s, want one file", found, err, pattern)
	}
	return found[0]
}

// checkoutOf makes a checkout of the project in its current state, with one commit.
func checkoutOf(t *testing.T, root, dir string) {
	t.Helper()
	copyTree(t, root, dir)
	output(t, dir, "git", "init", "--quiet")
	output(t, dir, "git", "add", "--all")
	output(t, dir, "git", "-c", "user.name=test", "-c", "user.email=test@example.test", "commit", "--quiet", "-m", "all")
}

// TestPackages builds the packages once, and checks everything about them.
func TestPackages(t *testing.T) {
	needPrograms(t, "git", "dpkg-deb", "rpm", "lintian", "curl")
	dir := t.TempDir()
	built := builtPackages{checkout: filepath.Join(dir, "checkout")}
	checkoutOf(t, projectRoot(t), built.checkout)
	output(t, built.checkout, "make", "packages")
	built.tool = filepath.Join(dir, "packages")
	goBuild(t, built.checkout, "-o", built.tool, "./deploy/packages")
	built.dir = filepath.Join(built.checkout, "out", "packages")
	built.version = strings.TrimSuffix(output(t, built.dir, "dpkg-deb", "-f", built.file(t, "*_amd64.deb"), "Version"), "-1")

	t.Run("a second build has the same bytes", func(t *testing.T) { rebuildPackages(t, built) })
	t.Run("the binaries are static and know their version", func(t *testing.T) { inspectBinaries(t, built) })
	t.Run("the SBOM lists what go version -m does", func(t *testing.T) { inspectSBOM(t, built) })
	t.Run("both kinds hold the same files, for each architecture", func(t *testing.T) { inspectContents(t, built) })
	t.Run("every link of the documents leads to a file of the package", func(t *testing.T) { followPackedLinks(t, built) })
	t.Run("both kinds name their origin, and the changes", func(t *testing.T) { inspectOrigin(t, built) })
	t.Run("lintian finds no error", func(t *testing.T) { judgeDeb(t, built) })
	next := nextVersion(t, built)
	t.Run("the .deb is installed, upgraded, removed and purged", func(t *testing.T) { installDeb(t, built, next) })
	t.Run("the .deb restarts a daemon that runs under systemd", func(t *testing.T) { installDebUnderSystemd(t, built) })
	t.Run("the .rpm is installed, upgraded and removed", func(t *testing.T) { installRPM(t, built, next) })
}

// rebuildPackages builds the same commit again: later, elsewhere, by a user with other settings.
func rebuildPackages(t *testing.T, built builtPackages) {
	again := filepath.Join(t.TempDir(), "another", "place")
	output(t, built.checkout, "bash", "-c", `umask 0077 && git clone --quiet . "$0"`, again)
	cmd := exec.Command("bash", "-c", `umask 0027 && exec "$0" -out ../packages`, built.tool)
	cmd.Dir = again
	cmd.Env = append(os.Environ(), "TZ=Asia/Kathmandu", "LC_ALL=C.UTF-8", "GOFLAGS=-buildvcs=true", "GOAMD64=v3", "USER=somebody", "HOSTNAME=elsewhere")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("packages: %v\n%s", err, out)
	}
	sums := func(dir string) map[string]string {
		sums := map[string]string{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			sums[entry.Name()] = fmt.Sprintf("%x", sha256.Sum256(text))
		}
		return sums
	}
	first, second := sums(built.dir), sums(filepath.Join(again, "..", "packages"))
	if len(first) != 9 { // two architectures with a binary, an SBOM, a .deb and an .rpm; and the checksums
		t.Errorf("got %d files, want 9: %v", len(first), slices.Sorted(maps.Keys(first)))
	}
	for name, sum := range first {
		if second[name] != sum {
			t.Errorf("%s: got the SHA-256 %q of the second build, want that of the first, %s", name, second[name], sum)
		}
	}
	if out := output(t, built.dir, "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"); out != "" {
		t.Errorf("SHA256SUMS: got %q, want every file to have its checksum", out)
	}
}

func inspectBinaries(t *testing.T, built builtPackages) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		file, err := elf.Open(built.file(t, "*_linux_"+arch))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		libraries, err := file.ImportedLibraries()
		if file.Machine != machine || len(libraries) != 0 || err != nil {
			t.Errorf("%s: got a program for %v with the libraries %v (%v), want %v and none", arch, file.Machine, libraries, err, machine)
		}
		for _, program := range file.Progs {
			if program.Type == elf.PT_INTERP {
				t.Errorf("%s: got a program that needs an interpreter, want a static one", arch)
			}
		}
	}
	revision := output(t, built.checkout, "git", "rev-parse", "HEAD")
	got := output(t, built.dir, built.file(t, "*_linux_amd64"), "--version")
	if want := "reverse-proxy v" + built.version + " (revision " + revision + ", go1."; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}

func inspectSBOM(t *testing.T, built builtPackages) {
	for _, arch := range []string{"amd64", "arm64"} {
		text, err := os.ReadFile(built.file(t, "*_linux_"+arch+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var sbom struct {
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal(text, &sbom); err != nil {
			t.Fatal(err)
		}
		got, want := []string{}, []string{}
		for _, component := range sbom.Components {
			if component.Name != "std" {
				got = append(got, component.Name+" "+component.Version)
			}
		}
		listed := output(t, built.dir, "go", "version", "-m", built.file(t, "*_linux_"+arch))
		for _, line := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(listed, -1) {
			want = append(want, line[1]+" "+line[2])
		}
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: got %v, want the modules of the binary, %v", arch, got, want)
		}
	}
}

// inspectContents compares the contents of the four packages with each other and with what they must contain.
func inspectContents(t *testing.T, built builtPackages) {
	wanted := []string{
		"/etc/fail2ban/filter.d/reverse-proxy.conf", "/etc/logrotate.d/reverse-proxy", "/etc/reverse-proxy", "/etc/reverse-proxy/config.toml",
		"/usr/bin/reverse-proxy", "/usr/lib/systemd/system/reverse-proxy.service", "/usr/share/bash-completion/completions/reverse-proxy",
		"/usr/share/doc/reverse-proxy/copyright", "/usr/share/doc/reverse-proxy/README.md", "/usr/share/doc/reverse-proxy/docs/operations.md",
		"/usr/share/doc/reverse-proxy/docs/runbook.md", "/usr/share/doc/reverse-proxy/docs/apps/gitea.md", "/usr/share/doc/reverse-proxy/changelog.gz", "/etc/fail2ban/jail.d/reverse-proxy.conf",
		"/usr/share/fish/vendor_completions.d/reverse-proxy.fish", "/usr/share/man/man5/reverse-proxy.toml.5.gz",
		"/usr/share/man/man8/reverse-proxy.8.gz", "/var/lib/reverse-proxy", "/var/log/reverse-proxy",
	}
	// What only one kind contains, as its distributions require it.
	own := regexp.MustCompile(`^/usr/share/(zsh/|lintian/|doc/reverse-proxy/changelog\.Debian)`)
	// A deb also contains the directories above its files.
	docDirectory := regexp.MustCompile(`^/usr/share/doc/reverse-proxy(/docs(/apps)?|/examples(/[a-z]+)?)?$`)
	var first []string
	for _, pattern := range []string{"*_amd64.deb", "*_arm64.deb", "*.x86_64.rpm", "*.aarch64.rpm"} {
		var listed string
		if strings.HasSuffix(pattern, ".deb") {
			listed = output(t, built.dir, "bash", "-o", "pipefail", "-c", `dpkg-deb --fsys-tarfile "$0" | tar -t | sed 's|^\.||; s|/$||'`, built.file(t, pattern))
		} else {
			output(t, built.dir, "rpm", "-K", "--nosignature", built.file(t, pattern))
			listed = output(t, built.dir, "bash", "-o", "pipefail", "-c", `rpm -qpl "$0" 2>/dev/null`, built.file(t, pattern))
		}
		var got []string
		zsh := false
		for name := range strings.FieldsSeq(listed) {
			zsh = zsh || strings.HasPrefix(name, "/usr/share/zsh/") && strings.HasSuffix(name, "/_reverse-proxy")
			if strings.Contains(name, "reverse-proxy") && !own.MatchString(name) && !docDirectory.MatchString(name) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) || !zsh {
			t.Errorf("%s: got %v and the completion for zsh %v, want %v and that", pattern, got, zsh, first)
		}
		for _, want := range wanted {
			if !slices.Contains(got, want) {
				t.Errorf("%s: got no %s in %v, want it", pattern, want, got)
			}
		}
	}
	deb := built.file(t, "*_amd64.deb")
	conffiles := output(t, built.dir, "dpkg-deb", "-I", deb, "conffiles")
	for _, name := range first {
		isDir := name == "/etc/reverse-proxy"
		if strings.HasPrefix(name, "/etc/") && !isDir && !strings.Contains(conffiles+"\n", name+"\n") {
			t.Errorf("%s: got no conffile, want every file in /etc to be one:\n%s", name, conffiles)
		}
	}
}

// followPackedLinks unpacks a package, and follows the links between its documents.
func followPackedLinks(t *testing.T, built builtPackages) {
	dir := t.TempDir()
	output(t, dir, "dpkg-deb", "-x", built.file(t, "*_amd64.deb"), ".")
	root := filepath.Join(dir, "usr", "share", "doc", "reverse-proxy")
	var documents []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/apps/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("got %v, %v for %s, want documents", found, err, pattern)
		}
		documents = append(documents, found...)
	}
	if links := followLinks(t, root, documents); links < 20 {
		t.Errorf("got %d links between the documents, want many more", links)
	}
}

// inspectOrigin compares the maintainer that the packages name, and checks that both contain the changes.
func inspectOrigin(t *testing.T, built builtPackages) {
	deb, rpm := built.file(t, "*_amd64.deb"), built.file(t, "*.x86_64.rpm")
	fields := output(t, built.dir, "dpkg-deb", "-f", deb, "Maintainer", "Homepage")
	want := regexp.MustCompile(`^Maintainer: (\S.* <\S+@\S+>)\nHomepage: (https://\S+)$`).FindStringSubmatch(fields)
	if want == nil {
		t.Fatalf("got %q, want a maintainer with an address, and a homepage", fields)
	}
	got := output(t, built.dir, "bash", "-c", `rpm -qp --queryformat '%{PACKAGER}\n%{URL}\n' "$0" 2>/dev/null`, rpm)
	if got != want[1]+"\n"+want[2] {
		t.Errorf("got %q from the .rpm, want %q", got, want[1:])
	}
	wanted, err := os.ReadFile(filepath.Join(built.checkout, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	const inDeb = `dpkg-deb --fsys-tarfile "$0" | tar -xO ./usr/share/doc/reverse-proxy/changelog.gz | gzip -dc`
	if got := output(t, built.dir, "bash", "-o", "pipefail", "-c", inDeb, deb); got != strings.TrimSpace(string(wanted)) {
		t.Errorf("got the changes %q in the .deb, want those of CHANGELOG.md", got)
	}
	const inRPM = `rpm -qp --changelog "$0" 2>/dev/null`
	if got := output(t, built.dir, "bash", "-c", inRPM, rpm); !strings.Contains(got, want[1]) || !strings.Contains(got, "changelog.gz") {
		t.Errorf("got the changelog %q from the .rpm, want one by %s that leads to the changes", got, want[1])
	}
}

// judgeDeb runs lintian on the package.
func judgeDeb(t *testing.T, built builtPackages) {
	// The project has no address to which users could write.
	const address = "bogus-mail-host,bogus-mail-host-in-debian-changelog,root-in-contact"
	cmd := exec.Command("lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", address, built.file(t, "*_amd64.deb"))
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("got %v, want no error:\n%s", err, out)
	}
}

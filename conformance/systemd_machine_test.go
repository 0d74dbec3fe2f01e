package conformance_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/steps"
)

// systemdMachine is a machine with a real systemd as its first process: separate namespaces with a disposable copy of
// this machine's file system, a network with only a loopback interface, and the shipped units installed.
type systemdMachine struct {
	t *testing.T
	// dir is the test's own directory; the contents of stage are copied to the machine's root.
	dir, stage string
	// pid is the first process, as numbered by this machine.
	pid string
}

// systemdOuter makes a control group and a mount namespace, so that nothing of either remains, and then all other
// namespaces. $1 is the test's directory.
const systemdOuter = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/scratch"
mkdir "$1/scratch/cgroup"
mount -t cgroup2 cgroup2 "$1/scratch/cgroup"
mkdir -p "$1/scratch/cgroup/$2"
echo $$ > "$1/scratch/cgroup/$2/cgroup.procs"
exec unshare --pid --ipc --uts --net --cgroup --fork --kill-child sh -c "$3" sh "$1"
`

// systemdInner makes the file system and becomes the first process.
const systemdInner = `set -e
s="$1/scratch" root="$1/scratch/root"
umount "$s/cgroup"
mkdir "$s/upper" "$s/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$s/upper,workdir=$s/work" "$root"
cp -a "$1/stage/." "$root/"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p /run/systemd/system "$root/run/lock"
touch "$root/run/console"
mount --bind "$root/run/console" "$root/dev/console"
cd "$root"
pivot_root . mnt
umount -l /mnt
echo reverse-proxy:x:990:990::/var/lib/reverse-proxy:/usr/sbin/nologin >> /etc/passwd
echo reverse-proxy:x:990: >> /etc/group
chown -R 0:990 /etc/reverse-proxy
export container=test
exec /lib/systemd/systemd --system --unit=machine.target --log-target=console --show-status=no < /dev/null > /dev/null 2>&1
`

// systemdGone removes the control group when it is empty.
const systemdGone = `mount --make-rprivate / && mount -t cgroup2 cgroup2 "$1" && find "$1/$2" -depth -type d -exec rmdir {} +`

// machineUnits are the units that the machine starts with: only those that others require.
var machineUnits = map[string]string{
	"machine.target": "[Unit]\nDescription=the test's machine\n",
	"sysinit.target": "[Unit]\nDescription=nothing\n",
	"basic.target":   "[Unit]\nDescription=nothing\n",
}

// bootSystemd makes a machine and waits until its systemd answers. files are copied to the machine, by their paths.
func bootSystemd(t *testing.T, files map[string]string) *systemdMachine {
	t.Helper()
	needPrograms(t, "systemctl", "unshare", "nsenter", "openssl", "curl", "jq")
	if os.Geteuid() != 0 {
		t.Skip("only root can make the namespaces in which a systemd runs")
	}
	dir, err := os.MkdirTemp("", "rp")
	if err != nil {
		t.Fatal(err)
	}
	m := &systemdMachine{t: t, dir: dir, stage: filepath.Join(dir, "stage")}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"scratch", "cgroup"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("unshare", "--mount", "--pid", "--fork", "--net", "--cgroup", "sh", "-c",
		`mount --make-rprivate / && mount -t tmpfs tmpfs "$1/scratch" && cd "$1/scratch" && mkdir u w r && `+
			`mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w r && mount -t cgroup2 cgroup2 "$1/cgroup"`, "sh", dir).CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody make the namespaces and mounts in which a systemd runs: %s", out)
	}
	m.put("etc/machine-id", strings.Repeat("0123456789abcdef", 2)+"\n", 0o444)
	for name, text := range machineUnits {
		m.put("etc/systemd/system/"+name, text, 0o644)
	}
	root := projectRoot(t)
	for _, name := range shippedUnits {
		text, err := os.ReadFile(filepath.Join(root, "deploy", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		m.put("etc/systemd/system/"+name, string(text), 0o644)
	}
	for name, text := range files {
		m.put(name, text, 0o640)
	}
	m.put("etc/reverse-proxy/README", "", 0o640)
	if err := os.MkdirAll(filepath.Join(m.stage, "usr/local/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	goBuild(t, root, "-o", filepath.Join(m.stage, "usr/local/bin/reverse-proxy"), "./cmd/reverse-proxy")
	output(t, m.stage, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
		"-subj", "/CN=site.example.test", "-addext", "subjectAltName=DNS:site.example.test",
		"-keyout", "etc/reverse-proxy/site.key", "-out", "etc/reverse-proxy/site.pem")
	output(t, m.stage, "chmod", "0640", "etc/reverse-proxy/site.key")
	m.boot()
	return m
}

// put copies a file to the machine before it starts.
func (m *systemdMachine) put(name, text string, mode os.FileMode) {
	m.t.Helper()
	path := filepath.Join(m.stage, name)
	// The machine's own directories then get these modes.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

// boot starts systemd.
func (m *systemdMachine) boot() {
	m.t.Helper()
	group := filepath.Base(m.dir)
	cmd := exec.Command("unshare", "--mount", "sh", "-c", systemdOuter, "sh", m.dir, group, systemdInner)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill() // the first process dies with it, and then all others
		<-ended
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			out, err := exec.Command("unshare", "--mount", "sh", "-c", systemdGone, "sh", filepath.Join(m.dir, "cgroup"), group).CombinedOutput()
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				m.t.Errorf("the control group of the machine is left: %s", out)
				return
			}
		}
	})
	deadline := time.Now().Add(time.Minute)
	for ; ; time.Sleep(20 * time.Millisecond) {
		if children := steps.Children(cmd.Process.Pid); len(children) == 1 {
			m.pid = children[0]
			if out, code := m.run("systemctl is-system-running"); code == 0 || strings.Contains(out, "degraded") {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- err
			m.t.Fatalf("systemd ended: %v: %s", err, printed.String())
		default:
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("systemd has not answered for a minute: %s", printed.String())
		}
	}
}

// in returns the machine for a subtest.
func (m *systemdMachine) in(t *testing.T) *systemdMachine {
	sub := *m
	sub.t = t
	return &sub
}

// run runs a command on the machine, as root.
func (m *systemdMachine) run(command string) (string, int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--target", m.pid, "--all", "bash", "-o", "pipefail", "-c", command)
	cmd.Env = append(os.Environ(), "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "SYSTEMD_PAGER=cat")
	out, _ := cmd.CombinedOutput() // the exit code is checked
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// must runs a command that must succeed and returns its output.
func (m *systemdMachine) must(command string) string {
	m.t.Helper()
	out, code := m.run(command)
	if code != 0 {
		log, _ := m.run("systemctl status --no-pager --full reverse-proxy.service; tail -n 40 /run/daemon.log /run/console")
		m.t.Fatalf("%s: got the exit code %d and %q, want 0\n%s", command, code, out, log)
	}
	return out
}

// await repeats a command until it succeeds.
func (m *systemdMachine) await(command string) {
	m.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, code := m.run(command); code == 0 {
			return
		}
		if time.Now().After(deadline) {
			m.must(command)
			return
		}
	}
}

// hasLandlock reports whether this kernel, and so the machine, has Landlock.
func hasLandlock() bool { return new(steps.Suite).HasLandlock() }

package proxy

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// sandboxUnavailable is the state of a sandbox that the kernel does not support, next to config.SandboxOn and
// config.SandboxOff.
const sandboxUnavailable = "unavailable"

// SandboxStatus describes what the process has given up.
type SandboxStatus struct {
	// State is "on", "off" by the configuration, or "unavailable" if the kernel has no Landlock or refuses it; the process
	// then still gives up gaining privileges.
	State string `json:"state"`
	// LandlockABI is the kernel's version of Landlock; later ones restrict more. It is 0 unless the state is "on".
	LandlockABI int `json:"landlock_abi,omitempty"`
	// Error is why it is unavailable.
	Error string `json:"error,omitempty"`
}

// text renders the state for people. A state that comes from a daemon is untrusted.
func (s SandboxStatus) text() string {
	switch {
	case s.Error != "":
		return textOrDash(s.State) + ": " + eventlog.Printable(s.Error)
	case s.LandlockABI != 0:
		return fmt.Sprintf("%s, Landlock ABI %d", textOrDash(s.State), s.LandlockABI)
	}
	return textOrDash(s.State)
}

// What is restricted. A right that the kernel does not know yet is left out (best effort).
const (
	// sandboxFS is every file system right of Landlock's ABI 9; the table gives some back.
	sandboxFS = landlock.AccessFSSet(1<<17 - 1)
	// sandboxNet is binding a TCP port: all of the daemon's ports are bound by then. Connecting is what a proxy does.
	// Landlock's ABI 7 knows neither MPTCP nor UDP, which the names of upstreams need anyway.
	sandboxNet = landlock.AccessNetSet(ll.AccessNetBindTCP)
)

// confine irrevocably prevents the process, with all its threads, from gaining privileges and from any use of the file
// system and of sockets that the table does not allow (Landlock, landlock(7)). It does what the kernel supports and never
// fails: a proxy that serves without a sandbox is better than none, and the result says so.
func confine(cfg *config.Config, table []sandboxRow) SandboxStatus {
	if !cfg.Sandbox {
		return SandboxStatus{State: config.SandboxOff}
	}
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return SandboxStatus{State: sandboxUnavailable, Error: fmt.Sprintf("no_new_privs: %v", err)}
	}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return SandboxStatus{State: sandboxUnavailable, Error: landlockCause(err)}
	}
	scoped := landlock.ScopedSet(ll.ScopeSignal)
	if !strings.HasPrefix(os.Getenv("NOTIFY_SOCKET"), "@") {
		scoped |= ll.ScopeAbstractUnixSocket
	}
	var rules []landlock.Rule
	for _, row := range table {
		for _, dir := range row.directories() {
			rules = append(rules, landlock.PathAccess(row.rights, dir).IgnoreIfMissing())
		}
	}
	restriction := landlock.MustConfig(sandboxFS, sandboxNet, scoped).BestEffort()
	if err := restriction.Restrict(rules...); err != nil {
		return SandboxStatus{State: sandboxUnavailable, Error: err.Error()}
	}
	return SandboxStatus{State: config.SandboxOn, LandlockABI: abi}
}

// landlockCause says why Landlock is unavailable.
func landlockCause(err error) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "the kernel was built without Landlock"
	case errors.Is(err, unix.EOPNOTSUPP):
		return "Landlock is switched off at boot (lsm=)"
	case errors.Is(err, unix.EPERM):
		return "a filter of system calls forbids Landlock (SystemCallFilter= in a unit, seccomp in a container)"
	}
	return err.Error()
}

// explain adds to the errors of a reload how the sandbox may have caused them.
func (s SandboxStatus) explain(err error) error {
	var refused config.Errors
	if s.State != config.SandboxOn || !errors.As(err, &refused) {
		return err
	}
	explained := slices.Clone(refused)
	for i := range explained {
		if strings.Contains(explained[i].Problem, "permission denied") {
			explained[i].Problem += "; or restart the daemon: its sandbox has the directories that the configuration named at the start"
		}
	}
	return explained
}

// log logs the state once.
func (s SandboxStatus) log(log *eventlog.Logger) {
	switch s.State {
	case config.SandboxOn:
		log.Log(eventlog.LevelInfo, "SANDBOX", eventlog.Str("status", s.State), eventlog.Int("landlock_abi", s.LandlockABI))
	case sandboxUnavailable:
		log.Log(eventlog.LevelWarn, "SANDBOX", eventlog.Str("status", s.State), eventlog.Str("error", s.Error))
	}
}

package sandbox

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

// unavailable is the state of a sandbox that the kernel does not support, next to config.SandboxOn and
// config.SandboxOff.
const unavailable = "unavailable"

// Status describes what the process has given up.
type Status struct {
	// State is "on", "off" by the configuration, or "unavailable" if the kernel has no Landlock or refuses it; the process
	// then still gives up gaining privileges.
	State string `json:"state"`
	// LandlockABI is the kernel's version of Landlock; later ones restrict more. It is 0 unless the state is "on".
	LandlockABI int `json:"landlock_abi,omitempty"`
	// Error is why it is unavailable.
	Error string `json:"error,omitempty"`
}

// What is restricted. A right that the kernel does not know yet is left out (best effort).
const (
	// allFiles is every file system right of Landlock's ABI 9; the table gives some back.
	allFiles = landlock.AccessFSSet(1<<17 - 1)
	// bindTCP is binding a TCP port: all of the daemon's ports are bound by then. Connecting is what a proxy does.
	// Landlock's ABI 7 knows neither MPTCP nor UDP, which the names of upstreams need anyway.
	bindTCP = landlock.AccessNetSet(ll.AccessNetBindTCP)
)

// Confine irrevocably prevents the process, with all its threads, from gaining privileges and from any use of the file
// system and of sockets that the configuration does not need (Landlock, landlock(7)). It does what the kernel supports and never
// fails: a proxy that serves without a sandbox is better than none, and the result says so.
func Confine(cfg *config.Config) Status {
	if !cfg.Sandbox {
		return Status{State: config.SandboxOff}
	}
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return Status{State: unavailable, Error: fmt.Sprintf("no_new_privs: %v", err)}
	}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return Status{State: unavailable, Error: landlockCause(err)}
	}
	scoped := landlock.ScopedSet(ll.ScopeSignal)
	if !strings.HasPrefix(os.Getenv("NOTIFY_SOCKET"), "@") {
		scoped |= ll.ScopeAbstractUnixSocket
	}
	var rules []landlock.Rule
	for _, row := range table(cfg) {
		for _, dir := range row.directories() {
			rules = append(rules, landlock.PathAccess(row.rights, dir).IgnoreIfMissing())
		}
	}
	restriction := landlock.MustConfig(allFiles, bindTCP, scoped).BestEffort()
	if err := restriction.Restrict(rules...); err != nil {
		return Status{State: unavailable, Error: err.Error()}
	}
	return Status{State: config.SandboxOn, LandlockABI: abi}
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

// Explain adds to the errors of a reload how the sandbox may have caused them.
func (s Status) Explain(err error) error {
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

// Log logs the state once.
func (s Status) Log(log *eventlog.Logger) {
	switch s.State {
	case config.SandboxOn:
		log.Log(eventlog.LevelInfo, "SANDBOX", eventlog.Str("status", s.State), eventlog.Int("landlock_abi", s.LandlockABI))
	case unavailable:
		log.Log(eventlog.LevelWarn, "SANDBOX", eventlog.Str("status", s.State), eventlog.Str("error", s.Error))
	}
}

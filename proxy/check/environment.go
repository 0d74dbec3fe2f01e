package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// environment is what the warnings of `check` need to know of the machine, besides the files that the configuration
// names.
type environment struct {
	// now returns the time by which certificates are judged.
	now func() time.Time
	// resolve finds the addresses of a name.
	resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// connect reports why nothing accepts connections at an address; nil skips this check.
	connect func(ctx context.Context, to netip.AddrPort) error
	// network asks for the records of challenges; nil skips this check.
	network *acmedns.Network
	// isLocal reports whether an address belongs to this machine.
	isLocal func(netip.Addr) bool
	// writable returns why this process's user cannot write to an existing file, or nil.
	writable func(path string) error
	// account is the user that the daemon runs as, if that is known.
	account account
}

// systemEnvironment returns the environment of this process for a daemon with this configuration.
func systemEnvironment(cfg *config.Config) environment {
	return environment{
		now: time.Now,
		resolve: func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		},
		connect:  connectTo,
		network:  acmedns.SystemNetwork(),
		isLocal:  isLocalAddress,
		writable: writableByUs,
		account:  daemonAccount(cfg, os.Geteuid(), user.Lookup),
	}
}

// isLocalAddress reports whether the address is a loopback one or one of this machine's interfaces.
func isLocalAddress(addr netip.Addr) bool {
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, one := range interfaces {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil && prefix.Addr() == addr.WithZone("") {
			return true
		}
	}
	return false
}

// account is a user with its groups. The zero account is an unknown user.
type account struct {
	known  bool
	uid    uint32
	groups []uint32
	name   string
}

// daemonAccount returns the user that the daemon runs as, if root runs the check, as root is refused nothing. It is the
// owner of the admin socket, or of the directory that systemd has made for it, else of the log file's directory. Root as
// the owner proves nothing. Before the first start it is the user that the unit and the packages name, if lookUp finds it
// and no admin socket owned by root shows that the daemon runs as root. Any other user checks for itself, which access(2)
// judges better.
func daemonAccount(cfg *config.Config, euid int, lookUp func(name string) (*user.User, error)) account {
	if euid != 0 {
		return account{}
	}
	var places []string
	if cfg.AdminSocketPath != "" {
		places = append(places, cfg.AdminSocketPath, filepath.Dir(cfg.AdminSocketPath))
	}
	if cfg.Logging.FilePath != "" {
		places = append(places, filepath.Dir(cfg.Logging.FilePath))
	}
	for _, place := range places {
		info, err := os.Lstat(place)
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			return lookUpAccount(stat.Uid)
		}
		if place == cfg.AdminSocketPath {
			return account{} // root's own daemon
		}
	}
	if found, err := lookUp(daemonUser); err == nil {
		if uid, err := strconv.ParseUint(found.Uid, 10, 32); err == nil {
			return lookUpAccount(uint32(uid))
		}
	}
	return account{}
}

// daemonUser is the user as which the unit and the packages run the daemon.
const daemonUser = "reverse-proxy"

// lookUpAccount finds the groups and the name of a user in /etc/passwd and /etc/group. An unknown user has none.
func lookUpAccount(uid uint32) account {
	text := strconv.FormatUint(uint64(uid), 10)
	a := account{known: true, uid: uid, name: "the user " + text}
	found, err := user.LookupId(text)
	if err != nil {
		return a
	}
	a.name = wording.Quoted(found.Username)
	groups, err := found.GroupIds()
	if err != nil {
		groups = []string{found.Gid}
	}
	for _, group := range groups {
		if gid, err := strconv.ParseUint(group, 10, 32); err == nil {
			a.groups = append(a.groups, uint32(gid))
		}
	}
	return a
}

// The mode bits for others, as may expects them.
const (
	mayRead   = 4
	mayWrite  = 2
	maySearch = 1
)

// errNoAccess means that a user lacks the wanted access.
var errNoAccess = errors.New("permission denied")

// may reports whether the account has the wanted access to the file and can reach it through every directory on the way,
// judged by owners and mode bits. It returns nil for an unknown account and for root. An access control list can grant more
// than may knows: a warning is not an error.
func (a account) may(path string, want os.FileMode) error {
	if !a.known || a.uid == 0 {
		return nil
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // that it is missing is reported elsewhere
	}
	for _, way := range []string{path, resolved} {
		for dir := filepath.Dir(way); ; dir = filepath.Dir(dir) {
			if a.mayUse(dir, maySearch) != nil {
				return fmt.Errorf("%w to search %s", errNoAccess, wording.Quoted(dir))
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return a.mayUse(resolved, want)
}

// mayUse is may for a file that can be reached.
func (a account) mayUse(path string, want os.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	shift := 0
	switch {
	case stat.Uid == a.uid:
		shift = 6
	case a.inGroup(stat.Gid):
		shift = 3
	}
	if info.Mode().Perm()>>shift&want == want {
		return nil
	}
	return errNoAccess
}

// inGroup reports whether the account is in the group.
func (a account) inGroup(gid uint32) bool {
	for _, group := range a.groups {
		if group == gid {
			return true
		}
	}
	return false
}

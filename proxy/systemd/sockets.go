package systemd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstInherited is the descriptor of the first socket that a service manager passes (sd_listen_fds(3)).
const firstInherited = 3

// socket is a listening TCP socket that the service manager passed. Closing it does not affect the manager's
// own descriptor of it, so that later connections wait in its backlog for the next process.
type socket struct {
	net.Listener
	// name is its FileDescriptorName=, or "".
	name    string
	address netip.AddrPort
	// key is the key of the port that it was assigned to; "" before that.
	key string
}

// String names the socket in an error.
func (s *socket) String() string {
	if s.name == "" {
		return s.address.String()
	}
	return fmt.Sprintf("%s (%s)", s.address, s.name)
}

// Sockets holds all passed sockets; it is empty if the daemon binds its ports itself.
type Sockets []*socket

// Inherit takes the sockets that the service manager has passed to this process by LISTEN_FDS, LISTEN_PID and
// LISTEN_FDNAMES (sd_listen_fds(3)), and gives each to the port that has its address. It succeeds for all or for none: a
// socket that fits no port, and a port without a socket while there are others, unless it is optional, is an error that names
// both sides. The variables are unset.
func Inherit(ports []Port) (sockets Sockets, err error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // cannot fail for a name like these
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // there are none, or they are for another process
	}
	defer func() {
		if err != nil {
			sockets.Close()
			sockets, err = nil, fmt.Errorf("LISTEN_FDS: %w", err)
		}
	}()
	n, err := strconv.ParseUint(count, 10, 16) // more cannot be open
	if err != nil {
		return nil, fmt.Errorf("%q is not a number of sockets; correct it, or unset it to let the daemon bind its ports", count)
	}
	name := strings.Split(names, ":")
	for i := range int(n) {
		socket, err := inherit(firstInherited + i)
		if err != nil {
			return sockets, err
		}
		if i < len(name) {
			socket.name = name[i]
		}
		sockets = append(sockets, socket)
	}
	return sockets, sockets.assign(ports)
}

// inherit takes one descriptor, which must be a listening TCP socket, and closes it in favour of a duplicate.
func inherit(fd int) (*socket, error) {
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w; pass only sockets", fd, socketCause(err))
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "inherited")
	defer file.Close()
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || listening == 0 || protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_MPTCP {
		return nil, fmt.Errorf("descriptor %d is not a listening TCP socket; use ListenStream= with an address and a port, and Accept=no", fd)
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w; pass only listening TCP sockets", fd, err)
	}
	address := ln.Addr().(*net.TCPAddr).AddrPort()
	return &socket{Listener: ln, address: netip.AddrPortFrom(address.Addr().Unmap(), address.Port())}, nil
}

// socketCause says what a descriptor is if it is not a socket.
func socketCause(err error) error {
	switch {
	case errors.Is(err, unix.EBADF):
		return errors.New("it is not open")
	case errors.Is(err, unix.ENOTSOCK):
		return errors.New("it is not a socket")
	}
	return err
}

// Port is a port of an address on which the daemon wants to listen.
type Port struct {
	// Key is the key of the configuration that names the port.
	Key string
	// Name is the FileDescriptorName= that its socket may have: the same for all addresses of a listener, because systemd gives
	// all sockets of one unit the same name.
	Name string
	// Address is where it listens.
	Address netip.AddrPort
	// Optional reports whether the daemon binds the port itself if it was not passed.
	Optional bool
}

// String names the port in an error.
func (p Port) String() string { return fmt.Sprintf("%s %s", p.Key, p.Address) }

// portName matches the names that ports have. Other names of sockets mean nothing: systemd's default is the unit's name.
var portName = regexp.MustCompile(`^(https?-[0-9]+|health)$`)

// assign gives each socket to the port that has its address. A socket named like a port must belong to that port.
func (all Sockets) assign(ports []Port) error {
	if len(all) == 0 {
		return nil
	}
	var problems []string
	given := map[netip.AddrPort]bool{}
	for _, s := range all {
		fits := func(p Port) bool { return p.Address == s.address }
		switch port, ok := findFunc(ports, fits); {
		case !ok:
			problems = append(problems, s.String()+" is not a port of the configuration")
		case portName.MatchString(s.name) && s.name != port.Name:
			problems = append(problems, fmt.Sprintf("%s has the address of %s", s, port.Key))
		case given[port.Address]:
			problems = append(problems, fmt.Sprintf("%s was passed twice", s))
		default:
			s.key, given[port.Address] = port.Key, true
		}
	}
	for _, p := range ports {
		if !given[p.Address] && !p.Optional {
			problems = append(problems, p.String()+" was not passed")
		}
	}
	if problems == nil {
		return nil
	}
	return fmt.Errorf("the sockets do not match the configuration: %s; passed: %s; configured: %s; "+
		"make ListenStream= of the socket unit and the configuration the same",
		strings.Join(problems, ", "), joinStrings(all), joinStrings(ports))
}

// findFunc returns the first element that satisfies fits.
func findFunc[T any](list []T, fits func(T) bool) (found T, ok bool) {
	for _, element := range list {
		if fits(element) {
			return element, true
		}
	}
	return found, false
}

// joinStrings joins the texts of the elements.
func joinStrings[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, element := range list {
		texts[i] = element.String()
	}
	return strings.Join(texts, ", ")
}

// ListenerOf returns the socket that was passed for that address; ok reports whether there is one.
func (all Sockets) ListenerOf(address netip.AddrPort) (ln net.Listener, ok bool) {
	s, ok := findFunc(all, func(s *socket) bool { return s.address == address })
	if !ok {
		return nil, false
	}
	return s.Listener, true
}

// Close closes all of them when a startup is undone.
func (all Sockets) Close() {
	for _, s := range all {
		_ = s.Listener.Close() // a second close has nothing to report
	}
}

package steps

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// heldSocket is a listening socket that the suite holds, as a service manager does, and passes to every daemon that it
// starts.
type heldSocket struct {
	name string
	file *os.File
}

// hold listens on an address and keeps the socket until the scenario ends. The descriptor that remains is a plain copy:
// nothing accepts on it, and connections made while no daemon runs wait in its backlog.
func (w *World) hold(address, name string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	w.launch.sockets = append(w.launch.sockets, heldSocket{name, file})
	w.cleanup(file.Close)
	return nil
}

// passSockets makes the command receive the held sockets by the protocol of sd_listen_fds(3). LISTEN_PID is the
// daemon's own number, which only the process itself knows before it becomes the daemon.
func (w *World) passSockets(cmd *exec.Cmd) *exec.Cmd {
	var names []string
	files := cmd.ExtraFiles
	for _, socket := range w.launch.sockets {
		names = append(names, socket.name)
		files = append(files, socket.file)
	}
	wrapped := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)...)
	wrapped.Env, wrapped.ExtraFiles = cmd.Env, files
	if len(names) > 0 {
		wrapped.Env = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(files)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	return wrapped
}

// activator is the real systemd-socket-activate.
const activator = "systemd-socket-activate"

// HasActivator reports whether systemd-socket-activate is installed, which scenarios tagged @systemd need.
func (s *Suite) HasActivator() bool {
	_, err := exec.LookPath(activator)
	return err == nil
}

// activate wraps the command in systemd-socket-activate, which runs it at the first connection to one of the ports.
func (w *World) activate(cmd *exec.Cmd) (*exec.Cmd, error) {
	program, err := exec.LookPath(activator)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed; make deps installs it", activator)
	}
	var args, names []string
	for _, at := range w.endpoints() {
		args = append(args, "--listen="+at.address)
		names = append(names, "unnamed")
	}
	args = append(args, "--fdname="+strings.Join(names, ":"))
	for _, variable := range cmd.Env {
		args = append(args, "--setenv="+variable)
	}
	wrapped := exec.Command(program, append(append(args, cmd.Path), cmd.Args[1:]...)...)
	wrapped.Env = cmd.Env
	return wrapped, nil
}

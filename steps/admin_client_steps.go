package steps

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

func (w *World) adminClientSteps() []step {
	return []step{
		{`{int} clients connect to the admin socket and send nothing`, w.adminCrowd, ""},
		{`these clients disconnect from the admin socket`, w.adminCrowdLeaves, "In the order in which they came."},
		{`one more client sends the admin command {string}`, w.adminOneMore, "Does not wait for the answer."},
		{`this client has no answer yet`, w.adminOneMoreWaits, "Watches it for 200 ms."},
		{`this client is answered`, w.adminOneMoreAnswered, "Waits for it; the sentences above check the answer."},
		{`a client of the admin socket sends {string} and then nothing`, w.adminSilentClient, "The sending half stays open. Waits for the answer and the end of the connection."},
		{`the end of that connection came after {int} ms`, w.adminEndAfter, "At the earliest."},
		{`another user sends the admin command {string}`, w.adminOtherUser, "User 65534, to whom the mode of the socket and of its directory give access. Only root can become that user: for scenarios tagged @root."},
	}
}

// adminClients are the connections to the admin socket that outlive a step.
type adminClients struct {
	silent []net.Conn
	more   net.Conn
	took   time.Duration // how long the last silent client's connection was open
}

// dialAdmin connects to the admin socket; the connection lasts until the scenario ends.
func (w *World) dialAdmin() (net.Conn, error) {
	conn, err := net.Dial("unix", w.adminSocket())
	if err != nil {
		return nil, err
	}
	w.cleanup(func() error {
		_ = conn.Close() // it may be closed already
		return nil
	})
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

func (w *World) adminCrowd(count int) error {
	for range count {
		conn, err := w.dialAdmin()
		if err != nil {
			return err
		}
		w.adminClients.silent = append(w.adminClients.silent, conn)
	}
	return nil
}

func (w *World) adminCrowdLeaves() error {
	for _, conn := range w.adminClients.silent {
		if err := conn.Close(); err != nil {
			return err
		}
	}
	w.adminClients.silent = nil
	return nil
}

func (w *World) adminOneMore(command string) error {
	conn, err := w.dialAdmin()
	if err != nil {
		return err
	}
	w.adminClients.more = conn
	_, err = io.WriteString(conn, command+"\n")
	return err
}

func (w *World) adminOneMoreWaits() error {
	conn := w.adminClients.more
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return err
	}
	n, err := conn.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("got %d bytes and %v, want no answer yet", n, err)
	}
	return conn.SetReadDeadline(time.Now().Add(patience))
}

func (w *World) adminOneMoreAnswered() error {
	answer, err := io.ReadAll(w.adminClients.more)
	w.admin = &adminAnswer{text: string(answer)}
	return err
}

func (w *World) adminSilentClient(text string) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	opened := time.Now()
	conn, err := w.dialAdmin()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, data); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	w.admin, w.adminClients.took = &adminAnswer{text: string(answer)}, time.Since(opened)
	return err
}

func (w *World) adminEndAfter(ms int) error {
	if least := time.Duration(ms) * time.Millisecond; w.adminClients.took < least {
		return fmt.Errorf("the connection ended after %v, want at least %v", w.adminClients.took, least)
	}
	return nil
}

// nobody is the user and group id of the other user.
const nobody = 65534

func (w *World) adminOtherUser(command string) error {
	w.markLog()
	for path, mode := range map[string]os.FileMode{w.dir: 0o711, w.adminSocket(): 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
	}
	fd, err := connectAsNobody(w.adminSocket())
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "admin socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, _ = io.WriteString(conn, command+"\n") // the refusal may have arrived already
	// The daemon may close before it has read the command; the read then ends with an error.
	answer, err := io.ReadAll(conn)
	w.admin = &adminAnswer{text: string(answer)}
	if err != nil && len(answer) == 0 {
		return fmt.Errorf("no answer from the admin socket: %w", err)
	}
	return nil
}

// connectAsNobody connects a stream socket to a Unix socket as another user. On Linux the user belongs to a thread, so
// one thread becomes that user for the one system call in which the kernel records the peer's credentials; if it cannot
// return to its user, it ends with its goroutine.
func connectAsNobody(path string) (fd int, err error) {
	result := make(chan error, 1)
	go func() {
		result <- func() error {
			runtime.LockOSThread()
			var err error
			fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				return os.NewSyscallError("socket", err)
			}
			const keep = ^uintptr(0)
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, nobody, keep); errno != 0 {
				syscall.Close(fd)
				return os.NewSyscallError("setresuid", errno)
			}
			connectErr := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, 0, keep); errno == 0 {
				runtime.UnlockOSThread()
			}
			if connectErr != nil {
				syscall.Close(fd)
			}
			return os.NewSyscallError("connect", connectErr)
		}()
	}()
	err = <-result
	return fd, err
}

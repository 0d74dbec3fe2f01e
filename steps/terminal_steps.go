package steps

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func (w *World) terminalSteps() []step {
	return []step{
		{`the command {string} is run on a terminal`, w.runOnTerminal, "As `the command {string} is run`, with a terminal of 60 rows and 160 columns as its stdout."},
		{`the command {string} is started on a terminal`, w.startOnTerminal, "Does not wait for its end."},
		{`the command is sent {word}`, w.signalCommand, "Waits for its end."},
		{`the terminal shows {string}`, w.terminalShows, "Part of what was ever written to it, with escapes such as `\\x1b`. Waits for it."},
		{`no escape codes were written`, w.noEscapes, "By the last command, to stdout or stderr."},
		{`something else answers {string} at the socket {string}`, w.answerAtSocket, "A Unix socket of the suite, which takes one line of each client and sends these bytes, with `\\n` and the other escapes."},
	}
}

// terminal is a pseudo-terminal (pty(7)).
type terminal struct {
	// near is the end that the suite reads, far the end that a program writes to.
	near, far *os.File
}

// openTerminal makes a terminal of 60 rows and 160 columns that passes on every byte unchanged.
func openTerminal() (*terminal, error) {
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t := &terminal{near: near}
	fd := int(near.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, errors.Join(err, near.Close())
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	if t.far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, errors.Join(err, near.Close())
	}
	settings, err := unix.IoctlGetTermios(int(t.far.Fd()), unix.TCGETS)
	if err == nil {
		settings.Oflag &^= unix.OPOST // otherwise it would end lines with \r\n
		err = unix.IoctlSetTermios(int(t.far.Fd()), unix.TCSETS, settings)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(t.far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 160})
	}
	if err != nil {
		return nil, errors.Join(err, near.Close(), t.far.Close())
	}
	return t, nil
}

// startOnTerminal starts the command; the stdout of its process is what it writes to the terminal.
func (w *World) startOnTerminal(line string) error {
	words, err := w.commandWords(line)
	if err != nil {
		return err
	}
	t, err := openTerminal()
	if err != nil {
		return fmt.Errorf("cannot make a terminal: %w", err)
	}
	cmd := w.binary(words)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdout = t.far
	p, err := w.start("reverse-proxy", cmd)
	_ = t.far.Close() // the process has its own copy
	if err != nil {
		return errors.Join(err, t.near.Close())
	}
	w.command = p
	read := make(chan struct{})
	w.terminalRead = read
	go func() {
		defer close(read)
		_, _ = io.Copy(&p.stdout, t.near) // it ends with EIO when the process ends
	}()
	w.cleanup(func() error {
		_ = t.near.Close()
		<-read
		return nil
	})
	return nil
}

func (w *World) runOnTerminal(line string) error {
	if err := w.startOnTerminal(line); err != nil {
		return err
	}
	return w.commandEnds()
}

// commandEnds waits until the command has ended and all its output to the terminal has been read.
func (w *World) commandEnds() error {
	if _, err := w.command.wait(patience); err != nil {
		return err
	}
	select {
	case <-w.terminalRead:
		return nil
	case <-time.After(patience):
		return errors.New("the terminal has not ended with its program")
	}
}

func (w *World) signalCommand(name string) error {
	sig, err := signalByName(name)
	if err != nil {
		return err
	}
	if err := w.command.signal(sig); err != nil {
		return err
	}
	return w.commandEnds()
}

func (w *World) terminalShows(text string) error {
	want, err := unescape(text)
	if err != nil {
		return err
	}
	return w.eventually(func() error { return contains(w.command.stdout.text(), want) })
}

func (w *World) noEscapes() error {
	for _, text := range []string{w.command.stdout.text(), w.command.stderr.text()} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) }); i >= 0 {
			return fmt.Errorf("got a control character at byte %d of %q", i, clip(text))
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("got bytes that are not UTF-8 in %q", clip(text))
		}
	}
	return nil
}

func (w *World) answerAtSocket(answer, name string) error {
	answer, err := unescape(answer)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", w.path(name))
	if err != nil {
		return err
	}
	w.cleanup(listener.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = conn.Read(make([]byte, 4096)) // the request, whatever it is
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return nil
}

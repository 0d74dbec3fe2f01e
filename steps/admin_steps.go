package steps

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) adminSteps() []step {
	return []step{
		{`the admin command {string} is sent`, w.adminCommand, "On a connection of its own, with a line end; waits for the answer and the end of the connection."},
		{`{string} is sent to the admin socket`, w.adminBytes, "Exact bytes, with `\\n` and the other escapes; the sending half is closed then."},
		{`the admin socket answers {string}`, w.adminIs, "The exact line."},
		{`the admin socket answers with:`, w.adminJSON, "A table of paths and values: `status`, `errors[0]`, `listeners#` (the length). `*` stands for anything that is not empty, a leading `~` for a part."},
		{`the admin socket answers {string} with the message {string}`, w.adminMessage, "The status, and a part of the message."},
		{`the admin socket's answer contains {string}`, w.adminContains, ""},
	}
}

// adminAnswer is the answer of the admin socket on one connection.
type adminAnswer struct{ text string }

// askAdmin sends bytes to the admin socket and reads to the end. If half is set, it also closes its sending side, which
// tells the daemon that no more will come.
func (w *World) askAdmin(data string, half bool) error {
	if w.daemon != nil {
		w.markLog()
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: w.adminSocket(), Net: "unix"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	// A command that is too long is answered before its end, so failing to send all of it is not an error.
	_, _ = io.WriteString(conn, data)
	if half {
		_ = conn.CloseWrite()
	}
	answer, err := io.ReadAll(conn)
	w.admin = &adminAnswer{text: string(answer)}
	if err != nil && len(answer) == 0 {
		return fmt.Errorf("no answer from the admin socket: %w", err)
	}
	return nil
}

func (w *World) adminCommand(command string) error {
	if command == "reload" {
		if err := w.writeConfig(); err != nil {
			return err
		}
	}
	return w.askAdmin(command+"\n", false)
}

func (w *World) adminBytes(text string) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	return w.askAdmin(data, true)
}

// adminLine returns the answer, which must be a single line.
func (w *World) adminLine() (string, error) {
	if w.admin == nil {
		return "", errors.New("nothing was sent to the admin socket yet")
	}
	line, ok := strings.CutSuffix(w.admin.text, "\n")
	if !ok || strings.Contains(line, "\n") {
		return "", fmt.Errorf("got %q, want exactly one line", clip(w.admin.text))
	}
	return line, nil
}

func (w *World) adminIs(want string) error {
	line, err := w.adminLine()
	if err == nil && line != want {
		err = fmt.Errorf("got %q, want %q", line, want)
	}
	return err
}

func (w *World) adminJSON(table *godog.Table) error {
	line, err := w.adminLine()
	if err != nil {
		return err
	}
	return checkJSON([]byte(line), table)
}

func (w *World) adminMessage(status, message string) error {
	line, err := w.adminLine()
	if err != nil {
		return err
	}
	if !strings.Contains(line, fmt.Sprintf(`"status":%q`, status)) {
		return fmt.Errorf("got %s, want the status %q", line, status)
	}
	return contains(line, message)
}

func (w *World) adminContains(text string) error {
	line, err := w.adminLine()
	if err != nil {
		return err
	}
	return contains(line, text)
}

package admin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

const (
	// maxCommand is the length of the longest command in bytes, without its line end (S-10.3).
	maxCommand = 4096
	// maxClip is the number of bytes of an unknown command that the answer repeats (S-10.2).
	maxClip = 64
)

// errInput is the answer to any input that is not one non-blank line.
var errInput = errors.New("invalid input")

// errOverlong is errInput for a line that has not ended: the client is still writing.
var errOverlong = fmt.Errorf("%w", errInput)

// newReader returns a reader for readCommand. Its buffer bounds how much a client can make the daemon hold.
func newReader(conn io.Reader) *bufio.Reader {
	return bufio.NewReaderSize(conn, maxCommand+len("\r\n"))
}

// readCommand reads one line of at most maxCommand bytes and returns it without its `\n` or `\r\n`. A line
// that is too long, blank, or not ended gives errInput, whether the stream ended or a deadline passed.
func readCommand(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errOverlong
	}
	if err != nil {
		return "", errInput
	}
	command := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	if len(command) > maxCommand || strings.TrimSpace(command) == "" {
		return "", errInput
	}
	return command, nil
}

// unknownCommand renders the message for a command that does not exist. It clips the command to maxClip bytes,
// between two characters, and escapes everything that is not printable ASCII as in a Go string, so that a terminal can
// show it.
func unknownCommand(command string) string {
	clipped := wording.Clip(command, maxClip)
	quoted := strconv.QuoteToASCII(clipped)
	message := "unknown command: " + quoted[1:len(quoted)-1]
	if len(clipped) < len(command) {
		message += "..."
	}
	return message
}

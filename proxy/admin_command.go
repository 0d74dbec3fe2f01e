package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// adminMaxCommand is the length of the longest command in bytes, without its line end (S-10.3).
	adminMaxCommand = 4096
	// adminClip is the number of bytes of an unknown command that the answer repeats (S-10.2).
	adminClip = 64
)

// errAdminInput is the answer to any input that is not one non-blank line.
var errAdminInput = errors.New("invalid input")

// errAdminOverlong is errAdminInput for a line that has not ended: the client is still writing.
var errAdminOverlong = fmt.Errorf("%w", errAdminInput)

// newAdminReader returns a reader for readAdminCommand. Its buffer bounds how much a client can make the daemon hold.
func newAdminReader(conn io.Reader) *bufio.Reader {
	return bufio.NewReaderSize(conn, adminMaxCommand+len("\r\n"))
}

// readAdminCommand reads one line of at most adminMaxCommand bytes and returns it without its `\n` or `\r\n`. A line
// that is too long, blank, or not ended gives errAdminInput, whether the stream ended or a deadline passed.
func readAdminCommand(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errAdminOverlong
	}
	if err != nil {
		return "", errAdminInput
	}
	command := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	if len(command) > adminMaxCommand || strings.TrimSpace(command) == "" {
		return "", errAdminInput
	}
	return command, nil
}

// unknownAdminCommand renders the message for a command that does not exist. It clips the command to adminClip bytes,
// between two characters, and escapes everything that is not printable ASCII as in a Go string, so that a terminal can
// show it.
func unknownAdminCommand(command string) string {
	clipped := command
	if len(clipped) > adminClip {
		end := adminClip
		for end > adminClip-utf8.UTFMax && !utf8.RuneStart(clipped[end]) {
			end--
		}
		clipped = clipped[:end]
	}
	quoted := strconv.QuoteToASCII(clipped)
	message := "unknown command: " + quoted[1:len(quoted)-1]
	if len(clipped) < len(command) {
		message += "..."
	}
	return message
}

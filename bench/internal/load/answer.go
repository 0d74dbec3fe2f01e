//go:build linux

package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// maxAnswerHead bounds the head of an answer, in bytes.
const maxAnswerHead = 16 << 10

// answer parses one HTTP/1.1 answer and checks its status and length. The zero value waits for a head.
type answer struct {
	// partial holds the beginning of a head whose end has not arrived yet.
	partial []byte
	// inBody reports whether the head is complete; left is the number of bytes missing from the body.
	inBody bool
	left   int
}

// feed parses bytes of the answer, whose body must have want bytes, and reports whether the answer is now complete.
// Bytes after its end, any status but 200 and any other length are errors.
func (a *answer) feed(p []byte, want int) (bool, error) {
	if !a.inBody {
		if len(a.partial) > 0 {
			p = append(a.partial, p...)
			a.partial = a.partial[:0]
		}
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 {
			if len(p) > maxAnswerHead {
				return false, fmt.Errorf("got a head of more than %d bytes", maxAnswerHead)
			}
			a.partial = append([]byte(nil), p...)
			return false, nil
		}
		if err := checkHead(p[:end+2], want); err != nil {
			return false, err
		}
		a.inBody, a.left = true, want
		p = p[end+4:]
	}
	if len(p) > a.left {
		return false, fmt.Errorf("got %d bytes after the end of the answer", len(p)-a.left)
	}
	a.left -= len(p)
	if a.left > 0 {
		return false, nil
	}
	a.inBody = false
	return true, nil
}

// checkHead checks that a head has status 200 and a Content-Length of want. Its last line ends with CRLF.
func checkHead(head []byte, want int) error {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		return fmt.Errorf("got the answer %q, want 200", line)
	}
	for rest := head; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		line := rest[:end]
		rest = rest[end+1:]
		const name = "content-length:"
		// Compare the first letter before the name, because comparing a name costs more.
		if len(line) < len(name) || line[0]|0x20 != 'c' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
			continue
		}
		length, err := strconv.Atoi(string(bytes.TrimSpace(line[len(name):])))
		if err != nil || length != want {
			return fmt.Errorf("got %q, want a length of %d", bytes.TrimSpace(line), want)
		}
		return nil
	}
	return fmt.Errorf("got no Content-Length, want %d", want)
}

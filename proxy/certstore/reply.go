package certstore

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

// The bounds of one reply. The client package allocates whatever length the server announces, and recurses into
// arrays without a limit. Without bounds, a server could exhaust the memory or the stack with a few bytes.
const (
	// maxReplyBytes bounds a reply as a whole. The longest is a list of changes.
	maxReplyBytes = 1 << 20
	// maxReplyString bounds a string. It is one byte more than a value may have, so that a longer value is
	// recognized.
	maxReplyString = maxValueBytes + 1
	// maxReplyLine bounds a line, such as the text of an error.
	maxReplyLine = 4 << 10
	// maxReplyElements bounds an array, and maxReplyDepth how deep arrays are nested.
	maxReplyElements, maxReplyDepth = 4096, 8
)

// stringEnd is the kind of the line that ends a string; it is empty.
const stringEnd = 'e'

// replyError is the error for a server that sends something that cannot answer a request of this package.
type replyError struct{ what string }

// Error implements error.
func (e replyError) Error() string { return "the server does not answer as Redis does: " + e.what }

// boundedConn is a connection to the server. If a reply exceeds a bound or is invalid, it passes on nothing from the
// byte that shows it.
type boundedConn struct {
	net.Conn
	replies replyScanner
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if refused := c.replies.scan(p[:n]); refused != nil {
		c.Close()
		return 0, refused
	}
	return n, err
}

// replyScanner follows the replies of a server (RESP 2) as their bytes arrive.
type replyScanner struct {
	// bytes is the length of the current reply so far.
	bytes int
	// kind is the first byte of the current line, or 0 before it has arrived. text is the rest of the line, and
	// ending reports whether its carriage return has arrived.
	kind   byte
	text   []byte
	ending bool
	// missing is the number of bytes of a string that are still to come.
	missing int
	// open has the number of missing elements of each incomplete array.
	open []int
	err  error
}

// scan reads the next bytes. After an error it returns the same error again.
func (s *replyScanner) scan(p []byte) error {
	for len(p) > 0 && s.err == nil {
		n := min(max(s.missing, 1), len(p))
		if s.bytes += n; s.bytes > maxReplyBytes {
			s.err = replyError{fmt.Sprintf("a reply of more than %d bytes", maxReplyBytes)}
		} else if s.missing > 0 {
			s.missing -= n
		} else {
			s.err = s.lineByte(p[0])
		}
		p = p[n:]
	}
	return s.err
}

// lineByte takes the next byte of a line.
func (s *replyScanner) lineByte(b byte) error {
	switch {
	case s.kind == 0:
		s.kind, s.text = b, s.text[:0]
		if !strings.ContainsRune("+-:$*", rune(b)) {
			return replyError{fmt.Sprintf("a reply that begins with %q", b)}
		}
		return nil
	case s.ending && b == '\n':
		s.ending = false
		return s.endLine()
	case s.ending, b == '\n', s.kind == stringEnd && b != '\r':
		return replyError{"a line or a string that does not end with CR LF"}
	case b == '\r':
		s.ending = true
		return nil
	case len(s.text) >= maxReplyLine:
		return replyError{fmt.Sprintf("a line of more than %d bytes", maxReplyLine)}
	}
	s.text = append(s.text, b)
	return nil
}

// endLine evaluates a complete line.
func (s *replyScanner) endLine() error {
	kind := s.kind
	s.kind = 0
	if kind == '+' || kind == '-' || kind == stringEnd {
		s.endElement()
		return nil
	}
	text := string(s.text)
	n, err := strconv.ParseInt(text, 10, 64)
	switch absent := text == "-1"; {
	case err != nil, text[0] == '+', text[0] == '-' && kind != ':' && !absent:
		return replyError{"the text " + wording.Printable(text) + " where a number should be"}
	case kind == ':', absent:
		s.endElement()
	case kind == '$':
		if n > maxReplyString {
			return replyError{fmt.Sprintf("a string of %d bytes", n)}
		}
		s.kind, s.missing, s.text = stringEnd, int(n), s.text[:0]
	case n > maxReplyElements:
		return replyError{fmt.Sprintf("an array of %d elements", n)}
	case n == 0:
		s.endElement()
	case len(s.open) == maxReplyDepth:
		return replyError{fmt.Sprintf("arrays in arrays, more than %d deep", maxReplyDepth)}
	default:
		s.open = append(s.open, int(n))
	}
	return nil
}

// endElement counts a complete element, and the arrays that it completes.
func (s *replyScanner) endElement() {
	for len(s.open) > 0 {
		last := len(s.open) - 1
		if s.open[last]--; s.open[last] > 0 {
			return
		}
		s.open = s.open[:last]
	}
	s.bytes = 0
}

package http1

import (
	"encoding/binary"
	"unsafe"
)

// Request is a request head. Its strings alias the parsed buffer. The zero value is ready for use, and a reused value
// keeps the memory of its field list.
type Request struct {
	Method, Target string
	// Authority is the host and port of an absolute-form target, or the target of CONNECT, else "". It overrides Host
	// (RFC 9112, section 3.2.2).
	Authority string
	// PathQuery is the target without scheme and authority. It begins with a slash, or is `*`. An absolute-form without
	// a path is the exception: there it is empty or begins with a question mark, and AppendTarget adds the slash.
	PathQuery string
	// Minor is the minor version: 0 or 1.
	Minor int
	// Fields holds all field lines except Host, Content-Length and Transfer-Encoding, including hop-by-hop ones. The next
	// Parse reuses its memory.
	Fields Fields
	// Host is the value of the Host line. HasHost distinguishes an empty value from a missing line, which only HTTP/1.0
	// allows.
	Host    string
	HasHost bool
	// ContentLength is the length of the body in bytes: 0 if there is none, -1 if it is chunked.
	ContentLength int64
	// HasContentLength distinguishes a declared length of 0 from none.
	HasContentLength bool
	// Chunked reports whether the body is to be read with a ChunkedDecoder.
	Chunked bool
	// KeepAlive reports whether the client asked for a persistent connection by its version and its Connection field.
	// It is false for HTTP/1.0 (S-6.14).
	KeepAlive bool
	// ExpectContinue reports whether the client waits for a 100 before it sends the body (RFC 9110, section 10.1.1). It
	// is false for HTTP/1.0 and without a body, where a server must ignore the expectation.
	ExpectContinue bool
	// Upgrade is the value of the first Upgrade line if Connection names it, else "". It is empty for HTTP/1.0 (RFC
	// 9110, section 7.8).
	Upgrade string
	// TETrailers reports whether TE contains `trailers`, which means that the client accepts them.
	TETrailers bool

	scan headScan
}

const (
	http11 = 'H' | 'T'<<8 | 'T'<<16 | 'P'<<24 | '/'<<32 | '1'<<40 | '.'<<48 | '1'<<56
	http10 = 'H' | 'T'<<8 | 'T'<<16 | 'P'<<24 | '/'<<32 | '1'<<40 | '.'<<48 | '0'<<56
)

// Parse parses the request head at the beginning of buf. It returns the length of the head in bytes, ErrIncomplete if
// the head is not complete, or an *Error. from is the length of buf at the last ErrIncomplete for this head, or 0 at
// first. It makes repeated calls cheap. A buffer that has at least doubled since then is parsed without a scan, which
// is cheaper and keeps the cost of all calls linear. That is the usual case of a connection that waits for one byte and
// then reads the rest.
//
// A byte that no head can contain is rejected as soon as it arrives. If the head arrives in pieces, faults in the
// meaning of its fields may be reported only when it is complete. After an *Error the method and the target are set if
// they were read, so that the log can show them.
func (r *Request) Parse(buf []byte, from int) (n int, err error) {
	if from == 0 {
		r.scan = newRequestScan()
	} else if len(buf) < min(MaxHeadBytes, 2*from) && r.scan.look(buf) == headGoesOn {
		return 0, ErrIncomplete
	}
	if len(buf) > MaxHeadBytes {
		buf = buf[:MaxHeadBytes]
	}
	n, rejection := r.parse(buf)
	switch {
	case rejection != nil:
		return 0, rejection
	case n == 0 && len(buf) == MaxHeadBytes:
		return 0, reject(431, "request head over 64 KiB")
	case n == 0:
		return 0, ErrIncomplete
	}
	return n, nil
}

// parse does the work of Parse on a buffer of at most MaxHeadBytes. 0 without an error means that the head is
// incomplete.
func (r *Request) parse(buf []byte) (n int, err *Error) {
	*r = Request{Fields: r.Fields[:0], scan: r.scan}
	i, err := r.parseLine(buf)
	if i == 0 || err != nil {
		return 0, err
	}
	l := lines{fields: r.Fields}
	i, err = l.parse(buf, i, kindRequest)
	if i == 0 || err != nil {
		return 0, err
	}
	r.Fields = l.fields
	r.Host, r.HasHost = l.host, l.hasHost
	if !l.hasHost {
		if r.Minor == 1 {
			return 0, reject(400, "no Host")
		}
	} else if l.host != "" && !validAuthority(l.host) {
		return 0, reject(400, "malformed Host")
	}
	if err := r.frame(&l); err != nil {
		return 0, err
	}
	if r.Minor == 1 {
		r.KeepAlive = !l.close
		r.ExpectContinue = l.expectContinue && r.ContentLength != 0
		if l.connectionHasUpgrade {
			r.Upgrade = l.upgrade
		}
	}
	r.TETrailers = l.teTrailers
	return i, nil
}

// frame determines how the body is framed (RFC 9112, section 6).
func (r *Request) frame(l *lines) *Error {
	if l.hasCoding {
		if l.hasLength {
			return reject(400, "Content-Length with Transfer-Encoding")
		}
		if r.Minor == 0 {
			return reject(400, "Transfer-Encoding in HTTP/1.0")
		}
		if err := checkCoding(l.transferEncoding); err != nil {
			return err
		}
		r.Chunked, r.ContentLength = true, -1
		return nil
	}
	if l.hasLength {
		length, ok := parseLength(l.contentLength)
		if !ok {
			return reject(400, "malformed Content-Length")
		}
		r.ContentLength, r.HasContentLength = length, true
	}
	return nil
}

// parseLine parses the request line and the few empty lines that may precede it (RFC 9112, section 3). It returns the
// index after the line, or 0 if it is incomplete. The parts of the line must be separated by exactly one space. Section
// 3 lets a server accept other white space, but it is rejected here.
func (r *Request) parseLine(buf []byte) (next int, err *Error) {
	i := 0
	for i < len(buf) && buf[i] == '\r' {
		if i+1 >= len(buf) {
			return 0, nil
		}
		if buf[i+1] != '\n' || i == 2*maxEmptyLines {
			return 0, reject(400, "malformed request line")
		}
		i += 2
	}
	start := i
	for i < len(buf) && class[buf[i]]&classToken != 0 {
		i++
	}
	if i-start > MaxMethodBytes {
		return 0, reject(501, "method too long")
	}
	if i >= len(buf) {
		return 0, nil
	}
	if buf[i] != ' ' || i == start {
		return 0, reject(400, "malformed request line")
	}
	r.Method = unsafe.String(&buf[start], i-start)
	i++
	start = i
	i = scanVisible(buf, i)
	if i-start > MaxTargetBytes {
		return 0, reject(414, "target too long")
	}
	if i >= len(buf) {
		return 0, nil
	}
	if buf[i] != ' ' || i == start {
		return 0, reject(400, "malformed request line")
	}
	r.Target = unsafe.String(&buf[start], i-start)
	i++
	r.Minor, i, err = parseVersion(buf, i)
	if i == 0 || err != nil {
		return 0, err
	}
	if i+1 >= len(buf) {
		if i < len(buf) && buf[i] != '\r' {
			return 0, reject(400, "malformed request line")
		}
		return 0, nil
	}
	if buf[i] != '\r' || buf[i+1] != '\n' {
		return 0, reject(400, "malformed request line")
	}
	return i + 2, r.setTarget(r.Target)
}

// parseVersion parses an HTTP-version (RFC 9112, section 2.3). It returns the index after it, or 0 if it is incomplete.
// Only 1.0 and 1.1 are known.
func parseVersion(buf []byte, i int) (minor, next int, err *Error) {
	if len(buf)-i < versionBytes {
		for at, c := range buf[i:] {
			if !isVersionByte(at, c) {
				return 0, 0, reject(400, "malformed HTTP version")
			}
		}
		return 0, 0, nil
	}
	switch binary.LittleEndian.Uint64(buf[i:]) {
	case http11:
		return 1, i + 8, nil
	case http10:
		return 0, i + 8, nil
	}
	if version := buf[i : i+8]; string(version[:5]) == "HTTP/" && isDigit(version[5]) && version[6] == '.' && isDigit(version[7]) {
		return 0, 0, reject(505, "HTTP version not supported")
	}
	return 0, 0, reject(400, "malformed HTTP version")
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

package http1

import (
	"unsafe"
)

// Response is a response head. Its strings alias the parsed buffer. The zero value is ready for use, and a reused value
// keeps the memory of its field list.
type Response struct {
	// Status is 100 to 999.
	Status int
	// Minor is the minor version: 0 or 1.
	Minor int
	// Reason is the reason phrase, which may be empty.
	Reason string
	// Fields holds all field lines except Content-Length and Transfer-Encoding, including hop-by-hop ones. The next Parse
	// reuses its memory.
	Fields Fields
	// ContentLength is the declared length in bytes, or -1 if none was declared. For a HEAD request and for 304 it is
	// the length that the body would have had; BodyOf returns the length of the actual body.
	ContentLength int64
	// HasContentLength reports whether a length was declared.
	HasContentLength bool
	// Chunked reports whether Transfer-Encoding is chunked.
	Chunked bool
	// KeepAlive reports whether version and Connection field allow the connection to be reused after the body (RFC
	// 9112, section 9.3). It does not consider a body that ends with the connection.
	KeepAlive bool
	// Upgrade is the value of the first Upgrade line if Connection names it, else "".
	Upgrade string

	scan headScan
}

// BodyKind is the way in which the end of a body is determined.
type BodyKind uint8

const (
	// BodyNone means that there is no body.
	BodyNone BodyKind = iota
	// BodyLength means that the body has the declared length, which is not 0.
	BodyLength
	// BodyChunked means that the body is to be read with a ChunkedDecoder.
	BodyChunked
	// BodyUntilClose means that the body ends with the connection: a complete one looks like a truncated one.
	BodyUntilClose
)

// BodyOf returns how the body of this response to a request with that method is framed, and its length for BodyLength
// (RFC 9112, section 6.3). The bytes after a 101, or after a success of CONNECT, are not HTTP; both count as BodyNone.
func (r *Response) BodyOf(method string) (kind BodyKind, length int64) {
	switch {
	case method == "HEAD", r.Status < 200, r.Status == 204, r.Status == 304, method == "CONNECT" && r.Status < 300:
		return BodyNone, 0
	case r.Chunked:
		return BodyChunked, 0
	case r.ContentLength > 0:
		return BodyLength, r.ContentLength
	case r.HasContentLength:
		return BodyNone, 0
	}
	return BodyUntilClose, 0
}

// Parse parses the response head at the beginning of buf. It returns the head's length in bytes, ErrIncomplete if it is
// not complete, or an *Error, whose status is 502. from is the length of buf at the last ErrIncomplete for this head, 0
// at first.
func (r *Response) Parse(buf []byte, from int) (n int, err error) {
	if from == 0 {
		r.scan = newResponseScan()
	} else if len(buf) < min(MaxHeadBytes, 2*from) && r.scan.look(buf) == headGoesOn {
		return 0, ErrIncomplete
	}
	if len(buf) > MaxHeadBytes {
		buf = buf[:MaxHeadBytes]
	}
	n, rejection := r.parse(buf)
	switch {
	case rejection != nil:
		rejection.Status = 502
		return 0, rejection
	case n == 0 && len(buf) == MaxHeadBytes:
		return 0, reject(502, "response head over 64 KiB")
	case n == 0:
		return 0, ErrIncomplete
	}
	return n, nil
}

// parse does the work of Parse on a buffer of at most MaxHeadBytes. 0 without an error means that the head is
// incomplete.
func (r *Response) parse(buf []byte) (n int, err *Error) {
	*r = Response{Fields: r.Fields[:0], ContentLength: -1, scan: r.scan}
	i, err := r.parseLine(buf)
	if i == 0 || err != nil {
		return 0, err
	}
	l := lines{fields: r.Fields}
	i, err = l.parse(buf, i, kindResponse)
	if i == 0 || err != nil {
		return 0, err
	}
	r.Fields = l.fields
	r.KeepAlive = !l.close && (r.Minor == 1 || l.keepAlive)
	if l.connectionHasUpgrade {
		r.Upgrade = l.upgrade
	}
	if err := r.frame(&l); err != nil {
		return 0, err
	}
	return i, nil
}

// frame reads what the head says about the body (RFC 9112, section 6). A response that declares a body but cannot have
// one is ambiguous. If it is a 1xx other than 101, it is rejected, because another response follows it. If it is a 204,
// the connection is not reused. A 101 ends HTTP on the connection, so its framing has no meaning.
func (r *Response) frame(l *lines) *Error {
	if l.hasCoding {
		if l.hasLength {
			return reject(502, "Content-Length with Transfer-Encoding")
		}
		if r.Minor == 0 {
			return reject(502, "Transfer-Encoding in HTTP/1.0")
		}
		if err := checkCoding(l.transferEncoding); err != nil {
			return err
		}
		r.Chunked = true
	}
	if l.hasLength {
		length, ok := parseLength(l.contentLength)
		if !ok {
			return reject(502, "malformed Content-Length")
		}
		r.ContentLength, r.HasContentLength = length, true
	}
	if r.Chunked || r.ContentLength > 0 {
		switch {
		case r.Status < 200 && r.Status != 101:
			return reject(502, "body declared in a 1xx response")
		case r.Status == 204:
			r.KeepAlive = false
		}
	}
	return nil
}

// parseLine parses the status line (RFC 9112, section 4). It returns the index after the line, or 0 if it is
// incomplete. The space before an empty reason phrase may be missing: many servers omit it, and nothing becomes
// ambiguous.
func (r *Response) parseLine(buf []byte) (next int, err *Error) {
	minor, i, err := parseVersion(buf, 0)
	if i == 0 || err != nil {
		return 0, err
	}
	r.Minor = minor
	status := buf[i:min(i+statusBytes, len(buf))]
	for at, c := range status {
		if !isStatusByte(at, c) {
			return 0, reject(502, "malformed status line")
		}
	}
	if i+statusBytes >= len(buf) {
		return 0, nil
	}
	r.Status = int(status[1]-'0')*100 + int(status[2]-'0')*10 + int(status[3]-'0')
	i += 4
	start := i
	if buf[i] == ' ' {
		start++
		i = scanText(buf, start)
	}
	if i+1 >= len(buf) {
		if i < len(buf) && buf[i] != '\r' {
			return 0, reject(502, "malformed status line")
		}
		return 0, nil
	}
	if buf[i] != '\r' || buf[i+1] != '\n' {
		return 0, reject(502, "malformed status line")
	}
	r.Reason = unsafe.String(&buf[start], i-start)
	return i + 2, nil
}

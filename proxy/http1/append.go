package http1

import "strconv"

// AppendRequestLine appends an HTTP/1.1 request line. Method and target must be valid.
func AppendRequestLine(dst []byte, method, target string) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	return append(dst, " HTTP/1.1\r\n"...)
}

// AppendField appends a field line. Name and value must be valid: AppendField does not check for line ends.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// AppendCookie appends one Cookie field line whose value came in several pieces. It joins them as RFC 9113, section
// 8.2.3, says.
func AppendCookie(dst []byte, name, first string, others []string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, first...)
	for _, value := range others {
		dst = append(dst, ';', ' ')
		dst = append(dst, value...)
	}
	return append(dst, '\r', '\n')
}

// AppendFields appends the field lines of a list.
func AppendFields(dst []byte, fields Fields) []byte {
	for i := range fields {
		dst = AppendField(dst, fields[i].Name, fields[i].Value)
	}
	return dst
}

// AppendInt appends a number in decimal digits.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// AppendChunkHead appends the line before a chunk of n bytes, n > 0 (RFC 9112, section 7.1).
func AppendChunkHead(dst []byte, n int) []byte {
	return append(strconv.AppendUint(dst, uint64(n), 16), '\r', '\n')
}

// AppendChunkEnd appends the line end after the data of a chunk.
func AppendChunkEnd(dst []byte) []byte { return append(dst, '\r', '\n') }

// AppendLastChunk appends the end of a chunked body: the last chunk, the trailer section and the final empty line.
func AppendLastChunk(dst []byte, trailers Fields) []byte {
	dst = append(dst, '0', '\r', '\n')
	dst = AppendFields(dst, trailers)
	return append(dst, '\r', '\n')
}

// AppendStatusLine appends an HTTP/1.1 status line. The reason phrase must be valid; an empty one is replaced by the
// registered phrase, if the status has one. The status is 100 to 999.
func AppendStatusLine(dst []byte, status int, reason string) []byte {
	if reason == "" {
		reason = Reason(status)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10), ' ')
	dst = append(dst, reason...)
	return append(dst, '\r', '\n')
}

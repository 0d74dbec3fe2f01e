package http1

// extension reads one byte of a chunk line after the size: extensions, which are checked and then ignored (RFC 9112,
// section 7.1.1), and the CR at the end. It reports whether the byte is allowed there.
func (d *ChunkedDecoder) extension(c byte) bool {
	space := c == ' ' || c == '\t'
	token := class[c]&classToken != 0
	switch d.state {
	case chunkName:
		if token {
			d.state = chunkInName
		}
		return token || space
	case chunkInName, chunkAfterName:
		switch {
		case c == '=':
			d.state = chunkValue
		case c == ';':
			d.state = chunkName
		case c == '\r' && d.state == chunkInName:
			d.state = chunkLineEnd
		case space:
			d.state = chunkAfterName
		default:
			return token && d.state == chunkInName
		}
	case chunkValue:
		switch {
		case c == '"':
			d.state = chunkQuoted
		case token:
			d.state = chunkInValue
		default:
			return space
		}
	case chunkInValue:
		switch {
		case c == '\r':
			d.state = chunkLineEnd
		case c == ';':
			d.state = chunkName
		case space:
			d.state = chunkAfterValue
		default:
			return token
		}
	case chunkQuoted:
		switch c {
		case '"':
			d.state = chunkAfterQuoted
		case '\\':
			d.state = chunkEscape
		default:
			return class[c]&classQuoted != 0
		}
	case chunkAfterQuoted, chunkAfterValue:
		switch {
		case c == '\r' && d.state == chunkAfterQuoted:
			d.state = chunkLineEnd
		case c == ';':
			d.state = chunkName
		case space:
			d.state = chunkAfterValue
		default:
			return false
		}
	case chunkEscape:
		d.state = chunkQuoted
		return class[c]&classText != 0
	}
	return true
}

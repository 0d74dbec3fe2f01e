package http1

// headScan looks at a head, or a trailer section, that comes in pieces, each byte once: what can never become valid is told
// at the byte that shows it, and not when an empty line comes, which its sender may think it has sent. It knows the lines'
// grammar; what they mean is for the parser, which is asked when there is something to judge. So the cost of a head that
// trickles in, byte by byte, stays linear in its length.
type headScan struct {
	// at is the number of bytes that were looked at.
	at    int
	state scanState
	// size is the number of bytes, or of lines, of the part that the state is in.
	size int
	// fields counts the field lines; maxFields bounds them.
	fields, maxFields int
}

type scanState uint8

const (
	scanRequest    scanState = iota // before a request line
	scanEmptyLine                   // after the CR of an empty line there
	scanMethod                      // in a method
	scanTarget                      // in a target
	scanVersion                     // in the version of a request
	scanVersionEnd                  // after it
	scanResponse                    // in the version of a response
	scanStatus                      // in the status with the space before it
	scanStatusEnd                   // after it
	scanReason                      // in a reason phrase
	scanStartCR                     // after the CR of the first line
	scanLine                        // before a field line, or the empty line
	scanName                        // in a field name
	scanValue                       // in a field value
	scanFieldCR                     // after the CR of a field line
	scanEndCR                       // after the CR of the empty line
)

// verdict is what a scan has found.
type verdict uint8

const (
	headGoesOn  verdict = iota // more has to come
	headToJudge                // the parser may find fault, or may not
	headAtFault                // the last byte that was looked at can be in no head
	headIsWhole                // the empty line has come
)

// newRequestScan, newResponseScan and newTrailerScan return a scan at its beginning.
func newRequestScan() headScan  { return headScan{state: scanRequest, maxFields: MaxFields} }
func newResponseScan() headScan { return headScan{state: scanResponse, maxFields: MaxResponseFields} }
func newTrailerScan() headScan  { return headScan{state: scanLine, maxFields: MaxFields} }

// look looks at the bytes of buf after the first s.at, which were looked at before, up to the end of the head or the first
// byte that is wrong.
func (s *headScan) look(buf []byte) verdict {
	found := headGoesOn
	for s.at < len(buf) {
		switch s.state { // the long parts, many bytes at a time
		case scanValue, scanReason:
			s.at = scanText(buf, s.at)
		case scanTarget:
			end := scanVisible(buf, s.at)
			s.size += end - s.at
			s.at = end
			if s.size > MaxTargetBytes {
				return headAtFault
			}
		}
		if s.at == len(buf) {
			break
		}
		c := buf[s.at]
		s.at++
		switch step := s.step(c); {
		case step >= headAtFault:
			return step
		case step == headToJudge:
			found = step
		}
	}
	return found
}

// step takes one byte.
func (s *headScan) step(c byte) verdict {
	switch s.state {
	case scanRequest, scanEmptyLine, scanMethod, scanTarget:
		return s.requestStep(c)
	case scanVersion, scanVersionEnd, scanResponse, scanStatus, scanStatusEnd:
		return s.versionStep(c)
	case scanReason:
		return s.expect(c == '\r', scanStartCR)
	case scanStartCR:
		if c == '\n' {
			s.state = scanLine
			return headToJudge // the first line is whole
		}
		return headAtFault
	case scanLine:
		if c == '\r' {
			s.state = scanEndCR
			return headGoesOn
		}
		return s.expect(class[c]&classToken != 0, scanName)
	case scanName:
		if c == ':' {
			s.state = scanValue
			return headGoesOn
		}
		return s.expect(class[c]&classToken != 0, scanName)
	case scanValue:
		return s.expect(c == '\r', scanFieldCR)
	case scanFieldCR:
		s.fields++
		return s.expect(c == '\n' && s.fields <= s.maxFields, scanLine)
	case scanEndCR:
		if c == '\n' {
			return headIsWhole
		}
	}
	return headAtFault
}

// requestStep takes a byte of a request line before the version.
func (s *headScan) requestStep(c byte) verdict {
	switch s.state {
	case scanRequest:
		if c == '\r' {
			s.state = scanEmptyLine
			return headGoesOn
		}
		s.size = 1
		return s.expect(class[c]&classToken != 0, scanMethod)
	case scanEmptyLine:
		s.size++
		return s.expect(c == '\n' && s.size <= maxEmptyLines, scanRequest)
	case scanMethod:
		if c == ' ' {
			s.state, s.size = scanTarget, 0
			return headGoesOn
		}
		s.size++
		return s.expect(class[c]&classToken != 0 && s.size <= MaxMethodBytes, scanMethod)
	}
	empty := s.size == 0
	s.size = 0
	return s.expect(c == ' ' && !empty, scanVersion)
}

// versionStep takes a byte of a version, or of a status.
func (s *headScan) versionStep(c byte) verdict {
	switch s.state {
	case scanVersion, scanResponse:
		if !isVersionByte(s.size, c) {
			return headAtFault
		}
		if s.size++; s.size < versionBytes {
			return headGoesOn
		}
		s.size = 0
		if s.state == scanVersion {
			s.state = scanVersionEnd
		} else {
			s.state = scanStatus
		}
		return headToJudge // it may be one that is not known
	case scanVersionEnd:
		return s.expect(c == '\r', scanStartCR)
	case scanStatus:
		if !isStatusByte(s.size, c) {
			return headAtFault
		}
		if s.size++; s.size == statusBytes {
			s.state = scanStatusEnd
		}
		return headGoesOn
	}
	if c == '\r' {
		s.state = scanStartCR
		return headGoesOn
	}
	return s.expect(c == ' ', scanReason)
}

// expect goes on in a state, unless the byte was wrong.
func (s *headScan) expect(ok bool, next scanState) verdict {
	if !ok {
		return headAtFault
	}
	s.state = next
	return headGoesOn
}

const (
	versionBytes = len("HTTP/1.1")
	statusBytes  = len(" 200")
)

// isVersionByte reports whether c may be the byte at that index of an HTTP-version, known or not.
func isVersionByte(i int, c byte) bool {
	switch i {
	case 5, 7:
		return isDigit(c)
	}
	return c == "HTTP/1.1"[i]
}

// isStatusByte reports whether c may be the byte at that index of a status with the space before it.
func isStatusByte(i int, c byte) bool {
	if i == 0 {
		return c == ' '
	}
	return isDigit(c) && (i > 1 || c != '0')
}

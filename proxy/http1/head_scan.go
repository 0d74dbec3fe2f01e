package http1

// headScan scans a head or a trailer section that arrives in pieces, each byte once. It reports a byte that makes the
// head invalid as soon as the byte arrives. It does not wait for the empty line, because the sender may believe that it
// has already sent one. It knows only the grammar of the lines. It leaves their meaning to the parser, which runs only
// when there is something to judge. So the cost of a head that arrives byte by byte stays linear in its length.
type headScan struct {
	// at is the number of scanned bytes.
	at    int
	state scanState
	// size is the number of bytes, or of lines, scanned in the part that the current state is in.
	size int
	// fields counts the field lines; maxFields bounds them.
	fields, maxFields int
}

type scanState uint8

const (
	scanRequest    scanState = iota // before a request line
	scanEmptyLine                   // after the CR of an empty line before a request line
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

// verdict is the result of a scan.
type verdict uint8

const (
	headGoesOn  verdict = iota // more must come
	headToJudge                // the parser may find a fault
	headAtFault                // no head can contain the byte scanned last
	headIsWhole                // the empty line has arrived
)

// newRequestScan, newResponseScan and newTrailerScan return a new scan.
func newRequestScan() headScan  { return headScan{state: scanRequest, maxFields: MaxFields} }
func newResponseScan() headScan { return headScan{state: scanResponse, maxFields: MaxResponseFields} }
func newTrailerScan() headScan  { return headScan{state: scanLine, maxFields: MaxFields} }

// look scans buf from s.at, where the previous call ended, up to the end of the head or the first wrong byte.
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

// step scans one byte.
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
			return headToJudge // the first line is complete
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

// requestStep scans a byte of a request line before the version.
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

// versionStep scans a byte of a version or of a status.
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
		return headToJudge // the version may be unknown
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

// expect moves on to the next state, unless the byte was wrong.
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

// isVersionByte reports whether c may be byte i of an HTTP-version, known or not.
func isVersionByte(i int, c byte) bool {
	switch i {
	case 5, 7:
		return isDigit(c)
	}
	return c == "HTTP/1.1"[i]
}

// isStatusByte reports whether c may be byte i of a status with the space before it.
func isStatusByte(i int, c byte) bool {
	if i == 0 {
		return c == ' '
	}
	return isDigit(c) && (i > 1 || c != '0')
}

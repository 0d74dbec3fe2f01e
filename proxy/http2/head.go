package http2

import (
	"unsafe"

	"reverse-proxy/proxy/http1"
)

// Head is the decoded header list of a request, or of its trailers. The zero value is ready for use, and a reused value
// keeps the memory of its fields.
type Head struct {
	// Method, Scheme, Path, Authority and Protocol are the pseudo-header fields, or "".
	Method, Scheme, Path, Authority, Protocol string
	// Fields holds the regular fields except host and content-length, in their order. The cookie fields of a request
	// count as one field, in the place of the first (RFC 9113, section 8.2.3). It has the first value; Cookies holds
	// the others, and the writer of the head joins them. Separate values share their memory with the table. If they
	// were joined, 127 one-byte references to a cookie of 400 bytes would take 50 KB in every waiting request (S-12.8).
	Fields  http1.Fields
	Cookies []string
	// Host is the value of the host field. Conflict reports whether there were several host fields, or one that differs
	// from `:authority`.
	Host     string
	Conflict bool
	// ContentLength is the declared length of the body in bytes, or -1 if none was declared.
	ContentLength int64
	// ExpectContinue reports whether the client waits for a 100 before it sends the body.
	ExpectContinue bool
	// Priority is the client's preference for the order of responses.
	Priority Priority

	// Status is the status of a response, and 0 in a request.
	Status int

	response  bool
	pseudo    uint8
	hosts     int
	regular   bool
	trailer   bool
	count     int
	malformed string
	// tooLarge names the bound that the list exceeds, or is "".
	tooLarge string
	// cookie is the index of the cookie field in Fields, or -1.
	cookie int
}

// keptCookies is the number of cookies for which a reused Head keeps its memory. Few sites set more.
const keptCookies = 256

// These are the bounds of a head, as the log names them.
const (
	tooManyFields = "more than 128 field lines"
	listTooLarge  = "request head over 64 KiB"
)

// These are the pseudo-header fields, as bits.
const (
	pseudoMethod = 1 << iota
	pseudoScheme
	pseudoPath
	pseudoAuthority
	pseudoProtocol
)

// reset empties the head.
func (h *Head) reset(trailer bool) {
	*h = Head{Fields: h.Fields[:0], Cookies: h.Cookies[:0], cookie: -1, ContentLength: -1, Priority: DefaultPriority(), trailer: trailer}
}

// Release drops the strings of the head, so that a pooled value does not keep them.
func (h *Head) Release() {
	clear(h.Fields[:cap(h.Fields)])
	clear(h.Cookies[:cap(h.Cookies)])
	if cap(h.Cookies) > keptCookies {
		h.Cookies = nil
	}
	h.reset(false)
}

// Memory returns how many bytes the head holds in addition to the strings that it shares with the table.
func (h *Head) Memory() int {
	return cap(h.Fields)*int(unsafe.Sizeof(http1.Field{})) + cap(h.Cookies)*int(unsafe.Sizeof(""))
}

// spoil records the first fault.
func (h *Head) spoil(reason string) {
	if h.malformed == "" {
		h.malformed = reason
	}
}

// add adds one field of the list.
func (h *Head) add(name, value string) {
	if h.malformed != "" || h.tooLarge != "" {
		return
	}
	if h.response {
		h.addResponse(name, value)
		return
	}
	if name != "" && name[0] == ':' {
		h.addPseudo(name, value)
		return
	}
	h.regular = true
	cookie := name == "cookie" && !h.trailer
	if !cookie {
		h.count++
	}
	if h.count > MaxFields {
		h.tooLarge = tooManyFields
		return
	}
	if !http1.ValidLowerName(name) {
		h.spoil("malformed or upper-case field name")
		return
	}
	if !http1.ValidValue(value) {
		h.spoil("control character or outer white space in a field value")
		return
	}
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		h.spoil("connection-specific field")
	case "te":
		if value != "trailers" {
			h.spoil("te is not trailers")
			return
		}
		h.Fields.Add(name, value)
	case "host":
		h.hosts++
		h.Host = value
	case "content-length":
		h.addLength(value)
	case "cookie":
		if cookie {
			h.addCookie(value)
		} else {
			h.Fields.Add(name, value)
		}
	case "expect":
		h.ExpectContinue = h.ExpectContinue || http1.HasToken(value, "100-continue")
		h.Fields.Add(name, value)
	case "priority":
		h.Priority = ParsePriority(value)
		h.Fields.Add(name, value)
	default:
		h.Fields.Add(name, value)
	}
}

func (h *Head) addLength(value string) {
	length, ok := http1.ParseLength(value)
	switch {
	case !ok:
		h.spoil("malformed content-length")
	case h.ContentLength >= 0:
		h.spoil("several content-length")
	case h.trailer:
		h.spoil("content-length in the trailers")
	}
	h.ContentLength = length
}

// addPseudo adds a pseudo-header field (RFC 9113, section 8.3). Each may occur once, before all regular fields, and not
// in trailers.
func (h *Head) addPseudo(name, value string) {
	var bit uint8
	var place *string
	switch name {
	case ":method":
		bit, place = pseudoMethod, &h.Method
	case ":scheme":
		bit, place = pseudoScheme, &h.Scheme
	case ":path":
		bit, place = pseudoPath, &h.Path
	case ":authority":
		bit, place = pseudoAuthority, &h.Authority
	case ":protocol":
		bit, place = pseudoProtocol, &h.Protocol
	default:
		h.spoil("unknown pseudo-header field")
		return
	}
	switch {
	case h.trailer:
		h.spoil("pseudo-header field in the trailers")
	case h.regular:
		h.spoil("pseudo-header field after a regular one")
	case h.pseudo&bit != 0:
		h.spoil("pseudo-header field twice")
	}
	h.pseudo |= bit
	*place = value
}

// finish checks the list as a whole. malformed is the fault for which the stream ends with PROTOCOL_ERROR (RFC 9113,
// section 8.1.1), or "". refused is an error that HTTP/1 would answer with a status.
func (h *Head) finish() (malformed string, refused *http1.Error) {
	switch {
	case h.malformed != "":
		return h.malformed, nil
	case h.tooLarge != "":
		return "", &http1.Error{Status: 431, Reason: h.tooLarge}
	case h.trailer:
		return "", nil
	}
	if malformed := h.checkPseudo(); malformed != "" {
		return malformed, nil
	}
	return "", h.checkTarget()
}

// checkPseudo checks that the list has exactly the pseudo-header fields that a request needs (RFC 9113, sections 8.3.1
// and 8.5; RFC 8441, section 4). It returns the fault or "".
func (h *Head) checkPseudo() (malformed string) {
	const whole = pseudoMethod | pseudoScheme | pseudoPath
	if h.Method == "CONNECT" && h.pseudo&pseudoProtocol == 0 {
		if h.pseudo&(pseudoScheme|pseudoPath) != 0 || h.Authority == "" {
			return "CONNECT with a scheme or path, or without an authority"
		}
		return ""
	}
	switch {
	case h.pseudo&whole != whole:
		return "no :method, :scheme or :path"
	case h.Method == "" || h.Scheme == "" || h.Path == "":
		return "empty :method, :scheme or :path"
	case h.pseudo&pseudoProtocol != 0 && (h.Method != "CONNECT" || h.Authority == ""):
		return ":protocol without CONNECT or :authority"
	case h.Scheme != "https" && h.Scheme != "http":
		return "the scheme is not http or https"
	}
	return ""
}

// checkTarget checks the method, the target and the host by the rules of HTTP/1.
func (h *Head) checkTarget() *http1.Error {
	host := h.Authority
	if h.pseudo&pseudoAuthority == 0 {
		host = h.Host
	}
	h.Conflict = h.hosts > 1 || h.hosts == 1 && !http1.EqualFold(h.Host, host)
	h.Authority = host
	switch {
	case len(h.Method) > http1.MaxMethodBytes:
		return &http1.Error{Status: 501, Reason: "method too long"}
	case !http1.ValidMethod(h.Method):
		return &http1.Error{Status: 400, Reason: "malformed method"}
	case len(h.Path) > http1.MaxTargetBytes:
		return &http1.Error{Status: 414, Reason: "target too long"}
	case host != "" && !http1.ValidAuthority(host):
		return &http1.Error{Status: 400, Reason: "malformed :authority or host"}
	case h.Protocol != "" && !http1.ValidMethod(h.Protocol):
		return &http1.Error{Status: 400, Reason: "malformed :protocol"}
	case h.Method == "CONNECT" && h.Protocol == "":
		return nil
	case h.Path == "*":
		if h.Method != "OPTIONS" {
			return &http1.Error{Status: 400, Reason: "target * without OPTIONS"}
		}
		return nil
	case !http1.ValidPathQuery(h.Path):
		return &http1.Error{Status: 400, Reason: "malformed :path"}
	}
	return nil
}

// addCookie adds a cookie field to the previous ones, because HTTP/1 allows only one (RFC 9113, section 8.2.3). A field
// without a value adds nothing: the joined value would end with a space, which a field value must not do.
func (h *Head) addCookie(value string) {
	if h.cookie < 0 {
		h.cookie = len(h.Fields)
		h.Fields.Add("cookie", value)
		return
	}
	if value == "" {
		return
	}
	if first := &h.Fields[h.cookie]; first.Value == "" {
		first.Value = value
		return
	}
	h.Cookies = append(h.Cookies, value)
}

package http2

import "reverse-proxy/proxy/http1"

// This file has what the client side of a connection needs: it decodes the heads of responses and encodes those of
// requests.

const (
	tooManyResponseFields = "more than 256 field lines"
	responseTooLarge      = "response head over 64 KiB"
)

// NewResponseDecoder returns the decoder for the responses on a connection to a server.
func NewResponseDecoder() *HeadDecoder {
	d := NewHeadDecoder()
	d.response = true
	return d
}

// addResponse adds one field of a response's list.
func (h *Head) addResponse(name, value string) {
	if name != "" && name[0] == ':' {
		h.addStatus(name, value)
		return
	}
	h.regular = true
	if h.count++; h.count > http1.MaxResponseFields {
		h.tooLarge = tooManyResponseFields
		return
	}
	switch {
	case !http1.ValidLowerName(name):
		h.spoil("malformed or upper-case field name")
	case !http1.ValidValue(value):
		h.spoil("control character or outer white space in a field value")
	default:
		h.addResponseField(name, value)
	}
}

func (h *Head) addResponseField(name, value string) {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		h.spoil("connection-specific field")
	case "content-length":
		h.addLength(value)
	default:
		h.Fields.Add(name, value)
	}
}

// addStatus adds the only pseudo-header field of responses (RFC 9113, section 8.3.2).
func (h *Head) addStatus(name, value string) {
	switch {
	case name != ":status":
		h.spoil("unknown pseudo-header field")
	case h.trailer:
		h.spoil("pseudo-header field in the trailers")
	case h.regular:
		h.spoil("pseudo-header field after a regular one")
	case h.Status != 0:
		h.spoil("pseudo-header field twice")
	case len(value) != 3 || value[0] < '1' || value[0] > '5' || value[1] < '0' || value[1] > '9' || value[2] < '0' || value[2] > '9':
		h.spoil("malformed :status")
	default:
		h.Status = int(value[0]-'0')*100 + int(value[1]-'0')*10 + int(value[2]-'0')
	}
}

// finishResponse checks the list of a response as a whole. It returns the fault or "".
func (h *Head) finishResponse() (malformed string) {
	switch {
	case h.malformed != "":
		return h.malformed
	case h.tooLarge != "":
		return h.tooLarge
	case h.trailer:
		return ""
	case h.Status == 0:
		return "no :status"
	case h.Status == 101:
		return "status 101, which HTTP/2 does not have"
	case h.Status < 200 && h.ContentLength >= 0:
		return "content-length in a 1xx response"
	}
	return ""
}

// EndResponse ends the block of a response. malformed is the fault of its list, or "".
func (d *HeadDecoder) EndResponse() (malformed string, err *Error) {
	head := d.head
	d.head = nil
	if d.hpack.Close() != nil {
		return "", connectionError(CompressionError, "a header block is not complete")
	}
	if head == nil {
		return "", nil
	}
	return head.finishResponse(), nil
}

// NewRequestEncoder returns the encoder for the requests on a connection to a server. The requests come from many
// clients, so only fields that hold no secret of a client go into the table.
func NewRequestEncoder() *HeadEncoder {
	e := NewHeadEncoder()
	e.lookUp = lookUpRequest
	return e
}

// AppendRequest begins the block of a request with its pseudo-header fields.
func (e *HeadEncoder) AppendRequest(dst []byte, method, scheme, authority string) []byte {
	dst = e.begin(dst)
	switch method {
	case "GET":
		dst = append(dst, 0x80|2)
	case "POST":
		dst = append(dst, 0x80|3)
	default:
		dst = appendInt(dst, 0, 4, 2)
		dst = appendString(dst, method)
	}
	if scheme == "https" {
		dst = append(dst, 0x80|7)
	} else {
		dst = append(dst, 0x80|6)
	}
	if authority != "" {
		dst = e.AppendField(dst, ":authority", authority)
	}
	return dst
}

// AppendPath appends the path of a request, given in two parts.
func (e *HeadEncoder) AppendPath(dst []byte, first, second string) []byte {
	dst = appendInt(dst, 0, 4, 4)
	dst = appendInt(dst, 0, 7, uint64(len(first)+len(second)))
	return append(append(dst, first...), second...)
}

// AppendTrailersAccepted appends `te: trailers`.
func (e *HeadEncoder) AppendTrailersAccepted(dst []byte) []byte {
	return e.AppendField(dst, "te", "trailers")
}

// lookUpRequest is the lookUp of an encoder of requests.
func lookUpRequest(name []byte) (index int, how manner) {
	switch string(name) {
	case ":authority":
		return 1, indexed
	case "accept":
		return 19, indexed
	case "accept-charset":
		return 15, indexed
	case "accept-encoding":
		return 16, indexed
	case "accept-language":
		return 17, indexed
	case "authorization":
		return 23, never
	case "cache-control":
		return 24, indexed
	case "content-encoding":
		return 26, indexed
	case "content-length":
		return staticContentLength, varies
	case "content-type":
		return 31, indexed
	case "cookie":
		return 32, never
	case "if-modified-since":
		return 40, varies
	case "if-none-match":
		return 41, varies
	case "if-range":
		return 42, varies
	case "proxy-authorization":
		return 49, never
	case "range":
		return 50, varies
	case "referer":
		return 51, varies
	case "user-agent":
		return 58, indexed
	case "te", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix", "grpc-accept-encoding", "grpc-encoding",
		"upgrade-insecure-requests", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "priority",
		"sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "dnt", "origin":
		return 0, indexed
	}
	return 0, varies
}

// Limits are the settings of a server that matter to a client.
type Limits struct {
	PeerSettings
	// Streams is how many streams may be open at once. HeaderList is the largest header list that the server accepts.
	Streams, HeaderList uint32
	// ExtendedConnect reports whether the server takes an extended CONNECT (RFC 8441).
	ExtendedConnect bool
}

// DefaultLimits returns the limits of a server that has not sent any settings yet.
func DefaultLimits() Limits {
	return Limits{PeerSettings: DefaultPeerSettings(), Streams: 1<<32 - 1, HeaderList: MaxHeaderListBytes}
}

// Apply applies a SETTINGS frame.
func (l *Limits) Apply(h Header, p []byte) (ack bool, err *Error) {
	if ack, err = l.PeerSettings.Apply(h, p); ack || err != nil {
		return ack, err
	}
	for ; len(p) > 0; p = p[settingBytes:] {
		value := uint32(p[2])<<24 | uint32(p[3])<<16 | uint32(p[4])<<8 | uint32(p[5])
		switch SettingID(uint16(p[0])<<8 | uint16(p[1])) {
		case SettingMaxConcurrentStreams:
			l.Streams = value
		case SettingMaxHeaderListSize:
			l.HeaderList = value
		case SettingEnablePush:
			if value != 0 {
				return false, connectionError(ProtocolError, "a server enables push")
			}
		case SettingEnableConnectProtocol:
			l.ExtendedConnect = value == 1
		}
	}
	return false, nil
}

// GoAwayLast returns the highest stream that the sender of a GOAWAY frame may have processed. The caller has checked
// the payload with ParseGoAway.
func GoAwayLast(p []byte) uint32 {
	return (uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])) &^ (1 << 31)
}

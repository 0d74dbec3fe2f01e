package proxy

import (
	"strings"

	"reverse-proxy/proxy/http1"
)

// expectLine is the field line that tells an upstream to ask for the body. It is the last one of a head.
const expectLine = "Expect: 100-continue\r\n"

// appendRequest appends the request's head, in the form that the upstream receives, to out.
func (c *upstreamCall) appendRequest(out []byte) []byte {
	r := c.request
	out = c.appendRequestLine(out)
	out = http1.AppendField(out, "Host", r.Authority)
	for i := range r.Fields {
		if name := r.Fields[i].Name; len(name) == len("Expect") {
			if http1.EqualFold(name, "Expect") {
				continue
			}
			if len(r.Cookies) > 0 && name == "cookie" {
				out = http1.AppendCookie(out, name, r.Fields[i].Value, r.Cookies)
				continue
			}
		}
		out = http1.AppendField(out, r.Fields[i].Name, r.Fields[i].Value)
	}
	switch {
	case c.body.source != nil && r.ContentLength < 0:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
		if len(r.TrailerNames) > 0 {
			out = append(out, "Trailer: "...)
			for i, name := range r.TrailerNames {
				if i > 0 {
					out = append(out, ", "...)
				}
				out = append(out, name...)
			}
			out = append(out, "\r\n"...)
		}
	case c.body.source != nil || needsLength(r.Method):
		out = append(out, "Content-Length: "...)
		out = http1.AppendInt(out, max(0, r.ContentLength))
		out = append(out, "\r\n"...)
	}
	switch {
	case r.Upgrade != "" && r.AcceptsTrailers:
		out = append(out, "Connection: Upgrade, TE\r\n"...)
	case r.Upgrade != "":
		out = append(out, "Connection: Upgrade\r\n"...)
	case r.AcceptsTrailers:
		out = append(out, "Connection: TE\r\n"...) // RFC 9110, section 10.1.4
	}
	if r.Upgrade != "" {
		out = http1.AppendField(out, "Upgrade", r.Upgrade)
	}
	if r.AcceptsTrailers {
		out = append(out, "TE: trailers\r\n"...)
	}
	if r.Continue {
		out = append(out, expectLine...)
	}
	return append(out, "\r\n"...)
}

// appendRequestLine appends the request line. The rest of a stripped path is sent as it was received. If nothing is
// left of it, the root is sent (S-14.4).
func (c *upstreamCall) appendRequestLine(out []byte) []byte {
	r, rest := c.request, c.request.Target[c.to.stripped:]
	if c.to.stripped == 0 || strings.HasPrefix(rest, "/") {
		return http1.AppendRequestLine(out, r.Method, rest)
	}
	out = append(out, r.Method...)
	out = append(out, " /"...)
	out = append(out, rest...)
	return append(out, " HTTP/1.1\r\n"...)
}

// needsLength reports whether a method implies a body, so that the absence of one must be declared (RFC 9110, section
// 8.6).
func needsLength(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

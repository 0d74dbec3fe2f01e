package proxy

import (
	"strings"

	"reverse-proxy/proxy/http1"
)

// takeHead fills the request from a parsed HTTP/1.1 head.
func (r *Request) takeHead(head *http1.Request) {
	r.Protocol, r.Method, r.Target, r.Authority = HTTP11, head.Method, pathQuery(head), head.Host
	r.Fields, r.ContentLength, r.Continue = head.Fields, head.ContentLength, head.ExpectContinue
	if head.Minor == 0 {
		r.Protocol, r.Continue = HTTP10, false
	}
	if !offersHTTP(head.Upgrade) { // S-6.14, S-6.18
		r.Upgrade = head.Upgrade
	}
	if head.Authority != "" {
		r.Authority = head.Authority // an absolute-form target overrides Host (RFC 9112, section 3.2.2)
	}
}

// offersHTTP reports whether an Upgrade field offers HTTP itself, in any version: `h2c`, `h2c/2.0`, `HTTP/2.0`. Such a
// tunnel would carry requests past the stages.
func offersHTTP(upgrade string) bool {
	for upgrade != "" {
		var protocol string
		protocol, upgrade = http1.NextToken(upgrade)
		name, _, _ := strings.Cut(protocol, "/")
		if http1.EqualFold(name, "http") || http1.EqualFold(name, "h2") || len(name) >= 3 && http1.EqualFold(name[:3], "h2c") {
			return true
		}
	}
	return false
}

// pathQuery returns the target to send upstream.
func pathQuery(head *http1.Request) string {
	if head.PathQuery == "" || head.PathQuery[0] == '?' { // absolute-form without a path
		return string(head.AppendTarget(nil))
	}
	return head.PathQuery
}

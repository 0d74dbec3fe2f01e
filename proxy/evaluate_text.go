package proxy

import (
	"fmt"
	"net/http"
	"strings"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// text says in one line what becomes of the request. Two requests that are answered differently have different texts, as far
// as the configuration decides.
func (e evaluation) text() string {
	if e.answer == nil {
		text := "forwarded to " + strings.Join(e.upstreamURLs(), " or ")
		if target := e.forwardedTarget(); target != e.request.Target {
			text += " as " + wording.Quoted(target)
		}
		return text + e.byRoute()
	}
	text := fmt.Sprintf("answered %d", e.answer.status)
	if location := e.location(); location != "" {
		text = fmt.Sprintf("redirected with %d to %s", e.answer.status, wording.Quoted(location))
	}
	if body := e.answer.body; len(body) > 0 {
		text += fmt.Sprintf(" with %s of %s (%.16s)", wording.Count(len(body), "byte"), wording.Quoted(e.answer.contentType), config.HashOf(body))
	}
	if reason := e.reason(); reason != "" {
		return text + ": " + reason
	}
	return text + e.byRoute()
}

// byRoute names the route that takes the request, for the end of a sentence.
func (e evaluation) byRoute() string {
	if path := e.takenBy(); path != "" {
		return ", by the route " + wording.Quoted(path)
	}
	return ""
}

// reason says why the request is answered by the proxy itself; "" if a route makes the answer, or if the request is
// forwarded.
func (e evaluation) reason() string {
	switch {
	case e.answer == nil:
		return ""
	case e.answer.status == statusPayloadTooLarge:
		return "the body is larger than the limit"
	}
	switch e.decision.outcome {
	case methodRefused:
		return "the method is " + e.request.Method
	case healthChecked:
		return "the path is https_health_path"
	case hostInvalid:
		return "the host is not valid"
	case hostUnknown:
		return "no site of the listener has the host"
	case toOwnHost:
		if e.answer.status == http.StatusPermanentRedirect {
			return "the host is an alias, and redirect_aliases is set"
		}
	case pathAmbiguous:
		return "the path is ambiguous: upstreams may read it as one of another route"
	case routeMissing:
		return "no route takes it, and the site has no upstream"
	case atLastHop:
		return "Max-Forwards is 0"
	}
	if e.answer.status == statusBadRequest && e.decision.outcome != responded {
		return "the target has a character that cannot be in a Location"
	}
	return ""
}

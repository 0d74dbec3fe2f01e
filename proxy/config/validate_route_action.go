package config

import (
	"mime"
	"net/http"
	"reflect"
	"strings"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// action resolves what a route does with its requests, which is exactly one of three things. A route that has only
// settings forwards to the upstreams of its site.
func (v *validator) action(key string, raw rawRoute, siteUpstreams Upstreams, route *Route) {
	var actions []string
	if raw.Upstream != nil || raw.Upstreams != nil {
		actions = append(actions, "upstream")
		route.Upstreams = v.upstreams(key, raw.Upstream, raw.Upstreams)
	}
	if raw.Redirect != nil {
		actions = append(actions, "redirect")
		route.Redirect = v.redirect(ChildKey(key, "redirect"), *raw.Redirect)
		route.RedirectStatus = v.redirectStatus(ChildKey(key, "redirect_status"), raw.RedirectStatus)
	}
	if raw.Respond != nil {
		actions = append(actions, "respond")
		v.respond(key, raw, route)
	}
	switch {
	case len(actions) > 1:
		v.add(ChildKey(key, actions[1]), "is there next to %s; a route does one of the two, so leave one out", actions[0])
	case len(actions) == 1:
		v.onlyKeysOf(key, raw, actions[0])
	case siteUpstreams != nil && !reflect.ValueOf(raw.rawSettings).IsZero():
		route.Upstreams = siteUpstreams
		v.onlyKeysOf(key, raw, "upstream")
	default:
		v.onlyKeysOf(key, raw, "")
		v.add(key, "has no action; write one of upstream, redirect and respond")
	}
}

// actionOf returns the action that a key belongs to; "" for a key that works with every action.
func actionOf(name string) string {
	switch name {
	case "balance", "health", "retry":
		return "upstream"
	}
	of, _, isOf := strings.Cut(name, "_")
	if isOf && (of == "upstream" || of == "redirect" || of == "respond") {
		return of
	}
	return ""
}

// onlyKeysOf refuses keys that belong to another action than the route's: they would have no effect.
func (v *validator) onlyKeysOf(key string, raw rawRoute, action string) {
	value := reflect.ValueOf(raw)
	for _, field := range v.routeFields {
		name := field.Tag.Get("toml")
		of := actionOf(name)
		if of == "" || of == action || value.FieldByIndex(field.Index).IsZero() {
			continue
		}
		v.add(ChildKey(key, name), "has no effect without %s; write %s, or leave the key out", of, of)
	}
}

// defaultRespondType is the Content-Type of a fixed answer with a body that names none.
const defaultRespondType = "text/plain; charset=utf-8"

// respond resolves a fixed answer.
func (v *validator) respond(key string, raw rawRoute, route *Route) {
	if *raw.Respond < 200 || *raw.Respond > 599 {
		v.add(ChildKey(key, "respond"), "%d is not a response status; write one from 200 to 599", *raw.Respond)
	}
	route.Respond = int(*raw.Respond)
	bodyKey := ChildKey(key, "respond_body")
	switch {
	case raw.RespondBody != nil && raw.RespondFile != nil:
		v.add(ChildKey(key, "respond_file"), "is there next to respond_body; an answer has one body, so leave one out")
	case raw.RespondBody != nil:
		route.RespondBody = []byte(*raw.RespondBody)
	case raw.RespondFile != nil:
		bodyKey = ChildKey(key, "respond_file")
		route.RespondFile = v.resolvePath(v.required(bodyKey, raw.RespondFile, "write the path of the file to answer with, or leave the key out"))
		route.RespondBody = v.answerFile(bodyKey, route.RespondFile)
	case raw.RespondType != nil:
		v.add(ChildKey(key, "respond_type"), "has no effect without a body; write respond_body or respond_file, or leave the key out")
	}
	if len(route.RespondBody) == 0 {
		return
	}
	switch route.Respond {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified:
		v.add(bodyKey, "cannot be sent, because an answer with the status %d has no body; leave it out, or write another status", route.Respond)
	}
	route.RespondType = v.respondType(ChildKey(key, "respond_type"), raw.RespondType)
}

// respondType resolves the Content-Type of a fixed answer.
func (v *validator) respondType(key string, value *string) string {
	text := orDefault(value, defaultRespondType)
	parsed, _, err := mime.ParseMediaType(text)
	if err != nil || !strings.Contains(parsed, "/") || !http1.ValidValue(text) || text != strings.TrimSpace(text) {
		v.add(key, `%s is not a media type; write one as in "text/html; charset=utf-8"`, wording.Quoted(text))
	}
	return text
}

// maxAnswerBytes is the length above which a file for a fixed answer is refused.
const maxAnswerBytes = 1 << 20

// answerFile reads a file for answers. It reads each file only once, and never blocks, whatever the path names.
func (v *validator) answerFile(key, path string) []byte {
	if path == "" || v.failed(key) {
		return nil
	}
	body, known := v.answerFiles[path]
	if known {
		return body
	}
	body, err := ReadStableFile(path, maxAnswerBytes, nil)
	if err != nil {
		v.addFault(key, "%s: %s", wording.Quoted(path), err)
		return nil
	}
	v.answerFiles[path] = body
	return body
}

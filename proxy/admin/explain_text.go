package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

// renderExplain renders the answer to `explain` for people.
func renderExplain(line []byte) (renderedReply, error) {
	var result ExplainResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	if result.Explanation == nil {
		return renderedReply{}, replyProblem(errors.New("it has no explanation"))
	}
	return renderedReply{out: result.Explanation.Lines()}, nil
}

// Lines renders the explanation for people: first what becomes of the request, then why, stage by stage.
func (e *Explanation) Lines() []string {
	lines := []string{wording.PrintableLine(e.Request), wording.PrintableLine("  => " + e.Result)}
	add := func(label string, texts ...string) {
		for _, text := range texts {
			if text != "" {
				lines = append(lines, fmt.Sprintf("  %-14s %s", label, wording.PrintableLine(text)))
				label = ""
			}
		}
	}
	add("listener", e.Listener)
	add("client", e.Client+", "+e.ClientFrom)
	if e.Site == nil {
		add("site", "none")
	} else {
		add("site", e.Site.text())
	}
	if e.Route != nil {
		add("route", e.Route.texts()...)
	}
	add("rate limit", e.Limit.text())
	add("", e.Limit.Others...)
	add("body limit", e.bodyText())
	add("access", e.Access...)
	add("answered by", e.AnsweredBy)
	add("upstream", e.Upstreams...)
	add("gets", e.Target)
	for _, field := range e.Fields {
		add("", field.Name+": "+field.Value)
	}
	add("response", e.ResponseRules...)
	return lines
}

// text renders the site on one line.
func (s ExplainedSite) text() string {
	text := s.Host
	switch {
	case strings.HasPrefix(s.Name, "*."):
		text += ", by the wildcard " + s.Name
	case s.Name != s.Host:
		text += ", by the alias " + s.Name
	}
	text += " (" + s.Key + ")"
	if s.Held != nil && *s.Held != "" {
		text += ", now " + *s.Held
	}
	return text
}

// texts renders the choice of the route.
func (r ExplainedRoute) texts() []string {
	var texts []string
	switch {
	case r.Ambiguous:
		texts = append(texts, "none: the path is ambiguous, and upstreams may read it as different routes")
	case r.Chosen == "":
		texts = append(texts, "none of the site's routes ("+r.Key+")")
	default:
		texts = append(texts, r.Chosen+" ("+r.Key+")")
	}
	switch {
	case r.ReadAs != r.Path || r.Ambiguous:
		texts = append(texts, "as it came:  "+r.Path+" -> "+routeText(r.CameTo), "may be read: "+r.ReadAs+" -> "+routeText(r.ReadTo))
	default:
		texts = append(texts, "the path can be read in only one way")
	}
	return texts
}

// routeText names the route with a path.
func routeText(path string) string {
	if path == "" {
		return "no route"
	}
	return "the route " + path
}

// text renders the limit on one line.
func (l ExplainedLimit) text() string {
	text := fmt.Sprintf("%s a second, burst %d (from %s), for %s", strconv.FormatFloat(l.RequestsPerSecond, 'f', -1, 64), l.Burst, l.From, l.Bucket)
	if l.Tokens != nil {
		text += fmt.Sprintf("; %s left", wording.Count(int(*l.Tokens), "token"))
	}
	return text
}

// bodyText renders the limit on bodies.
func (e *Explanation) bodyText() string {
	if e.BodyLimit == 0 {
		return fmt.Sprintf("none (from %s)", e.BodyLimitFrom)
	}
	return fmt.Sprintf("%s (from %s)", wording.Count(int(e.BodyLimit), "byte"), e.BodyLimitFrom)
}

// WriteExplanation writes the answer to `explain`, as text for people or as one line of JSON.
func WriteExplanation(w io.Writer, result ExplainResult, text bool) error {
	if text {
		return wording.WriteLines(w, result.Explanation.Lines())
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}

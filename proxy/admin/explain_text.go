package admin

import (
	"encoding/json"
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
		return renderedReply{}, replyProblem(fmt.Errorf("there is no explanation in it"))
	}
	return renderedReply{out: result.Explanation.Lines()}, nil
}

// Lines renders the explanation for people: what becomes of the request first, then how that came, stage by stage.
func (e *Explanation) Lines() []string {
	var lines []string
	add := func(label, text string) {
		if text != "" {
			lines = append(lines, fmt.Sprintf("  %-14s %s", label, wording.PrintableLine(text)))
		}
	}
	lines = append(lines, wording.PrintableLine(e.Request), wording.PrintableLine("  => "+e.Result))
	add("listener", e.Listener)
	add("client", e.Client+", "+e.ClientFrom)
	if e.Site == nil {
		add("site", "none")
	} else {
		add("site", e.Site.text())
	}
	if e.Route != nil {
		for i, text := range e.Route.texts() {
			add([]string{"route", ""}[min(i, 1)], text)
		}
	}
	add("rate limit", e.Limit.text())
	for _, other := range e.Limit.Others {
		add("", other)
	}
	add("body limit", e.bodyText())
	add("answered by", e.AnsweredBy)
	for i, upstream := range e.Upstreams {
		add([]string{"upstream", ""}[min(i, 1)], upstream)
	}
	add("gets", e.Target)
	for _, field := range e.Fields {
		add("", field.Name+": "+field.Value)
	}
	for i, rule := range e.ResponseRules {
		add([]string{"response", ""}[min(i, 1)], rule)
	}
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
		text += ", at present " + *s.Held
	}
	return text
}

// texts renders the choice of the route.
func (r ExplainedRoute) texts() []string {
	var texts []string
	switch {
	case r.Ambiguous:
		texts = append(texts, "none: the path is ambiguous, and no route may depend on who reads it")
	case r.Chosen == "":
		texts = append(texts, "none of the site's routes ("+r.Key+")")
	default:
		texts = append(texts, r.Chosen+" ("+r.Key+")")
	}
	switch {
	case r.ReadAs != r.Path || r.Ambiguous:
		texts = append(texts, "as it came:  "+r.Path+" -> "+orNobody(r.CameTo), "may be read: "+r.ReadAs+" -> "+orNobody(r.ReadTo))
	default:
		texts = append(texts, "the path can be read in only one way")
	}
	return texts
}

func orNobody(path string) string {
	if path == "" {
		return "no route"
	}
	return "the route " + path
}

// text renders the limit on one line.
func (l ExplainedLimit) text() string {
	text := fmt.Sprintf("%s a second, %d at once, of %s; the bucket of %s", strconv.FormatFloat(l.RequestsPerSecond, 'f', -1, 64), l.Burst, l.From, l.Bucket)
	if l.Tokens != nil {
		text += fmt.Sprintf(" has %d left", int(*l.Tokens))
	}
	return text
}

// bodyText renders the limit on bodies.
func (e *Explanation) bodyText() string {
	if e.BodyLimit == 0 {
		return "none, of " + e.BodyLimitFrom
	}
	return fmt.Sprintf("%s, of %s", wording.Count(int(e.BodyLimit), "byte"), e.BodyLimitFrom)
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

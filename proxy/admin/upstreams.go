package admin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/wording"
)

// UpstreamStatus describes an upstream of a site (S-18.10).
type UpstreamStatus struct {
	// Host is the site, and Listener the listener that serves it.
	Host     string `json:"host"`
	Listener string `json:"listener"`
	// Upstream is the URL of the upstream.
	Upstream string `json:"upstream"`
	// Check describes how the upstream is checked, or is "" if it is not checked.
	Check string `json:"check,omitempty"`
	// Only reports whether it is the only upstream of its routes, which get no other one whatever its state.
	Only bool `json:"only,omitempty"`
	// State is "up", "down", "starting" or "drained", and Since when that began.
	State string    `json:"state"`
	Since time.Time `json:"since"`
	// Slow reports whether it came back a short time ago and does not have its whole share yet.
	Slow bool `json:"slow,omitempty"`
	// TryAt is when a request tries an upstream whose connections have failed; null for others.
	TryAt *time.Time `json:"try_at,omitempty"`
	// InFlight is the number of requests that it works on; for the only one, that of its connections in use.
	InFlight int64 `json:"in_flight"`
	// FailedConnections is how many connections have failed, and Retries how many requests came after another upstream had
	// failed.
	FailedConnections uint64 `json:"failed_connections"`
	Retries           uint64 `json:"retries"`
	// LastError is what has failed last, and LastErrorAt when; null for nothing.
	LastError   string     `json:"last_error,omitempty"`
	LastErrorAt *time.Time `json:"last_error_at,omitempty"`
}

// FailOverStatus has the numbers of a site with several upstreams.
type FailOverStatus struct {
	Host     string `json:"host"`
	Listener string `json:"listener"`
	// FailOpen is how many requests were sent although no upstream was in service.
	FailOpen uint64 `json:"fail_open"`
	// Retries is how many requests went to another upstream, and RetriesRefused how many did not because of the budget.
	Retries        uint64 `json:"retries"`
	RetriesRefused uint64 `json:"retries_refused"`
}

// DrainOrder takes an upstream of a site out of service, or puts it back (S-18.6).
type DrainOrder struct {
	// Host is the host or an alias of the site.
	Host string `json:"host"`
	// Address is the upstream as the configuration has it.
	Address string `json:"address"`
}

// DrainResult is the answer to `drain` and `undrain`.
type DrainResult struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	// Path is the daemon's configuration file.
	Path string `json:"path"`
	// Upstreams describe the upstream after the order, at each listener and with each check that it has.
	Upstreams []UpstreamStatus `json:"upstreams,omitempty"`
	// Changed reports whether the order has changed anything.
	Changed bool `json:"changed"`
}

// text describes the upstream in one line.
func (u UpstreamStatus) text() string {
	text := fmt.Sprintf("%s: %s %s since %s, %s in flight", wording.Printable(u.Host), wording.Printable(u.Upstream), wording.Printable(u.State),
		timeText(u.Since), wording.Count(int(u.InFlight), "request"))
	if u.State == "drained" && u.InFlight == 0 {
		text += ": idle"
	}
	return text
}

// renderDrain renders the answer to an order for an upstream.
func renderDrain(line []byte) (renderedReply, error) {
	var result DrainResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	if len(result.Upstreams) == 0 {
		return renderedReply{}, replyProblem(fmt.Errorf("it has no upstream"))
	}
	var lines []string
	if !result.Changed {
		lines = append(lines, wording.Printable(result.Upstreams[0].Host)+": no change")
	}
	for _, upstream := range result.Upstreams[:min(len(result.Upstreams), maxTextRows)] {
		lines = append(lines, upstream.text())
	}
	return renderedReply{out: lines}, nil
}

// writeUpstreams writes the table of upstreams: those of sites with several, and those that are not up.
func (s Status) writeUpstreams(b *strings.Builder, columns int) {
	t := table{columns: columns, openEnd: true, expendable: []string{">RETRIES", ">FAILED", "SINCE"},
		header: []string{"UPSTREAM", "SITE", "STATE", "SINCE", ">IN FLIGHT", ">FAILED", ">RETRIES", "LAST ERROR"}}
	for _, u := range s.Upstreams {
		if u.Only && u.State == "up" && u.Check == "" {
			continue
		}
		state := u.State
		if u.Slow {
			state += ", slow"
		}
		t.row(textOrDash(u.Upstream), textOrDash(u.Host), textOrDash(state), timeText(u.Since), strconv.FormatInt(u.InFlight, 10),
			strconv.FormatUint(u.FailedConnections, 10), strconv.FormatUint(u.Retries, 10), textOrDash(u.LastError))
	}
	t.write(b)
}

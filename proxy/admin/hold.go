package admin

import (
	"encoding/json"
	"fmt"
	"time"

	"reverse-proxy/proxy/wording"
)

// MaintenanceOrder begins or ends the maintenance of a site (S-14.9).
type MaintenanceOrder struct {
	// Host is the host or an alias of the site.
	Host string `json:"host"`
	// On reports whether the maintenance begins.
	On bool `json:"on"`
	// ForSecs ends it after that many seconds; 0 for no end.
	ForSecs int64 `json:"for_secs,omitempty"`
}

// PauseOrder makes the requests for a site wait.
type PauseOrder struct {
	// Host is the host or an alias of the site.
	Host string `json:"host"`
	// MaxSecs ends the pause after that many seconds.
	MaxSecs int64 `json:"max_secs"`
}

// ResumeOrder ends the pause of a site.
type ResumeOrder struct {
	// Host is the host or an alias of the site.
	Host string `json:"host"`
}

// HoldResult is the answer to these orders.
type HoldResult struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	// Path is the daemon's configuration file.
	Path string `json:"path"`
	// Site is the site as it is after the order; nil if there is no such site.
	Site *HeldSite `json:"site,omitempty"`
	// Changed reports whether the order has changed anything.
	Changed bool `json:"changed"`
	// WentOn is the number of requests that had waited for the end of the pause.
	WentOn int `json:"went_on,omitempty"`
}

// HeldSite describes what holds a site back.
type HeldSite struct {
	// Host is the site's host.
	Host string `json:"host"`
	// Maintenance is the site's maintenance; null if there is none.
	Maintenance *HoldPeriod `json:"maintenance"`
	// Pause is the site's pause; null if there is none.
	Pause *HoldPeriod `json:"pause"`
	// Waiting is the number of requests that wait for the end of the pause.
	Waiting int `json:"waiting"`
}

// HoldPeriod is the time of a maintenance or a pause.
type HoldPeriod struct {
	// Since is when it has begun.
	Since time.Time `json:"since"`
	// Until is when it ends by itself; null for never.
	Until *time.Time `json:"until"`
}

// text describes what holds the site back, in one line each; nil if nothing does.
func (s HeldSite) text() []string {
	var lines []string
	host := wording.Printable(s.Host)
	if s.Maintenance != nil {
		lines = append(lines, fmt.Sprintf("%s: in maintenance %s", host, s.Maintenance.text("until `maintenance off`")))
	}
	if s.Pause != nil {
		lines = append(lines, fmt.Sprintf("%s: paused %s, %s", host, s.Pause.text("until `resume`"), waitText(s.Waiting, "waits", "wait")))
	}
	return lines
}

// text describes the period; endless is its end if there is none.
func (p HoldPeriod) text(endless string) string {
	if p.Until != nil {
		endless = "until " + timeText(*p.Until)
	}
	return fmt.Sprintf("since %s, %s", timeText(p.Since), endless)
}

// waitText says how many requests wait, or have waited.
func waitText(n int, one, many string) string {
	verb := many
	if n == 1 {
		verb = one
	}
	return wording.Count(n, "request") + " " + verb
}

// renderHold renders the answer to an order for a site.
func renderHold(command string, line []byte) (renderedReply, error) {
	var result HoldResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	if result.Site == nil {
		return renderedReply{}, replyProblem(fmt.Errorf("it has no site"))
	}
	lines := result.Site.text()
	host := wording.Printable(result.Site.Host)
	switch {
	case command == "resume" && result.Changed:
		lines = append([]string{fmt.Sprintf("%s: resumed, %s", host, waitText(result.WentOn, "goes on", "go on"))}, lines...)
	case !result.Changed:
		lines = append([]string{host + ": no change"}, lines...)
	case lines == nil:
		lines = []string{host + ": serves again"}
	}
	return renderedReply{out: lines}, nil
}

package acmecert

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/wording"
)

const (
	// maxProblems bounds how many problem documents are kept for one attempt.
	maxProblems = 4
	// maxTextBytes bounds a text from the CA in an error, a log line or the file of refusals.
	maxTextBytes = 600
	// maxRetryAfter bounds the Retry-After that is obeyed: a nonsensical value must not stop orders forever.
	maxRetryAfter = 30 * 24 * time.Hour
)

// problem is an ACME server's reason for a refusal: a problem document (RFC 9457; RFC 8555, section 6.7).
type problem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
}

// String renders type and detail, truncated and without control characters.
func (p problem) String() string {
	if p.Type == "" {
		return clipText(p.Detail, maxTextBytes)
	}
	return clipText(p.Type+": "+p.Detail, maxTextBytes)
}

// isBadNonce reports whether the CA only wants the same request again with a new nonce (RFC 8555, section 6.5).
func (p problem) isBadNonce() bool {
	return strings.HasSuffix(strings.ToLower(p.Type), ":badnonce")
}

// problemsIn finds the problem documents in an answer of an ACME server: the answer itself, or those in an order,
// authorization or challenge that has become invalid. An answer that cannot be parsed yields one only if its status
// is an error.
func problemsIn(status int, contentType string, body []byte) []problem {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	if status >= 400 || mediaType == "application/problem+json" {
		var p struct {
			problem
			Subproblems []problem `json:"subproblems"`
		}
		if err := json.Unmarshal(body, &p); err != nil || p.Type == "" && p.Detail == "" {
			text := http.StatusText(status)
			if len(body) > 0 {
				text += ": " + clipText(string(body), maxTextBytes/2)
			}
			return []problem{{Detail: fmt.Sprintf("HTTP %d %s", status, text)}}
		}
		return append([]problem{p.problem}, p.Subproblems[:min(len(p.Subproblems), maxProblems)]...)
	}
	var object struct {
		Status     string   `json:"status"`
		Error      *problem `json:"error"`
		Challenges []struct {
			Error *problem `json:"error"`
		} `json:"challenges"`
	}
	if json.Unmarshal(body, &object) != nil || object.Status != "invalid" {
		return nil
	}
	var problems []problem
	if object.Error != nil {
		problems = append(problems, *object.Error)
	}
	for _, c := range object.Challenges {
		if c.Error != nil && len(problems) < maxProblems {
			problems = append(problems, *c.Error)
		}
	}
	return problems
}

// problemIn returns the error of an answer that is not the one expected.
func problemIn(resp *http.Response, body []byte) error {
	var p acme.Problem
	if mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); mediaType == "application/problem+json" &&
		json.Unmarshal(body, &p) == nil {
		p.Status = resp.StatusCode
		return p
	}
	return fmt.Errorf("HTTP %s", resp.Status)
}

// parseRetryAfter reads a Retry-After field, which is a number of seconds or a date (RFC 9110, section 10.2.3). It
// returns 0 for an invalid value or a date in the past, and never more than maxRetryAfter.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now)), maxRetryAfter)
}

// clipText makes a text from outside fit on one line of at most limit bytes. It marks a cut with an ellipsis.
func clipText(s string, limit int) string {
	clipped := wording.Clip(s, limit)
	line := strings.TrimSpace(wording.OneLine(clipped))
	if len(clipped) < len(s) {
		line += "…"
	}
	return line
}

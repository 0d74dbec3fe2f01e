package config

import (
	"fmt"
	"strconv"
	"time"

	"reverse-proxy/proxy/wording"
)

// The values of `balance`.
const (
	BalanceLeastRequests = "least_requests"
	BalanceRoundRobin    = "round_robin"
	BalanceClient        = "client"
	BalanceCookie        = "cookie"
)

// Health says how the upstreams of a site or a route are checked.
type Health struct {
	// Path is the path that a check requests; "" for no checks.
	Path string
	// Interval is the time between two checks, and Timeout bounds each.
	Interval, Timeout time.Duration
	// Rise is the number of checks in a row that must succeed to put an upstream back in service, and Fall the number
	// that must fail to take it out.
	Rise, Fall int
	// ExpectStatus is the status of a good answer.
	ExpectStatus int
}

// String describes the checks on one line, "" if there are none. Different settings have different texts.
func (h Health) String() string {
	if h.Path == "" {
		return ""
	}
	return fmt.Sprintf("GET %s expects %d within %s s every %s s, rise %d, fall %d", strconv.Quote(h.Path), h.ExpectStatus,
		wording.InSeconds(h.Timeout), wording.InSeconds(h.Interval), h.Rise, h.Fall)
}

// Retry bounds how often requests are sent to another upstream (S-18.2).
type Retry struct {
	// Attempts is how many upstreams one request may try.
	Attempts int
	// BudgetPercent is the percentage of the site's requests that may be sent to another upstream.
	BudgetPercent int
}

// BalanceTexts lists the keys that concern several upstreams, in the order of the documentation.
func (s Settings) BalanceTexts() []KeyText {
	return []KeyText{
		{"balance", s.Balance},
		{"health.path", s.Health.Path},
		{"health.interval_secs", wording.InSeconds(s.Health.Interval)},
		{"health.timeout_secs", wording.InSeconds(s.Health.Timeout)},
		{"health.rise", strconv.Itoa(s.Health.Rise)},
		{"health.fall", strconv.Itoa(s.Health.Fall)},
		{"health.expect_status", strconv.Itoa(s.Health.ExpectStatus)},
		{"retry.attempts", strconv.Itoa(s.Retry.Attempts)},
		{"retry.budget_percent", strconv.Itoa(s.Retry.BudgetPercent)},
	}
}

package acmecert

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// report is what one attempt has learned from the CA's answers.
type report struct {
	// cancel ends the attempt.
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	requests int
	// status is the status of the latest answer.
	status int
	// problems are the CA's distinct reasons, oldest first.
	problems []problem
	// retryAfter is the longest wait that the CA demanded with an error.
	retryAfter time.Duration
	// skew is the CA's clock minus ours at its latest answer.
	skew time.Duration
}

type reportKey struct{}

// withReport returns a context whose requests to the CA are recorded in a new report. The caller ends the report, or
// the parent of its context, when the attempt ends.
func withReport(ctx context.Context) (context.Context, *report) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &report{cancel: cancel}
	return context.WithValue(ctx, reportKey{}, r), r
}

// reportOf returns the report of the context; nil if it has none.
func reportOf(ctx context.Context) *report {
	r, _ := ctx.Value(reportKey{}).(*report)
	return r
}

// admit counts a request. It returns an error if the attempt has made too many.
func (r *report) admit() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if r.requests > maxRequests {
		return errTooManyRequests
	}
	return nil
}

// end ends the attempt.
func (r *report) end(cause error) {
	if r != nil {
		r.cancel(cause)
	}
}

// note records what an answer of the CA says.
func (r *report) note(resp *http.Response, body []byte) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = resp.StatusCode
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.skew = time.Until(date)
	}
	problems := problemsIn(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	if len(problems) > 0 && problems[0].isBadNonce() {
		return
	}
	if resp.StatusCode >= 400 {
		r.retryAfter = max(r.retryAfter, parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()))
	}
	for _, p := range problems {
		if len(r.problems) < maxProblems && !slices.Contains(r.problems, p) {
			r.problems = append(r.problems, p)
		}
	}
}

// latestStatus returns the HTTP status of the CA's latest answer.
func (r *report) latestStatus() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// forget forgets the CA's reasons and the wait that it demanded, so that they do not explain a later failure.
func (r *report) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems, r.retryAfter = nil, 0
}

// cause returns the text of a failed attempt: the CA's own reasons if it gave any, otherwise the error.
func (r *report) cause(err error) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.problems) == 0 {
		return clipText(err.Error(), maxTextBytes)
	}
	texts := make([]string, len(r.problems))
	for i, p := range r.problems {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}

// The stages of an attempt, in their order.
type stage int

const (
	// stageAccount covers the directory, the nonce and the account, which are not about a name.
	stageAccount stage = iota
	// stageOrder is the request for an order.
	stageOrder
	// stageValidation covers the authorizations and their challenges.
	stageValidation
	// stageIssue covers the finalization and the download.
	stageIssue
	// stageIssued is after the CA has issued a certificate.
	stageIssued
)

// caProblems are the types of problems that are about the account, the configuration or the CA itself rather than the
// name, whatever the request (RFC 8555, section 6.7).
var caProblems = [...]string{
	"accountDoesNotExist", "badNonce", "badPublicKey", "badSignatureAlgorithm", "externalAccountRequired", "invalidContact",
	"invalidProfile", "serverInternal", "unsupportedContact", "userActionRequired",
}

// isRefusal reports whether an attempt that failed at the stage with the error was refused by the CA because of its
// name (S-5.10). Only that name then waits. Any other failure is an outage, in which all names wait.
func isRefusal(err error, at stage, name string) bool {
	if at == stageIssued {
		return true // the CA counts a certificate even if it cannot be used
	}
	p, ok := problemOf(err)
	if !ok || at == stageAccount || p.Status >= 500 {
		return false
	}
	short, _ := strings.CutPrefix(p.Type, acme.ProblemTypeNamespace)
	if slices.Contains(caProblems[:], short) || short == "unauthorized" && at == stageOrder {
		return false
	}
	if short == "rateLimited" {
		return limitsName(p, name)
	}
	return true
}

// limitsName reports whether a rate limit applies to the name or a domain above it rather than to the account.
func limitsName(p acme.Problem, name string) bool {
	for _, sub := range p.Subproblems {
		if sub.Identifier.Value != "" {
			return true
		}
	}
	detail := strings.ToLower(p.Detail)
	if strings.Contains(detail, "exact set") { // Let's Encrypt's limit of duplicates, which names no domain
		return true
	}
	for domain := name; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		if strings.Contains(detail, domain) {
			return true
		}
	}
	return false
}

// problemOf returns the CA's problem document that an error wraps.
func problemOf(err error) (acme.Problem, bool) {
	var p acme.Problem
	if errors.As(err, &p) {
		return p, true
	}
	var pointer *acme.Problem
	if errors.As(err, &pointer) && pointer != nil {
		return *pointer, true
	}
	return p, false
}

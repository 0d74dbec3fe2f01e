package acmecert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// acmeRoundTrip is an http.RoundTripper of one function.
type acmeRoundTrip = roundTripper

// acmeTestAnswer makes an answer; header holds pairs of names and values.
func acmeTestAnswer(status int, body string, header ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// answering is a CA that gives the answers one after the other and then refuses connections.
func answering(answers ...*http.Response) http.RoundTripper {
	return roundTripper(func(*http.Request) (*http.Response, error) {
		if len(answers) == 0 {
			return nil, errors.New("connection refused")
		}
		r := answers[0]
		answers = answers[1:]
		return r, nil
	})
}

// acmeTestRequest sends one request with the context.
func acmeTestRequest(t *testing.T, ctx context.Context, base http.RoundTripper) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", "https://ca.test/authz", nil)
	if err != nil {
		t.Fatal(err)
	}
	return (&transport{base: base}).RoundTrip(req)
}

func TestTheReportKeepsWhatTheCASays(t *testing.T) {
	base := answering(
		acmeTestAnswer(400, `{"type":"urn:ietf:params:acme:error:badNonce"}`),
		acmeTestAnswer(429, `{"type":"limit","detail":"a"}`, "Retry-After", "60"),
		acmeTestAnswer(429, `{"type":"limit","detail":"a"}`, "Retry-After", "30"),
		acmeTestAnswer(200, `{"status":"invalid","error":{"type":"t","detail":"b"}}`, "Retry-After", "3600", "Link", `<https://ca.test/x>;rel="up"`))
	ctx, seen := withReport(t.Context())
	var last *http.Response
	for range 4 {
		last, _ = acmeTestRequest(t, ctx, base)
	}
	if got, want := seen.cause(errors.New("unused")), "limit: a; t: b"; got != want {
		t.Errorf("got cause %q, want %q", got, want)
	}
	if seen.retryAfter != time.Minute {
		t.Errorf("got Retry-After %v, want the minute of the error", seen.retryAfter)
	}
	if got := last.Header.Get("Retry-After"); got != "15" {
		t.Errorf("got Retry-After %q passed on for a poll, want it bounded to 15", got)
	}
	if got := last.Header.Get("Link"); got != "" {
		t.Errorf("got Link %q passed on, want none to follow", got)
	}
	if body, err := io.ReadAll(last.Body); err != nil || !strings.Contains(string(body), `"invalid"`) {
		t.Errorf("got body %q, %v, want it passed on", body, err)
	}
}

func TestAnAnswerThatDoesNotComeEndsTheAttempt(t *testing.T) {
	for name, base := range map[string]roundTripper{
		"the head does not come": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"the body does not end": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: hangingBody{r.Context()}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, _ := withReport(t.Context())
				began := time.Now()
				if _, err := acmeTestRequest(t, ctx, base); !errors.Is(err, errNoAnswer) {
					t.Errorf("got %v, want %v", err, errNoAnswer)
				}
				if took := time.Since(began); took != requestTimeout {
					t.Errorf("it took %v, want %v", took, requestTimeout)
				}
				if !errors.Is(context.Cause(ctx), errNoAnswer) {
					t.Errorf("the attempt ended with %v, want %v", context.Cause(ctx), errNoAnswer)
				}
			})
		})
	}
}

// hangingBody is a body that never arrives.
type hangingBody struct{ ctx context.Context }

func (b hangingBody) Read([]byte) (int, error) { <-b.ctx.Done(); return 0, b.ctx.Err() }
func (b hangingBody) Close() error             { return nil }

func TestWhatACASendsIsBounded(t *testing.T) {
	t.Run("an endless answer is cut", func(t *testing.T) {
		endless := &http.Response{StatusCode: 200, Header: make(http.Header), Body: io.NopCloser(acmeZeroes{})}
		if _, err := acmeTestRequest(t, t.Context(), answering(endless)); err == nil {
			t.Error("got no error, want one for too many bytes")
		}
	})
	t.Run("an endless conversation is ended", func(t *testing.T) {
		ctx, _ := withReport(t.Context())
		base := roundTripper(func(*http.Request) (*http.Response, error) { return acmeTestAnswer(200, "{}"), nil })
		var err error
		for range maxRequests + 1 {
			_, err = acmeTestRequest(t, ctx, base)
		}
		if !errors.Is(err, errTooManyRequests) {
			t.Errorf("got %v, want %v", err, errTooManyRequests)
		}
	})
}

// acmeZeroes is a body that never ends.
type acmeZeroes struct{}

// Read implements io.Reader.
func (acmeZeroes) Read(p []byte) (int, error) { return len(p), nil }

// TestOnlyWhatTheCASaysAboutANameIsARefusal holds the table of S-5.10.
func TestOnlyWhatTheCASaysAboutANameIsARefusal(t *testing.T) {
	problem := func(status int, short, detail string) error {
		return fmt.Errorf("attempt 1: %w", acme.Problem{Status: status, Type: acme.ProblemTypeNamespace + short, Detail: detail})
	}
	invalid := problem(400, "connection", "timeout during connect")
	for _, tc := range []struct {
		name string
		err  error
		at   stage
		want bool
	}{
		{"a name that the CA does not issue for is refused", problem(400, "rejectedIdentifier", "no"), stageOrder, true},
		{"a validation that failed is a refusal", invalid, stageValidation, true},
		{"a CAA record that forbids the CA is a refusal", problem(403, "caa", "no"), stageIssue, true},
		{"an order that became invalid is a refusal", fmt.Errorf("final order is invalid: %w", &acme.Problem{Status: 403, Type: acme.ProblemTypeNamespace + "caa"}), stageIssue, true},
		{"DNS without an address is a refusal", problem(400, "dns", "NXDOMAIN"), stageValidation, true},
		{"unauthorized at a validation is a refusal", problem(403, "unauthorized", "wrong key authorization"), stageValidation, true},
		{"a certificate that cannot be used is a refusal", errors.New("the CA issued a certificate for another key"), stageIssued, true},
		{"a limit on the name's registered domain is a refusal", problem(429, "rateLimited", `too many certificates (50) already issued for "example.test"`), stageOrder, true},
		{"a limit on duplicates is a refusal", problem(429, "rateLimited", "too many certificates (5) already issued for this exact set of identifiers"), stageOrder, true},
		{"a limit with the name in a subproblem is a refusal", fmt.Errorf("x: %w", acme.Problem{Status: 429, Type: acme.ProblemTypeRateLimited,
			Subproblems: []acme.Subproblem{{Identifier: acme.Identifier{Type: "dns", Value: acmeTestName}}}}), stageOrder, true},

		{"a limit on the account is not", problem(429, "rateLimited", "too many new orders (300) from this account"), stageOrder, false},
		{"a status 5xx is not", problem(500, "serverInternal", "busy"), stageOrder, false},
		{"a status 5xx at a validation is not", problem(503, "malformed", "busy"), stageValidation, false},
		{"serverInternal in a challenge is not", problem(0, "serverInternal", "our resolver is down"), stageValidation, false},
		{"a directory that is refused is not", problem(403, "malformed", "blocked"), stageAccount, false},
		{"a contact that is refused is not", problem(400, "unsupportedContact", "no"), stageAccount, false},
		{"an account that is deactivated is not", problem(403, "unauthorized", "account is not valid"), stageOrder, false},
		{"a profile that is not offered any more is not", problem(400, "invalidProfile", "no"), stageOrder, false},
		{"nonces that are never good are not", problem(400, "badNonce", "no"), stageOrder, false},
		{"an answer without a problem document is not", errors.New("HTTP 404: <html>"), stageOrder, false},
		{"garbage is not", errors.New("JSON-decoding response body: invalid character"), stageIssue, false},
		{"a timeout is not", context.DeadlineExceeded, stageValidation, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := isRefusal(tc.err, tc.at, acmeTestName); got != tc.want {
				t.Errorf("got refusal %v, want %v", got, tc.want)
			}
		})
	}
}

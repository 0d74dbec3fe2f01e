package acmedns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"reverse-proxy/proxy/wording"
)

const (
	// webhookTimeout bounds one call of a webhook.
	webhookTimeout = 30 * time.Second
	// maxWebhookBytes bounds how much of its answer is read, and maxWebhookText how much of that is quoted in an error.
	maxWebhookBytes, maxWebhookText = 64 << 10, 200
)

// Webhook asks a program of the operator to add and remove records, by POST requests with `{"fqdn": …, "value": …}`.
type Webhook struct {
	presentURL, cleanUpURL string
	field                  func(context.Context) (Field, error)
	client                 *http.Client
}

// Field is a header field with a secret, such as `Authorization: Bearer …`. The zero Field is none.
type Field struct{ Name, Value string }

// ParseField parses a header field from a file's text; an empty text is no field.
func ParseField(text []byte) (Field, error) {
	line := strings.TrimSpace(string(text))
	if line == "" {
		return Field{}, nil
	}
	name, value, ok := strings.Cut(line, ":")
	f := Field{name, strings.TrimSpace(value)}
	if !ok || !httpguts.ValidHeaderFieldName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) || f.Value == "" {
		return Field{}, errors.New(`holds no header field; write one line, as in "Authorization: Bearer SECRET"`)
	}
	return f, nil
}

// NewWebhook returns a webhook. field is called for each request, and returns the header field to send; nil for none.
func NewWebhook(presentURL, cleanUpURL string, field func(context.Context) (Field, error)) *Webhook {
	if field == nil {
		field = func(context.Context) (Field, error) { return Field{}, nil }
	}
	return &Webhook{presentURL: presentURL, cleanUpURL: cleanUpURL, field: field, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
		},
		// The secret is for the URL of the configuration only.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Present implements Provider.
func (w *Webhook) Present(ctx context.Context, fqdn, value string) error {
	return w.post(ctx, w.presentURL, fqdn, value)
}

// CleanUp implements Provider.
func (w *Webhook) CleanUp(ctx context.Context, fqdn, value string) error {
	return w.post(ctx, w.cleanUpURL, fqdn, value)
}

// post sends one request. Every answer but a 2xx is an error.
func (w *Webhook) post(ctx context.Context, url, fqdn, value string) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"fqdn": fqdn, "value": value})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "reverse-proxy")
	field, err := w.field(ctx)
	if err != nil {
		return fmt.Errorf("POST %s: %w", url, err)
	}
	if field.Name != "" {
		req.Header.Set(field.Name, field.Value)
	}
	resp, err := w.client.Do(req)
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("POST %s: no answer within %s", url, webhookTimeout)
	}
	if err != nil {
		return fmt.Errorf("POST %s: %s", url, wording.Cause(err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxWebhookBytes))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		clipped := wording.OneLine(wording.Clip(string(text), maxWebhookText))
		return fmt.Errorf("POST %s: HTTP %s: %s", url, resp.Status, clipped)
	case err != nil:
		return fmt.Errorf("POST %s: the answer ends early: %s", url, wording.Cause(err))
	}
	return nil
}

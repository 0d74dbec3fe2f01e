package acmedns

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAWebhookIsToldOfEveryRecord(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Authorization")+" "+string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	secret := "secret"
	hook := NewWebhook(server.URL+"/present", server.URL+"/cleanup", func(context.Context) (Field, error) {
		return ParseField([]byte("Authorization: Bearer " + secret + "\n"))
	})
	if err := hook.Present(t.Context(), "_acme-challenge.example.com.", "text"); err != nil {
		t.Error(err)
	}
	secret = "replaced" // in between: it is read for each request
	if err := hook.CleanUp(t.Context(), "_acme-challenge.example.com.", "text"); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /present application/json Bearer secret {"fqdn":"_acme-challenge.example.com.","value":"text"}`,
		`POST /cleanup application/json Bearer replaced {"fqdn":"_acme-challenge.example.com.","value":"text"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the requests differ (-want +got):\n%s", diff)
	}
}

func TestAWebhookThatFailsIsNamed(t *testing.T) {
	release := make(chan struct{})
	handlers := map[string]http.HandlerFunc{
		"/broken":   func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no\nsuch zone", http.StatusBadGateway) },
		"/refused":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusTemporaryRedirect) },
		"/hangs":    func(w http.ResponseWriter, r *http.Request) { <-release },
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for range 1000 {
				io.WriteString(w, strings.Repeat("x", 1<<10))
			}
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := handlers[r.URL.Path]; handler != nil {
			handler(w, r)
		}
	}))
	defer server.Close()
	defer close(release)
	for path, want := range map[string]string{
		"/broken": "HTTP 502 Bad Gateway: no such zone", "/refused": "HTTP 403 Forbidden", "/redirect": "HTTP 307", "/hangs": "no answer within 30s", "/endless": "HTTP 500",
	} {
		hook := NewWebhook(server.URL+path, server.URL+path, nil)
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if path == "/hangs" {
			ctx, cancel = context.WithTimeout(ctx, 0)
		}
		err := hook.Present(ctx, "_acme-challenge.example.com.", "text")
		cancel()
		if err == nil || !strings.Contains(err.Error(), "POST "+server.URL+path+": "+want) || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want the URL and %q", path, err, want)
		}
	}
}

func TestTheFieldOfAWebhookIsChecked(t *testing.T) {
	for _, text := range []string{"secret", "Authorization:", "Auth orization: x", "Authorization: a\nX: b", ": x"} {
		if _, err := ParseField([]byte(text)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want an error that does not repeat it", text, err)
		}
	}
}

func TestAWebhookWhoseFieldCannotBeReadIsNotCalled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the webhook was called without its secret") }))
	defer server.Close()
	hook := NewWebhook(server.URL, server.URL, func(context.Context) (Field, error) { return Field{}, errors.New("/a/file: no such file") })
	if err := hook.Present(t.Context(), "_acme-challenge.example.com.", "text"); err == nil || !strings.Contains(err.Error(), "/a/file") {
		t.Errorf("got %v, want the file", err)
	}
}

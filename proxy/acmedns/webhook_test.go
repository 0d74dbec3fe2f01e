package acmedns

import (
	"context"
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
	hook, err := NewWebhook(server.URL+"/present", server.URL+"/cleanup", "Authorization: Bearer secret\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Present(t.Context(), "_acme-challenge.example.com.", "text"); err != nil {
		t.Error(err)
	}
	if err := hook.CleanUp(t.Context(), "_acme-challenge.example.com.", "text"); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /present application/json Bearer secret {"fqdn":"_acme-challenge.example.com.","value":"text"}`,
		`POST /cleanup application/json Bearer secret {"fqdn":"_acme-challenge.example.com.","value":"text"}`,
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
		hook, err := NewWebhook(server.URL+path, server.URL+path, "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if path == "/hangs" {
			ctx, cancel = context.WithTimeout(ctx, 0)
		}
		err = hook.Present(ctx, "_acme-challenge.example.com.", "text")
		cancel()
		if err == nil || !strings.Contains(err.Error(), "POST "+server.URL+path+": "+want) || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want the URL and %q", path, err, want)
		}
	}
}

func TestTheFieldOfAWebhookIsChecked(t *testing.T) {
	for _, text := range []string{"secret", "Authorization:", "Auth orization: x", "Authorization: a\nX: b", ": x"} {
		if _, err := NewWebhook("http://127.0.0.1/", "http://127.0.0.1/", text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want an error that does not repeat it", text, err)
		}
	}
}

package proxy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
)

func TestStartupErrorHasALineForEachError(t *testing.T) {
	first := config.Errors{{Key: "listeners[0].tls.acme_domains", Problem: "a"}, {Key: "listeners[0].tls.acme_domains", Problem: "b"}}
	second := config.Errors{{Key: "listeners[1].tls.acme_domains", Problem: "c"}}
	for _, tc := range []struct {
		name  string
		cause error
		want  string
	}{
		{"one plain error has one line", errors.New("k: no"), "startup step 7 (load_tls): k: no"},
		{"the errors of one listener have a line each", errors.Join(first), "startup step 7 (load_tls): listeners[0].tls.acme_domains: a\n" +
			"startup step 7 (load_tls): listeners[0].tls.acme_domains: b"},
		{"the errors of two listeners have a line each", errors.Join(first, second),
			"startup step 7 (load_tls): listeners[0].tls.acme_domains: a\n" +
				"startup step 7 (load_tls): listeners[0].tls.acme_domains: b\n" +
				"startup step 7 (load_tls): listeners[1].tls.acme_domains: c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := &StartupError{Step: 7, Name: "load_tls", Cause: tc.cause}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

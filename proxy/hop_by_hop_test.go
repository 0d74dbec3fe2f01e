package proxy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/headers"
)

func TestHopByHopFieldsAreRemovedWithAllThatConnectionNames(t *testing.T) {
	fields := fieldList(
		"Connection", "X-Hop, keep-alive", "Keep-Alive", "timeout=5", "x-hop", "1", "Proxy-Authenticate", "Basic",
		"Proxy-Authorization", "x", "Proxy-Connection", "close", "TE", "gzip", "Trailer", "X-T", "Trailers", "x",
		"Transfer-Encoding", "chunked", "Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQAAP__", "X-Stays", "1",
	)
	removeHopByHop(&fields, headers.Concealed)
	if diff := cmp.Diff(fieldList("X-Stays", "1"), fields); diff != "" {
		t.Errorf("left over (-want +got):\n%s", diff)
	}
}

func TestAFieldWithoutANameIsNotForwarded(t *testing.T) {
	fields := fieldList("", "1", "X-Stays", "1")
	removeHopByHop(&fields, headers.Concealed)
	if diff := cmp.Diff(fieldList("X-Stays", "1"), fields); diff != "" {
		t.Errorf("left over (-want +got):\n%s", diff)
	}
	if !forbiddenTrailer(Field{}) {
		t.Error("a trailer field without a name is forwarded")
	}
}

func TestCredentialsAreNotAnnouncedAsTrailers(t *testing.T) {
	if got := appendTrailerNames(nil, fieldList("Trailer", "X-Sum, AUTHORIZATION", "Trailer", "cookie")); !slices.Equal(got, []string{"X-Sum"}) {
		t.Errorf("got %q, want only X-Sum", got)
	}
}

func TestEveryConnectionLineCountsAndEveryNameInIt(t *testing.T) {
	fields := fieldList(
		"X-1", "", "Connection", "X-1", "X-2", "", "Connection", "keep-alive, X-2,, close , x-3,X-4", "X-3", "", "X-4", "",
		"connection", "X-5, X-6, X-7", "X-5", "", "X-6", "", "X-7", "", "X-7", "again", "X-Stays", "1",
	)
	removeHopByHop(&fields, headers.Concealed)
	if diff := cmp.Diff(fieldList("X-Stays", "1"), fields); diff != "" {
		t.Errorf("left over (-want +got):\n%s", diff)
	}
}

// fieldList returns a list of fields from alternating names and values.
func fieldList(namesAndValues ...string) Fields {
	var fields Fields
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		fields.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return fields
}

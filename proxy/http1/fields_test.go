package http1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFieldsAreFoundWhateverTheirCase(t *testing.T) {
	fields := Fields{{"Accept", "a"}, {"x-one", "1"}, {"X-One", "2"}}
	if got := fields.Get("X-ONE"); got != "1" {
		t.Errorf("Get: got %q, want the first line's value %q", got, "1")
	}
	if got := fields.Get("absent"); got != "" {
		t.Errorf("Get of an absent field: got %q, want \"\"", got)
	}
	if !fields.Has("ACCEPT") || fields.Has("Acc") {
		t.Error("Has: want Accept and not Acc")
	}
	fields.Set("x-ONE", "3")
	if diff := cmp.Diff(Fields{{"Accept", "a"}, {"x-ONE", "3"}}, fields); diff != "" {
		t.Errorf("Set must leave one line with the name (-want +got):\n%s", diff)
	}
}

func TestTokensAreReadFromAllLinesOfAList(t *testing.T) {
	fields := Fields{{"Connection", "close, X-A ,,"}, {"connection", "\tx-b"}, {"TE", "gzip;q=0.5, Trailers"}}
	var tokens []string
	fields.EachToken("Connection", func(token string) { tokens = append(tokens, token) })
	if diff := cmp.Diff([]string{"close", "X-A", "x-b"}, tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	if !fields.HasToken("te", "trailers") || fields.HasToken("te", "gzip") {
		t.Error("HasToken: want trailers, and gzip only with its parameter")
	}
}

func TestFieldsAreRemovedInOrder(t *testing.T) {
	fields := Fields{{"A", "1"}, {"B", "2"}, {"C", "3"}, {"B", "4"}}
	fields.Remove(func(field Field) bool { return field.Name == "B" })
	if diff := cmp.Diff(Fields{{"A", "1"}, {"C", "3"}}, fields); diff != "" {
		t.Errorf("left over (-want +got):\n%s", diff)
	}
}

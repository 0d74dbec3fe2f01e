package share

import (
	"testing"
	"time"
)

func TestAShareIsMetOnlyWhileRequestsOfOthersWait(t *testing.T) {
	now := time.Now()
	s := New(1)
	var own, other Client
	var upstream, elsewhere Upstream
	if w, refused, _ := s.Acquire(&own, &upstream, now); w != nil || refused {
		t.Fatal("the only slot was not free")
	}
	want := func(what string, client, upstreams bool) {
		t.Helper()
		if got := s.OthersWait(&own, &upstream, OfClient); got != client {
			t.Errorf("%s: other clients wait: %v, want %v", what, got, client)
		}
		if got := s.OthersWait(&own, &upstream, OfUpstream); got != upstreams {
			t.Errorf("%s: requests to other upstreams wait: %v, want %v", what, got, upstreams)
		}
		if s.OthersWait(&own, &upstream, None) {
			t.Errorf("%s: others wait because of no share, want false", what)
		}
	}
	want("nobody waits", false, false)
	s.Acquire(&own, &upstream, now)
	want("the client itself waits for the same upstream", false, false)
	s.Acquire(&other, &upstream, now)
	want("another client waits for the same upstream", true, false)
	s.Acquire(&own, &elsewhere, now)
	want("the client waits for another upstream as well", true, true)
}

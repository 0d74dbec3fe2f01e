package proxy

import (
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http2"
)

// TestAnswersToControlFramesThatAreNotReadAreBounded sends PINGs for an hour of the sweeper's clock, never more than the
// allowance, and has their answers read or not (S-12.5).
func TestAnswersToControlFramesThatAreNotReadAreBounded(t *testing.T) {
	allowed := h2Allowances[h2Controls]
	for _, test := range []struct {
		name  string
		reads bool
		want  string
	}{
		{"a client that reads the answers goes on", true, ""},
		{"a client that reads none is ended", false, "control frames whose answers are not read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := newConnRegistry(1, 1, deadline.NewSweeper())
			h := batchesConn(t, registry)
			h.budgets[h2Controls].left = allowed.burst
			got, most := "", 0
			for range 3600 {
				registry.sweeper.Clock.Add(int64(time.Second))
				for range allowed.perSecond {
					if err := h.controlFrame(http2.Header{Type: http2.TypePing}, make([]byte, 8)); err != nil {
						got = err.Reason
					}
				}
				most = max(most, len(*h.out))
				if got != "" {
					break
				}
				if test.reads {
					h.collect(nil)
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if most > h2ControlBytes+1<<10 {
				t.Errorf("got %d bytes of answers, want about %d at most", most, h2ControlBytes)
			}
		})
	}
}

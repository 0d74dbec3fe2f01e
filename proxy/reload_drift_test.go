package proxy

import (
	"testing"

	"reverse-proxy/proxy/config"
)

func TestDriftIsReportedOnceUntilItChangesOrGoesAway(t *testing.T) {
	d := &Daemon{}
	at := func(file string) []config.Drift {
		return []config.Drift{{Key: "max_connections", Running: "1024", File: file}}
	}
	for i, step := range []struct {
		drift    []config.Drift
		reported bool
	}{
		{nil, false}, {at("64"), true}, {at("64"), false}, {at("128"), true}, {at("64"), true}, {nil, false}, {at("64"), true}, {at("64"), false},
	} {
		if got := d.newDrift(step.drift); (len(got) > 0) != step.reported {
			t.Errorf("reload %d: got %v reported of %v, want some %v", i+1, got, step.drift, step.reported)
		}
	}
}

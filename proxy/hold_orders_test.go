package proxy

import (
	"strings"
	"testing"

	"reverse-proxy/proxy/admin"
)

func TestAnOrderFindsItsSite(t *testing.T) {
	d := startDaemonWithSite(t, rawUpstream(t, answerOK), "", "aliases = [\"www.a.test\"]\n")
	for _, test := range []struct{ host, found, complaint string }{
		{"a.test", "a.test", ""},
		{"A.Test.", "a.test", ""},
		{"www.a.test", "a.test", ""},
		{"ww.a.test", "", `no site has the host or alias "ww.a.test"; did you mean "www.a.test"?`},
		{"else.example", "", `no site has the host or alias "else.example"`},
		{"", "", "no site has the host or alias"},
	} {
		result := d.Maintenance(admin.MaintenanceOrder{Host: test.host, On: true})
		switch {
		case test.complaint != "":
			if result.Status != admin.StatusError || !strings.HasPrefix(result.Message, test.complaint) || result.Site != nil {
				t.Errorf("%q: got %+v, want %q", test.host, result, test.complaint)
			}
		case result.Status != admin.StatusOK || result.Site == nil || result.Site.Host != test.found || result.Site.Maintenance == nil || !result.Changed:
			t.Errorf("%q: got %+v, want %s in maintenance", test.host, result, test.found)
		}
	}
	off := admin.MaintenanceOrder{Host: "a.test"}
	if first, second := d.Maintenance(off), d.Maintenance(off); !first.Changed || second.Changed || second.Status != admin.StatusOK {
		t.Errorf("off twice: got %+v and %+v, want a change only once", first, second)
	}
}

func TestAPauseHasItsBounds(t *testing.T) {
	d := startDaemon(t, rawUpstream(t, answerOK), "")
	for seconds, ok := range map[int64]bool{-1: false, 0: false, 1: true, 600: true, 601: false} {
		result := d.Pause(admin.PauseOrder{Host: "a.test", MaxSecs: seconds})
		if (result.Status == admin.StatusOK) != ok || !ok && !strings.HasPrefix(result.Message, "max_secs: ") {
			t.Errorf("%d seconds: got %+v, want it accepted: %v", seconds, result, ok)
		}
	}
	if result := d.Resume(admin.ResumeOrder{Host: "a.test"}); !result.Changed || result.Site.Pause != nil {
		t.Errorf("resume: got %+v, want the pause ended", result)
	}
	if result := d.Resume(admin.ResumeOrder{Host: "a.test"}); result.Changed {
		t.Errorf("resume again: got %+v, want no change", result)
	}
}

func TestAMaintenanceHasItsBounds(t *testing.T) {
	d := startDaemon(t, rawUpstream(t, answerOK), "")
	for seconds, ok := range map[int64]bool{-1: false, 0: true, 1: true, 30 * 86400: true, 30*86400 + 1: false} {
		result := d.Maintenance(admin.MaintenanceOrder{Host: "a.test", On: true, ForSecs: seconds})
		if (result.Status == admin.StatusOK) != ok || !ok && !strings.HasPrefix(result.Message, "for_secs: ") {
			t.Errorf("%d seconds: got %+v, want it accepted: %v", seconds, result, ok)
		}
	}
}

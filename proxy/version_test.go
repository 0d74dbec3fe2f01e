package proxy

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionFromBuildInfo(t *testing.T) {
	tests := []struct {
		name   string
		info   *debug.BuildInfo
		linked string
		want   string
	}{
		{
			"a clean checkout has its revision",
			&debug.BuildInfo{GoVersion: "go1.99", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
				{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc123"}, {Key: "vcs.modified", Value: "false"},
			}},
			"",
			"reverse-proxy v1.2.3 (revision abc123, go1.99)",
		},
		{
			"a checkout with changes is dirty",
			&debug.BuildInfo{GoVersion: "go1.99", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
				{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc123"},
			}},
			"linked",
			"reverse-proxy v1.2.3 (revision abc123+dirty, go1.99)",
		},
		{
			"the revision is unknown without version control",
			&debug.BuildInfo{GoVersion: "go1.99"},
			"",
			"reverse-proxy (devel) (revision unknown, go1.99)",
		},
		{
			"a linked worktree has its revision",
			&debug.BuildInfo{GoVersion: "go1.99"},
			"abc123+dirty",
			"reverse-proxy (devel) (revision abc123+dirty, go1.99)",
		},
		{"the revision is unknown without build information", nil, "", "reverse-proxy (devel) (revision unknown, " + runtime.Version() + ")"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := versionFromBuildInfo(tt.info, tt.linked).String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReadVersionKnowsTheToolchain(t *testing.T) {
	if got := readVersion(); got.GoVersion != runtime.Version() || got.Version == "" || got.Revision == "" {
		t.Errorf("got %+v, want Go %s and no empty field", got, runtime.Version())
	}
	if got, want := versionText(), readVersion().String(); got != want {
		t.Errorf("versionText: got %q, want %q", got, want)
	}
}

package proxy

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// linkedRevision is the revision for builds in which cmd/go finds none, in the form of versionInfo.Revision. Only the
// linker sets it (-X, in the Makefile): cmd/go does not look into linked worktrees of Git, whose .git is a file.
var linkedRevision string

// linkedVersion is the version of a release, which `make packages` links in. It takes precedence over the one in the
// build information.
var linkedVersion string

// versionInfo describes what this program was built from (S-1.6).
type versionInfo struct {
	// Version is the version of the main module, or `(devel)` if the build did not know one.
	Version string
	// Revision is the VCS revision, followed by `+dirty` if the tree had changes; `unknown` without VCS.
	Revision string
	// GoVersion is the version of the Go toolchain.
	GoVersion string
}

// readVersion reads the build information of the running program.
func readVersion() versionInfo {
	info, _ := debug.ReadBuildInfo()
	version := versionFromBuildInfo(info, linkedRevision)
	version.Version = cmp.Or(linkedVersion, version.Version)
	return version
}

// versionFromBuildInfo returns the three versions in info, which may be nil. linked is the revision if info has none;
// "" for unknown.
func versionFromBuildInfo(info *debug.BuildInfo, linked string) versionInfo {
	version := versionInfo{Version: "(devel)", Revision: cmp.Or(linked, "unknown"), GoVersion: runtime.Version()}
	if info == nil {
		return version
	}
	if info.Main.Version != "" {
		version.Version = info.Main.Version
	}
	if info.GoVersion != "" {
		version.GoVersion = info.GoVersion
	}
	dirty := false
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			version.Revision = setting.Value
		case "vcs.modified":
			dirty = setting.Value == "true"
		}
	}
	if dirty {
		version.Revision += "+dirty"
	}
	return version
}

// String renders the versions on one line.
func (v versionInfo) String() string {
	return fmt.Sprintf("reverse-proxy %s (revision %s, %s)", v.Version, v.Revision, v.GoVersion)
}

// versionText returns the output of `--version`.
func versionText() string { return readVersion().String() }

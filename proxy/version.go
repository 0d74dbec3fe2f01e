package proxy

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// buildVersion says what this program was built from (S-1.6).
type buildVersion struct {
	// Module is the version of the main module, `(devel)` where the build did not know one.
	Module string
	// Revision is the VCS revision, with `+dirty` behind it when the tree had changes; `unknown` without VCS.
	Revision string
	// Go is the version of the Go toolchain.
	Go string
}

// currentVersion reads the build information of the running program.
func currentVersion() buildVersion {
	info, _ := debug.ReadBuildInfo()
	return versionFromBuildInfo(info)
}

// versionFromBuildInfo picks the three versions out of info, which may be nil.
func versionFromBuildInfo(info *debug.BuildInfo) buildVersion {
	version := buildVersion{Module: "(devel)", Revision: "unknown", Go: runtime.Version()}
	if info == nil {
		return version
	}
	if info.Main.Version != "" {
		version.Module = info.Main.Version
	}
	if info.GoVersion != "" {
		version.Go = info.GoVersion
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

// String renders the versions as `--version` prints them.
func (v buildVersion) String() string {
	return fmt.Sprintf("reverse-proxy %s (revision %s, %s)", v.Module, v.Revision, v.Go)
}

package wording

import (
	"io/fs"
	"testing"
)

func TestEveryKindOfFileHasAName(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0o644: "a regular file", fs.ModeSetuid | 0o755: "a regular file", fs.ModeDir | fs.ModeSticky | 0o755: "a directory",
		fs.ModeSymlink | 0o777: "a symbolic link", fs.ModeNamedPipe: "a named pipe", fs.ModeSocket | 0o600: "a socket",
		fs.ModeDevice: "a device", fs.ModeDevice | fs.ModeCharDevice: "a device", fs.ModeIrregular: "not a regular file",
	} {
		if got := FileKind(mode); got != want {
			t.Errorf("%v: got %q, want %q", mode, got, want)
		}
	}
}

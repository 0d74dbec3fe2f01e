package wording

import "io/fs"

// FileKind names the kind of a file, with its article.
func FileKind(mode fs.FileMode) string {
	switch mode.Type() &^ fs.ModeCharDevice {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	case fs.ModeSocket:
		return "a socket"
	case fs.ModeDevice:
		return "a device"
	}
	return "not a regular file"
}

package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/wording"
)

// maxSocketPath is the longest path, in bytes, that fits in the address of a Unix socket on Linux: sun_path has 108,
// one of which ends the string (unix(7)).
const maxSocketPath = 107

// adminSocketPath checks `admin_socket_path` (S-2.20). Whether the socket can be bound is only known at step 5.
func (v *validator) adminSocketPath(value *string) string {
	const key = "admin_socket_path"
	path := orDefault(value, DefaultAdminSocketPath)
	const example = `write an absolute path, as in "/run/reverse-proxy/admin.sock", or "" for no socket`
	switch {
	case path == "":
	case !filepath.IsAbs(path):
		v.add(key, "%s is not absolute; %s", wording.Quoted(path), example)
	case slices.Contains(strings.Split(path, "/"), ".."):
		v.add(key, `%s contains ".."; %s`, wording.Quoted(path), example)
	case strings.HasSuffix(path, "/"):
		v.add(key, "%s names a directory; %s", wording.Quoted(path), example)
	case strings.ContainsRune(path, 0):
		v.add(key, "%s contains a zero byte; %s", wording.Quoted(path), example)
	case len(path) > maxSocketPath:
		v.add(key, "%s is %d bytes long, and the address of a Unix socket holds %d; write a shorter path",
			wording.Quoted(path), len(path), maxSocketPath)
	}
	return path
}

// healthPath checks `https_health_path`: "" or the path of a request target, as it is sent, without a query.
func (v *validator) healthPath(value *string) string {
	path := orDefault(value, "/health")
	if path == "" {
		return path
	}
	const example = `write one that begins with /, as in "/health", or "" for none`
	switch {
	case !strings.HasPrefix(path, "/"):
		v.add("https_health_path", "%s is not an absolute path; %s", wording.Quoted(path), example)
	case strings.ContainsAny(path, "?#"):
		v.add("https_health_path", "%s has a query or a fragment; write only the path", wording.Quoted(path))
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' }):
		v.add("https_health_path", "%s has characters that no request target has; write them percent-encoded", wording.Quoted(path))
	default:
		if _, err := url.ParseRequestURI(path); err != nil {
			v.add("https_health_path", "%s is not a valid path; write each %% with its two hexadecimal digits", wording.Quoted(path))
		}
	}
	return path
}

// resolvePath makes a path of the file absolute: a relative one starts at the configuration's directory, so that it
// means the same by hand and under systemd.
func (v *validator) resolvePath(path string) string {
	if path == "" {
		return ""
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(v.dir, path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		// The working directory no longer exists. The relative path still shows what was meant.
		return path
	}
	return absolute
}

// unwritableDir returns why files cannot be created in the directory, or "" if they can. It asks access(2) for the
// effective user instead of creating a file, so that a check by one user leaves no files in another's way.
func unwritableDir(dir string) string {
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return fmt.Sprintf("the directory %s does not exist", wording.Quoted(dir))
	case err != nil:
		return fmt.Sprintf("the directory %s: %s", wording.Quoted(dir), fileProblem(err))
	case !info.IsDir():
		return fmt.Sprintf("%s is not a directory", wording.Quoted(dir))
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Sprintf("the directory %s is not writable (%s)", wording.Quoted(dir), err)
	}
	return ""
}

// resolvedPath returns path with its symbolic links resolved as far as it exists, to compare locations (S-2.24).
func resolvedPath(path string) string {
	rest := ""
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return filepath.Clean(path)
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

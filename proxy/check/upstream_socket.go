package check

import (
	"path/filepath"

	"reverse-proxy/proxy/unixdial"
	"reverse-proxy/proxy/wording"
)

// upstreamSocket warns of an upstream whose Unix socket is missing, is something else, cannot be reached by the daemon's user, or
// is this proxy's own.
func (c *checker) upstreamSocket(key, path string) {
	if path == c.cfg.AdminSocketPath {
		c.warn(key, "%s is this proxy's own admin_socket_path; write the socket of the program behind the proxy", wording.Quoted(path))
		return
	}
	if problem := unixdial.Problem(path); problem != "" {
		c.warn(key, "%s: %s; start the program that listens there, or correct the path", wording.Quoted(path), problem)
		c.usable(key, filepath.Dir(path), maySearch, "reached")
		return
	}
	c.usable(key, path, mayWrite, "connected to")
}

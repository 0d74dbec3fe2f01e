package proxy

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"reverse-proxy/proxy/config"
)

// The rights to the contents of a directory, at any depth. None allows executing a file.
const (
	// sandboxRead opens files and lists directories.
	sandboxRead = ll.AccessFSReadFile | ll.AccessFSReadDir
	// sandboxAppend opens a file for writing, or creates it.
	sandboxAppend = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSMakeReg
	// sandboxKeep creates, rewrites, renames and removes files.
	sandboxKeep = sandboxRead | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
	// sandboxUnlink removes files.
	sandboxUnlink = ll.AccessFSRemoveFile
	// sandboxConnect connects to Unix sockets.
	sandboxConnect = ll.AccessFSResolveUnix
)

// sandboxRow is what the daemon does with a file, or in a directory, once it serves.
type sandboxRow struct {
	// path is a file, or a directory with tree; "" for a row that does not apply. A file's rights apply to its directory, as
	// files are replaced by a rename, and to those of its symbolic links.
	path string
	// tree reports whether path is itself the directory.
	tree   bool
	rights landlock.AccessFSSet
}

// sandboxTable lists everything in the file system that a daemon with this configuration may touch after its start. It can
// neither open, create, rename nor remove anything else, but keeps what it has open already (its sockets, the log).
func sandboxTable(cfg *config.Config) []sandboxRow {
	rows := []sandboxRow{
		// A reload reads the configuration, which a deployment replaces by a rename, or as a symbolic link.
		{path: cfg.Path, rights: sandboxRead},
		// SIGUSR1 and `reopen` reopen the log file after logrotate has renamed it, and check how it ends.
		{path: cfg.Logging.FilePath, rights: sandboxAppend},
		// The socket's file is removed at the end.
		{path: cfg.AdminSocketPath, rights: sandboxUnlink},
		// Names of upstreams and of CAs: a network manager replaces resolv.conf by a rename, wherever it leads.
		{path: "/etc/resolv.conf", rights: sandboxRead},
		{path: "/etc/hosts", rights: sandboxRead},
		{path: "/etc/nsswitch.conf", rights: sandboxRead},
		// The system's roots, which the first site with upstream_scheme = "https" may need after a reload.
		{path: "/etc/ssl/certs/ca-certificates.crt", rights: sandboxRead},
		{path: "/etc/pki/tls/certs/ca-bundle.crt", rights: sandboxRead},
		{path: "/etc/ssl/cert.pem", rights: sandboxRead},
		{path: "/etc/ssl/certs", tree: true, rights: sandboxRead},
		{path: "/usr/share/ca-certificates", tree: true, rights: sandboxRead},
		{path: "/usr/local/share/ca-certificates", tree: true, rights: sandboxRead},
		{path: os.Getenv("SSL_CERT_FILE"), rights: sandboxRead},
		// The process examines itself for `status`: descriptors and memory.
		{path: "/proc/self", tree: true, rights: sandboxRead},
		// The service manager's socket, for kernels that require a right to connect to it.
		{path: notifyPath(), rights: sandboxConnect},
		// A binary built for coverage writes its counters at its end.
		{path: os.Getenv("GOCOVERDIR"), tree: true, rights: sandboxKeep},
	}
	for _, dir := range filepath.SplitList(os.Getenv("SSL_CERT_DIR")) {
		rows = append(rows, sandboxRow{path: dir, tree: true, rights: sandboxRead})
	}
	for _, l := range cfg.Listeners {
		// Certificates and keys are read again at every reload; certbot's are symbolic links that it redirects.
		for _, pair := range l.TLS.Certificates {
			rows = append(rows, sandboxRow{path: pair.CertPath, rights: sandboxRead}, sandboxRow{path: pair.KeyPath, rights: sandboxRead})
		}
		// Renewals store certificates, the account's key and the record of refusals.
		rows = append(rows,
			sandboxRow{path: l.TLS.ACMECacheDir, tree: true, rights: sandboxKeep},
			sandboxRow{path: l.TLS.ACMECAPath, rights: sandboxRead})
	}
	return rows
}

// notifyPath returns the path of the service manager's socket; "" for none, and for an abstract one.
func notifyPath() string {
	if path := os.Getenv("NOTIFY_SOCKET"); filepath.IsAbs(path) {
		return path
	}
	return ""
}

// directories returns the row's directories that exist. For a file, these are the one that its path names, and those that
// its symbolic links lead through.
func (r sandboxRow) directories() []string {
	switch {
	case r.path == "":
		return nil
	case r.tree:
		return existing(r.path)
	}
	var dirs []string
	path := r.path
	for range maxSymlinks {
		dirs = append(dirs, existing(filepath.Dir(path))...)
		target, err := os.Readlink(path)
		if err != nil {
			break // the file itself, or nothing
		}
		if !filepath.IsAbs(target) {
			// The kernel resolves a link relative to where its directory really is.
			if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
				target = filepath.Join(dir, target)
			} else {
				target = filepath.Join(filepath.Dir(path), target)
			}
		}
		path = target
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// maxSymlinks is the number of symbolic links that the kernel follows (path_resolution(7)).
const maxSymlinks = 40

// existing returns the path if it is a directory.
func existing(path string) []string {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil
	}
	return []string{path}
}

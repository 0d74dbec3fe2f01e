package proxy

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"reverse-proxy/proxy/config"
)

// The rights to what lies in a directory, however deep. There is none to execute anything.
const (
	// sandboxRead opens and lists.
	sandboxRead = ll.AccessFSReadFile | ll.AccessFSReadDir
	// sandboxAppend opens a file for writing, or makes it.
	sandboxAppend = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSMakeReg
	// sandboxKeep makes, rewrites, renames and removes files.
	sandboxKeep = sandboxRead | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
	// sandboxUnlink removes files.
	sandboxUnlink = ll.AccessFSRemoveFile
	// sandboxConnect connects to Unix sockets.
	sandboxConnect = ll.AccessFSResolveUnix
)

// sandboxRow is what the daemon does with a file, or in a directory, once it serves.
type sandboxRow struct {
	// path is a file for rows with the rights to the directory that it is in, as files are replaced by a rename, and those of
	// its symbolic links; "" for a row that does not apply.
	path string
	// tree reports whether path is itself the directory.
	tree   bool
	rights landlock.AccessFSSet
}

// sandboxTable is everything in the file system that a daemon with this configuration may touch after its start. What
// is not here it can neither open, make, rename nor remove; what it has open already (its sockets, the log) it keeps.
func sandboxTable(cfg *config.Config) []sandboxRow {
	rows := []sandboxRow{
		// A reload reads the configuration, which a deployment replaces by a rename, or as a symbolic link.
		{path: cfg.Path, rights: sandboxRead},
		// SIGUSR1 and `reopen` open the log file anew, after logrotate has renamed it, and look how it ends.
		{path: cfg.Logging.FilePath, rights: sandboxAppend},
		// The socket's file goes at the end.
		{path: cfg.AdminSocketPath, rights: sandboxUnlink},
		// Names of upstreams and of CAs: a network manager replaces resolv.conf by a rename, in whatever place it leads to.
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
		// The process looks at itself for `status`: descriptors and memory.
		{path: "/proc/self", tree: true, rights: sandboxRead},
		// The service manager's socket, where kernels ask for a right to connect to it.
		{path: notifyPath(), rights: sandboxConnect},
		// A binary that was built to count coverage writes its counters at its end.
		{path: os.Getenv("GOCOVERDIR"), tree: true, rights: sandboxKeep},
	}
	for _, dir := range filepath.SplitList(os.Getenv("SSL_CERT_DIR")) {
		rows = append(rows, sandboxRow{path: dir, tree: true, rights: sandboxRead})
	}
	for _, l := range cfg.Listeners {
		// Certificates and keys are read again at every reload; certbot's are symbolic links, which it points elsewhere.
		for _, pair := range l.TLS.Certificates {
			rows = append(rows, sandboxRow{path: pair.CertPath, rights: sandboxRead}, sandboxRow{path: pair.KeyPath, rights: sandboxRead})
		}
		// Renewals keep certificates, the account's key and the memory of refusals.
		rows = append(rows,
			sandboxRow{path: l.TLS.ACMECacheDir, tree: true, rights: sandboxKeep},
			sandboxRow{path: l.TLS.ACMECAPath, rights: sandboxRead})
	}
	return rows
}

// notifyPath is the path of the service manager's socket; "" for none, and for an abstract one.
func notifyPath() string {
	if path := os.Getenv("NOTIFY_SOCKET"); filepath.IsAbs(path) {
		return path
	}
	return ""
}

// directories returns the directories of the row that exist. A file has the one that its path names, and those that its
// symbolic links lead through.
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
			// The kernel takes it from where the directory really is.
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

// maxSymlinks is how many symbolic links the kernel follows (path_resolution(7)).
const maxSymlinks = 40

// existing returns the path if a directory is there.
func existing(path string) []string {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil
	}
	return []string{path}
}

package sandbox

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
	// rightRead opens files and lists directories.
	rightRead = ll.AccessFSReadFile | ll.AccessFSReadDir
	// rightAppend opens a file for writing, or creates it.
	rightAppend = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSMakeReg
	// rightKeep creates, rewrites, renames and removes files.
	rightKeep = rightRead | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
	// rightUnlink removes files.
	rightUnlink = ll.AccessFSRemoveFile
	// rightConnect connects to Unix sockets.
	rightConnect = ll.AccessFSResolveUnix
)

// row is what the daemon does with a file, or in a directory, once it serves.
type row struct {
	// path is a file, or a directory with tree; "" for a row that does not apply. A file's rights apply to its directory, as
	// files are replaced by a rename, and to those of its symbolic links.
	path string
	// tree reports whether path is itself the directory.
	tree   bool
	rights landlock.AccessFSSet
}

// table lists everything in the file system that a daemon with this configuration may touch after its start. It can
// neither open, create, rename nor remove anything else, but keeps what it has open already (its sockets, the log).
func table(cfg *config.Config) []row {
	rows := []row{
		// A reload reads the configuration, which a deployment replaces by a rename, or as a symbolic link.
		{path: cfg.Path, rights: rightRead},
		// SIGUSR1 and `reopen` reopen the log file after logrotate has renamed it, and check how it ends.
		{path: cfg.Logging.FilePath, rights: rightAppend},
		// The socket's file is removed at the end.
		{path: cfg.AdminSocketPath, rights: rightUnlink},
		// Names of upstreams and of CAs: a network manager replaces resolv.conf by a rename, wherever it leads.
		{path: "/etc/resolv.conf", rights: rightRead},
		{path: "/etc/hosts", rights: rightRead},
		{path: "/etc/nsswitch.conf", rights: rightRead},
		// The system's roots, which the first site with upstream_scheme = "https" may need after a reload.
		{path: "/etc/ssl/certs/ca-certificates.crt", rights: rightRead},
		{path: "/etc/pki/tls/certs/ca-bundle.crt", rights: rightRead},
		{path: "/etc/ssl/cert.pem", rights: rightRead},
		{path: "/etc/ssl/certs", tree: true, rights: rightRead},
		{path: "/usr/share/ca-certificates", tree: true, rights: rightRead},
		{path: "/usr/local/share/ca-certificates", tree: true, rights: rightRead},
		{path: os.Getenv("SSL_CERT_FILE"), rights: rightRead},
		// The process examines itself for `status`: descriptors and memory.
		{path: "/proc/self", tree: true, rights: rightRead},
		// The service manager's socket, for kernels that require a right to connect to it.
		{path: notifyPath(), rights: rightConnect},
		// The file of answers during maintenance, which a deployment replaces by a rename.
		{path: cfg.Maintenance.File, rights: rightRead},
		// A binary built for coverage writes its counters at its end.
		{path: os.Getenv("GOCOVERDIR"), tree: true, rights: rightKeep},
	}
	rows = append(rows, accessRows(cfg.Access, config.LevelFile)...)
	for _, dir := range filepath.SplitList(os.Getenv("SSL_CERT_DIR")) {
		rows = append(rows, row{path: dir, tree: true, rights: rightRead})
	}
	for _, l := range cfg.Listeners {
		// Certificates and keys are read again at every reload; certbot's are symbolic links that it redirects.
		for _, pair := range l.TLS.Certificates {
			rows = append(rows, row{path: pair.CertPath, rights: rightRead}, row{path: pair.KeyPath, rights: rightRead})
		}
		// So are the networks of trusted proxies, and the files that answers are made of, which a deployment replaces by a rename.
		rows = append(rows, row{path: l.Clients.File, rights: rightRead})
		for _, site := range l.Sites {
			rows = append(rows, row{path: site.Maintenance.FileAt(config.LevelSite), rights: rightRead})
			rows = append(rows, upstreamFiles(site.UpstreamTLS)...)
			for _, forward := range site.Forwards("") {
				rows = append(rows, row{path: socketOf(forward.Upstream.Address), rights: rightConnect})
			}
			rows = append(rows, accessRows(site.Access, config.LevelSite)...)
			rows = append(rows, row{path: site.ClientCerts.Path(), rights: rightRead})
			for _, route := range site.Routes {
				rows = append(rows, accessRows(route.Access, config.LevelRoute)...)
				rows = append(rows, row{path: route.RespondFile, rights: rightRead}, row{path: route.Maintenance.FileAt(config.LevelRoute), rights: rightRead})
				rows = append(rows, upstreamFiles(route.UpstreamTLS)...)
			}
		}
		// Renewals store certificates, the account's key and the record of refusals.
		rows = append(rows,
			row{path: l.TLS.ACMECacheDir, tree: true, rights: rightKeep},
			row{path: l.TLS.ACMECAPath, rights: rightRead})
		// Secrets of DNS-01 are read for each order, and the key of an account at a start. A reload checks them all.
		for _, path := range []string{l.TLS.ACMEEABKeyFile, l.TLS.ACMEDNS.KeyFile, l.TLS.ACMEDNS.HeaderFile} {
			rows = append(rows, row{path: path, rights: rightRead})
		}
	}
	for _, path := range []string{cfg.Store.KeyFile, cfg.Store.PasswordFile, cfg.Store.CAPath} {
		rows = append(rows, row{path: path, rights: rightRead})
	}
	return rows
}

// upstreamFiles returns the rows of the files for TLS to an upstream, which are read again at every reload.
func upstreamFiles(u config.UpstreamTLS) []row {
	return []row{{path: u.CAPath, rights: rightRead}, {path: u.Files.CertPath, rights: rightRead}, {path: u.Files.KeyPath, rights: rightRead}}
}

// socketOf returns the path of an upstream that is a Unix socket; "" for any other. Kernels that require a right to connect to
// one have it for its directory, as a program replaces its socket.
func socketOf(upstream string) string {
	if path, ok := config.SocketPath(upstream); ok {
		return path
	}
	return ""
}

// accessRows returns the rows for the lists of networks and the password files of a place, which a reload reads again.
func accessRows(a *config.Access, at config.Level) []row {
	var rows []row
	for _, file := range a.FilesAt(at) {
		rows = append(rows, row{path: file.Value, rights: rightRead})
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
func (r row) directories() []string {
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

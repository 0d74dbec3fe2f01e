package config

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

const (
	// defaultStorePort is the port of a store whose URL names none.
	defaultStorePort = "6379"
	// defaultStoreKey is the name of `store_key_file` beside the configuration file, if the key is not set.
	defaultStoreKey = "store.key"
	// minStoreKeyBytes is the minimum length of the contents of `store_key_file`.
	minStoreKeyBytes = 32
	// maxStoreDatabase bounds the number of a database; a server has 16 by default.
	maxStoreDatabase = 1 << 20
)

// Store is the server on which several machines share their certificates (S-20.5). The zero value means that there is none.
type Store struct {
	// Address is the host and port of the server. TLS reports whether the connection uses TLS.
	Address string
	TLS     bool
	// Username and Password are from the URL. If it has no password, PasswordFile may have it.
	Username, Password string
	Database           int
	// KeyFile is the path of the secret that encrypts the values.
	KeyFile, PasswordFile string
	// CAPath is a PEM file of roots to trust for the server; "" for the system's.
	CAPath string
}

// String returns the URL without the password; "" if there is no store.
func (s Store) String() string {
	if s.Address == "" {
		return ""
	}
	u := url.URL{Scheme: "redis", Host: s.Address, Path: "/" + strconv.Itoa(s.Database)}
	if s.TLS {
		u.Scheme = "rediss"
	}
	if s.Username != "" {
		u.User = url.User(s.Username)
	}
	return u.String()
}

// ReadKey reads the secret that encrypts the values.
func (s Store) ReadKey() ([]byte, error) { return readSecret(s.KeyFile) }

// ReadPassword returns the password from the URL or the file; "" if there is none.
func (s Store) ReadPassword() (string, error) {
	if s.PasswordFile == "" {
		return s.Password, nil
	}
	secret, err := readSecret(s.PasswordFile)
	return string(secret), err
}

// Roots reads the roots to trust for the server; nil for the system's.
func (s Store) Roots() (*x509.CertPool, error) {
	if s.CAPath == "" {
		return nil, nil
	}
	text, err := ReadStableFile(s.CAPath, maxCertificateBytes, nil)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return roots, nil
}

// readSecret reads a file without the white space at its end, which editors add.
func readSecret(path string) ([]byte, error) {
	data, err := ReadStableFile(path, maxCertificateBytes, nil)
	return bytes.TrimRight(data, " \t\r\n"), err
}

// store resolves the keys of the store in `[acme]`.
func (v *validator) store(raw rawACME) (s Store) {
	if raw.Store == nil {
		if raw.StoreKeyFile != nil || raw.StorePasswordFile != nil || raw.StoreCAPath != nil {
			v.add("acme.store", `missing; write the URL of the store, as in "redis://10.0.0.9:6379/0", or leave out the keys that begin with store_`)
		}
		return s
	}
	s = v.storeURL("acme.store", *raw.Store)
	keyFile := cmp.Or(raw.StoreKeyFile, new(defaultStoreKey))
	s.KeyFile = v.secretFile("acme.store_key_file", keyFile, "copy the key of the other machines there, or make one with `openssl rand -base64 32`", minStoreKeyBytes)
	if raw.StorePasswordFile != nil {
		s.PasswordFile = v.secretFile("acme.store_password_file", raw.StorePasswordFile, "write the path of a file with the password, or leave store_password_file out", 1)
		if s.Password != "" {
			v.add("acme.store_password_file", "store has a password already; leave one of them out")
		}
	}
	s.CAPath = v.acmeCAPath("acme.store_ca_path", raw.StoreCAPath)
	if s.CAPath != "" && !s.TLS && s.Address != "" {
		v.add("acme.store_ca_path", "has no meaning without TLS; write store = \"rediss://…\", or leave the key out")
	}
	return s
}

// storeURL parses the URL of the store. Errors do not quote it, because it may contain a password.
func (v *validator) storeURL(key, value string) (s Store) {
	const example = `write it as in "redis://10.0.0.9:6379/0", or "rediss://…" for TLS`
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" {
		v.add(key, "is not the URL of a store; %s", example)
		return s
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = defaultStorePort
	}
	if !validPort(port) || !isStoreHost(host) {
		v.add(key, "%s is not the address of a server; %s", wording.Quoted(u.Host), example)
		return s
	}
	s.TLS = u.Scheme == "rediss"
	s.Username = u.User.Username()
	s.Password, _ = u.User.Password()
	if database := strings.Trim(u.Path, "/"); database != "" {
		if s.Database, err = strconv.Atoi(database); err != nil || s.Database < 0 || s.Database > maxStoreDatabase {
			v.add(key, "%s is not the number of a database; %s", wording.Quoted(database), example)
		}
	}
	s.Address = net.JoinHostPort(host, port)
	return s
}

// isStoreHost reports whether host can be the name of a server: an IP address, or a host name with or without a dot.
func isStoreHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && len(host) <= 253 && !strings.ContainsFunc(host, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// secretFile checks a file that holds a secret.
func (v *validator) secretFile(key string, value *string, write string, least int) string {
	path := v.resolvePath(v.required(key, value, write))
	if path == "" {
		return ""
	}
	secret, err := readSecret(path)
	switch {
	case err != nil:
		v.add(key, "%s: %s; %s", wording.Quoted(path), err, write)
	case len(secret) < least:
		v.add(key, "%s holds %d bytes, and at least %d are needed; %s", wording.Quoted(path), len(secret), least, write)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
		v.add(key, "%s can be read by every user; make it mode 0600 or 0640", wording.Quoted(path))
	}
	return path
}

// store compares the store of two configurations.
func (d *driftList) store(running, file Store) {
	if running.String() == file.String() && running.Password != file.Password {
		*d = append(*d, Drift{Key: "acme.store", Running: running.String(), File: file.String() + " with another password"})
	}
	d.compare("acme.store", running.String(), file.String())
	d.compare("acme.store_key_file", running.KeyFile, file.KeyFile)
	d.compare("acme.store_password_file", running.PasswordFile, file.PasswordFile)
	d.compare("acme.store_ca_path", running.CAPath, file.CAPath)
}

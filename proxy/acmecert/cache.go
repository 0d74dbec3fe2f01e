package acmecert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/wording"
)

// maxACMEFileBytes bounds how much of one file of the cache directory is read.
const maxACMEFileBytes = 1 << 20

// prepareACMECacheDir creates the directory with mode 0700, or removes the rights of group and others from an existing
// one, and checks that it is writable: a certificate that cannot be kept would be ordered again at every start.
func prepareACMECacheDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%s cannot be made: %w; name a directory that the daemon may write", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w; name a directory that the daemon may write", dir, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("%s is open to others and its mode cannot be set: %w; make it mode 0700", dir, err)
		}
	}
	probe, err := os.CreateTemp(dir, ".write-test-")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w; name a directory that the daemon may write", dir, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// loadCachedCertificate reads the certificate of a name from the cache directory, in the format of autocert.DirCache:
// the private key and then the chain, in PEM. If no certificate is valid for the name at that time, it returns nil and
// no error; note is the reason if there was a file. A file that cannot be read is an error.
func loadCachedCertificate(dir, name string, now time.Time) (certificate *tls.Certificate, note string, err error) {
	path := filepath.Join(dir, filepath.Clean("/"+name))
	data, err := readFileLimited(path, maxACMEFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("the cached certificate cannot be read: %w; make it readable or remove it", err)
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Sprintf("%s holds no certificate: %v", path, err), nil
	}
	if pair.Leaf == nil {
		return nil, path + " holds no certificate", nil
	}
	if err := pair.Leaf.VerifyHostname(name); err != nil {
		return nil, fmt.Sprintf("%s is for another name: %v", path, err), nil
	}
	if now.Before(pair.Leaf.NotBefore) {
		return nil, fmt.Sprintf("%s is not valid before %s", path, wording.Time(pair.Leaf.NotBefore)), nil
	}
	if now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Sprintf("%s expired at %s", path, wording.Time(pair.Leaf.NotAfter)), nil
	}
	return &pair, "", nil
}

// readFileLimited reads a regular file of at most limit bytes.
func readFileLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, nil
}

// acmeCache is the autocert.Cache of one attempt. It hides an existing certificate, so that a renewal orders a new one;
// it writes the new certificate and the account key to the directory; and it keeps challenge tokens only in memory, so
// that no request from outside causes a disk read.
//
// After the attempt it writes nothing more and answers with the certificate in use, which makes the Manager set its own
// renewal timer for that certificate's expiry instead of ordering.
type acmeCache struct {
	domain  string
	dir     autocert.DirCache
	current func() *tls.Certificate

	mu       sync.Mutex
	retired  bool
	tokens   map[string][]byte
	writeErr error
}

func (c *acmeCache) isCertificate(key string) bool { return key == c.domain || key == c.domain+"+rsa" }

// isACMEToken reports whether the key is of a challenge answer: `NAME+token` or `TOKEN+http-01`.
func isACMEToken(key string) bool {
	return strings.HasSuffix(key, "+token") || strings.HasSuffix(key, "+http-01")
}

// Get implements autocert.Cache.
func (c *acmeCache) Get(ctx context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	retired, token := c.retired, c.tokens[key]
	c.mu.Unlock()
	switch {
	case isACMEToken(key):
		if token == nil {
			return nil, autocert.ErrCacheMiss
		}
		return token, nil
	case c.isCertificate(key):
		if cert := c.current(); retired && cert != nil && key == c.domain {
			return encodeCertificate(cert)
		}
		return nil, autocert.ErrCacheMiss
	case retired:
		return nil, errACMEAttemptOver
	}
	return c.dir.Get(ctx, key)
}

// Put implements autocert.Cache.
func (c *acmeCache) Put(ctx context.Context, key string, data []byte) error {
	c.mu.Lock()
	retired := c.retired
	if !retired && isACMEToken(key) {
		if c.tokens == nil {
			c.tokens = make(map[string][]byte)
		}
		c.tokens[key] = data
	}
	c.mu.Unlock()
	if retired {
		return errACMEAttemptOver
	}
	if isACMEToken(key) {
		return nil
	}
	// Not under the lock, because challenges are answered meanwhile.
	err := c.dir.Put(ctx, key, data)
	if err != nil {
		// autocert drops this error when it concerns a certificate.
		c.mu.Lock()
		c.writeErr = err
		c.mu.Unlock()
	}
	return err
}

// Delete implements autocert.Cache. autocert deletes only tokens.
func (c *acmeCache) Delete(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, key)
	return nil
}

// retire ends the attempt's use of the cache and returns the error of a failed write.
func (c *acmeCache) retire() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retired, c.tokens = true, nil
	return c.writeErr
}

// encodeCertificate renders the private key and the chain in PEM, as the cache directory holds them.
func encodeCertificate(cert *tls.Certificate) ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range cert.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return data, nil
}

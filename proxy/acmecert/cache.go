package acmecert

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/wording"
)

// probeBytes is the size of the file that tests whether the cache can be written. It is larger than a certificate
// with its chain.
const probeBytes = 16 << 10

// prepareCacheDir creates the directory with mode 0700, or removes the rights of group and others from an existing
// one. It removes what killed processes left there, and writes a test file of the size of a certificate, because a
// full disk still accepts an empty one: a certificate that cannot be stored would be ordered again at every start
// (S-5.11).
func prepareCacheDir(dir string) error {
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
	removeLeftovers(dir)
	probe, err := createTemp(dir, probePrefix)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w; name a directory that the daemon may write", dir, err)
	}
	defer os.Remove(probe.Name())
	_, err = probe.Write(make([]byte, probeBytes))
	if err == nil {
		err = probe.Sync()
	}
	if closeErr := probe.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("%s cannot hold a certificate: %w; make room there", dir, err)
	}
	return nil
}

// loadCertificate reads the certificate of a name from the cache, in autocert's format: the private key, then the
// chain, in PEM. If the cache has no usable certificate for the name, it returns nil and no error; if there was a
// file, note says why it is not used. A file that cannot be read is an error.
//
// It accepts a certificate that is not yet valid, and says so in note: CAs do not date certificates in the future, so
// the clock of this machine is slow, and another order would not help.
func loadCertificate(ctx context.Context, cache autocert.Cache, name string, now time.Time) (certificate *tls.Certificate, note string, err error) {
	data, err := cache.Get(ctx, cacheKey(name))
	if errors.Is(err, autocert.ErrCacheMiss) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("the cached certificate cannot be read: %w; make it readable or remove it", err)
	}
	return parseCached(data, name, now)
}

// parseCached is the part of loadCertificate after the file was read.
func parseCached(data []byte, name string, now time.Time) (certificate *tls.Certificate, note string, err error) {
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Sprintf("the cached file of %s holds no certificate: %v", name, err), nil
	}
	if pair.Leaf == nil {
		return nil, fmt.Sprintf("the cached file of %s holds no certificate", name), nil
	}
	if err := pair.Leaf.VerifyHostname(name); err != nil {
		return nil, fmt.Sprintf("the cached file of %s is for another name: %v", name, err), nil
	}
	if now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Sprintf("the cached certificate of %s expired at %s", name, wording.Time(pair.Leaf.NotAfter)), nil
	}
	if now.Before(pair.Leaf.NotBefore) {
		note = fmt.Sprintf("the cached certificate of %s is not valid before %s; this machine's clock seems to be behind", name,
			wording.Time(pair.Leaf.NotBefore))
	}
	return &pair, note, nil
}

// encodeCertificate renders the private key and the chain in PEM, as autocert does.
func encodeCertificate(certificate *tls.Certificate) ([]byte, error) {
	key, ok := certificate.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%T is not the kind of key that is ordered for", certificate.PrivateKey)
	}
	data, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	for _, der := range certificate.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return data, nil
}

// encodeKey renders a private key in PEM, as autocert does.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

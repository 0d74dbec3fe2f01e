package certstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"
)

// TestMain checks that no store and no lease outlives its test.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testCertificate makes a certificate for the name redis.test, with its key and a pool that has it.
func testCertificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"redis.test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, data := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

// clientTLS is the configuration of a client that trusts the pool.
func clientTLS(pool *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: pool, ServerName: "redis.test", MinVersion: tls.VersionTLS12}
}

// sentConn is a connection on which the server has sent something and then closed.
type sentConn struct {
	net.Conn
	sent io.Reader
}

func (c sentConn) Read(p []byte) (int, error)        { return c.sent.Read(p) }
func (c sentConn) Close() error                      { return nil }
func (c sentConn) SetReadDeadline(_ time.Time) error { return nil }

// receive returns the replies in what a server has sent, and the error at the end.
func receive(sent []byte) (replies []any, err error) {
	conn := redis.NewConn(&boundedConn{Conn: sentConn{sent: bytes.NewReader(sent)}}, 0, 0)
	for {
		reply, err := conn.Receive()
		var refused redis.Error
		if err != nil && !errors.As(err, &refused) {
			return replies, err
		}
		replies = append(replies, reply)
	}
}

package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/eventlog"
)

// oneSession is a client's session cache that holds the session of the last handshake, whatever the name.
type oneSession struct {
	last atomic.Pointer[tls.ClientSessionState]
}

func (s *oneSession) Get(string) (*tls.ClientSessionState, bool) {
	last := s.last.Load()
	return last, last != nil
}

func (s *oneSession) Put(_ string, session *tls.ClientSessionState) {
	if session != nil {
		s.last.Store(session)
	}
}

// sessionServer accepts handshakes with the configuration of a listener and sends each client a byte, with which a TLS 1.3
// ticket arrives.
func sessionServer(t *testing.T, source cert.Source) string {
	return gatedSessionServer(t, source, openGate(), nil)
}

// gatedSessionServer is sessionServer with a gate and with keys for tickets. Without keys it uses its own.
func gatedSessionServer(t *testing.T, source cert.Source, g *gate, keys [][32]byte) string {
	t.Helper()
	logger, err := eventlog.New(eventlog.Options{Format: eventlog.FormatText}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logger.Close() })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := listenerTLSConfig(source, g, logger)
	if keys != nil {
		config.SetSessionTicketKeys(keys)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			server := tls.Server(conn, config)
			ctx, cancel := context.WithTimeout(context.Background(), g.patience)
			if server.HandshakeContext(ctx) == nil {
				_, _ = server.Write([]byte("x"))
			}
			cancel()
			_ = server.Close()
		}
	}()
	return ln.Addr().String()
}

// resume makes a handshake with the session in the cache, and reports whether it was resumed. The test is about an unsafe
// client that requests another name than its session's: it verifies nothing.
func resume(t *testing.T, address, name string, version uint16, cache *oneSession) (resumed bool, err error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, &tls.Config{
		ServerName: name, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, ClientSessionCache: cache,
	})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return false, err
	}
	return conn.ConnectionState().DidResume, nil
}

func TestASessionBelongsToItsServerName(t *testing.T) {
	both := cert.NewTable([]*tls.Certificate{testCertificate(t, "a.example"), testCertificate(t, "b.example")})
	same := cert.NewTable([]*tls.Certificate{testCertificate(t, "a.example", "b.example"), testCertificate(t, "a.example", "b.example")})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, test := range []struct {
			name          string
			before, after *cert.Table
			first, second string
			resumed       bool
			refused       bool
		}{
			{"the same name resumes", both, both, "a.example", "a.example", true, false},
			{"the same name in capitals resumes", both, both, "a.example", "A.Example", true, false},
			{"another name does not", both, both, "a.example", "b.example", false, false},
			{"another name of the same certificate does not", same, same, "a.example", "b.example", false, false},
			{"a name that no certificate covers is refused", both, both, "a.example", "c.example", false, true},
			{"a name that is no longer served is refused", both, cert.NewTable([]*tls.Certificate{testCertificate(t, "b.example")}), "a.example", "a.example", false, true},
			{"a name with a new certificate resumes", both, same, "a.example", "a.example", true, false},
			{"no name does not resume a name's", same, same, "a.example", "", false, false},
			{"a name does not resume that of no name", same, same, "", "a.example", false, false},
			{"no name resumes its own", same, same, "", "", true, false},
			{"no name is refused with several certificates after the reload", same, both, "", "", false, true},
		} {
			t.Run(tls.VersionName(version)+", "+test.name, func(t *testing.T) {
				source := &tableSource{}
				source.Use(test.before)
				address := sessionServer(t, source)
				cache := &oneSession{}
				if resumed, err := resume(t, address, test.first, version, cache); err != nil || resumed {
					t.Fatalf("the first handshake: resumed %v, error %v", resumed, err)
				}
				source.Use(test.after)
				resumed, err := resume(t, address, test.second, version, cache)
				if resumed != test.resumed || (err != nil) != test.refused {
					t.Errorf("got resumed %v and error %v, want %v and refused %v", resumed, err, test.resumed, test.refused)
				}
			})
		}
	}
}

// A resumed session gets a ticket that can be resumed again, and still belongs to the name.
func TestASessionCanBeResumedAgain(t *testing.T) {
	source := newTableSource(testCertificate(t, "a.example", "b.example"))
	address := sessionServer(t, source)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := &oneSession{}
		for i, name := range []string{"a.example", "a.example", "a.example", "b.example", "b.example"} {
			want := i != 0 && i != 3
			if resumed, err := resume(t, address, name, version, cache); err != nil || resumed != want {
				t.Errorf("%s, handshake %d, for %s: got resumed %v and error %v, want %v", tls.VersionName(version), i+1, name, resumed, err, want)
			}
		}
	}
}

// Machines that share their ticket keys open each other's sessions. On a machine that is still starting, such a session must
// wait like any other client (S-4.3): a resumed TLS 1.3 handshake does not ask for a certificate.
func TestASessionOfAnotherMachineWaitsForTheStart(t *testing.T) {
	source := newTableSource(testCertificate(t, "a.example"))
	keys := [][32]byte{{1}}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			cache := &oneSession{}
			if _, err := resume(t, gatedSessionServer(t, source, openGate(), keys), "a.example", version, cache); err != nil {
				t.Fatal(err)
			}
			if _, err := resume(t, gatedSessionServer(t, source, newGate(50*time.Millisecond), keys), "a.example", version, cache); err == nil {
				t.Error("a session was resumed while the gate was closed")
			}
			g := newGate(patience)
			time.AfterFunc(50*time.Millisecond, g.open)
			if _, err := resume(t, gatedSessionServer(t, source, g, keys), "a.example", version, cache); err != nil {
				t.Errorf("a session that waited for the gate: %v", err)
			}
			if resumed, err := resume(t, gatedSessionServer(t, source, g, keys), "a.example", version, cache); err != nil || !resumed {
				t.Errorf("after the start: got resumed %v and error %v, want true", resumed, err)
			}
		})
	}
}

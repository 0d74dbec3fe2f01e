// Package namedtest starts BIND's name server for tests.
package namedtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"reverse-proxy/proxy/waittest"
)

// patience bounds the wait for a server.
const patience = 20 * time.Second

// ErrMissing is the error of a machine without named.
var ErrMissing = errors.New("named is not installed; `make deps` installs it")

// Options say what a server answers.
type Options struct {
	// Zone is the name of its zone, and Host the address of the zone's only name server. The records are in the file
	// "zone" of the directory in which the server runs.
	Zone, Host string
	// Statements are those of named.conf for the zone and the keys.
	Statements string
}

// Server is a running name server.
type Server struct {
	// Address is its host and port, over UDP and TCP.
	Address string

	cmd    *exec.Cmd
	ended  chan struct{}
	output waittest.Buffer
}

// Start starts a server in a directory, on a port of 127.0.0.1, and waits until it answers. The caller stops it.
func Start(dir string, port int, opts Options) (*Server, error) {
	named, err := exec.LookPath("named")
	if err != nil {
		if named, err = exec.LookPath("/usr/sbin/named"); err != nil {
			return nil, ErrMissing
		}
	}
	conf := filepath.Join(dir, "named.conf")
	for path, text := range map[string]string{
		filepath.Join(dir, "zone"): "$TTL 60\n@ IN SOA ns-of hostmaster 1 3600 600 86400 1\n@ IN NS ns-of\nns-of IN A " + opts.Host + "\n",
		conf: fmt.Sprintf("options { directory %q; pid-file none; session-keyfile none; managed-keys-directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };\ncontrols { };\n%s",
			dir, dir, port, opts.Statements),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	s := &Server{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), ended: make(chan struct{})}
	s.cmd = exec.Command(named, "-g", "-n", "1", "-c", conf)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	if err := s.await(opts.Zone); err != nil {
		s.Stop()
		return nil, fmt.Errorf("named does not answer: %w\n%s", err, s.output.String())
	}
	return s, nil
}

// await waits until the server answers for its zone.
func (s *Server) await(zone string) error {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		reply, _, err := (&dns.Client{Timeout: time.Second}).Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(zone), dns.TypeSOA), s.Address)
		if err == nil && len(reply.Answer) == 1 {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("got %v, want the zone", reply)
		}
		select {
		case <-s.ended:
			return err
		default:
		}
		if time.Since(began) > patience {
			return err
		}
	}
}

// Stop kills the server.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// ForTest starts a server that ends with the test, and returns its address and port. Without named the test is skipped, or
// fails with CI=true.
func ForTest(t testing.TB, opts Options) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	s, err := Start(t.TempDir(), port, opts)
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Log(s.output.String())
		}
	})
	return s.Address
}

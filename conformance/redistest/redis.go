// Package redistest starts real Redis servers for tests.
package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// port is the port of every server. Each server has its own address, chosen at random in 127.0.0.0/8.
const port = "16379"

// patience bounds the wait for a server.
const patience = 20 * time.Second

// ErrMissing is the error of a machine without redis-server.
var ErrMissing = errors.New("redis-server is not installed; `make deps` installs it")

// Options say how a server runs.
type Options struct {
	// Password is the password that clients need; "" means none.
	Password string
	// CertFile and KeyFile make the server speak TLS only.
	CertFile, KeyFile string
	// Persistent makes it keep its data over a restart.
	Persistent bool
}

// Server is a Redis server.
type Server struct {
	// Address is its host and port.
	Address string

	opts Options
	dir  string

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{}
	output bytes.Buffer
}

// Start starts a server. The caller stops it.
func Start(opts Options) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrMissing
	}
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, err
	}
	host := fmt.Sprintf("127.%d.%d.%d", 2+rand.IntN(250), rand.IntN(256), 1+rand.IntN(250))
	s := &Server{Address: net.JoinHostPort(host, port), opts: opts, dir: dir}
	if err := s.Restart(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// ForTest starts a server that ends with the test. Without redis-server the test is skipped, or fails with CI=true.
func ForTest(t testing.TB, opts Options) *Server {
	t.Helper()
	s, err := Start(opts)
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Restart starts a killed server again, at the same address.
func (s *Server) Restart() error {
	host, _, _ := net.SplitHostPort(s.Address)
	args := []string{"--bind", host, "--dir", s.dir, "--save", "", "--daemonize", "no", "--protected-mode", "no"}
	if s.opts.Persistent {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	if s.opts.Password != "" {
		args = append(args, "--requirepass", s.opts.Password)
	}
	if s.opts.CertFile != "" {
		args = append(args, "--port", "0", "--tls-port", port, "--tls-cert-file", s.opts.CertFile, "--tls-key-file", s.opts.KeyFile, "--tls-auth-clients", "no")
	} else {
		args = append(args, "--port", port)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Dir = s.dir
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.ended = ended
	cmd := s.cmd
	go func() { _ = cmd.Wait(); close(ended) }()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", s.Address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("redis-server has ended: %s", s.output.String())
		default:
		}
		if time.Since(began) > patience {
			return fmt.Errorf("redis-server does not answer: %w", err)
		}
	}
}

// Kill kills the server. Without Options.Persistent its data is gone.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// SetPassword changes the password, from the next Restart on.
func (s *Server) SetPassword(password string) { s.opts.Password = password }

// Stop kills the server and removes its data.
func (s *Server) Stop() {
	s.Kill()
	os.RemoveAll(s.dir)
}

// Pause makes the server hang, and Continue ends that.
func (s *Server) Pause()    { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *Server) Continue() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// Do carries out one command.
func (s *Server) Do(command string, args ...any) (any, error) {
	options := []redis.DialOption{redis.DialReadTimeout(patience), redis.DialPassword(s.opts.Password)}
	if s.opts.CertFile != "" {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSSkipVerify(true))
	}
	conn, err := redis.Dial("tcp", s.Address, options...)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

// Keys returns the keys that match a pattern.
func (s *Server) Keys(pattern string) ([]string, error) { return redis.Strings(s.Do("KEYS", pattern)) }

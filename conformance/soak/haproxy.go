package soak

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"reverse-proxy/proxy/cert"
)

// haproxyConfig configures HAProxy as its documentation recommends for several upstreams: with checks, with retries,
// and with another server for a retry. Its timeouts are those of Settings.
const haproxyConfig = `global
    maxconn 1000
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 1s
    retries 3
    option redispatch
frontend tls
    bind 127.0.0.1:%d ssl crt %s alpn h2,http/1.1
    default_backend app
backend app
    balance leastconn
    default-server check inter 2s fall 3 rise 2
%s`

// HAProxy is a running HAProxy in front of the upstreams of a load.
type HAProxy struct {
	cmd   *exec.Cmd
	ended chan error
}

// StartHAProxy starts HAProxy in front of the load's upstreams, and waits until it listens.
func (b *Balanced) StartHAProxy(dir string) (*HAProxy, error) {
	certificate, err := cert.MakeSelfSigned([]string{b.host}, time.Now())
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return nil, err
	}
	both := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	both = append(both, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	var servers strings.Builder
	for i, m := range b.members {
		fmt.Fprintf(&servers, "    server s%d %s\n", i, m.address())
	}
	bundle, path := filepath.Join(dir, "haproxy.pem"), filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf(haproxyConfig, b.port, bundle, servers.String())
	if err := errors.Join(os.WriteFile(bundle, both, 0o600), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	h := &HAProxy{cmd: exec.Command("haproxy", "-db", "-f", path), ended: make(chan error, 1)}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { h.ended <- h.cmd.Wait() }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", b.port), time.Second)
		if err == nil {
			return h, conn.Close()
		}
		if time.Now().After(deadline) {
			h.Stop()
			return nil, fmt.Errorf("haproxy does not listen: %w", err)
		}
	}
}

// Stop ends HAProxy.
func (h *HAProxy) Stop() {
	_ = h.cmd.Process.Kill() // it may have ended already
	<-h.ended
}

package acmetest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"reverse-proxy/proxy/waittest"
)

// PebbleOptions are the options of a Pebble. Only the two ports are required.
type PebbleOptions struct {
	// HTTPPort and TLSPort are the ports at which Pebble validates HTTP-01 and TLS-ALPN-01: those of the proxy under
	// test, at the address to which its name resolves. 0 means a port at which nothing listens.
	HTTPPort, TLSPort int
	// ValiditySeconds is the lifetime of certificates; 0 for Pebble's 90 days.
	ValiditySeconds int
	// NonceReject is the percentage of requests that get a badNonce error; nil for Pebble's own default, which is 5.
	NonceReject *int
	// ValidationSleeps keeps Pebble's own random sleeps of up to 5 s before a validation.
	ValidationSleeps bool
	// Blocked are names for which, as for all names below them, orders are refused as rejectedIdentifier.
	Blocked []string
	// Profile is the name of the only profile; "" for "default".
	Profile string
	// Accounts are the keys of external accounts by their ID, in base64. If there are any, one is required.
	Accounts map[string]string
	// DNSAddress is the address and port of the DNS server; "" for a free port. Resolver is the server that Pebble asks for
	// names; "" for the DNS server itself.
	DNSAddress, Resolver string
	// BinDir is a directory with the binaries of BuildPebble, which are built there if they are missing; "" builds them
	// into a temporary directory for only this Pebble.
	BinDir string
}

// Pebble is a running instance of Let's Encrypt's own ACME test server, with a DNS server in which every name resolves
// to 127.0.0.1. Both are processes; Stop ends them.
type Pebble struct {
	// DirectoryURL is the value for `acme_directory`, and CAFile for `acme_ca_path`.
	DirectoryURL string
	CAFile       string

	opts          PebbleOptions
	dir           string
	ports         *ports
	binDir        string
	managementURL string
	dnsAddress    string
	dnsManagement string
	output        waittest.Buffer

	pebble, dns *pebbleProcess
}

// StartPebble starts a Pebble on free ports of 127.0.0.1 and waits until it answers.
func StartPebble(opts PebbleOptions) (*Pebble, error) {
	dir, err := os.MkdirTemp("", "pebble-")
	if err != nil {
		return nil, err
	}
	p := &Pebble{opts: opts, dir: dir, ports: new(ports), binDir: opts.BinDir, CAFile: filepath.Join(dir, "minica.pem")}
	if p.binDir == "" {
		p.binDir = filepath.Join(dir, "bin")
	}
	if err := p.prepare(); err != nil {
		p.Stop()
		return nil, err
	}
	// The ports are reserved only among Pebbles and the suite's scenarios, so another program may take one first.
	for try := 1; ; try++ {
		err := p.start()
		if err == nil {
			return p, nil
		}
		p.stopProcesses()
		if try == 3 {
			p.Stop()
			return nil, err
		}
	}
}

// prepare builds the binaries and copies what they need from Pebble's module.
func (p *Pebble) prepare() error {
	if err := BuildPebble(p.binDir); err != nil {
		return err
	}
	module, err := goCommand("list", "-m", "-f", "{{.Dir}}", pebbleModule)
	if err != nil {
		return err
	}
	certs := filepath.Join(strings.TrimSpace(module), "test", "certs")
	for from, to := range map[string]string{
		"pebble.minica.pem":  "minica.pem",
		"localhost/cert.pem": "cert.pem",
		"localhost/key.pem":  "key.pem",
	} {
		data, err := os.ReadFile(filepath.Join(certs, filepath.FromSlash(from)))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(p.dir, to), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start chooses ports, writes the configuration and starts both processes.
func (p *Pebble) start() error {
	_ = p.ports.close() // those of the previous try, which are no longer in use
	reserved, err := reservePorts(6)
	if err != nil {
		return err
	}
	p.ports = reserved
	ports := reserved.numbers
	local := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	p.DirectoryURL, p.managementURL = "https://"+local(0)+"/dir", "https://"+local(1)
	p.dnsAddress, p.dnsManagement = local(2), local(3)
	if p.opts.DNSAddress != "" {
		p.dnsAddress = p.opts.DNSAddress
	}
	httpPort, tlsPort := p.opts.HTTPPort, p.opts.TLSPort
	if httpPort == 0 {
		httpPort = ports[4]
	}
	if tlsPort == 0 {
		tlsPort = ports[5]
	}
	validity := p.opts.ValiditySeconds
	if validity == 0 {
		validity = 90 * 24 * 3600
	}
	profile := p.opts.Profile
	if profile == "" {
		profile = "default"
	}
	config, err := json.MarshalIndent(map[string]any{"pebble": map[string]any{
		"listenAddress":           local(0),
		"managementListenAddress": local(1),
		"certificate":             filepath.Join(p.dir, "cert.pem"),
		"privateKey":              filepath.Join(p.dir, "key.pem"),
		"httpPort":                httpPort,
		"tlsPort":                 tlsPort,
		"domainBlocklist":         p.opts.Blocked,
		"retryAfter":              map[string]int{"authz": 1, "order": 1},
		"keyAlgorithm":            "ecdsa",
		// With several profiles Pebble picks one at random.
		"profiles": map[string]any{profile: map[string]any{"description": "the only one",
			"validityPeriod": validity}},
		"externalAccountBindingRequired": len(p.opts.Accounts) > 0,
		"externalAccountMACKeys":         p.opts.Accounts,
	}}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "pebble.json"), config, 0o600); err != nil {
		return err
	}
	return p.startProcesses()
}

func (p *Pebble) startProcesses() error {
	var err error
	p.dns, err = startPebbleProcess(&p.output, nil, filepath.Join(p.binDir, "pebble-challtestsrv"),
		"-dnsserver", p.dnsAddress, "-management", p.dnsManagement, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	if err != nil {
		return err
	}
	// Without reuse every order is validated, so that a challenge is attempted whenever a test expects one.
	env := []string{"PEBBLE_AUTHZREUSE=0"}
	if !p.opts.ValidationSleeps {
		env = append(env, "PEBBLE_VA_NOSLEEP=1")
	}
	if p.opts.NonceReject != nil {
		env = append(env, "PEBBLE_WFE_NONCEREJECT="+strconv.Itoa(*p.opts.NonceReject))
	}
	resolver := p.dnsAddress
	if p.opts.Resolver != "" {
		resolver = p.opts.Resolver
	}
	p.pebble, err = startPebbleProcess(&p.output, env, filepath.Join(p.binDir, "pebble"),
		"-config", filepath.Join(p.dir, "pebble.json"), "-dnsserver", resolver)
	if err != nil {
		return err
	}
	return p.waitReady()
}

// waitReady polls both processes until they answer.
func (p *Pebble) waitReady() error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := p.ping()
		if err == nil {
			return nil
		}
		exited := p.pebble.exited() || p.dns.exited()
		if exited || time.Now().After(deadline) {
			return fmt.Errorf("pebble does not answer (exited: %v): %w\n%s", exited, err, p.output.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *Pebble) ping() error {
	conn, err := net.DialTimeout("tcp", p.dnsAddress, time.Second)
	if err != nil {
		return err
	}
	conn.Close()
	if _, err := p.RootsPEM(); err != nil {
		return err
	}
	if _, err := p.get(p.DirectoryURL); err != nil {
		return err
	}
	return p.SetIPv4("ready.example.test", "127.0.0.1")
}

// Output returns everything that both processes have written so far.
func (p *Pebble) Output() string { return p.output.String() }

// Orders returns the number of opened orders. It does not count refused ones, as after a bad nonce.
func (p *Pebble) Orders() int { return strings.Count(p.output.String(), "Added order ") }

// Replacements returns the number of orders that named the certificate they replace, and were accepted with it.
func (p *Pebble) Replacements() int { return strings.Count(p.output.String(), " is a replacement of ") }

// Requests returns the total number of requests.
func (p *Pebble) Requests() int { return strings.Count(p.output.String(), " -> calling handler()") }

// Pause makes the CA hang: it accepts connections and answers nothing. Continue ends that.
func (p *Pebble) Pause()    { p.pebble.signal(syscall.SIGSTOP) }
func (p *Pebble) Continue() { p.pebble.signal(syscall.SIGCONT) }

// Kill ends the processes, as if the CA were down, and keeps the ports and files for Restart.
func (p *Pebble) Kill() { p.stopProcesses() }

// Restart ends the processes, if they run, and starts them with the same ports and files. Accounts, certificates and
// addresses set by SetIPv4 are lost, and the root is a new one.
func (p *Pebble) Restart() error {
	p.stopProcesses()
	err := p.startProcesses()
	if err != nil {
		p.stopProcesses()
	}
	return err
}

// Stop ends the processes and removes the files. It may be called more than once.
func (p *Pebble) Stop() {
	p.stopProcesses()
	_ = p.ports.close() // UDP sockets that were never used
	os.RemoveAll(p.dir)
}

func (p *Pebble) stopProcesses() {
	p.pebble.stop()
	p.dns.stop()
	p.pebble, p.dns = nil, nil
}

//go:build linux

package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// The names of the measured programs.
const (
	peerOurs    = "reverse-proxy"
	peerOther   = "reverse-proxy-b"
	peerAgain   = "reverse-proxy-b-again"
	peerNginx   = "nginx"
	peerHAProxy = "haproxy"
	peerCaddy   = "caddy"
)

//go:embed configs
var configs embed.FS

// peer is a measured program.
type peer struct {
	name string
	// program is its path, version the first line of its version output.
	program, version string
	// missing says why it cannot be measured and how to fix that.
	missing string
	// config is the template of its configuration, run the arguments that start it with the rendered file.
	config string
	run    func(config string) []string
	// stdoutLog reports whether it writes its access log to standard output.
	stdoutLog bool
}

// findPeers looks up the programs: ours first, then those that were asked for.
func findPeers(s settings) []peer {
	ours := peer{name: peerOurs, program: s.binary, config: "reverse-proxy.toml.tmpl",
		run: func(config string) []string { return []string{"--config", config} }}
	ours.look("build it with `make build`, or set BENCH_BINARY", "--version")
	peers := []peer{ours}
	for _, name := range s.peers {
		p := peer{name: name}
		switch name {
		case peerOther, peerAgain:
			p = ours
			p.name, p.program, p.missing = name, s.other, ""
			p.look("set BENCH_BINARY2", "--version")
		case peerNginx:
			p.program, p.config = "nginx", "nginx.conf.tmpl"
			p.run = func(config string) []string { return []string{"-c", config, "-p", filepath.Dir(config)} }
			p.look("apt-get install nginx-light, or make deps", "-v")
		case peerHAProxy:
			p.program, p.config, p.stdoutLog = "haproxy", "haproxy.cfg.tmpl", true
			p.run = func(config string) []string { return []string{"-db", "-f", config} }
			p.look("apt-get install haproxy, or make deps", "-v")
		case peerCaddy:
			p.program, p.config = s.caddy, "Caddyfile.tmpl"
			p.run = func(config string) []string {
				return []string{"run", "--adapter", "caddyfile", "--config", config}
			}
			p.look("run make bench, which builds it, or set BENCH_CADDY", "version")
		}
		peers = append(peers, p)
	}
	return peers
}

// look finds the program, which may be in a directory for administrators, and asks for its version.
func (p *peer) look(cure, versionArg string) {
	path, err := exec.LookPath(p.program)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", p.program))
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		p.missing = fmt.Sprintf("%s: not found; %s", p.program, cure)
		return
	}
	p.program = path
	out, err := exec.Command(path, versionArg).CombinedOutput()
	if err != nil {
		p.missing = fmt.Sprintf("%s: does not start: %v; %s", path, err, cure)
		return
	}
	p.version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	if p.version == "" || p.version == "unknown" {
		p.version = filepath.Base(path) // Caddy does not know its version if it was built by `go install`
	}
}

// place is where and how a proxy runs: the data of the configuration templates.
type place struct {
	// Dir is the directory of its files, in memory. Log is its access log.
	Dir, Log string
	// Port is where it listens, and OriginPort where the origin does.
	Port, OriginPort int
	// Host is the site; Cert, Key and Pem (both in one) are its certificate.
	Host, Cert, Key, Pem string
	// OtherSites is the number of sites of our configuration besides Host. If there are any, each site has ten routes.
	OtherSites int
	// Cores is the number of its cores.
	Cores int
	// Root reports whether we run as root, LogBuffer whether nginx batches its log.
	Root, LogBuffer bool
	// UpstreamH2 reports whether it speaks HTTP/2 to the origin. nginx cannot.
	UpstreamH2 bool
}

// writeConfig renders the peer's configuration into its directory and returns the path.
func (p peer) writeConfig(where place) (string, error) {
	rendered, err := template.New("").Option("missingkey=error").ParseFS(configs, "configs/"+p.config)
	if err != nil {
		return "", err
	}
	path := filepath.Join(where.Dir, strings.TrimSuffix(p.config, ".tmpl"))
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := rendered.ExecuteTemplate(file, p.config, where); err != nil {
		_ = file.Close()
		return "", err
	}
	return path, file.Close()
}

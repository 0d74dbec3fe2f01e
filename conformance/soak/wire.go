package soak

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Wire is how a proxy reaches the upstreams of a load.
type Wire struct {
	// Name is for tables and messages.
	Name string
	// HTTP2 chooses HTTP/2 instead of HTTP/1.1, TLS encrypts the connections, and Unix makes them over Unix sockets.
	HTTP2, TLS, Unix bool
}

// Wires returns every combination that a site can have.
func Wires() []Wire {
	return []Wire{
		{Name: "HTTP/1.1"},
		{Name: "HTTP/1.1, TLS", TLS: true},
		{Name: "HTTP/1.1, Unix socket", Unix: true},
		{Name: "HTTP/2", HTTP2: true},
		{Name: "HTTP/2, TLS", HTTP2: true, TLS: true},
	}
}

// wireOf returns the wire with a name.
func wireOf(name string) (Wire, error) {
	for _, w := range Wires() {
		if w.Name == name {
			return w, nil
		}
	}
	return Wire{}, fmt.Errorf("%q: no such wire", name)
}

// serverName is the name that the certificates of upstreams are for.
const serverName = "app.internal"

// settings returns the settings of a site whose upstreams are reached so, with the CA of their certificates.
func (w Wire) settings(caPath string) string {
	var text strings.Builder
	if w.HTTP2 {
		text.WriteString("upstream_protocol = \"http2\"\n")
	}
	if w.TLS {
		fmt.Fprintf(&text, "upstream_scheme = \"https\"\nupstream_server_name = %q\nupstream_ca_path = %q\n", serverName, caPath)
	}
	return text.String()
}

// network returns the network of a member's listener, and the address at which it first listens.
func (w Wire) network(dir string, member int) (network, address string) {
	if w.Unix {
		return "unix", filepath.Join(dir, fmt.Sprintf("%d.sock", member))
	}
	return "tcp", "127.0.0.1:0"
}

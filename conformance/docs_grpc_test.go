package conformance_test

import (
	"crypto/tls"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// grpcCases are the cases of grpc-go's interop client that need no accounts of a cloud. pick_first_unary is left out:
// it tests the client's balancer, and grpc-go's own server does not pass it.
var grpcCases = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
	"timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response",
	"status_code_and_message", "special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service",
	"rpc_soak", "channel_soak", "orca_per_rpc", "orca_oob",
}

// orcaBalancer is the client's balancer for the cases of ORCA (load reports, in trailers and as a separate stream).
const orcaBalancer = `{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`

// grpcOverTLS is a second site, for a gRPC server that accepts only TLS.
const grpcOverTLS = `
[[listeners.sites]]
host = "tls.example.com"
upstream = "127.0.0.1:50052"
upstream_scheme = "https"
upstream_protocol = "http2"
upstream_ca_path = "/etc/reverse-proxy/grpc.pem"
upstream_server_name = "grpc.internal"
`

// TestTheExampleOfGRPC runs the configuration of docs/operations.md between grpc-go's interop client and server, the
// programs with which all implementations of gRPC test that they work together.
func TestTheExampleOfGRPC(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	const interop = "google.golang.org/grpc/interop/"
	tools := moduleTools(t, "grpc", interop+"client", interop+"server")
	client, server := tools[0], tools[1]
	example := configurationWith(t, "operations.md", "grpc.example.com")
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(example)
	const limits = "[rate_limit]\nrequests_per_second = 10000\nburst = 10000\n" // for more than usual clients do
	m.configure(limits + example + grpcOverTLS)
	m.certify("etc/reverse-proxy/grpc.pem", "etc/reverse-proxy/grpc.key", "grpc.internal")
	dir := filepath.Join(m.dir, "etc/reverse-proxy")
	m.background(server, "-port", "50051")
	m.background(server, "-port", "50052", "-use_tls", "-tls_cert_file", filepath.Join(dir, "grpc.pem"), "-tls_key_file", filepath.Join(dir, "grpc.key"))
	m.start()
	t.Cleanup(m.stop)
	m.await("timeout 1 bash -c ': < /dev/tcp/127.0.0.1/50051 && : < /dev/tcp/127.0.0.1/50052'")
	for _, host := range []string{"grpc.example.com", "tls.example.com"} {
		root := m.trust(host, "203.0.113.10:443")
		for _, name := range grpcCases {
			t.Run(host+"/"+name, func(t *testing.T) {
				command := client + " -use_tls -use_test_ca -ca_file " + root + " -server_host 203.0.113.10 -server_port 443" +
					" -server_host_override " + host + " -test_case " + name
				if strings.HasPrefix(name, "orca_") {
					command += " -service_config_json '" + orcaBalancer + "'"
				}
				if out, code := m.run(command); code != 0 {
					t.Errorf("got the exit code %d, want 0:\n%s", code, out)
				}
			})
		}
	}
}

// trust writes the certificate that the daemon shows for the host to a file, and returns its path.
func (m *machine) trust(host, address string) string {
	m.t.Helper()
	conn := m.dial(address, &tls.Config{ServerName: host, InsecureSkipVerify: true}).(*tls.Conn)
	defer conn.Close()
	if err := conn.HandshakeContext(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(m.dir, host+".pem")
	shown := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conn.ConnectionState().PeerCertificates[0].Raw})
	if err := os.WriteFile(path, shown, 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// moduleTools builds programs of a module below conformance/ that has its own go.mod, and returns their paths. Go downloads what they
// need. Where that is not possible the test is skipped, but fails in CI.
func moduleTools(t *testing.T, module string, packages ...string) []string {
	t.Helper()
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = filepath.Join(projectRoot(t), "conformance", module)
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	if out, err := run(append([]string{"list", "-deps"}, packages...)...); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the modules of conformance/%s cannot be loaded (%v); in CI they must be there:\n%s", module, err, out)
		}
		t.Skipf("the modules of conformance/%s cannot be loaded (%v):\n%s", module, err, out)
	}
	var paths []string
	for _, name := range packages {
		out, err := run("tool", "-n", name)
		if err != nil {
			t.Fatalf("go tool %s: %v\n%s", name, err, out)
		}
		paths = append(paths, out)
	}
	return paths
}

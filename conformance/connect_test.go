package conformance_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// connectImpossible are the cases of Connect's conformance suite that no proxy can pass, with the reason.
var connectImpossible = map[string]string{
	"**/nonexistent-http-status-code": "the server answers with the status 800, which RFC 9110, section 15, makes invalid: a proxy answers 502 in its place",
}

// connectRun is a run of the suite through the proxy.
type connectRun struct {
	name string
	// mode is the role in which the runner tests the proxy. As a client, it lets the server send responses that no good
	// server sends; as a server, it lets the client send such requests.
	mode string
	// client is the version of HTTP that the clients speak, or 0 for each in turn; upstream is the server's version.
	client, upstream int
	// features are the features of this combination beyond those that all have.
	features string
	// least is the number of cases below which something was left out, in the suite and as a whole.
	least, leastOfAll int
}

// connectRuns are the combinations. gRPC needs HTTP/2 on both sides. So do streams in both directions at once: an
// HTTP/1.1 server may answer only once it has read the request.
var connectRuns = []connectRun{
	{"any client, HTTP/2 upstream", "server", 0, 2, connectTLSOnly, 300, 1800},
	{"any client, HTTP/1.1 upstream", "server", 0, 1, connectNoGRPC + connectTLSOnly + connectHalfDuplex, 150, 1350},
	{"HTTP/1.1 client, HTTP/1.1 upstream", "client", 1, 1, connectNoGRPC + connectPlainOnly, 150, 950},
	{"HTTP/2 client, HTTP/1.1 upstream", "client", 2, 1, connectNoGRPC + connectPlainOnly, 150, 950},
	{"HTTP/1.1 client, HTTP/2 upstream", "client", 1, 2, connectPlainOnly, 300, 1650},
	{"HTTP/2 client, HTTP/2 upstream", "client", 2, 2, connectPlainOnly, 300, 1650},
}

// These are parts of the runner's configuration. Clients use TLS to the proxy, and the proxy uses none to the upstream.
// Which of the two the runner is told depends on the side that the proxy takes.
const (
	connectNoGRPC     = "  protocols: [PROTOCOL_CONNECT, PROTOCOL_GRPC_WEB]\n"
	connectTLSOnly    = "exclude_cases:\n  - use_tls: false\n"
	connectPlainOnly  = "exclude_cases:\n  - use_tls: true\n"
	connectHalfDuplex = "  - version: HTTP_VERSION_2\n    stream_type: STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM\n"
	// connectPart restricts the suite to the cases that pass differently through a proxy. It also leaves out the cases
	// with deadlines of a fraction of a second, which fail on a busy machine. `make soak` runs all codecs, compressions
	// and deadlines.
	connectPart = "  codecs: [CODEC_PROTO]\n  compressions: [COMPRESSION_IDENTITY]\n"
)

var connectSummary = regexp.MustCompile(`(?m)^Total cases: (\d+)\n(\d+) passed, 0 failed$`)

// TestConnectConformance runs Connect's conformance suite, for Connect, gRPC and gRPC-Web, between its reference client, the real
// binary, and its reference server. CONNECT_WHOLE=1 (`make soak`) runs the whole suite.
func TestConnectConformance(t *testing.T) {
	const path = "connectrpc.com/conformance/cmd/"
	tools := moduleTools(t, "connect", path+"connectconformance", path+"referenceclient", path+"referenceserver")
	shim := filepath.Join(t.TempDir(), "connectshim")
	goBuild(t, projectRoot(t), "-o", shim, "./conformance/connectshim")
	ports, upstreams := make([]int, len(connectRuns)), make([]int, len(connectRuns))
	config := "health_check_port = 0\nadmin_socket_path = \"\"\n[logging]\nlevel = \"warn\"\n" +
		"[rate_limit]\nrequests_per_second = 1000000\nburst = 1000000\n[body]\nlimit_bytes = 67108864\n"
	for i, run := range connectRuns {
		ports[i], upstreams[i] = sharedPort(t), sharedPort(t)
		config += fmt.Sprintf("[[listeners]]\nbind_addr = \"127.0.0.1\"\nhttp_port = 0\nhttps_port = %d\n[listeners.tls]\nmode = \"self_signed\"\n"+
			"[[listeners.sites]]\nhost = \"localhost\"\nupstream = \"127.0.0.1:%d\"\nupstream_protocol = \"http%d\"\n", ports[i], upstreams[i], run.upstream)
	}
	log := startBinary(t, config)
	var running sync.WaitGroup // all at once: the programs mostly wait for each other
	for i, run := range connectRuns {
		if connectWhole() {
			running.Wait()
		}
		running.Go(func() {
			t.Run(run.name, func(t *testing.T) {
				defer func() {
					if t.Failed() {
						t.Logf("the daemon's log:\n%s", lastBytes(log))
					}
				}()
				awaitAnswer(t, fmt.Sprintf("https://localhost:%d/", ports[i]), log)
				run.through(t, shim, tools, ports[i], upstreams[i])
			})
		})
	}
	running.Wait()
}

// connectWhole reports whether the whole suite runs.
func connectWhole() bool { return os.Getenv("CONNECT_WHOLE") != "" }

// through runs the runner with the proxy between its client and its server.
func (run connectRun) through(t *testing.T, shim string, tools []string, port, upstream int) {
	t.Helper()
	dir := t.TempDir()
	certificate, config := filepath.Join(dir, "proxy.pem"), filepath.Join(dir, "config.yaml")
	shown(t, fmt.Sprintf("127.0.0.1:%d", port), "localhost", certificate)
	args, features, least := []string{"--skip", "Timeouts/**", "--skip", "Deadline Propagation/**"}, connectPart, run.least
	if connectWhole() {
		args, features, least = nil, "", run.leastOfAll
	}
	versions := "  versions: [HTTP_VERSION_1, HTTP_VERSION_2]\n"
	if run.mode == "client" { // then the runner's server takes the version from its cases
		versions = fmt.Sprintf("  versions: [HTTP_VERSION_%d]\n", run.upstream)
	}
	text := "features:\n  supports_half_duplex_bidi_over_http1: true\n" + versions + features + run.features
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--mode", run.mode, "--conf", config)
	if run.mode == "client" {
		for pattern := range connectImpossible { // the suite has these in its tests of clients
			args = append(args, "--known-failing", pattern)
		}
		args = append(args, "--port", strconv.Itoa(upstream))
	} else {
		args = append(args, "--max-servers", "1")
	}
	args = append(args, "--", shim, run.mode, "-port", strconv.Itoa(port), "-cert", certificate)
	if run.mode == "client" {
		args = append(args, "-http", strconv.Itoa(run.client), "--", tools[1])
	} else {
		args = append(args, "-http", strconv.Itoa(run.upstream), "--", tools[2], "-port", strconv.Itoa(upstream))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tools[0], args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	found := connectSummary.FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%s: got %v, want all cases to pass:\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	if total, _ := strconv.Atoi(string(found[1])); total < least {
		t.Errorf("got %d cases, want %d at least", total, least)
	}
	t.Logf("%s cases, of which %s passed, and the others are those that no proxy can pass", found[1], found[2])
}

// shown writes the certificate that the address shows for the host to a file.
func shown(t *testing.T, address, host, path string) {
	t.Helper()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 30 * time.Second}, Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

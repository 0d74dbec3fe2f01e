package conformance_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nginxLocations are locations as nginx's users write them. Each upstream answers with its own name and the request
// target that it got. What one route with `path` takes needs two locations in nginx: `= /api` and `/api/`. /text and
// /slash/ have only one, and so show how the two servers differ.
const nginxLocations = `
server {
	listen 127.0.0.1:8080;
	server_name open.example.test;
	location / { proxy_pass http://127.0.0.1:4001; }
	location = /exact { proxy_pass http://127.0.0.1:4002; }
	location = /exact/below { proxy_pass http://127.0.0.1:4003; }
	location = /dir/ { proxy_pass http://127.0.0.1:4003; }
	location = /api { proxy_pass http://127.0.0.1:4004; }
	location /api/ { proxy_pass http://127.0.0.1:4004; }
	location = /api/v2 { proxy_pass http://127.0.0.1:4005; }
	location /api/v2/ { proxy_pass http://127.0.0.1:4005; }
	location = /api/v2/health { proxy_pass http://127.0.0.1:4006; }
	location = /api/v2/admin { proxy_pass http://127.0.0.1:4007; }
	location ^~ /api/v2/admin/ { proxy_pass http://127.0.0.1:4007; }
	location /text { proxy_pass http://127.0.0.1:4008; }
	location /slash/ { proxy_pass http://127.0.0.1:4009; }
	location = /strip { proxy_pass http://127.0.0.1:4010/; }
	location /strip/ { proxy_pass http://127.0.0.1:4010/; }
}
server {
	listen 127.0.0.1:8080;
	server_name closed.example.test;
	location / { return 404; }
	location = /pub { proxy_pass http://127.0.0.1:4002; }
	location /pub/ { proxy_pass http://127.0.0.1:4002; }
	location = /pub/private { return 403; }
	location /pub/private/ { return 403; }
}
`

// routesLikeLocations is the same configuration with routes.
const routesLikeLocations = `
https_health_path = ""
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 0
[listeners.tls]
mode = "self_signed"

[[listeners.sites]]
host = "open.example.test"
upstream = "127.0.0.1:4001"
routes = [
	{ path_exact = "/exact", upstream = "127.0.0.1:4002" },
	{ path_exact = "/exact/below", upstream = "127.0.0.1:4003" },
	{ path_exact = "/dir/", upstream = "127.0.0.1:4003" },
	{ path = "/api", upstream = "127.0.0.1:4004" },
	{ path = "/api/v2", upstream = "127.0.0.1:4005" },
	{ path_exact = "/api/v2/health", upstream = "127.0.0.1:4006" },
	{ path = "/api/v2/admin", upstream = "127.0.0.1:4007" },
	{ path = "/text", upstream = "127.0.0.1:4008" },
	{ path = "/slash", upstream = "127.0.0.1:4009" },
	{ path = "/strip", upstream = "127.0.0.1:4010", strip_prefix = true },
]

[[listeners.sites]]
host = "closed.example.test"
routes = [
	{ path = "/pub", upstream = "127.0.0.1:4002" },
	{ path = "/pub/private", respond = 403 },
]
`

// namedUpstreams are the names of the upstreams by their ports.
var namedUpstreams = map[int]string{4001: "root", 4002: "exact", 4003: "other", 4004: "api", 4005: "v2", 4006: "health",
	4007: "admin", 4008: "text", 4009: "slash", 4010: "strip"}

// TestRoutesTakeWhatTheSameLocationsOfNginxTake asks a real nginx and the daemon for the same paths. They reach the same
// upstream with the same target, or the path is in nginxDifferences.
func TestRoutesTakeWhatTheSameLocationsOfNginxTake(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	nginx := needProgram(t, "nginx", "nginx-light")
	m := bareMachine(t, buildDaemon(t))
	m.configure(routesLikeLocations)
	for port, name := range namedUpstreams {
		m.upstream(fmt.Sprintf("127.0.0.1:%d", port), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s", name, r.RequestURI)
		}))
	}
	file := filepath.Join(m.dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxFrame, m.dir, nginxLocations), 0o600); err != nil {
		t.Fatal(err)
	}
	m.background(nginx, "-c", file)
	m.start()
	defer m.stop()
	m.await("curl -s http://127.0.0.1:8080/")

	differences := differencesByURL(t)
	urls := comparedURLs()
	if len(urls) < 300 {
		t.Errorf("got %d paths, want 300 or more", len(urls))
	}
	for _, url := range urls {
		theirs, ours := m.askRaw("127.0.0.1:8080", nil, url), m.askRaw("127.0.0.1:443", &tls.Config{InsecureSkipVerify: true}, url)
		d, listed := differences[url]
		delete(differences, url)
		switch {
		case listed && (d.nginx != theirs || d.ours != ours):
			t.Errorf("%s: got %q from nginx and %q from the daemon, want %q and %q: %s", url, theirs, ours, d.nginx, d.ours, d.why)
		case !listed && theirs != ours:
			t.Errorf("%s: got %q from nginx and %q from the daemon, want the same, or the difference in nginxDifferences", url, theirs, ours)
		}
	}
	for url := range differences {
		t.Errorf("%s is in nginxDifferences and was not asked for, want only paths of comparedURLs", url)
	}
}

// askRaw sends a request for a URL, written as host and path, and returns what the upstream answered, or the status of an
// answer that is not an upstream's. The path is sent byte for byte.
func (m *machine) askRaw(address string, secure *tls.Config, url string) string {
	m.t.Helper()
	host, path, _ := strings.Cut(url, "/")
	if secure != nil {
		secure.ServerName = host
	}
	conn := m.dial(address, secure)
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host); err != nil {
		m.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		m.t.Fatalf("%s from %s: %v", url, address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		m.t.Fatalf("%s from %s: %v", url, address, err)
	}
	if response.StatusCode == http.StatusOK {
		return string(body)
	}
	return fmt.Sprint(response.StatusCode)
}

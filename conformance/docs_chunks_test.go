package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// noChunks answers 411 to a chunked body, like an application that cannot accept one, and otherwise the size of the body.
func noChunks(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		w.WriteHeader(http.StatusLengthRequired)
		return
	}
	size, _ := io.Copy(io.Discard, r.Body) // of what arrived, complete or not
	fmt.Fprintf(w, "body=%d host=%s %s ", size, r.Host, r.Header.Get("X-Forwarded-For"))
}

// TestAnApplicationThatCannotTakeChunks uploads without a length to such an application, and then through the nginx of
// docs/operations.md in front of it.
func TestAnApplicationThatCannotTakeChunks(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	nginx := needProgram(t, "nginx", "nginx-light")
	m := bareMachine(t, buildDaemon(t))
	m.configure(machineConfig)
	m.upstream("127.0.0.1:3000", http.HandlerFunc(noChunks))
	file := filepath.Join(m.dir, "nginx.conf")
	text := fmt.Sprintf(nginxFrame, m.dir, blocks(t, "operations.md", "nginx")[0])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.background(nginx, "-c", file)
	m.start()
	defer m.stop()
	for _, c := range []struct{ upstream, want string }{
		{"127.0.0.1:3000", "411"},
		{"127.0.0.1:3080", "body=3000000 host=site.example.test 127.0.0.1 200"},
	} {
		unlimited := strings.Replace(machineConfig, "requests_per_second = 0.001\nburst = 2", "requests_per_second = 100\nburst = 1000", 1)
		m.configure(strings.Replace(unlimited, "127.0.0.1:3000", c.upstream, 1))
		m.await("reverse-proxy reload")
		for _, protocol := range []string{"--http1.1", "--http2"} {
			out, _ := m.run("head -c 3000000 /dev/zero | curl -sk " + protocol + " -H 'Expect:' -T - -w '%{http_code}' --resolve site.example.test:443:127.0.0.1 https://site.example.test/")
			if out != c.want {
				t.Errorf("%s to %s: got %q, want %q", protocol, c.upstream, out, c.want)
			}
		}
	}
}

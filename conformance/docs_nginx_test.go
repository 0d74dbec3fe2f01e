package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nginxFrame is what a distribution's nginx.conf has around the site files, but as one process, which leaves no other
// behind.
const nginxFrame = `daemon off;
master_process off;
user root;
worker_processes 1;
pid %[1]s/run/nginx.pid;
error_log stderr crit;
events {}
http {
access_log off;
client_body_temp_path %[1]s/run/body;
proxy_temp_path %[1]s/run/proxy;
fastcgi_temp_path %[1]s/run/fastcgi;
uwsgi_temp_path %[1]s/run/uwsgi;
scgi_temp_path %[1]s/run/scgi;
%[2]s
}
`

// echoUpstream answers with what it received: the request line, the fields that a proxy sets, and the size of the body.
// It switches protocols on request.
func echoUpstream(w http.ResponseWriter, r *http.Request) {
	size, _ := io.Copy(io.Discard, r.Body) // of what arrived, complete or not
	if r.Header.Get("Upgrade") == "websocket" && strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
		conn, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = buffer.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nswitched")
		_ = buffer.Flush()
		return
	}
	fmt.Fprintf(w, "%s %s host=%s body=%d", r.Method, r.RequestURI, r.Host, size)
	for _, name := range []string{"X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto"} {
		fmt.Fprintf(w, " %s=%s", name, strings.Join(r.Header[http.CanonicalHeaderKey(name)], "|"))
	}
	_, _ = io.WriteString(w, "\n")
}

// migrationRequests are the requests to both, as arguments of curl. If same is set, both give that answer; else each its
// own.
var migrationRequests = []struct {
	name, args        string
	same, nginx, ours string
}{
	{name: "the redirect keeps the path", args: "-o /dev/null http://www.example.com/a%20b?c=d", same: "301 https://www.example.com/a%20b?c=d"},
	{name: "a page comes over HTTP/1.1", args: "--http1.1 https://www.example.com/a%20b//c?d=e%2f",
		same: "GET /a%20b//c?d=e%2f host=www.example.com body=0 X-Real-IP=203.0.113.10 X-Forwarded-For=203.0.113.10 X-Forwarded-Proto=https\n200 "},
	{name: "a page comes over HTTP/2", args: "--http2 https://www.example.com/",
		same: "GET / host=www.example.com body=0 X-Real-IP=203.0.113.10 X-Forwarded-For=203.0.113.10 X-Forwarded-Proto=https\n200 "},
	{name: "an upload arrives", args: "--data-binary @upload https://www.example.com/upload",
		same: "POST /upload host=www.example.com body=3000000 X-Real-IP=203.0.113.10 X-Forwarded-For=203.0.113.10 X-Forwarded-Proto=https\n200 "},
	{name: "an upload that is too large is refused", args: "-o /dev/null -X POST -H 'Expect:' -T large https://www.example.com/upload", same: "413 "},
	{name: "a WebSocket is opened", args: "--http1.1 --max-time 5 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' https://www.example.com/ws",
		same: "switched101 "},
	{name: "a forged address is replaced", args: "-H 'X-Forwarded-For: 10.9.9.9' -H 'X-Real-IP: 10.9.9.9' https://www.example.com/",
		nginx: "GET / host=www.example.com body=0 X-Real-IP=203.0.113.10 X-Forwarded-For=10.9.9.9, 203.0.113.10 X-Forwarded-Proto=https\n200 ",
		ours:  "GET / host=www.example.com body=0 X-Real-IP=203.0.113.10 X-Forwarded-For=203.0.113.10 X-Forwarded-Proto=https\n200 "},
	{name: "an unknown host is refused by this proxy only", args: "-H 'Host: other.example.com' https://www.example.com/",
		nginx: "GET / host=other.example.com body=0 X-Real-IP=203.0.113.10 X-Forwarded-For=203.0.113.10 X-Forwarded-Proto=https\n200 ",
		ours:  "Not Found404 "},
	{name: "a name without a certificate is refused by this proxy only", args: "-o /dev/null https://other.example.com/", nginx: "200 ", ours: "000 "},
	{name: "the field Server is not sent", args: "-o /dev/null -D - --http1.1 https://www.example.com/ | grep -ci '^server:'", nginx: "1\n", ours: "0\n"},
	// Requests in a row up to the first that is refused.
	{name: "the limit refuses", args: "'https://www.example.com/[1-100000]' -o /dev/null -f --fail-early | tr ' ' '\\n' | sort -u | tail -n 1", nginx: "503\n", ours: "429\n"},
}

// TestTheMigrationFromNginx starts nginx with the server block of docs/from-nginx.md, and then this proxy with its
// translation, and sends both the same requests.
func TestTheMigrationFromNginx(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	nginx := needProgram(t, "nginx", "nginx-light")
	config := blocks(t, "from-nginx.md", "toml")[0]
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	m.upstream("127.0.0.1:3000", http.HandlerFunc(echoUpstream))
	m.writeUploads()
	m.certify("etc/letsencrypt/live/www.example.com/fullchain.pem", "etc/letsencrypt/live/www.example.com/privkey.pem", "www.example.com")
	text := fmt.Sprintf(nginxFrame, m.dir, m.place(blocks(t, "from-nginx.md", "nginx")[0]))
	file := filepath.Join(m.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := m.run(nginx + " -t -c " + file); code != 0 {
		t.Fatalf("nginx -t: got %d and %s, want a valid block", code, out)
	}
	server := m.background(nginx, "-c", file)
	m.await("curl -sk --resolve '*:443:203.0.113.10' https://www.example.com/")
	for _, request := range migrationRequests {
		if got, want := m.ask(request.args), request.same+request.nginx; got != want {
			t.Errorf("%s: got %q from nginx, want %q", request.name, got, want)
		}
	}
	_ = server.Process.Kill()
	_ = server.Wait() // it was killed
	m.await("! curl -sk --resolve '*:443:203.0.113.10' https://www.example.com/")
	copied := false
	for _, command := range commandsIn(documents(t)["from-nginx.md"]) {
		if strings.HasPrefix(command, "install ") {
			m.certbot(command)
			copied = true
		}
	}
	if !copied {
		t.Error("got no command that installs the certificate, want one")
	}
	m.checkMigrated()
	m.checkRenewal()
}

// certbot runs the commands that copy certbot's files, for a user that every machine has.
func (m *machine) certbot(command string) {
	m.t.Helper()
	if out, code := m.run(strings.ReplaceAll(command, "-o reverse-proxy", "-o nobody")); code != 0 {
		m.t.Fatalf("%s: got %d and %s, want success", command, code, out)
	}
}

// checkRenewal renews certbot's certificate and runs the documented hook, after which the new one must be served.
func (m *machine) checkRenewal() {
	m.t.Helper()
	m.start()
	defer m.stop()
	const live = "etc/letsencrypt/live/www.example.com"
	m.certify(live+"/fullchain.pem", live+"/privkey.pem", "www.example.com")
	hook := filepath.Join(m.dir, "work", "hook")
	if err := os.WriteFile(hook, []byte(strings.ReplaceAll(m.place(blocks(m.t, "from-nginx.md", "sh")[0]), "-o reverse-proxy", "-o nobody")), 0o700); err != nil {
		m.t.Fatal(err)
	}
	m.certbot("RENEWED_LINEAGE=/" + live + " " + hook)
	served, _ := m.run("openssl s_client -connect 203.0.113.10:443 -servername www.example.com </dev/null 2>/dev/null | openssl x509 -noout -fingerprint")
	renewed, code := m.run("openssl x509 -noout -fingerprint -in /" + live + "/fullchain.pem")
	if code != 0 || served != renewed {
		m.t.Errorf("got the certificate %q after the hook, want %q", served, renewed)
	}
}

// writeUploads makes the files that the requests send: one of 3 MB, and a sparse one of a byte over 100 MiB.
func (m *machine) writeUploads() {
	m.t.Helper()
	for name, size := range map[string]int64{"upload": 3_000_000, "large": 100<<20 + 1} {
		path := filepath.Join(m.dir, "work", name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// ask makes curl send a request to the machine's address, whatever the name is.
func (m *machine) ask(args string) string {
	m.t.Helper()
	out, _ := m.run("curl -sk --resolve '*:443:203.0.113.10' --resolve '*:80:203.0.113.10' -w '%{http_code} %{redirect_url}' " + args)
	return out
}

// checkMigrated starts the daemon and sends it the requests that the other server got.
func (m *machine) checkMigrated() {
	m.t.Helper()
	m.start()
	defer m.stop()
	for _, request := range migrationRequests {
		if got, want := m.ask(request.args), request.same+request.ours; got != want {
			m.t.Errorf("%s: got %q, want %q", request.name, got, want)
		}
	}
}

// TestTheMigrationFromCaddy sends the daemon the same requests with the translation of docs/from-caddy.md, and
// certificates from files, because there is no CA.
func TestTheMigrationFromCaddy(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	config := withoutCA(t, blocks(t, "from-caddy.md", "toml")[0], "www")
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	m.upstream("127.0.0.1:3000", http.HandlerFunc(echoUpstream))
	m.writeUploads()
	m.checkMigrated()
}

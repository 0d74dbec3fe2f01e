package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// locationRequests are requests to the second example of docs/from-nginx.md, as arguments of curl. If same is set, both
// give that answer; else each its own.
var locationRequests = []struct {
	name, args        string
	same, nginx, ours string
}{
	{name: "the site is forwarded", args: "https://example.com/a?b=c", same: "3000 GET /a?b=c body=0 200  SAMEORIGIN"},
	{name: "an alias is redirected", args: "-o /dev/null https://www.example.com/a%20b?c=d", nginx: "301 https://example.com/a%20b?c=d ", ours: "308 https://example.com/a%20b?c=d SAMEORIGIN"},
	{name: "a directory is forwarded", args: "https://example.com/files/x/y?z", same: "4000 GET /x/y?z body=0 200  SAMEORIGIN"},
	{name: "the directory itself is forwarded", args: "https://example.com/files/", same: "4000 GET / body=0 200  SAMEORIGIN"},
	{name: "a directory gets its slash", args: "-o /dev/null https://example.com/files", nginx: "301 https://example.com/files/ SAMEORIGIN", ours: "200  SAMEORIGIN"},
	{name: "a name that begins like the directory is forwarded to the site", args: "https://example.com/filesystem", same: "3000 GET /filesystem body=0 200  SAMEORIGIN"},
	{name: "a large body is taken for the directory", args: "--data-binary @upload https://example.com/files/up", same: "4000 POST /up body=3000000 200  SAMEORIGIN"},
	{name: "a large body is refused elsewhere", args: "-o /dev/null -H 'Expect:' --data-binary @upload https://example.com/up", same: "413  SAMEORIGIN"},
	{name: "an old path is redirected", args: "-o /dev/null https://example.com/old/a%20b?c=d", same: "301 https://example.com/archive/old/a%20b?c=d SAMEORIGIN"},
	{name: "a refused path is refused", args: "-o /dev/null https://example.com/metrics/x", same: "403  SAMEORIGIN"},
	{name: "another spelling of it is refused", args: "-o /dev/null --path-as-is https://example.com/x/../metrics", nginx: "403  SAMEORIGIN", ours: "400  SAMEORIGIN"},
	{name: "a fixed answer is sent", args: "https://example.com/.well-known/security.txt", same: "Contact: mailto:security@example.com\n200  SAMEORIGIN"},
	{name: "the limit of a page refuses", args: "-o /dev/null 'https://example.com/login?[1-6]' -w '%{http_code}\\n' | sort | uniq -c", nginx: "      5 200\n      1 503\n", ours: "      5 200\n      1 429\n"},
	{name: "another page is answered then", args: "https://example.com/", same: "3000 GET / body=0 200  SAMEORIGIN"},
}

// askLocation makes curl send a request, and print the status, the target of a redirect and X-Frame-Options.
func (m *machine) askLocation(args string) string {
	m.t.Helper()
	out, _ := m.run("curl -sk --resolve '*:443:203.0.113.10' -w '%{http_code} %{redirect_url} %header{x-frame-options}' " + args)
	return out
}

// TestTheLocationsMovedFromNginx starts nginx with the second example of docs/from-nginx.md, and then this proxy with its
// translation, and sends both the same requests.
func TestTheLocationsMovedFromNginx(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	nginx := needProgram(t, "nginx", "nginx-light")
	all := blocks(t, "from-nginx.md", "toml")
	config := all[len(all)-1]
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	m.writeUploads()
	for _, port := range []string{"3000", "4000"} {
		m.upstream("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			size, _ := io.Copy(io.Discard, r.Body) // of what arrived, complete or not
			fmt.Fprintf(w, "%s %s %s body=%d ", port, r.Method, r.RequestURI, size)
		}))
	}
	m.certify("etc/letsencrypt/live/www.example.com/fullchain.pem", "etc/letsencrypt/live/www.example.com/privkey.pem", "www.example.com", "example.com")
	text := fmt.Sprintf(nginxFrame, m.dir, m.place(blocks(t, "from-nginx.md", "nginx")[1]))
	file := filepath.Join(m.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := m.background(nginx, "-c", file)
	m.await("curl -sk --resolve '*:443:203.0.113.10' https://example.com/")
	for _, request := range locationRequests {
		if got, want := m.askLocation(request.args), request.same+request.nginx; got != want {
			t.Errorf("%s: got %q from nginx, want %q", request.name, got, want)
		}
	}
	_ = server.Process.Kill()
	_ = server.Wait() // it was killed
	m.start()
	defer m.stop()
	for _, request := range locationRequests {
		if got, want := m.askLocation(request.args), request.same+request.ours; got != want {
			t.Errorf("%s: got %q, want %q", request.name, got, want)
		}
	}
}

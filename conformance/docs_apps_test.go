package conformance_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// appAsk is a request of an application's user.
type appAsk struct {
	// request is a method and a URL without its scheme. WEBSOCKET opens one. SEND and a size asks to send a body of that size.
	request string
	// want is what answers: the name of an upstream and the request target that it got, or a status and what is in the answer.
	want string
	// header is a line that the response must have.
	header string
}

// appPage is what a page of docs/apps promises.
type appPage struct {
	// upstreams are names for the addresses of the page's upstreams.
	upstreams map[string]string
	asks      []appAsk
}

// appAnswer is a response as appAsk describes it.
type appAnswer struct {
	text   string
	header http.Header
}

// standIn answers with its name and what it received, and opens WebSockets. It does not wait for a body.
func standIn(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Stand-In", name)
		if r.Header.Get("X-Forwarded-Proto") != "https" || r.Header.Get("X-Real-IP") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.Header.Get("Upgrade") == "websocket" {
			conn, buffer, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprintf(buffer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			_ = buffer.Flush()
			line, _ := buffer.ReadString('\n')
			_, _ = fmt.Fprintf(conn, "%s %s heard %s", name, r.RequestURI, line)
			return
		}
		fmt.Fprintf(w, "%s %s", name, r.RequestURI)
	})
}

var tomlUpstream = regexp.MustCompile(`(?m)^upstream = "([^"]+)"`)

// TestThePagesOfApplications starts the configuration of each page in docs/apps in front of stand-ins for the application, and
// asks what its users ask. Certificates are from files, because there is no CA.
func TestThePagesOfApplications(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	pages, err := filepath.Glob(filepath.Join(projectRoot(t), "docs", "apps", "*.md"))
	if err != nil || len(pages) != len(appPages) {
		t.Errorf("got the pages %v and %v, want one for each of appPages", pages, err)
	}
	binary := buildDaemon(t)
	for name, page := range appPages {
		t.Run(name, func(t *testing.T) {
			config := blocks(t, "apps/"+name+".md", "toml")[0]
			config = tomlACME.ReplaceAllString(config, "mode = \"manual\"\ncert_path = \"/etc/reverse-proxy/app.pem\"\nkey_path = \"/etc/reverse-proxy/app.key\"\n")
			m := bareMachine(t, binary)
			m.readyFor(config)
			m.configure(config)
			m.standInFor(page, config)
			m.start()
			defer m.stop()
			for _, ask := range page.asks {
				answer := m.askApp(ask.request)
				if answer.text != ask.want {
					t.Errorf("%s: got %q, want %q", ask.request, answer.text, ask.want)
				}
				if field, value, ok := strings.Cut(ask.header, ": "); ok && answer.header.Get(field) != value {
					t.Errorf("%s: got %s %q, want %q", ask.request, field, answer.header.Get(field), value)
				}
			}
		})
	}
}

// standInFor serves stand-ins at all upstreams of a page.
func (m *machine) standInFor(page appPage, config string) {
	m.t.Helper()
	unused := map[string]bool{}
	for address, name := range page.upstreams {
		unused[address] = true
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			m.t.Fatal(err)
		}
		if out, code := m.run("ip address replace " + host + " dev lo"); code != 0 {
			m.t.Fatalf("cannot give the machine the address %s: %s", host, out)
		}
		m.upstream(address, standIn(name))
	}
	for _, match := range tomlUpstream.FindAllStringSubmatch(config, -1) {
		if page.upstreams[match[1]] == "" {
			m.t.Errorf("got the upstream %s, want only those that the page is tested with", match[1])
		}
		delete(unused, match[1])
	}
	if len(unused) > 0 {
		m.t.Errorf("got no upstream in the file for %v, want each used", unused)
	}
}

// askApp sends a request as appAsk describes it, over HTTP/1.1.
func (m *machine) askApp(request string) appAnswer {
	m.t.Helper()
	fields := strings.Fields(request)
	method, url, extra := fields[0], fields[len(fields)-1], ""
	switch method {
	case "WEBSOCKET":
		method, extra = "GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	case "SEND":
		method, extra = "PUT", "Content-Length: "+fields[1]+"\r\n"
	}
	authority, path, _ := strings.Cut(url, "/")
	host, port, found := strings.Cut(authority, ":")
	if !found {
		port = "443"
	}
	conn := m.dial("203.0.113.10:"+port, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s /%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path, authority, extra); err != nil {
		m.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		m.t.Fatalf("%s: %v", request, err)
	}
	defer response.Body.Close()
	body := io.Reader(response.Body)
	if response.StatusCode == http.StatusSwitchingProtocols {
		if _, err := fmt.Fprintln(conn, "hello"); err != nil {
			m.t.Fatal(err)
		}
		body = reader
	}
	text, err := io.ReadAll(body)
	if err != nil && response.StatusCode != http.StatusSwitchingProtocols {
		m.t.Fatalf("%s: %v", request, err)
	}
	answer := appAnswer{text: strings.TrimSpace(string(text)), header: response.Header}
	if response.Header.Get("X-Stand-In") == "" && response.StatusCode != http.StatusSwitchingProtocols {
		answer.text = strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, response.Header.Get("Location")))
		if response.Header.Get("Content-Type") == "application/json" {
			answer.text += " " + string(text)
		}
	}
	return answer
}

// TestThePagesOfApplicationsAreListed reads the list of pages in README.md.
func TestThePagesOfApplicationsAreListed(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(projectRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for _, match := range regexp.MustCompile(`docs/apps/([a-z-]+)\.md\)`).FindAllStringSubmatch(string(readme), -1) {
		listed = append(listed, match[1])
	}
	for name := range appPages {
		want = append(want, name)
	}
	slices.Sort(listed)
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("got links to %v in README.md, want %v", listed, want)
	}
}

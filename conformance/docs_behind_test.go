package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// haproxyTimeouts is what the defaults of every HAProxy have.
const haproxyTimeouts = "defaults\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n\n"

// codeBlock returns the only block in that language of docs/behind-a-proxy.md.
func codeBlock(t *testing.T, language string) string {
	t.Helper()
	blocks := regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(documents(t)["behind-a-proxy.md"], -1)
	if len(blocks) != 1 {
		t.Fatalf("got %d blocks of %s, want one", len(blocks), language)
	}
	return blocks[0][1] + "\n"
}

func TestTheListOfACDNIsReplacedOnlyByAList(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script := write("update", codeBlock(t, "sh"))
	list := write("cloudflare.txt", "192.0.2.0/24\n")
	write("reverse-proxy", "#!/bin/sh\necho \"$1\" >>\""+dir+"/reloads\"\n")
	for _, test := range []struct {
		name, curl, want string
		reloads          int
	}{
		{"a failed download leaves the list", "exit 22", "192.0.2.0/24\n", 0},
		{"a page of HTML leaves the list", "echo '<html>'", "192.0.2.0/24\n", 0},
		{"an empty answer leaves the list", "true", "192.0.2.0/24\n", 0},
		{"new lists replace it", `case "$*" in *ips-v4) printf '198.51.100.0/24\n203.0.113.0/24' ;; *) printf '2001:db8::/32\n' ;; esac`,
			"198.51.100.0/24\n203.0.113.0/24\n2001:db8::/32\n\n", 1},
		{"the same lists leave it", `case "$*" in *ips-v4) printf '198.51.100.0/24\n203.0.113.0/24' ;; *) printf '2001:db8::/32\n' ;; esac`,
			"198.51.100.0/24\n203.0.113.0/24\n2001:db8::/32\n\n", 1},
	} {
		write("curl", "#!/bin/sh\n"+test.curl+"\n")
		cmd := exec.Command("sh", script, list)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, _ := cmd.CombinedOutput() // it fails where the download does
		got, err := os.ReadFile(list)
		reloads, _ := os.ReadFile(filepath.Join(dir, "reloads"))
		if err != nil || string(got) != test.want || strings.Count(string(reloads), "reload\n") != test.reloads {
			t.Errorf("%s: got %q, %v and the reloads %q, want %q and %d\n%s", test.name, got, err, reloads, test.want, test.reloads, out)
		}
		if left, _ := filepath.Glob(list + ".*"); left != nil {
			t.Errorf("%s: %q is left", test.name, left)
		}
	}
}

func TestHAProxyTakesTheDocumentedConfiguration(t *testing.T) {
	needPrograms(t, "haproxy")
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(haproxyTimeouts+codeBlock(t, "haproxy")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("haproxy", "-c", "-f", path).CombinedOutput(); err != nil {
		t.Errorf("haproxy refuses it: %v\n%s", err, out)
	}
}

// TestHAProxyWithTheDocumentedConfigurations runs HAProxy in front of the daemon, each as docs/behind-a-proxy.md configures it. Both are on
// one machine, so HAProxy gets an address to listen and to connect from.
func TestHAProxyWithTheDocumentedConfigurations(t *testing.T) {
	needPrograms(t, "haproxy", "curl", "openssl", "ip")
	config := configurationWith(t, "behind-a-proxy.md", "proxy_protocol")
	const haproxy, client = "192.0.2.5", "198.51.100.7"
	front := codeBlock(t, "haproxy")
	for old, replacement := range map[string]string{"bind :443": "bind " + haproxy + ":443", "192.0.2.10:443 ": "192.0.2.10:443 source " + haproxy + " "} {
		if strings.Count(front, old) != 1 {
			t.Fatalf("got the configuration\n%s\nwant %q once", front, old)
		}
		front = strings.ReplaceAll(front, old, replacement)
	}
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	for _, address := range []string{haproxy, client} {
		if out, code := m.run("ip address replace " + address + " dev lo"); code != 0 {
			t.Fatalf("cannot give the machine the address %s: %s", address, out)
		}
	}
	m.upstream("127.0.0.1:3000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Real-IP"))
	}))
	m.start()
	t.Cleanup(m.stop)
	path := filepath.Join(m.dir, "work", "haproxy.cfg")
	if err := os.WriteFile(path, []byte(haproxyTimeouts+front), 0o600); err != nil {
		t.Fatal(err)
	}
	m.background("haproxy", "-db", "-f", path)
	get := "curl -sk --interface " + client + " --resolve www.example.com:443:%s https://www.example.com/"
	m.await(fmt.Sprintf(get, haproxy))
	if out, code := m.run(fmt.Sprintf(get, haproxy)); code != 0 || out != client {
		t.Errorf("got %d and %q through HAProxy, want the address of the client %s", code, out, client)
	}
	if out, code := m.run(fmt.Sprintf(get, "192.0.2.10")); code == 0 {
		t.Errorf("got %q past HAProxy, want no answer", out)
	}
}

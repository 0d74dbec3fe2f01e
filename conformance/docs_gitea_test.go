package conformance_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// giteaStandIn answers like Gitea as far as docs/apps/gitea.md needs: git's own server behind a password, and a stream of
// events.
func giteaStandIn(backend http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/user/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: ping\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "alice" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="Gitea"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	})
	return mux
}

// giteaClient makes git and curl find the documents' names on the machine, trust its certificate, and know the
// password.
const giteaClient = `[user]
	name = Alice
	email = alice@example.com
[init]
	defaultBranch = main
[http]
	curloptResolve = git.example.com:443:203.0.113.10
	sslVerify = false
[credential]
	helper = "!f() { echo username=alice; echo password=secret; }; f"
`

// TestGiteaBehindTheProxy runs the commands of docs/apps/gitea.md on a machine with the configuration of that page. Its
// certificate is from a file, because there is no CA.
func TestGiteaBehindTheProxy(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	git := needProgram(t, "git", "git")
	config := blocks(t, "apps/gitea.md", "toml")[0]
	config = withoutCA(t, config, "git")
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	m.upstream("127.0.0.1:3000", giteaStandIn(gitServer(t, git, filepath.Join(m.dir, "work", "served"))))
	home := filepath.Join(m.dir, "work", "home")
	for name, text := range map[string]string{
		filepath.Join(home, ".gitconfig"):                         giteaClient,
		filepath.Join(home, ".curlrc"):                            "insecure\nresolve = \"*:443:203.0.113.10\"\nresolve = \"*:80:203.0.113.10\"\n",
		filepath.Join(m.dir, "work", "served", "alice", "readme"): "of the directory of repositories\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_TERMINAL_PROMPT", "0")
	mustRun := func(command string) string {
		t.Helper()
		out, code := m.run(command)
		if code != 0 {
			t.Fatalf("%s: got %d and %s, want success", command, code, out)
		}
		return out
	}
	mustRun("git init -q source && head -c 20000000 /dev/urandom > source/large && git -C source add . && git -C source commit -qm large")
	mustRun("git clone -q --bare source served/alice/project.git && git -C served/alice/project.git config http.receivepack true")
	m.start()
	defer m.stop()

	prints := map[string]struct {
		text string
		code int
	}{
		"git clone https:":         {text: "Cloning into 'project'"},
		"git -C project -c":        {text: "over HTTPS"},
		"git -C project push":      {text: "main -> main"},
		"git clone --depth":        {text: "Cloning into 'shallow'"},
		"curl -sS -o /dev/null -w": {text: "301 https://git.example.com/\n"},
		"curl -sSN":                {text: "event: ping", code: 28}, // curl's time is over while the stream goes on
	}
	for _, command := range commandsIn(documents(t)["apps/gitea.md"]) {
		for start, want := range prints {
			if !strings.HasPrefix(command, start) {
				continue
			}
			delete(prints, start)
			if out, code := m.run(command); code != want.code || !strings.Contains(out, want.text) {
				t.Errorf("%s: got %d and %q, want %d and %q in it", command, code, out, want.code, want.text)
			}
		}
	}
	if len(prints) > 0 {
		t.Errorf("got no command that begins with one of %v in docs/apps/gitea.md, want each", prints)
	}

	// A push of many chunks, and one over the limit.
	mustRun("head -c 20000000 /dev/urandom > project/more && git -C project add . && git -C project commit -qm more && git -C project push -q")
	pushed, err := os.ReadFile(filepath.Join(m.dir, "work", "project", "more"))
	if err != nil {
		t.Fatal(err)
	}
	if got := mustRun("git -C served/alice/project.git show main:more"); !bytes.Equal([]byte(got), pushed) {
		t.Errorf("got %d other bytes from the repository, want the %d that were pushed", len(got), len(pushed))
	}
	m.configure(strings.Replace(config, "2147483648", "1000000", 1))
	mustRun("reverse-proxy reload")
	out, code := m.run("head -c 3000000 /dev/urandom > project/third && git -C project add . && git -C project commit -qm third && git -C project push")
	if code == 0 || !strings.Contains(out, "HTTP 413") {
		t.Errorf("got %d and %q for a push over the limit, want HTTP 413 in it", code, out)
	}
}

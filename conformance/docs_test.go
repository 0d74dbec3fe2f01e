package conformance_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reverse-proxy/steps"
)

var (
	consoleBlock = regexp.MustCompile("(?s)\n```console\n(.*?)\n```\n")
	consoleLine  = regexp.MustCompile(`(?m)^\$ (.*?)(?:\s{2,}# .*)?$`)
)

// documents returns README.md and docs/, by their names below docs/, except docs/performance.md, which is about benchmarks.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := projectRoot(t)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	apps, appsErr := filepath.Glob(filepath.Join(root, "docs", "apps", "*.md"))
	if err := errors.Join(err, appsErr); err != nil || len(pages) == 0 || len(apps) == 0 {
		t.Fatalf("got the documents %v, %v and %v, want some", pages, apps, err)
	}
	texts := map[string]string{}
	for _, path := range slices.Concat(pages, apps, []string{filepath.Join(root, "README.md")}) {
		name := strings.TrimPrefix(path, filepath.Join(root, "docs")+"/")
		if !strings.HasPrefix(path, filepath.Join(root, "docs")) {
			name = filepath.Base(path)
		}
		if name != "performance.md" {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(text)
		}
	}
	return texts
}

// commandsIn returns the commands of a document in order.
func commandsIn(text string) []string {
	var commands []string
	for _, block := range consoleBlock.FindAllStringSubmatch(text, -1) {
		for _, line := range consoleLine.FindAllStringSubmatch(block[1], -1) {
			commands = append(commands, line[1])
		}
	}
	return commands
}

func TestEveryCommandOfTheDocumentsIsInTheTable(t *testing.T) {
	unseen := map[string]bool{}
	for command := range documentedCommands {
		unseen[command] = true
	}
	for name, text := range documents(t) {
		for _, command := range commandsIn(text) {
			if _, ok := documentedCommands[command]; !ok {
				t.Errorf("%s: got the command %q, want what it does in documentedCommands", name, command)
			}
			delete(unseen, command)
		}
	}
	for command := range unseen {
		t.Errorf("got %q in documentedCommands, want only what a document shows", command)
	}
}

// needPrograms skips a test if a program is not installed, and fails it in CI.
func needPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed; in CI it must be: make deps", program)
		}
		t.Skipf("%s is not installed; make deps installs it", program)
	}
}

func TestTheCommandsOfTheDocuments(t *testing.T) {
	needPrograms(t, "bash", "curl", "jq", "openssl", "fail2ban-server", "ss", "ip")
	if !new(steps.Suite).HasLogrotate() {
		needPrograms(t, "logrotate")
	}
	binary := buildDaemon(t)
	for name, text := range documents(t) {
		commands := commandsIn(text)
		if len(commands) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, binary)
			fail2ban := false
			// Two requests are forwarded to an upstream that is not running, and the third is over the limit.
			const requests = "for i in 1 2 3; do curl -sk --resolve site.example.test:443:127.0.0.1 https://site.example.test/; done"
			for _, command := range commands {
				if strings.Contains(command, "proxy.log") {
					// There is one RATE_LIMIT line a second, and a rotation may have just moved it away.
					m.await(requests + "; grep -q ' RATE_LIMIT ' /var/log/reverse-proxy/proxy.log")
				}
				if strings.HasPrefix(command, "fail2ban-client") && !fail2ban {
					m.startFail2ban()
					fail2ban = true
				}
				want := documentedCommands[command]
				switch {
				case strings.HasPrefix(command, "systemctl restart"):
					m.stop()
					m.start()
				case want.elsewhere != "":
				default:
					out, code := m.run(command)
					if code != want.code || !strings.Contains(out, want.prints) {
						t.Errorf("%s: got the exit code %d and %q, want %d and %q in it", command, code, out, want.code, want.prints)
					}
				}
			}
		})
	}
}

var (
	heading     = regexp.MustCompile(`(?m)^## (.+)$`)
	ruleHeading = regexp.MustCompile(`(?m)^  Rule: (.+)$`)
)

// TestEverySymptomOfTheRunbookIsProvoked compares the sections of the runbook with the rules of its feature.
func TestEverySymptomOfTheRunbookIsProvoked(t *testing.T) {
	feature, err := os.ReadFile(filepath.Join(projectRoot(t), "features", "runbook.feature"))
	if err != nil {
		t.Fatal(err)
	}
	var symptoms, rules []string
	for _, match := range heading.FindAllStringSubmatch(documents(t)["runbook.md"], -1) {
		symptoms = append(symptoms, match[1])
	}
	for _, match := range ruleHeading.FindAllStringSubmatch(string(feature), -1) {
		rules = append(rules, match[1])
	}
	if len(symptoms) == 0 || !slices.Equal(symptoms, rules) {
		t.Errorf("got the sections %q and the rules %q, want the same in the same order", symptoms, rules)
	}
}

// guidePages are the operators' pages, which name events and keys.
var guidePages = []string{"operations.md", "runbook.md", "upgrade.md", "from-nginx.md", "from-caddy.md"}

// TestTheGuideNamesWhatThereIs compares the names that the operators' pages use with the lists of all events and keys.
func TestTheGuideNamesWhatThereIs(t *testing.T) {
	texts := documents(t)
	event, key := regexp.MustCompile("`([A-Z]+(?:_[A-Z]+)+)"), regexp.MustCompile("`([a-z]+(?:_[a-z]+)+)`")
	// Names that are neither events nor keys.
	others := []string{"close_notify", "ENHANCE_YOUR_CALM", "CAP_NET_BIND_SERVICE", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "SSL_CERT_FILE", "SSL_CERT_DIR", "no_new_privs", "ERR_SSL_UNRECOGNIZED_NAME_ALERT", "restart_required", "not_after",
		"next_try", "next_try_reason", "server_name", "client_ip", "file_differs", "requests_cut", "duration_ms", "SETTINGS_MAX_CONCURRENT_STREAMS", "SETTINGS_MAX_HEADER_LIST_SIZE", "max_fails", "fail_timeout"}
	steps := []string{"dynamic_config", "shared_state", "health_port", "admin_socket", "bind_listeners", "load_tls", "background_tasks"}
	named := 0
	for _, page := range guidePages {
		// The directives of another server, in the left column.
		foreign := map[string]bool{}
		if strings.HasPrefix(page, "from-") {
			for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(texts[page], -1) {
				for _, name := range regexp.MustCompile(`[a-z]+(?:_[a-z]+)+`).FindAllString(row[1], -1) {
					foreign[name] = true
				}
			}
		}
		for _, list := range []struct {
			names *regexp.Regexp
			in    string
		}{{event, "log-format.md"}, {key, "configuration.md"}} {
			found := list.names.FindAllStringSubmatch(texts[page], -1)
			named += len(found)
			for _, name := range found {
				if foreign[name[1]] || slices.Contains(others, name[1]) || slices.Contains(steps, name[1]) {
					continue
				}
				row, table := "| `"+name[1]+"` |", "\n## `["+name[1]+"]`\n"
				if !strings.Contains(texts[list.in], row) && !strings.Contains(texts[list.in], table) {
					t.Errorf("%s names %s, want only what has a row or a section in %s", page, name[1], list.in)
				}
			}
		}
	}
	if named < 50 {
		t.Errorf("got %d names in all, want those of the guide", named)
	}
}

package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	tomlBlock   = regexp.MustCompile("(?s)\n```toml( append)?\n(.*?)\n```\n")
	tomlAddress = regexp.MustCompile(`(?m)^bind_addr = "([^"]+)"`)
	tomlHost    = regexp.MustCompile(`(?m)^host = "([^"]+)"`)
	tomlPair    = regexp.MustCompile(`(?m)^cert_path = "/([^"]+)".*\nkey_path = "/([^"]+)"`)
	tomlCA      = regexp.MustCompile(`(?m)^upstream_ca_path = "/([^"]+)".*\nupstream_server_name = "([^"]+)"`)
	tomlClient  = regexp.MustCompile(`(?m)^upstream_client_cert_path = "/([^"]+)".*\nupstream_client_key_path = "/([^"]+)"`)
	tomlSecret  = regexp.MustCompile(`(?m)^dns_(?:key|header)_file = "/([^"]+)"`)
	tomlAliases = regexp.MustCompile(`(?m)^aliases = \[(.*?)\]`)
	tomlUsers   = regexp.MustCompile(`(?m)^basic_users_file = "/([^"]+)"`)
	tomlClients = regexp.MustCompile(`(?m)^client_ca_path = "/([^"]+)"`)
	tomlProxies = regexp.MustCompile(`(?m)^trusted_proxies_file = "/([^"]+)"`)
	tomlHealth  = regexp.MustCompile(`(?m)^health_check_port = (\d+)`)
)

// readyFor prepares the machine for a configuration: its addresses, its secrets, and a certificate for all its hosts and aliases.
func (m *machine) readyFor(text string) {
	m.t.Helper()
	for _, match := range tomlAddress.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(match[1], "127.") || match[1] == "::1" {
			continue
		}
		if out, code := m.run("ip address replace " + match[1] + " dev lo"); code != 0 {
			m.t.Fatalf("cannot give the machine the address %s: %s", match[1], out)
		}
	}
	for _, match := range tomlSecret.FindAllStringSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(m.dir, match[1]), []byte("c2VjcmV0\n"), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	if tomlStore.MatchString(text) {
		if err := os.WriteFile(filepath.Join(m.dir, "etc/reverse-proxy/store.key"), []byte(strings.Repeat("0123456789", 5)), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	var hosts []string
	for _, match := range tomlHost.FindAllStringSubmatch(text, -1) {
		hosts = append(hosts, match[1])
	}
	for _, match := range tomlAliases.FindAllStringSubmatch(text, -1) {
		for _, name := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(match[1], -1) {
			hosts = append(hosts, name[1])
		}
	}
	for _, match := range tomlClients.FindAllStringSubmatch(text, -1) {
		m.certify(match[1], match[1]+".key", "clients.example.com")
	}
	for _, match := range tomlUsers.FindAllStringSubmatch(text, -1) {
		const ann = "ann:$2a$04$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG\n"
		if err := os.WriteFile(filepath.Join(m.dir, match[1]), []byte(ann), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	for _, match := range tomlProxies.FindAllStringSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(m.dir, match[1]), []byte("192.0.2.0/24\n"), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	for _, match := range tomlPair.FindAllStringSubmatch(text, -1) {
		m.certify(match[1], match[2], hosts...)
	}
	for _, match := range tomlCA.FindAllStringSubmatch(text, -1) {
		m.certify(match[1], strings.TrimSuffix(match[1], ".pem")+".key", match[2])
	}
	for _, match := range tomlClient.FindAllStringSubmatch(text, -1) {
		m.certify(match[1], match[2], "proxy.internal")
	}
}

var tomlStore = regexp.MustCompile(`(?m)^store = `)

var tomlACME = regexp.MustCompile(`(?m)^mode = "acme"\n(?:acme_.*\n)*`)

// withoutCA replaces certificates from a CA by certificates from files with that name.
func withoutCA(t *testing.T, text, name string) string {
	t.Helper()
	if n := len(tomlACME.FindAllString(text, -1)); n != 1 {
		t.Fatalf("got %d listeners in mode acme, want one", n)
	}
	return tomlACME.ReplaceAllString(text, fmt.Sprintf("mode = \"manual\"\ncert_path = \"/etc/reverse-proxy/%[1]s.pem\"\nkey_path = \"/etc/reverse-proxy/%[1]s.key\"\n", name))
}

// configurations returns the complete configurations in a document. A block marked "append" continues the one before it.
func configurations(text string) []string {
	var all []string
	for _, block := range tomlBlock.FindAllStringSubmatch(text, -1) {
		config := block[2] + "\n"
		if block[1] != "" && len(all) > 0 {
			config = all[len(all)-1] + config
		}
		all = append(all, config)
	}
	return all
}

// configurationWith returns the only configuration of a page that contains mark, or of several that continue each other the last.
func configurationWith(t *testing.T, page, mark string) (found string) {
	t.Helper()
	for _, text := range configurations(documents(t)[page]) {
		if !strings.Contains(text, mark) {
			continue
		}
		if found != "" && !strings.HasPrefix(text, found) {
			t.Fatalf("docs/%s has several configurations with %q, want one", page, mark)
		}
		found = text
	}
	if found == "" {
		t.Fatalf("docs/%s has no configuration with %q", page, mark)
	}
	return found
}

func TestABlockThatIsMarkedAppendContinuesTheOneBefore(t *testing.T) {
	const text = "\n```toml\na = 1\n```\nthen\n```toml append\nb = 2\n```\n\n```toml\nc = 3\n```\n"
	if got, want := configurations(text), []string{"a = 1\n", "a = 1\nb = 2\n", "c = 3\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTheConfigurationsOfTheDocuments starts the daemon with every complete configuration in the documents, on a
// machine that has its addresses and certificates. Those that need a CA are only validated.
func TestTheConfigurationsOfTheDocuments(t *testing.T) {
	needPrograms(t, "ip", "openssl", "curl")
	binary, found := buildDaemon(t), 0
	for name, text := range documents(t) {
		for i, config := range configurations(text) {
			found++
			t.Run(fmt.Sprintf("%s-%d", name, i+1), func(t *testing.T) {
				m := bareMachine(t, binary)
				m.readyFor(config)
				m.configure(config)
				if out, code := m.run("reverse-proxy --validate --config /etc/reverse-proxy/config.toml"); code != 0 {
					t.Fatalf("got %d and %s, want a valid configuration", code, out)
				}
				if strings.Contains(config, `mode = "acme"`) {
					return
				}
				if port := tomlHealth.FindStringSubmatch(config); port != nil && port[1] != "9900" {
					t.Fatalf("got the health port %s, want 9900, at which this test asks", port[1])
				}
				m.start()
				m.stop()
			})
		}
	}
	if found < 5 {
		t.Errorf("got %d configurations, want those of README.md and of the guide", found)
	}
}

// blocks returns the code blocks of a document in a language.
func blocks(t *testing.T, document, language string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(documents(t)[document], -1) {
		all = append(all, match[1])
	}
	if slices.Contains(all, "") || len(all) == 0 {
		t.Fatalf("%s: got the %s blocks %q, want some", document, language, all)
	}
	return all
}

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/limit"
)

func TestLoadConfigFillsInTheDefaults(t *testing.T) {
	path := configtest.WriteFile(t, t.TempDir(), "config.toml", configtest.Edited(t, configtest.Minimal,
		"http_port = 8080\nhttps_port = 8443\n", ""))
	got, err := Load(path, false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	want := &Config{
		Path:                  path,
		Hash:                  hex.EncodeToString(sum[:]),
		Text:                  text,
		HealthCheckPort:       9900,
		HTTPSHealthPath:       "/health",
		AdminSocketPath:       "/run/reverse-proxy/admin.sock",
		ShutdownTimeout:       30 * time.Second,
		ConnectionIdleTimeout: time.Minute,
		HeaderTimeout:         10 * time.Second,
		BodyIdleTimeout:       time.Minute,
		MaxConnections:        1024,
		Sandbox:               true,
		Logging:               eventlog.Options{Level: eventlog.LevelInfo, Format: eventlog.FormatText},
		RateLimit: limit.Config{
			RequestsPerSecond: 100, Burst: 200, EvictionInterval: time.Minute, EvictionAge: 5 * time.Minute,
		},
		Body: Body{LimitBytes: 100 << 20},
		Listeners: []Listener{{
			BindAddrs: []string{"127.0.0.1"},
			HTTPPort:  80,
			HTTPSPort: 443,
			TLS:       TLS{Mode: TLSModeSelfSigned},
			Sites: []Site{{
				Host: "a.example", Upstreams: OneUpstream("127.0.0.1:3000"),
				Settings: Settings{UpstreamScheme: "http", UpstreamProtocol: "http1", ConnectTimeout: 5 * time.Second, RequestTimeout: time.Minute, Limits: fileLimits(100 << 20),
					Balance: BalanceLeastRequests, Health: defaultHealth, Retry: defaultRetry},
			}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the configuration differs (-want +got):\n%s", diff)
	}
}

func TestLoadConfigTakesEveryKeyFromTheFile(t *testing.T) {
	dir := configtest.CertificateDir(t)
	text, err := os.ReadFile("../../testdata/config/every_key.toml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseText(dir, string(text))
	if err != nil {
		t.Fatal(err)
	}
	got.Hash, got.Text = "", nil
	site := Site{
		Host: "git.example.com", Aliases: []string{"code.example.com"}, RedirectAliases: true, Upstreams: OneUpstream("[::1]:3443"),
		Settings: Settings{UpstreamScheme: "https", UpstreamProtocol: "http1", ConnectTimeout: 11 * time.Second, RequestTimeout: 12 * time.Second, MaxConnections: 13, Limits: fileLimits(1000),
			Balance: BalanceLeastRequests, Health: defaultHealth, Retry: defaultRetry},
	}
	want := &Config{
		Path:                    filepath.Join(dir, "config.toml"),
		AllowWildcardBind:       true,
		HealthCheckPort:         9901,
		HTTPSHealthPath:         "/up",
		AdminSocketPath:         "/run/other.sock",
		ShutdownTimeout:         31 * time.Second,
		ConnectionIdleTimeout:   61 * time.Second,
		HeaderTimeout:           11 * time.Second,
		BodyIdleTimeout:         62 * time.Second,
		MaxConnections:          1000,
		MaxConnectionsPerClient: 100,
		Logging:                 eventlog.Options{Level: eventlog.LevelDebug, Format: eventlog.FormatJSON, FilePath: dir + "/proxy.log"},
		RateLimit: limit.Config{
			RequestsPerSecond: 2.5, Burst: 7, EvictionInterval: 63 * time.Second, EvictionAge: 301 * time.Second,
		},
		Body: Body{LimitBytes: 1000},
		Listeners: []Listener{
			{BindAddrs: []string{"0.0.0.0"}, HTTPPort: 8080, HTTPSPort: 8443, Sites: []Site{site}, TLS: TLS{
				Mode: TLSModeACME, ACMEDomains: []string{"git.example.com", "www.example.com"},
				ACMECacheDir: dir + "/cache", ACMEContact: "mailto:admin@example.com",
				ACMEDirectory: "https://127.0.0.1:14000/dir", ACMECAPath: dir + "/a.pem",
				ACMEProfile: "tlsserver", ACMEEABKeyID: "kid-1", ACMEEABKeyFile: dir + "/a.key",
				ACMEStart: ACMEStartAvailable, ACMEStartTimeout: 301 * time.Second,
			}},
			{BindAddrs: []string{"::1"}, HTTPPort: 0, HTTPSPort: 8444, Sites: []Site{}, TLS: TLS{
				Mode: TLSModeManual, Certificates: []CertificateFiles{
					{CertPath: dir + "/a.pem", KeyPath: dir + "/a.key"}, {CertPath: dir + "/b.pem",
						KeyPath: dir + "/b.key"},
				},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the configuration differs (-want +got):\n%s", diff)
	}
}

func TestACMEDirectoryWordsBecomeURLs(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  ACMEProductionURL,
		"\nacme_directory = \"production\"": ACMEProductionURL,
		"\nacme_directory = \"staging\"":    ACMEStagingURL,
	} {
		cfg, err := parseText(t.TempDir(), configtest.Edited(t, configtest.Minimal, `mode = "self_signed"`, configtest.ACME+line))
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Listeners[0].TLS.ACMEDirectory; got != want {
			t.Errorf("%q: got the directory %q, want %q", line, got, want)
		}
	}
}

func TestTheQuickStartConfigurationIsValid(t *testing.T) {
	cfg, err := Load("../../testdata/quickstart.toml", false)
	if err != nil {
		t.Fatal(err)
	}
	want := "configuration OK: ../../testdata/quickstart.toml: 1 listener, 1 site"
	if got := Report(cfg); got != want {
		t.Errorf("got the report %q, want %q", got, want)
	}
}

func TestTheReportCountsListenersAndSites(t *testing.T) {
	cfg := &Config{Path: "/etc/c.toml", Listeners: []Listener{{Sites: make([]Site, 2)},
		{Sites: make([]Site, 1)}}}
	want := "configuration OK: /etc/c.toml: 2 listeners, 3 sites"
	if got := Report(cfg); got != want {
		t.Errorf("got the report %q, want %q", got, want)
	}
}

func TestValidationCreatesNothing(t *testing.T) {
	dir := t.TempDir()
	text := "logging.log_file_path = \"DIR/proxy.log\"\nadmin_socket_path = \"DIR/admin.sock\"\n" +
		configtest.Edited(t, configtest.Minimal, `mode = "self_signed"`, configtest.ACME)
	if _, err := parseText(dir, text); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("got the files %v and the error %v, want none", entries, err)
	}
}

func TestDescriptorsNeededCountsBothSidesAndTheListeners(t *testing.T) {
	cfg := &Config{MaxConnections: 1000, Listeners: make([]Listener, 3)}
	if got, want := descriptorsNeeded(cfg), 2*1000+2*3+64; got != want {
		t.Errorf("got %d descriptors, want %d", got, want)
	}
}

func TestALimitTooLowForAnyConnectionIsNotAnsweredWithANumber(t *testing.T) {
	env := configEnvironment()
	env.DescriptorLimit = func() uint64 { return 64 }
	_, err := FromBytes("c", []byte(configtest.Minimal), false, env)
	want := []string{"max_connections: 1024 needs 2114 file descriptors, but the process may open 64; " +
		"raise the limit (LimitNOFILE= of the unit, ulimit -n) to 2114"}
	if diff := cmp.Diff(want, configErrorLines(t, "/nowhere", err)); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}

func TestTheProcessHasADescriptorLimit(t *testing.T) {
	if got := processDescriptorLimit(); got < 3 {
		t.Errorf("got the limit %d, want at least the standard streams'", got)
	}
}

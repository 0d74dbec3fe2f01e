package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/sockettest"
)

// secondListener is a listener in mode acme without a port to which a CA connects.
const secondListener = "\n[[listeners]]\nbind_addr = \"127.0.0.1\"\nhttp_port = 0\nhttps_port = 8448\n[listeners.tls]\n" + configtest.ACME + "\n"

// testEnvironment knows two names, and treats 192.0.2.7 as an address of this machine.
func testEnvironment() environment {
	return environment{
		now: func() time.Time { return configtest.Now },
		resolve: func(ctx context.Context, name string) ([]netip.Addr, error) {
			switch name {
			case "localhost":
				return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")}, nil
			case "app.internal":
				return []netip.Addr{netip.MustParseAddr("10.0.0.5")}, nil
			case "hangs.internal":
				<-ctx.Done()
				return nil, ctx.Err()
			case "slow.internal":
				return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
			case "broken.internal":
				return nil, &net.DNSError{Err: "server \x1b[2Jmisbehaving", Name: name}
			case "useless.internal":
				return nil, &net.AddrError{Err: "no suitable address found", Addr: name}
			case "empty.internal":
				return nil, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		},
		isLocal:  func(addr netip.Addr) bool { return addr.IsLoopback() || addr.String() == "192.0.2.7" },
		writable: func(string) error { return nil },
	}
}

// warningLines checks text as a configuration file in dir, and returns its warnings without the places of their keys,
// with DIR for the directory.
func warningLines(t *testing.T, dir, text string, env environment, wildcard bool) []string {
	t.Helper()
	known := config.Environment{Now: func() time.Time { return configtest.Now }, DescriptorLimit: func() uint64 { return 4096 }}
	cfg, err := config.FromBytes(filepath.Join(dir, "config.toml"), []byte(strings.ReplaceAll(text, "DIR", dir)), wildcard, known)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var lines []string
	for _, warning := range warningsOf(ctx, cfg, env) {
		warning.Line, warning.Host = 0, ""
		lines = append(lines, strings.ReplaceAll(warning.Error(), dir, "DIR"))
	}
	return lines
}

func TestWarningsAreAboutWhatIsLegalAndProbablyWrong(t *testing.T) {
	// The long-lived certificates that the edits name; those of configtest.CertificateDir live for two days.
	dir := configtest.CertificateDir(t)
	configtest.WritePair(t, dir, "b", configtest.Now.Add(40*time.Hour))
	const upstream = `upstream = "127.0.0.1:3000"`
	for _, c := range []struct {
		name  string
		edits []string
		want  []string
	}{
		{"a file without a fault gets no warning", nil, nil},
		{"limits that are just large enough get no warning", []string{"burst = 200", "burst = 30", "requests_per_second = 100", "requests_per_second = 1",
			"104857600", "65536"}, nil},
		{"a small burst gets a warning", []string{"burst = 200", "burst = 29"}, []string{
			"rate_limit.burst: 29 is less than what a browser asks for at once to show a page, and the rest gets 429; write 30 or more"}},
		{"a slow refill gets a warning", []string{"requests_per_second = 100", "requests_per_second = 0.25"}, []string{
			"rate_limit.requests_per_second: 0.25 lets a client that has used its burst up wait for 4 s; write 1 or more"}},
		{"a tiny body limit gets a warning", []string{"104857600", "65535"}, []string{
			"body.limit_bytes: 65535 refuses a form with a small picture, or a push of Git, with 413; write 65536 or more"}},
		{"limits of a site that all do something get no warning", []string{upstream, upstream + `
concurrent_wait_secs = 1
rate_limit = { burst = 30 }
[[listeners.sites.routes]]
path = "/a"
upstream = "127.0.0.1:3000"
concurrent = 2
rate_limit = { burst = 2 }
[[listeners.sites.routes]]
path = "/b"
redirect = "/c"
total_requests_per_second = 1`}, nil},
		{"limits of a site that do nothing, or too much, get warnings", []string{upstream, upstream + `
concurrent_wait_secs = 1
rate_limit = { burst = 29 }
[[listeners.sites.routes]]
path = "/a"
upstream = "127.0.0.1:3000"
concurrent_wait_secs = 2
[[listeners.sites.routes]]
path = "/b"
redirect = "/c"
concurrent = 1
concurrent_wait_secs = 3`}, []string{
			"listeners[0].sites[0].rate_limit.burst: 29 is less than what a browser asks for at once to show a page, and the rest gets 429; write 30 or more, or give the limit to the routes that need it",
			"listeners[0].sites[0].routes[0].concurrent_wait_secs: has no effect, as nothing waits; write concurrent too, or leave it out",
			"listeners[0].sites[0].routes[1].concurrent: has no effect, because the proxy answers these requests itself; leave it out",
			"listeners[0].sites[0].routes[1].concurrent_wait_secs: has no effect, as nothing waits; write concurrent too, or leave it out",
		}},
		{"a wait of a site where nothing waits gets a warning", []string{upstream, upstream + "\nconcurrent_wait_secs = 1"}, []string{
			"listeners[0].sites[0].concurrent_wait_secs: has no effect, as nothing waits; write concurrent too, or leave it out"}},
		{"routes for the health path get a warning", []string{upstream, upstream + "\nroutes = [{ path_exact = \"/health\", respond = 200 }, { path = \"/health\", methods = [\"POST\"], respond = 204 }]"}, []string{
			`listeners[0].sites[0].routes[0].path_exact: the proxy answers GET and HEAD for "/health" itself; write another https_health_path, or "" for none, if the route is to get them`}},
		{"a route for what was the health path gets no warning", []string{upstream, upstream + "\nroutes = [{ path = \"/health\", respond = 200 }]",
			"[rate_limit]", "https_health_path = \"\"\n[rate_limit]"}, nil},
		{"few connections get a warning", []string{"[rate_limit]", "max_connections = 31\n[rate_limit]"}, []string{
			"max_connections: 31 are used up by a few browsers, which open six each over HTTP/1.1; write 32 or more"}},
		{"a site that a manual certificate covers gets no warning", []string{`mode = "self_signed"`, "mode = \"manual\"\ncert_path = \"DIR/b.pem\"\nkey_path = \"DIR/b.key\"",
			`"a.example"`, `"b.example"`}, nil},
		{"a site that no manual certificate covers gets a warning", []string{`mode = "self_signed"`, "mode = \"manual\"\ncert_path = \"DIR/b.pem\"\nkey_path = \"DIR/b.key\""}, []string{
			`listeners[0].sites[0].host: "a.example" is covered by no certificate of its listener, so that no client can connect to it; ` +
				`add a certificate for it to [listeners.tls], or correct the name`}},
		{"an ACME listener in order gets no warning", []string{`mode = "self_signed"`, configtest.ACME, "8443", "443"}, nil},
		{"a site and a name that do not meet, the staging CA, and ports that the CA does not use get warnings", []string{`mode = "self_signed"`,
			strings.Replace(configtest.ACME, `["a.example"]`, `["B.example"]`, 1) + "\nacme_directory = \"staging\""}, []string{
			`listeners[0].tls.acme_directory: no browser trusts the certificates of "staging"; write "production" when the first one has come`,
			`listeners[0].https_port: the CA connects only to the ports 443 and 80, and this listener has 8443 and 8080; write one of the two, or let a router lead there`,
			`listeners[0].tls.acme_domains[0]: "b.example" is not a site of this listener, so its certificate is of no use; add the site, or leave the name out`,
			`listeners[0].sites[0].host: "a.example" is covered by no certificate of its listener, so that no client can connect to it; add the name to acme_domains, or correct it`}},
		{"names that another listener has validated get no warning", []string{`mode = "self_signed"`, configtest.ACME, "https_port = 8443", "https_port = 443",
			upstream, upstream + secondListener + "[[listeners.sites]]\nhost = \"a.example\"\nupstream = \"127.0.0.1:3000\""}, nil},
		{"a name that only the second listener has gets a warning", []string{`mode = "self_signed"`, configtest.ACME, "https_port = 8443", "https_port = 443",
			upstream, upstream + strings.ReplaceAll(secondListener, "a.example", "c.example") + "[[listeners.sites]]\nhost = \"c.example\"\nupstream = \"127.0.0.1:3000\""}, []string{
			`listeners[1].https_port: the CA connects only to the ports 443 and 80, and this listener has 8448 and 0; write one of the two, or let a router lead there`}},
		{"a CA of one's own may use any port", []string{`mode = "self_signed"`, configtest.ACME + "\nacme_directory = \"https://ca.internal/directory\""}, nil},
		{"names with an address get no warning", []string{upstream, `upstream = "app.internal:3000"`}, nil},
		{"a name without an address gets a warning", []string{upstream, `upstream = "nowhere.internal:3000"`}, []string{
			`listeners[0].sites[0].upstream: the name "nowhere.internal" has no address; correct it, or make it known to the machine's resolver`}},
		{"a name with an empty answer gets a warning", []string{upstream, `upstream = "empty.internal:3000"`}, []string{
			`listeners[0].sites[0].upstream: the name "empty.internal" has no address; correct it, or make it known to the machine's resolver`}},
		{"a name with addresses of no use gets a warning", []string{upstream, `upstream = "useless.internal:3000"`}, []string{
			`listeners[0].sites[0].upstream: the name "useless.internal" has no address; correct it, or make it known to the machine's resolver`}},
		{"a resolver that hangs gets a warning", []string{upstream, `upstream = "hangs.internal:3000"`}, []string{
			`listeners[0].sites[0].upstream: the name "hangs.internal" was not looked up in time; look at the machine's resolver`}},
		{"a resolver that gives up gets a warning", []string{upstream, `upstream = "slow.internal:3000"`}, []string{
			`listeners[0].sites[0].upstream: the name "slow.internal" was not looked up in time; look at the machine's resolver`}},
		{"a resolver at fault gets a warning", []string{upstream, `upstream = "broken.internal:3000"`}, []string{
			`listeners[0].sites[0].upstream: the name "broken.internal" cannot be looked up: server \u001b[2Jmisbehaving; look at the machine's resolver`}},
		{"an upstream that is the listener itself gets a warning", []string{upstream, `upstream = "127.0.0.1:8443"`}, []string{
			`listeners[0].sites[0].upstream: "127.0.0.1:8443" is this proxy's own listeners[0].https_port, so that requests go round until they fail; ` +
				`write the address of the program behind the proxy`}},
		{"an upstream that is the redirect port, by a name, gets a warning", []string{upstream, `upstream = "localhost:8080"`}, []string{
			`listeners[0].sites[0].upstream: "localhost:8080" is this proxy's own listeners[0].http_port, so that requests go round until they fail; ` +
				`write the address of the program behind the proxy`}},
		{"an upstream that is the health port gets a warning", []string{upstream, `upstream = "127.0.0.1:9900"`}, []string{
			`listeners[0].sites[0].upstream: "127.0.0.1:9900" is this proxy's own health_check_port, so that requests go round until they fail; ` +
				`write the address of the program behind the proxy`}},
		{"an upstream at the same port of another address gets no warning", []string{upstream, `upstream = "127.0.0.2:8443"`}, nil},
		{"an upstream at a port that is off gets no warning", []string{upstream, `upstream = "127.0.0.1:8081"`, "8080", "0"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := warningLines(t, dir, configtest.Edited(t, configtest.Minimal, c.edits...), testEnvironment(), false)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the warnings differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWildcardAddressIsEveryLocalOne(t *testing.T) {
	for upstream, want := range map[string]int{"127.0.0.1:8443": 1, "192.0.2.7:8080": 1, "192.0.2.8:8443": 0, "[::1]:8443": 1} {
		text := configtest.Edited(t, configtest.Minimal, `bind_addr = "127.0.0.1"`, `bind_addr = "::"`, "127.0.0.1:3000", upstream)
		if got := warningLines(t, t.TempDir(), text, testEnvironment(), true); len(got) != want {
			t.Errorf("%s: got the warnings %q, want %d", upstream, got, want)
		}
	}
}

func TestCertificatesNearTheirEndGetAWarning(t *testing.T) {
	dir := t.TempDir()
	text := configtest.Edited(t, configtest.Minimal, `mode = "self_signed"`, configtest.Manual)
	for _, c := range []struct {
		name string
		left time.Duration
		at   time.Time
		want string
	}{
		{"a third of its life is left", 17 * time.Hour, configtest.Now, ""},
		{"less than a third of its life is left", 15 * time.Hour, configtest.Now, `listeners[0].tls.cert_path: the certificate for "a.example" expires at 2026-06-02T03:00:00Z, in 15 h 0 min; renew it, and see why it was not`},
		{"it has not begun", 48 * time.Hour, configtest.Now.Add(-time.Minute), `listeners[0].tls.cert_path: the certificate for "a.example" is not valid before 2026-06-01T12:00:00Z; look at the clock, or wait until then`},
	} {
		t.Run(c.name, func(t *testing.T) {
			configtest.WritePair(t, dir, "a", configtest.Now.Add(c.left))
			env := testEnvironment()
			env.now = func() time.Time { return c.at }
			if got := strings.Join(warningLines(t, dir, text, env, false), "\n"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestACertificateForUpstreamsNearItsEndGetsOneWarning(t *testing.T) {
	dir := t.TempDir()
	text := configtest.Minimal + `upstream_scheme = "https"
upstream_client_cert_path = "DIR/a.pem"
upstream_client_key_path = "DIR/a.key"
[[listeners.sites.routes]]
path = "/a"
upstream = "127.0.0.1:1"
`
	for _, c := range []struct {
		name string
		left time.Duration
		at   time.Time
		want string
	}{
		{"a third of its life is left", 17 * time.Hour, configtest.Now, ""},
		{"less than a third of its life is left", 15 * time.Hour, configtest.Now, `listeners[0].sites[0].upstream_client_cert_path: the certificate for "a.example", which the upstream is shown, expires at 2026-06-02T03:00:00Z, in 15 h 0 min; renew it, and reload`},
		{"it has not begun", 48 * time.Hour, configtest.Now.Add(-time.Minute), `listeners[0].sites[0].upstream_client_cert_path: the certificate for "a.example", which the upstream is shown, is not valid before 2026-06-01T12:00:00Z; look at the clock, or wait until then`},
	} {
		t.Run(c.name, func(t *testing.T) {
			configtest.WritePair(t, dir, "a", configtest.Now.Add(c.left))
			env := testEnvironment()
			env.now = func() time.Time { return c.at }
			if got := strings.Join(warningLines(t, dir, text, env, false), "\n"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestALogFileOfSomebodyElseGetsAWarning(t *testing.T) {
	dir := t.TempDir()
	text := configtest.Minimal + "[logging]\nlog_file_path = \"DIR/proxy.log\"\n"
	refusing := testEnvironment()
	refusing.writable = func(string) error { return errors.New("permission denied") }
	if got := warningLines(t, dir, text, refusing, false); got != nil {
		t.Errorf("without a file: got %q, want nothing", got)
	}
	path := configtest.WriteFile(t, dir, "proxy.log", "")
	want := `logging.log_file_path: "DIR/proxy.log" cannot be written by this user: permission denied; give the file to the user that the proxy runs as, or remove it`
	if got := strings.Join(warningLines(t, dir, text, refusing, false), "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	openWay(t, dir)
	stranger := testEnvironment()
	stranger.account = account{known: true, uid: uint32(os.Getuid()) + 1, name: `"proxy"`}
	want = `logging.log_file_path: "DIR/proxy.log" cannot be written by "proxy", as which the proxy seems to run: permission denied; give the file to that user, or remove it`
	if got := strings.Join(warningLines(t, dir, text, stranger, false), "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.Chmod(path, 0o602); err != nil {
		t.Fatal(err)
	}
	if got := warningLines(t, dir, text, stranger, false); got != nil {
		t.Errorf("a file for everybody: got %q, want nothing", got)
	}
}

func TestAnAccountMayWhatOwnerGroupAndOthersMay(t *testing.T) {
	dir := t.TempDir()
	openWay(t, dir)
	path := configtest.WriteFile(t, dir, "file", "")
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	for _, c := range []struct {
		name    string
		account account
		mode    os.FileMode
		want    os.FileMode
		may     bool
	}{
		{"an unknown account may do everything", account{}, 0, mayRead | mayWrite, true},
		{"root may do everything", account{known: true}, 0, mayRead, true},
		{"others may read", account{known: true, uid: uid + 1}, 0o604, mayRead, true},
		{"others may not write", account{known: true, uid: uid + 1}, 0o604, mayWrite, false},
		{"a group may write", account{known: true, uid: uid + 1, groups: []uint32{gid + 1, gid}}, 0o620, mayWrite, true},
		{"a group may not read what others may", account{known: true, uid: uid + 1, groups: []uint32{gid}}, 0o604, mayRead, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			if err := c.account.may(path, c.want); (err == nil) != c.may {
				t.Errorf("got %v, want allowed %v", err, c.may)
			}
		})
	}
	if err := (account{known: true, uid: 1}).may(path+".gone", mayRead); err != nil {
		t.Errorf("a file that is not there: got %v, want nothing", err)
	}
}

func TestTheDaemonsUserIsTheOwnerOfItsSocketOrLog(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files to other users; the acceptance suite in CI is run as root")
	}
	dir := t.TempDir()
	cfg := &config.Config{AdminSocketPath: filepath.Join(dir, "run", "admin.sock"), Logging: eventlog.Options{FilePath: filepath.Join(dir, "log", "proxy.log")}}
	if got := daemonAccount(cfg, 0, noUser); got.known {
		t.Errorf("before there is anything: got %+v, want nobody", got)
	}
	for i, name := range []string{"log", "run"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(dir, name), 61000+i, 61000); err != nil {
			t.Fatal(err)
		}
		want := account{known: true, uid: uint32(61000 + i), name: fmt.Sprintf("the user %d", 61000+i)}
		if diff := cmp.Diff(want, daemonAccount(cfg, 0, noUser), cmp.AllowUnexported(account{})); diff != "" {
			t.Errorf("with the directory %s (-want +got):\n%s", name, diff)
		}
	}
	if got := daemonAccount(cfg, 1000, noUser); got.known {
		t.Errorf("for a user that is not root: got %+v, want nobody", got)
	}
	if nobody := lookUpAccount(65534); nobody.name != `"nobody"` || len(nobody.groups) == 0 {
		t.Errorf("got %+v, want the name and the group of nobody", nobody)
	}
}

func TestEveryNameIsLookedUpOnceAndAFewAtATime(t *testing.T) {
	text := strings.Replace(configtest.Minimal, "127.0.0.1:3000", "app.internal:3000", 1)
	for i := range 200 {
		text += fmt.Sprintf("[[listeners.sites]]\nhost = \"%d.example\"\nupstream = \"n%d.internal:80\"\n", i, i/2)
	}
	var asked, running, most atomic.Int32
	env := testEnvironment()
	env.resolve = func(context.Context, string) ([]netip.Addr, error) {
		asked.Add(1)
		now := running.Add(1)
		for {
			before := most.Load()
			if now <= before || most.CompareAndSwap(before, now) {
				break
			}
		}
		defer running.Add(-1)
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}
	if got := warningLines(t, t.TempDir(), text, env, false); len(got) > 0 {
		t.Logf("on a machine this busy some names had no time: %d", len(got))
	}
	if asked.Load() > 101 || most.Load() > maxLookups {
		t.Errorf("got %d questions, %d at once, want at most 101, %d at once", asked.Load(), most.Load(), maxLookups)
	}
}

func TestTheNumberOfWarningsIsBounded(t *testing.T) {
	c := checker{}
	for range config.MaxErrors + 50 {
		c.warn("key", "bad")
	}
	if last := c.warnings[len(c.warnings)-1]; len(c.warnings) != config.MaxErrors+1 || last.Problem != "more than 1000 warnings; the rest is left out" {
		t.Errorf("got %d warnings and %q at the end", len(c.warnings), last)
	}
}

func TestCheckReportsOnStdoutAndWarnsOnStderr(t *testing.T) {
	dir := t.TempDir()
	good := configtest.WriteFile(t, dir, "good.toml", configtest.Edited(t, configtest.Minimal, "[rate_limit]", "max_connections = 64\n[rate_limit]"))
	warned := configtest.WriteFile(t, dir, "warned.toml", configtest.Edited(t, configtest.Minimal, "[rate_limit]", "max_connections = 64\n[rate_limit]", "burst = 200", "burst = 5"))
	bad := configtest.WriteFile(t, dir, "bad.toml", configtest.Edited(t, configtest.Minimal, "burst = 200", "burst = 0", "limit_bytes = 104857600", "limit_bytes = -1"))
	site := configtest.WriteFile(t, dir, "site.toml", configtest.Edited(t, configtest.Minimal, "[rate_limit]", "max_connections = 64\n[rate_limit]", "127.0.0.1:3000", "127.0.0.1:9900"))
	badSite := configtest.WriteFile(t, dir, "bad-site.toml", configtest.Edited(t, configtest.Minimal, "upstream = \"127.0.0.1:3000\"\n", ""))
	for _, c := range []struct {
		name           string
		options        Options
		code           int
		stdout, stderr string
	}{
		{"a good file is reported", Options{Path: good}, 0, "configuration OK: " + good + ": 1 listener, 1 site\n", ""},
		{"a file with a warning is reported, and the warning is on stderr", Options{Path: warned}, 0, "configuration OK: " + warned + ": 1 listener, 1 site, 1 warning\n",
			"warning: rate_limit.burst (line 4): 5 is less than "},
		{"a bad file has its faults on stderr", Options{Path: bad}, 1, "", "rate_limit.burst (line 3): 0 is out of range; write a number above 0, up to 1000000000\nbody.limit_bytes (line 5): "},
		{"a good file is reported as JSON", Options{Path: good, JSON: true}, 0, `{"status":"ok","path":"` + good + `","listeners":1,"sites":1,"errors":[],"warnings":[]}` + "\n", ""},
		{"a warning is reported as JSON", Options{Path: warned, JSON: true}, 0, `{"status":"ok","path":"` + warned + `","listeners":1,"sites":1,"errors":[],"warnings":[{"key":"rate_limit.burst","problem":"5 is`, ""},
		{"a bad file is reported as JSON", Options{Path: bad, JSON: true}, 1, `{"status":"error","path":"` + bad + `","listeners":0,"sites":0,"errors":[{"key":"rate_limit.burst","problem":"0 is out of range;`, ""},
		{"a warning about a site names the site", Options{Path: site}, 0, "configuration OK: " + site + ": 1 listener, 1 site, 1 warning\n",
			"warning: listeners[0].sites[0].upstream (line 15, a.example): \"127.0.0.1:9900\" is this proxy's own health_check_port"},
		{"an error in a site names the site, as JSON", Options{Path: badSite, JSON: true}, 1, `{"status":"error","path":"` + badSite + `","listeners":0,"sites":0,"errors":[{"key":"listeners[0].sites[0].upstream","problem":"missing; write the host:port to forward to, as in \"127.0.0.1:3000\"","line":12,"host":"a.example"}],"warnings":[]}` + "\n", ""},
		{"a missing file is reported as JSON", Options{Path: dir + "/gone", JSON: true}, 1, `{"status":"error","path":"` + dir + `/gone","listeners":0,"sites":0,"errors":[{"key":"","problem":"` + dir + `/gone: no such file`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := Run(c.options, &stdout, &stderr); code != c.code {
				t.Errorf("got the exit code %d, want %d", code, c.code)
			}
			if got := stdout.String(); !strings.HasPrefix(got, c.stdout) || c.stdout == "" && got != "" {
				t.Errorf("stdout: got %q, want %q", got, c.stdout)
			}
			if got := stderr.String(); !strings.HasPrefix(got, c.stderr) || c.stderr == "" && got != "" {
				t.Errorf("stderr: got %q, want %q", got, c.stderr)
			}
			if c.options.JSON && !json.Valid(stdout.Bytes()) {
				t.Errorf("got %q, want JSON", stdout.String())
			}
		})
	}
	var stderr bytes.Buffer
	for _, options := range []Options{{Path: good}, {Path: good, JSON: true}} {
		if code := Run(options, fullDisk(), &stderr); code != exitcode.Error {
			t.Errorf("%+v where nothing can be written: got the exit code %d, want 1", options, code)
		}
	}
}

// noUser simulates a machine without a user for the daemon.
func noUser(name string) (*user.User, error) { return nil, user.UnknownUserError(name) }

func TestBeforeTheFirstStartTheDaemonsUserIsThatOfThePackages(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root is asked for another user; the acceptance suite in CI is run as root")
	}
	dir := t.TempDir()
	cfg := &config.Config{AdminSocketPath: filepath.Join(dir, "run", "admin.sock")}
	packaged := func(name string) (*user.User, error) {
		if name != "reverse-proxy" {
			t.Errorf("asked for %q, want reverse-proxy", name)
		}
		return &user.User{Uid: "61000"}, nil
	}
	if got := daemonAccount(cfg, 0, packaged); !got.known || got.uid != 61000 {
		t.Errorf("got %+v, want the user of the packages", got)
	}
	if got := daemonAccount(cfg, 1000, packaged); got.known {
		t.Errorf("for a user that is not root: got %+v, want nobody", got)
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := daemonAccount(cfg, 0, packaged); got.uid != 61000 {
		t.Errorf("with a directory of root's: got %+v, want the user of the packages", got)
	}
	sockettest.MakeStale(t, cfg.AdminSocketPath)
	if got := daemonAccount(cfg, 0, packaged); got.known {
		t.Errorf("with a socket of root's: got %+v, want nobody", got)
	}
}

func TestAFileBehindADirectoryOfOthersIsOutOfReach(t *testing.T) {
	dir := t.TempDir()
	openWay(t, dir)
	live, archive := filepath.Join(dir, "live"), filepath.Join(dir, "archive")
	if err := errors.Join(os.Mkdir(live, 0o755), os.Mkdir(archive, 0o755)); err != nil {
		t.Fatal(err)
	}
	key := configtest.WriteFile(t, archive, "key1.pem", "")
	link := filepath.Join(live, "key.pem")
	if err := errors.Join(os.Chmod(key, 0o644), os.Symlink("../archive/key1.pem", link)); err != nil {
		t.Fatal(err)
	}
	stranger := account{known: true, uid: uint32(os.Getuid()) + 1}
	if err := stranger.may(link, mayRead); err != nil {
		t.Errorf("all open: got %v, want nothing", err)
	}
	for _, closed := range []string{live, archive} {
		if err := os.Chmod(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := stranger.may(link, mayRead); err == nil || !strings.Contains(err.Error(), closed) {
			t.Errorf("%s closed: got %v, want an error that names it", closed, err)
		}
		if err := os.Chmod(closed, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFixedAnswerThatTheDaemonCannotReadGetsAWarning(t *testing.T) {
	dir := t.TempDir()
	openWay(t, dir)
	configtest.WriteFile(t, dir, "page.html", "closed")
	stranger := testEnvironment()
	stranger.account = account{known: true, uid: uint32(os.Getuid()) + 1, name: `"proxy"`}
	text := configtest.Minimal + "[[listeners.sites.routes]]\npath = \"/\"\nrespond = 503\nrespond_file = \"DIR/page.html\"\n"
	want := `listeners[0].sites[0].routes[0].respond_file: "DIR/page.html" cannot be read by "proxy", as which the proxy seems to run: permission denied; give that user, or a group of its, the permission`
	if got := strings.Join(warningLines(t, dir, text, stranger, false), "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.Chmod(filepath.Join(dir, "page.html"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := warningLines(t, dir, text, stranger, false); got != nil {
		t.Errorf("a file for everybody: got %q, want nothing", got)
	}
}

func TestAPasswordFileForEverybodyGetsAWarning(t *testing.T) {
	dir := t.TempDir()
	openWay(t, dir)
	path := configtest.WriteFile(t, dir, "users", configtest.Users)
	text := configtest.Minimal + "access.basic_users_file = \"DIR/users\"\n"
	stranger := testEnvironment()
	stranger.account = account{known: true, uid: uint32(os.Getuid()) + 1, name: `"proxy"`}
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{
		{0o600, `listeners[0].sites[0].access.basic_users_file: "DIR/users" cannot be read by "proxy", as which the proxy seems to run: permission denied; give that user, or a group of its, the permission`},
		{0o644, `listeners[0].sites[0].access.basic_users_file: "DIR/users" can be read by everybody on this machine, who could then try passwords by the million; take that permission away (chmod o-r)`},
	} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warningLines(t, dir, text, stranger, false), "\n"); got != c.want {
			t.Errorf("%o: got %q, want %q", c.mode, got, c.want)
		}
	}
}

// openWay lets every user search a directory of the test, which others may not by default.
func openWay(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// fullDisk returns a writer that always fails.
func fullDisk() io.Writer {
	r, w := io.Pipe()
	r.CloseWithError(errors.New("no space left"))
	return w
}

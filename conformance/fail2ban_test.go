package conformance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shippedFilters are the fail2ban filters in deploy/fail2ban/filter.d, except the part that they share.
var shippedFilters = []string{"reverse-proxy", "reverse-proxy-denied", "reverse-proxy-scan", "reverse-proxy-auth"}

// filterCase is a log line in both formats, without its time, and the filters for which it is an offence.
type filterCase struct {
	name       string
	text, json string
	offence    []string
}

// request renders a REQUEST line; the path is given as the log shows it, with quotes in the text format.
func request(name, textPath, jsonPath string, status int, offence ...string) filterCase {
	return filterCase{
		name: name,
		text: fmt.Sprintf("INFO REQUEST client_ip=%%s host=git.example.com method=GET path=%s status=%d upstream=127.0.0.1:3000 duration_ms=5", textPath, status),
		json: fmt.Sprintf(`"INFO","event":"REQUEST","client_ip":"%%s","host":"git.example.com","method":"GET","path":"%s","status":%d,"upstream":"127.0.0.1:3000","duration_ms":5}`, jsonPath, status),

		offence: offence,
	}
}

// get returns a request for a path that needs no quotes.
func get(path string, status int, offence ...string) filterCase {
	return request(fmt.Sprintf("%s answered %d", path, status), path, path, status, offence...)
}

const denied, scan, limited, auth = "reverse-proxy-denied", "reverse-proxy-scan", "reverse-proxy", "reverse-proxy-auth"

var filterCases = []filterCase{
	{"a client is over the limit", "WARN RATE_LIMIT client_ip=%s host=git.example.com path=/login status=429 limit=client",
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"git.example.com","path":"/login","status":429,"limit":"client"}`, []string{limited}},
	{"a client is over the limit of a route", "WARN RATE_LIMIT client_ip=%s host=a path=/x status=429 limit=client site=a route=/x repeated=3",
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"a","path":"/x","status":429,"limit":"client","site":"a","route":"/x","repeated":3}`, []string{limited}},
	{"a total limit of a site refuses, and a full disk cuts the line", "WARN RATE_LIMIT client_ip=%s host=a path=/ status=429",
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"a","path":"/","status":429}`, nil},
	{"a client is over the limit, and a later version adds keys", `WARN RATE_LIMIT client_ip=%s host=a path=/ status=429 limit=client retry_after=3 note="a \"b\" c"`,
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"a","path":"/","status":429,"limit":"client","retry_after":3,"note":"a \"b\" c"}`, []string{limited}},
	{"a total limit of a site refuses", "WARN RATE_LIMIT client_ip=%s host=a path=/ status=429 limit=total site=a",
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"a","path":"/","status":429,"limit":"total","site":"a"}`, nil},
	{"a total limit of a route refuses, with a path like a client's limit", `WARN RATE_LIMIT client_ip=%s host=a path="/ status=429 limit=client" status=429 limit=total site=a route="/ limit=client" repeated=3`,
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"a","path":"/\",\"status\":429,\"limit\":\"client\"","status":429,"limit":"total","site":"a","route":"/\"limit\":\"client\"","repeated":3}`, nil},
	{"too many come at once", "WARN RATE_LIMIT client_ip=%s host=a path=/ status=503 limit=concurrent site=a route=/explore",
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"a","path":"/","status":503,"limit":"concurrent","site":"a","route":"/explore"}`, nil},
	{"a password is wrong", "WARN AUTH_FAILED client_ip=%s host=git.example.com path=/admin status=401 rule=basic",
		`"WARN","event":"AUTH_FAILED","client_ip":"%s","host":"git.example.com","path":"/admin","status":401,"rule":"basic"}`, []string{auth}},
	{"a password is wrong, with a forged rule", `WARN AUTH_FAILED client_ip=%s host=a path="/ status=401 rule=basic" status=401 rule=basic route=/x user="a\" client_ip=10.9.9.9" request_id=1`,
		`"WARN","event":"AUTH_FAILED","client_ip":"%s","host":"a","path":"/\",\"client_ip\":\"10.9.9.9","status":401,"rule":"basic","route":"/x","user":"a\"b","request_id":"1"}`, []string{auth}},
	{"a password is wrong, and a full disk cuts the line", "WARN AUTH_FAILED client_ip=%s host=git.example.com path=/admin status=401 rule=ba",
		`"WARN","event":"AUTH_FAILED","client_ip":"%s","host":"git.example.com","path":"/admin","status":401,"rule":"basic"`, nil},
	{"a client is over the limit, and a full disk cuts the line", "WARN RATE_LIMIT client_ip=%s host=git.example.com path=/login sta",
		`"WARN","event":"RATE_LIMIT","client_ip":"%s","host":"git.example.com","path":"/login","sta`, nil},
	{"an upstream answers 429 itself", "INFO REQUEST client_ip=%s host=a method=GET path=/.env status=429 upstream=127.0.0.1:3000 duration_ms=5",
		`"INFO","event":"REQUEST","client_ip":"%s","host":"a","method":"GET","path":"/.env","status":429,"upstream":"127.0.0.1:3000","duration_ms":5}`, nil},
	{"a host is unknown", "INFO REQUEST client_ip=%s host=- method=GET path=/ status=404 upstream=- duration_ms=0",
		`"INFO","event":"REQUEST","client_ip":"%s","host":"-","method":"GET","path":"/","status":404,"upstream":"-","duration_ms":0}`, []string{denied}},
	{"a request is not valid", `INFO BAD_REQUEST client_ip=%s status=400 error="bare CR or LF in the head"`,
		`"INFO","event":"BAD_REQUEST","client_ip":"%s","status":400,"error":"bare CR or LF in the head"}`, nil},
	{"a handshake is for another name", `WARN TLS_REFUSED client_ip=%s server_name=/.env error="no certificate covers this name"`,
		`"WARN","event":"TLS_REFUSED","client_ip":"%s","server_name":"/.env","error":"no certificate covers this name"}`, nil},
	{"a client has gone", "DEBUG CLIENT_GONE client_ip=%s host=a status=404", `"DEBUG","event":"CLIENT_GONE","client_ip":"%s","host":"a","status":404}`, nil},

	get("/", 200), get("/", 304), get("/user/repo", 500), get("/user/repo", 502),
	get("/favicon.ico", 404, denied), get("/login", 401, denied), get("/admin", 403, denied), get("/x", 410), get("/x", 405), get("/x", 4040),

	get("/wp-login.php", 404, denied, scan), get("/blog/wp-login.php", 403, denied, scan), get("//WP-Login.PHP", 404, denied, scan),
	get("/wp-config.php.bak", 404, denied, scan), get("/wp-admin/", 404, denied, scan), get("/xmlrpc.php", 405, scan),
	get("/.env", 404, denied, scan), get("/api/.env.production", 404, denied, scan), get("/.git/config", 404, denied, scan), get("/.git/HEAD", 400, scan),
	get("/.aws/credentials", 404, denied, scan), get("/.svn/entries", 410, scan), get("/phpMyAdmin-5.2/index.php", 404, denied, scan),
	get("/pma/", 404, denied, scan), get("/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", 404, denied, scan), get("/backup.zip", 404, denied, scan),
	get("/../../etc/passwd", 400, scan), get("/cgi-bin/luci;stok", 404, denied, scan), get("/actuator/heapdump", 404, denied, scan),

	get("/wp-login.php", 200), get("/wp-login.php", 302), get("/wp-admin/", 301), get("/phpmyadmin/", 200), get("/wp-login.php", 503), get("/.env", 502),
	get("/user/repo.git/config", 401, denied), get("/user/repo.git/HEAD", 404, denied), get("/.gitignore", 404, denied), get("/.github/x", 404, denied),
	get("/docs/my-wp-login.php.html", 404, denied), get("/environment", 404, denied), get("/pmap", 404, denied), get("/.well-known/security.txt", 404, denied),
	get("/apple-touch-icon.png", 404, denied), get("/robots.txt", 404, denied), get("/%77p-login.php", 404, denied),

	request("a path with an equals sign", `"/.env/a=b"`, `/.env/a=b`, 404, denied, scan),
	request("a path that ends in quotes", `"/.env/\"x"`, `/.env/\"x`, 404, denied, scan),
	request("a scanner's path after a quote, which is left to the other filter", `"/\"/.env"`, `/\"/.env`, 404, denied),
	request("a forged line after an escaped newline",
		`"/\n2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=10.9.9.9 host=a path=/ status=429"`,
		`/\n2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=10.9.9.9 host=a path=/ status=429`, 200),
	request("a forged message of the journal",
		`"edge1 reverse-proxy[1]: 2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=10.9.9.9 host=a path=/ status=429"`,
		`edge1 reverse-proxy[1]: 2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=10.9.9.9 host=a path=/ status=429`, 200),
	request("a forged status", `"/ status=404 upstream=- duration_ms=0"`, `/\",\"status\":404,\"upstream\":\"-\",\"duration_ms\":0}`, 200),
	request("a forged address", `"/\" client_ip=10.9.9.9 host=a method=GET path=/.env status=404 upstream=- duration_ms=0"`,
		`/\",\"client_ip\":\"10.9.9.9\",\"host\":\"a\",\"method\":\"GET\",\"path\":\"/.env\",\"status\":404,\"upstream\":\"-\",\"duration_ms\":0}`, 200),
	request("the separators of Unicode", `"/\u2028\u2029\u0085client_ip=10.9.9.9 status=429"`, `/\u2028\u2029\u0085client_ip=10.9.9.9 status=429`, 200),
}

// filterAddress returns the client address in a case's line, which identifies the line that matched.
func filterAddress(i int) string { return fmt.Sprintf("203.0.%d.%d", 113+i/250, i%250+1) }

// renderCases renders each case as a log line, in one of the formats.
func renderCases(format string) (lines []string) {
	const time = "2026-01-02T03:04:05.678Z"
	for i, c := range filterCases {
		line := time + " " + c.text
		if format == "json" {
			line = `{"time":"` + time + `","level":` + c.json
		}
		lines = append(lines, strings.ReplaceAll(line, "%s", filterAddress(i)))
	}
	return lines
}

// filtered runs the real fail2ban-regex with a shipped filter and returns the addresses that it found.
func filtered(t *testing.T, log, filter string) []string {
	t.Helper()
	path := filepath.Join(projectRoot(t), "deploy", "fail2ban", "filter.d", filter)
	cmd := exec.CommandContext(t.Context(), "fail2ban-regex", "-o", "<ip>", log, path)
	out, err := cmd.Output() // it exits with 1 if it finds nothing
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(exit.Stderr) > 0) {
		t.Fatalf("fail2ban-regex: got %v %s", err, out)
	}
	return strings.Fields(string(out))
}

// checkFilters compares what each filter finds in a log with what the cases say.
func checkFilters(t *testing.T, log string) {
	t.Helper()
	for _, filter := range shippedFilters {
		got := filtered(t, log, filter+".conf")
		for i, c := range filterCases {
			if found, want := slices.Contains(got, filterAddress(i)), slices.Contains(c.offence, filter); found != want {
				t.Errorf("%s: %s: got %v for an offence, want %v", filter, c.name, found, want)
			}
		}
		for _, address := range got {
			if !strings.HasPrefix(address, "203.0.") {
				t.Errorf("%s: got the address %s, which is nobody's, want none", filter, address)
			}
		}
	}
}

func TestFail2banFiltersMatchOffencesAndNothingElse(t *testing.T) {
	needPrograms(t, "fail2ban-regex")
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "proxy.log")
			if err := os.WriteFile(log, []byte(strings.Join(renderCases(format), "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			checkFilters(t, log)
		})
	}
}

// The lines in testdata/log are the daemon's own: of every event, with hostile values in every place.
func TestFail2banFiltersOnTheGoldenLog(t *testing.T) {
	needPrograms(t, "fail2ban-regex")
	want := map[string][]string{limited: {"203.0.113.50", "203.0.113.50", "2001:db8::7", "203.0.113.50"}, denied: {"203.0.113.9"}, auth: {"203.0.113.50", "203.0.113.50"}}
	for _, format := range []string{"text", "json"} {
		for _, filter := range shippedFilters {
			log := filepath.Join(projectRoot(t), "testdata", "log", "events."+format+".golden")
			if got := filtered(t, log, filter+".conf"); !slices.Equal(got, want[filter]) {
				t.Errorf("%s in %s: got %q, want %q", filter, filepath.Base(log), got, want[filter])
			}
		}
	}
}

func TestFail2banFilterForOtherStatuses(t *testing.T) {
	needPrograms(t, "fail2ban-regex")
	log := filepath.Join(t.TempDir(), "proxy.log")
	if err := os.WriteFile(log, []byte(strings.Join(renderCases("text"), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, c := range filterCases {
		answered := strings.Contains(c.text, " status=401 ") || strings.Contains(c.text, " status=403 ")
		if answered && strings.Contains(c.text, " REQUEST ") { // a wrong password has a line of its own as well
			want = append(want, filterAddress(i))
		}
	}
	if got := filtered(t, log, denied+`.conf[status="401|403"]`); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %q for offences, want %q", got, want)
	}
}

package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

func TestTextThatIsNoTOMLGetsLineAndColumn(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a line is half written", "burst = 1\nlimit = \n", `c: line 2, column 9: expected value but found '\n' instead`},
		{"a string is not closed", "a = \"x\n", "c: line 1, column 7: strings cannot contain newlines"},
		{"a key is there twice", "a = 1\na = 2\n", "c: line 2, column 7: Key 'a' has already been defined."},
		{"a number is larger than any integer", "a = 99999999999999999999\n",
			"c: line 1, column 5: 99999999999999999999 is out of range for int64"},
		{"a control character is escaped", "a = \"\x1b[31m\"\n",
			"c: line 1, column 5: TOML files cannot contain control characters: '0x1b'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := FromBytes("c", []byte(c.text), false, configEnvironment())
			if diff := cmp.Diff([]string{c.want}, configErrorLines(t, "\x00", err)); diff != "" {
				t.Errorf("the errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownKeysAreNamedWithTheirIndicesAndWhatWasMeant(t *testing.T) {
	for _, c := range []struct{ name, top, end, want string }{
		{"a letter was left out", "", "upstrem_scheme = \"http\"",
			`listeners[0].sites[0].upstrem_scheme: unknown key; did you mean "upstream_scheme"?`},
		{"letters have changed places", "max_conections = 5", "",
			`max_conections: unknown key; did you mean "max_connections"?`},
		{"capital letters are meant as small ones", "Max_Connections = 5", "", `Max_Connections: unknown key; did you mean "max_connections"?`},
		{"a key is after the table that it belongs before", "", "shutdown_timeout_secs = 5",
			`listeners[0].sites[0].shutdown_timeout_secs: unknown key; "shutdown_timeout_secs" belongs at the top of the file, before the first [table]`},
		{"a key is outside of its table", "level = \"info\"", "", `level: unknown key; "level" belongs in [logging]`},
		{"a key exists in two other tables", "cert_path = \"x\"", "",
			`cert_path: unknown key; "cert_path" belongs in [listeners.tls] or in [[listeners.tls.certificates]]`},
		{"a key is like no other", "", "colour = 5", "listeners[0].sites[0].colour: unknown key; the keys here are " +
			"host, aliases, redirect_aliases, client_ca_path, client_cert, upstream, upstreams, upstream_scheme, upstream_proxy_protocol, upstream_protocol, upstream_ca_path, upstream_server_name, upstream_client_cert_path, upstream_client_key_path, upstream_connect_timeout_secs, upstream_request_timeout_secs, upstream_max_connections, balance, rate_limit, " +
			"total_requests_per_second, concurrent, concurrent_wait_secs, body_limit_bytes, body_idle_timeout_secs, health, retry, maintenance_file, maintenance_allow, request_headers, response_headers, access, routes"},
		{"a key of the second site is unknown", "", "[[listeners.sites]]\nhost = \"b.example\"\nupstream = \"b:1\"\nhots = 1",
			`listeners[0].sites[1].hots: unknown key; did you mean "host"?`},
		{"a key that would forge a line is quoted", "", `"a\nb" = 5`,
			`listeners[0].sites[0]."a\nb": unknown key; the keys here are ` +
				"host, aliases, redirect_aliases, client_ca_path, client_cert, upstream, upstreams, upstream_scheme, upstream_proxy_protocol, upstream_protocol, upstream_ca_path, upstream_server_name, upstream_client_cert_path, upstream_client_key_path, upstream_connect_timeout_secs, upstream_request_timeout_secs, upstream_max_connections, balance, rate_limit, " +
				"total_requests_per_second, concurrent, concurrent_wait_secs, body_limit_bytes, body_idle_timeout_secs, health, retry, maintenance_file, maintenance_allow, request_headers, response_headers, access, routes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseText(t.TempDir(), c.top+"\n"+configtest.Minimal+c.end+"\n")
			if diff := cmp.Diff([]string{c.want}, configErrorLines(t, "\x00", err)); diff != "" {
				t.Errorf("the errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValuesOfTheWrongTypeAreNamedAndHideTheirConsequences(t *testing.T) {
	for _, c := range []struct{ name, top, from, to, want string }{
		{"a string is where a boolean belongs", `allow_wildcard_bind = "yes"`, "", "",
			`allow_wildcard_bind: is the string "yes"; true or false is needed, without quotes`},
		{"a string is where a rate belongs", "", "= 100\n", "= \"100\"\n",
			`rate_limit.requests_per_second: is the string "100"; a number is needed, without quotes`},
		{"a number is where a string belongs", "", `"a.example"`, "5",
			"listeners[0].sites[0].host: is the number 5; a string is needed, in quotes"},
		{"a boolean is where a string belongs", "", `"a.example"`, "true",
			"listeners[0].sites[0].host: is the boolean true; a string is needed, in quotes"},
		{"a date is where a string belongs", "", `"a.example"`, "2026-01-02",
			"listeners[0].sites[0].host: is a date or time; a string is needed, in quotes"},
		{"an array is where a string belongs", "", `"a.example"`, "[]",
			"listeners[0].sites[0].host: is an array; a string is needed, in quotes; write the other names into aliases"},
		{"several upstreams are in the key for one", "", `upstream = "127.0.0.1:3000"`, `upstream = ["127.0.0.1:3000", "127.0.0.1:3001"]`,
			"listeners[0].sites[0].upstream: is an array; a string is needed, in quotes; write several into upstreams"},
		{"an array is where another string belongs", "", `bind_addr = "127.0.0.1"`, "bind_addr = \"127.0.0.1\"\nclient_ip_header = [\"X-Real-IP\"]",
			"listeners[0].client_ip_header: is an array; a string is needed, in quotes"},
		{"a number is where a table belongs", "body = 5", "[body]\nlimit_bytes = 104857600\n", "",
			"body: is the number 5; a table is needed, as in [body]"},
		{"a number is among the sites", "", "[listeners.tls]\nmode = \"self_signed\"\n[[listeners.sites]]\nhost = \"a.example\"\nupstream = \"127.0.0.1:3000\"\n",
			"sites = [5]\ntls = {mode = \"self_signed\"}\n",
			"listeners[0].sites[0]: is the number 5; a table is needed, as in [[listeners.sites]]"},
		{"a string is where a list of domains belongs", "", `mode = "self_signed"`, strings.Replace(configtest.ACME, `["a.example"]`,
			`"a.example"`, 1),
			`listeners[0].tls.acme_domains: is the string "a.example"; an array of strings is needed, as in ["a.example"]`},
		{"a number is in a list of domains", "", `mode = "self_signed"`, strings.Replace(configtest.ACME, `["a.example"]`,
			`["a.example", 5]`, 1),
			"listeners[0].tls.acme_domains[1]: is the number 5; a string is needed, in quotes"},
		{"a long string is clipped", "max_connections = \"" + strings.Repeat("x", 1000) + "\"", "", "",
			`max_connections: is the string "` + strings.Repeat("x", 128) + `…"; a whole number is needed, without quotes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseText(t.TempDir(), c.top+"\n"+configtest.Edited(t, configtest.Minimal, c.from, c.to))
			if diff := cmp.Diff([]string{c.want}, configErrorLines(t, "\x00", err)); diff != "" {
				t.Errorf("the errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsComeInTheOrderOfTheFile(t *testing.T) {
	text, err := os.ReadFile("../../testdata/config/many_errors.toml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/config/many_errors.golden")
	if err != nil {
		t.Fatal(err)
	}
	_, err = parseText(t.TempDir(), string(text))
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), locatedErrorLines(t, "\x00", err)); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}

func TestTextMadeToCostMemoryIsRefusedAtOnce(t *testing.T) {
	const size = 1 << 20
	want := "c: line 2: keys or brackets are nested deeper than 16 levels; no key needs more than 4"
	for name, text := range map[string]string{
		"brackets are nested too deeply":               "x = [" + strings.Repeat("[", size-10),
		"braces are nested too deeply":                 strings.Repeat("a={", size/3),
		"a key has too many dots":                      "a" + strings.Repeat(".a", size/2-1) + " = 1",
		"a header has too many dots":                   "[a" + strings.Repeat(".a", size/2-2) + "]",
		"brackets are nested too deeply after strings": `x = ["\\"]", '\', ` + "''']''''" + `, """"]"""", """\"]""", ` + strings.Repeat("[", 20),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromBytes("c", []byte("# [[[[[[[[[[[[[[[[[[\n"+text), false, configEnvironment())
			if diff := cmp.Diff([]string{want}, configErrorLines(t, "\x00", err)); diff != "" {
				t.Errorf("the errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBracketsInStringsAndCommentsDoNotNest(t *testing.T) {
	open := strings.Repeat("[", 100)
	for name, text := range map[string]string{
		"a comment does not count":               "# " + open,
		"a basic string does not count":          `a = "\"` + open + `"`,
		"a literal string does not count":        `a = '\` + "' # " + open,
		"a multi-line string does not count":     "a = \"\"\"\n\"\"\\\"" + open + "\n\"\"\"",
		"a multi-line literal does not count":    "a = '''\n''" + open + "\n'''",
		"many arrays in a row are not nested":    "a = [" + strings.Repeat("[],", 100) + "]",
		"many short dotted keys are not nested":  strings.Repeat("a.b.c = 1\n", 100),
		"many numbers with a dot are not nested": "a = [" + strings.Repeat("1.5, ", 100) + "]",
	} {
		if err := checkNesting([]byte(text)); err != nil {
			t.Errorf("%s: got the error %v, want none", name, err)
		}
	}
}

func TestTheNumberOfErrorsIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "unknown%d = 1\n", i)
	}
	_, err := parseText(t.TempDir(), text.String())
	lines := configErrorLines(t, "\x00", err)
	if len(lines) != MaxErrors+1 {
		t.Fatalf("got %d errors, want %d", len(lines), MaxErrors+1)
	}
	if got, want := lines[MaxErrors], "more than 1000 errors; the rest is left out"; got != want {
		t.Errorf("got the last line %q, want %q", got, want)
	}
}

package headers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/http1"
)

// fixedValues replaces each placeholder with the same value every time.
type fixedValues map[Placeholder]string

// HeaderValue implements Values.
func (v fixedValues) HeaderValue(is Placeholder) string { return v[is] }

var someValues = fixedValues{ClientIP: "192.0.2.7", Host: "a.example", RequestID: "0192", Scheme: "https"}

// fieldList makes a list of fields from alternating names and values.
func fieldList(pairs ...string) (fields http1.Fields) {
	for i := 0; i < len(pairs); i += 2 {
		fields.Add(pairs[i], pairs[i+1])
	}
	return fields
}

// mustCompile makes rules from lines in the form that Rule.String returns.
func mustCompile(t testing.TB, m Message, lines ...string) *Rules {
	t.Helper()
	var list []Rule
	for _, line := range lines {
		op, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, ": ")
		ops := map[string]Op{"set": Set, "default": Default, "remove": Remove}
		list = append(list, Rule{Op: ops[op], Name: name, Value: value})
	}
	rules, err := Compile(m, list)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestWhatRulesMakeOfAMessage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		message Message
		rules   []string
		fields  http1.Fields
		want    http1.Fields
	}{
		{"without rules nothing changes", Response, nil,
			fieldList("B", "1", "a", "2"), fieldList("B", "1", "a", "2")},
		{"a field that is set comes after the others, once", Response, []string{"set X-Frame-Options: DENY"},
			fieldList("x-frame-options", "ALLOW", "Vary", "a", "X-FRAME-OPTIONS", "x", "vary", "b"),
			fieldList("Vary", "a", "vary", "b", "X-Frame-Options", "DENY")},
		{"a default gives way to any line", Response, []string{"default Cache-Control: no-store"},
			fieldList("cache-control", "private", "Cache-Control", "max-age=1"),
			fieldList("cache-control", "private", "Cache-Control", "max-age=1")},
		{"an empty line is one too", Response, []string{"default Cache-Control: no-store"},
			fieldList("Cache-Control", ""), fieldList("Cache-Control", "")},
		{"a default is sent where there is no line", Response, []string{"default Cache-Control: no-store"},
			fieldList("Vary", "a"), fieldList("Vary", "a", "Cache-Control", "no-store")},
		{"every line is removed, and nothing else", Response, []string{"remove x-powered-by"},
			fieldList("X-Powered-By", "PHP", "X-Powered-By-Us", "1", "x-powered-by", "x", "X_Powered_By", "y"),
			fieldList("X-Powered-By-Us", "1", "X_Powered_By", "y")},
		{"the order of several rules is that of their names", Response, []string{"set b: 1", "set C: 2", "default a: 3", "remove d"},
			fieldList("D", "0"), fieldList("a", "3", "b", "1", "C", "2")},
		{"in a request an underscore is a dash", Request, []string{"set X-Site: git", "remove X-Remote-User"},
			fieldList("X_Site", "forged", "x-site", "forged", "X_REMOTE_USER", "root", "X_Remote-User", "root", "Accept", "*"),
			fieldList("Accept", "*", "X-Site", "git")},
		{"also in the name of a rule", Request, []string{"set X_Site: git"},
			fieldList("X-Site", "forged"), fieldList("X_Site", "git")},
		{"placeholders are replaced", Request, []string{"set X-A: {client_ip}", "set X-B: {scheme}://{host}/?id={request_id}", "set X-C: {{{host}}}", "set X-D: {{}}"},
			nil, fieldList("X-A", "192.0.2.7", "X-B", "https://a.example/?id=0192", "X-C", "{a.example}", "X-D", "{}")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := slices.Clone(tt.fields)
			mustCompile(t, tt.message, tt.rules...).Apply(&fields, someValues, nil)
			if diff := cmp.Diff(tt.want, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEmptyHostLeavesNoBlank(t *testing.T) {
	fields := http1.Fields{}
	mustCompile(t, Response, "set X-A: for {host}", "set X-B: {host} from {host}", "set X-C: {host}", "set X-D: {host}\t{host}").
		Apply(&fields, fixedValues{}, nil)
	want := fieldList("X-A", "for", "X-B", "from", "X-C", "", "X-D", "")
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestHostIsNotAmongTheFields(t *testing.T) {
	rules := mustCompile(t, Request, "set HOST: {host}:8443", "set X-A: 1")
	fields := http1.Fields{}
	rules.Apply(&fields, someValues, nil)
	if diff := cmp.Diff(fieldList("X-A", "1"), fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if host, _, ok := rules.Host(someValues, nil); !ok || host != "a.example:8443" {
		t.Errorf("got the host %q, %v; want a.example:8443", host, ok)
	}
	for _, without := range []*Rules{nil, mustCompile(t, Request, "set X-A: 1"), mustCompile(t, Response, "set Host: x")} {
		if host, _, ok := without.Host(someValues, nil); ok {
			t.Errorf("got the host %q, want none", host)
		}
	}
}

func TestReplacesNamesWhatAClientCannotSend(t *testing.T) {
	rules := mustCompile(t, Request, "set X-Site: git", "remove X-Debug", "default X-Other: 1", "set Host: a")
	for name, want := range map[string]bool{"x-site": true, "X_DEBUG": true, "X-Other": false, "X-Absent": false, "": false} {
		if got := rules.Replaces(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
	if (*Rules)(nil).Replaces("X-Site") {
		t.Error("got true without rules")
	}
}

func TestUsesNamesThePlaceholdersOfTheValues(t *testing.T) {
	rules := mustCompile(t, Request, "set X-A: of {host}", "default X-B: {request_id}", "set Host: a.example", "set X-C: {{client_ip}}")
	for is, want := range map[Placeholder]bool{Host: true, RequestID: true, ClientIP: false, Scheme: false} {
		if got := rules.Uses(is); got != want {
			t.Errorf("placeholder %d: got %v, want %v", is, got, want)
		}
	}
	if !mustCompile(t, Request, "set Host: {host}").Uses(Host) {
		t.Error("got false for a placeholder in the value of Host")
	}
	if (*Rules)(nil).Uses(Host) || mustCompile(t, Response, "remove X-A").Uses(0) {
		t.Error("rules without a value use a placeholder")
	}
}

func TestRulesAreListedByName(t *testing.T) {
	list := []Rule{{Set, "X-B", "1", "site"}, {Remove, "x-c", "", "file"}, {Default, "x-a", "2", "route"}, {Set, "x-d", "3", "site"}}
	rules, err := Compile(Response, list)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(rules.All())
	if diff := cmp.Diff([]Rule{list[2], list[0], list[1], list[3]}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	for range rules.All() {
		break // an early end must not panic
	}
	for level, want := range map[string]string{"site": "set X-B: 1, set x-d: 3", "file": "remove x-c", "route": "default x-a: 2", "": ""} {
		if text := rules.OfLevel(level); text != want {
			t.Errorf("of the level %q: got %q, want %q", level, text, want)
		}
	}
	if got, text := slices.Collect((*Rules)(nil).All()), (*Rules)(nil).OfLevel("site"); got != nil || text != "" {
		t.Errorf("got %v and %q without rules", got, text)
	}
}

func TestRulesThatDoTheSameAreEqual(t *testing.T) {
	rules := mustCompile(t, Response, "set X-A: 1", "remove X-B")
	elsewhere, err := Compile(Response, []Rule{{Remove, "X-B", "", "site"}, {Set, "X-A", "1", "file"}})
	if err != nil || !rules.Equal(elsewhere) {
		t.Errorf("got different rules, %v; want the order and the place to make no difference", err)
	}
	if !(*Rules)(nil).Equal(nil) {
		t.Error("no rules differ from no rules")
	}
	for _, other := range []*Rules{nil, mustCompile(t, Response, "set X-A: 2", "remove X-B"), mustCompile(t, Response, "default X-A: 1", "remove X-B"), mustCompile(t, Response, "set X-A: 1"), mustCompile(t, Request, "set X-A: 1", "remove X-B")} {
		if rules.Equal(other) || other.Equal(rules) {
			t.Errorf("%v equals %v", slices.Collect(other.All()), slices.Collect(rules.All()))
		}
	}
}

func TestASetOfRulesIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name string
		list []Rule
		want string
	}{
		{"a set without rules is accepted", nil, ""},
		{"as many rules as allowed are accepted", slices.Repeat([]Rule{{Op: Remove, Name: "X"}}, MaxRules), ""},
		{"too many rules are refused", slices.Repeat([]Rule{{Op: Remove, Name: "X"}}, MaxRules+1), "has 129 rules; at most 128"},
		{"values that are too long are refused", slices.Repeat([]Rule{{Op: Set, Name: "X", Value: strings.Repeat("v", MaxValueBytes)}}, 4), "at most 32768 are allowed"},
		{"values that are too long with their placeholders replaced are refused", slices.Repeat([]Rule{{Op: Set, Name: "X", Value: strings.Repeat("{host}", 34)}}, 4), "at most 32768 are allowed"},
	} {
		for i := range tt.list {
			tt.list[i].Name = fmt.Sprintf("X-%d", i)
		}
		_, err := Compile(Response, tt.list)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got the error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestTwoRulesForAFieldAreRefused(t *testing.T) {
	for _, tt := range []struct {
		message Message
		second  string
		refused bool
	}{{Response, "x-a", true}, {Response, "X_A", false}, {Request, "X_a", true}} {
		_, err := Compile(tt.message, []Rule{{Op: Set, Name: "X-A", Value: "1"}, {Op: Remove, Name: tt.second}})
		if (err != nil) != tt.refused {
			t.Errorf("X-A and %s of message %d: got the error %v", tt.second, tt.message, err)
		}
	}
	if _, err := Compile(Response, []Rule{{Op: Remove, Name: "Content-Length"}}); err == nil {
		t.Error("a rule that Check refuses was compiled")
	}
}

// TestScratchThatGrowsKeepsWhatIsInUse checks that the values of one message do not change while those of another are
// assembled.
func TestScratchThatGrowsKeepsWhatIsInUse(t *testing.T) {
	rules := mustCompile(t, Response, "set X-A: a-{host}", "set X-B: b-{host}")
	var lists []http1.Fields
	scratch := make([]byte, 0, 8)
	for range 50 {
		var fields http1.Fields
		scratch = rules.Apply(&fields, someValues, scratch)
		lists = append(lists, fields)
	}
	for i, fields := range lists {
		if diff := cmp.Diff(fieldList("X-A", "a-a.example", "X-B", "b-a.example"), fields); diff != "" {
			t.Fatalf("message %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestApplyingRulesAllocatesNothing(t *testing.T) {
	var values Values = someValues
	rules := mustCompile(t, Response, "set X-Frame-Options: DENY", "set X-A: {client_ip} of {host}", "default Cache-Control: no-store", "remove X-Powered-By")
	fields, scratch := make(http1.Fields, 0, 16), make([]byte, 0, 256)
	for name, r := range map[string]*Rules{"with rules": rules, "without": nil} {
		if n := testing.AllocsPerRun(100, func() {
			fields = append(fields[:0], http1.Field{Name: "x-powered-by", Value: "PHP"}, http1.Field{Name: "Vary", Value: "*"})
			scratch = r.Apply(&fields, values, scratch[:0])
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	var values Values = someValues
	rules := mustCompile(b, Response, "set X-Frame-Options: DENY", "set Strict-Transport-Security: max-age=31536000", "set X-Content-Type-Options: nosniff", "remove X-Powered-By")
	fields := make(http1.Fields, 0, 32)
	for b.Loop() {
		fields = fields[:0]
		for _, name := range []string{"Content-Type", "Date", "Cache-Control", "Vary", "ETag", "X-Powered-By"} {
			fields = append(fields, http1.Field{Name: name, Value: "x"})
		}
		rules.Apply(&fields, values, nil)
	}
}

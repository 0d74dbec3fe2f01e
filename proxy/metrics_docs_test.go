package proxy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metricRow matches a row of the table in docs/metrics.md.
var metricRow = regexp.MustCompile("(?m)^\\| `[a-z0-9_]+` \\| (?:counter|gauge|histogram) \\|.*$")

// row returns the family's row in the document.
func (f *metricFamily) row() string {
	labels := make([]string, len(f.labels))
	for i, label := range f.labels {
		labels[i] = "`" + label + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", f.name, f.kind, strings.Join(labels, ", "), f.help)
}

func TestTheDocumentHasTheTableOfMetrics(t *testing.T) {
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, family := range metricFamilies() {
		want = append(want, family.row())
	}
	if diff := cmp.Diff(want, metricRow.FindAllString(string(text), -1)); diff != "" {
		t.Errorf("docs/metrics.md (-table in the code +document):\n%s", diff)
	}
}

// TestAScrapeHasTheMetricsOfTheTable compares the table with the answer of a running daemon: every family is there, in
// order, with its type, and with series of only its labels.
func TestAScrapeHasTheMetricsOfTheTable(t *testing.T) {
	d := startDaemonWithSite(t, rawUpstream(t, answerOK), "", "concurrent = 5\n[listeners.sites.health]\npath = \"/up\"\n[[listeners.sites.routes]]\npath = \"/x\"\nrespond = 200\n")
	d.raw(t, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	var answer string
	waitFor(t, "the request to be counted", func() bool {
		answer = answerOf(scrapeOf(d.Daemon))
		return strings.Contains(answer, `{site="a.test",listener="`+d.address+`:8443",method="GET",status="2xx"} 2`)
	})
	families := metricFamilies()
	var names, declared []string
	for _, family := range families {
		names = append(names, family.name+" "+string(family.kind))
	}
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (\S+ \S+)$`).FindAllStringSubmatch(answer, -1) {
		declared = append(declared, match[1])
	}
	if diff := cmp.Diff(names, declared); diff != "" {
		t.Errorf("declared (-table +answer):\n%s", diff)
	}
	found := map[string]bool{}
	label := regexp.MustCompile(`[{,]([a-z_]+)="`)
	for series := range samples(t, answer) {
		name, labels, _ := strings.Cut(series, "{")
		at := slices.IndexFunc(families, func(f metricFamily) bool {
			if f.kind == histogramMetric {
				base, suffix, _ := cutLast(name, '_')
				return base == f.name && slices.Contains([]string{"bucket", "sum", "count"}, suffix)
			}
			return name == f.name
		})
		if at < 0 {
			t.Errorf("got %s, want only what the table has", series)
			continue
		}
		family := families[at]
		found[family.name] = true
		want := family.labels
		if strings.HasSuffix(name, "_bucket") && family.kind == histogramMetric {
			want = append(slices.Clone(want), "le")
		}
		var got []string
		for _, match := range label.FindAllStringSubmatch("{"+labels, -1) {
			got = append(got, match[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got the labels %v, want %v", series, got, want)
		}
	}
	for _, family := range families {
		if !found[family.name] && !slices.Contains(family.labels, "reason") && family.name != "reverse_proxy_store_up" {
			// Only a listener that orders certificates has the first ones, and only a daemon with a store the other.
			t.Errorf("got no series of %s, want some", family.name)
		}
	}
}

// cutLast splits a text around the last occurrence of a byte.
func cutLast(text string, at byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(text, at); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

// TestNamesFollowTheConventions checks Prometheus' rules for names: counters end in _total, and units are base units in
// the plural.
func TestNamesFollowTheConventions(t *testing.T) {
	name := regexp.MustCompile(`^(reverse_proxy|process|go)_[a-z0-9]+(_[a-z0-9]+)*$`)
	for _, family := range metricFamilies() {
		if !name.MatchString(family.name) {
			t.Errorf("got the name %s, want one that begins with the program's", family.name)
		}
		if counts := strings.HasSuffix(family.name, "_total"); counts != (family.kind == counterMetric) {
			t.Errorf("%s is a %s, want counters and only them to end in _total", family.name, family.kind)
		}
		if family.kind == histogramMetric && !strings.HasSuffix(family.name, "_seconds") {
			t.Errorf("got the histogram %s, want its unit in the name", family.name)
		}
		if family.help == "" || strings.ContainsAny(family.help, "\\\n|") || strings.HasSuffix(family.help, ".") {
			t.Errorf("%s: got the help %q, want one line without an end", family.name, family.help)
		}
	}
}

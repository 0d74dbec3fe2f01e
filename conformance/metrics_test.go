package conformance_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	documentedMetric = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (counter|gauge|histogram) \\|")
	documentedAlert  = regexp.MustCompile("(?m)^\\| `(ReverseProxy[A-Za-z0-9]+)` \\|")
	metricName       = regexp.MustCompile(`\b(?:reverse_proxy|process|go)_[a-z0-9_]+\b`)
	histogramSuffix  = regexp.MustCompile(`_(?:bucket|sum|count)$`)
)

// metricsDocument returns docs/metrics.md and the names of the metrics in it with their types; the unit tests compare them
// with the code.
func metricsDocument(t *testing.T) (text string, metrics map[string]string) {
	t.Helper()
	text = documents(t)["metrics.md"]
	metrics = map[string]string{}
	for _, row := range documentedMetric.FindAllStringSubmatch(text, -1) {
		metrics[row[1]] = row[2]
	}
	if len(metrics) < 20 {
		t.Fatalf("got the metrics %v of docs/metrics.md, want some more", metrics)
	}
	return text, metrics
}

// wantMetrics reports the metrics in an expression that do not exist.
func wantMetrics(t *testing.T, where, expr string, metrics map[string]string) {
	t.Helper()
	names := metricName.FindAllString(expr, -1)
	if len(names) == 0 && !strings.Contains(expr, "up{") {
		t.Errorf("%s: got %q, want a query of our metrics", where, expr)
	}
	for _, name := range names {
		if base := histogramSuffix.ReplaceAllString(name, ""); base != name && metrics[base] == "histogram" {
			continue
		}
		if kind, ok := metrics[name]; !ok || kind == "histogram" {
			t.Errorf("%s: got %s, want only what docs/metrics.md has", where, name)
		}
	}
}

// notOnTheDashboard are the metrics that the dashboard leaves out, with what has them in its place.
var notOnTheDashboard = map[string]string{
	"reverse_proxy_certificate_expiry_warning_seconds":           "an alert",
	"reverse_proxy_upstream_in_service_change_timestamp_seconds": "reverse_proxy_upstream_in_service over time",
	"process_virtual_memory_bytes":                               "the resident memory",
}

func TestTheDashboardAsksForEveryMetricThatThereIs(t *testing.T) {
	_, metrics := metricsDocument(t)
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "deploy", "grafana", "reverse-proxy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	queries := stringsUnder(dashboard, "expr")
	if len(queries) < 20 {
		t.Errorf("got %d queries, want some more", len(queries))
	}
	for _, query := range append(queries, stringsUnder(dashboard, "definition")...) {
		wantMetrics(t, "the dashboard", query, metrics)
	}
	shown := map[string]bool{}
	for _, query := range queries {
		for _, name := range metricName.FindAllString(query, -1) {
			shown[name], shown[histogramSuffix.ReplaceAllString(name, "")] = true, true
		}
	}
	for name := range metrics {
		if _, leftOut := notOnTheDashboard[name]; leftOut == shown[name] {
			t.Errorf("%s: the dashboard has it: %v, and leaves it out on purpose: %v; want one of the two", name, shown[name], leftOut)
		}
	}
	// Prometheus's own parser judges the queries, with numbers in place of Grafana's variables.
	promtool := needProgram(t, "promtool", "prometheus")
	rules := "groups:\n  - name: dashboard\n    rules:\n"
	for i, query := range queries {
		query = strings.ReplaceAll(query, "$__rate_interval", "5m")
		encoded, err := json.Marshal(query) // a JSON string is also a YAML string
		if err != nil {
			t.Fatal(err)
		}
		rules += fmt.Sprintf("      - record: query%d\n        expr: %s\n", i, encoded)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOutput(t, exec.Command(promtool, "check", "rules", path), fmt.Sprintf("SUCCESS: %d rules found", len(queries)))
}

// stringsUnder returns all strings under a key of a JSON value, at any depth.
func stringsUnder(value any, key string) (found []string) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if text, ok := inner.(string); ok && name == key {
				found = append(found, text)
			}
			found = append(found, stringsUnder(inner, key)...)
		}
	case []any:
		for _, inner := range value {
			found = append(found, stringsUnder(inner, key)...)
		}
	}
	return found
}

// wantOutput runs a program that must succeed and print a text.
func wantOutput(t *testing.T, command *exec.Cmd, want string) {
	t.Helper()
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%s: got %v and:\n%s\nwant %q", strings.Join(command.Args, " "), err, out, want)
	}
}

// prometheusFile reads a file of deploy/prometheus/.
func prometheusFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "deploy", "prometheus", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheAlertsAskForMetricsThatThereAre(t *testing.T) {
	text, metrics := metricsDocument(t)
	rules := prometheusFile(t, "reverse-proxy.rules.yml")
	alerts := regexp.MustCompile(`(?m)^      - alert: (\S+)$`).FindAllStringSubmatch(rules, -1)
	// An expression extends to the next key of its rule.
	exprs := regexp.MustCompile(`(?m)^        expr: ((?:.*\n)(?:          .*\n)*)`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 10 || len(exprs) != len(alerts) {
		t.Fatalf("got %d alerts with %d expressions, want one for each", len(alerts), len(exprs))
	}
	tests := strings.Split(prometheusFile(t, "reverse-proxy.rules.test.yml"), "\n      - eval_time: ")
	var names []string
	for i, alert := range alerts {
		name := alert[1]
		names = append(names, name)
		wantMetrics(t, name, exprs[i][1], metrics)
		fires, quiet := false, false
		for _, test := range tests {
			if strings.Contains(test, "\n        alertname: "+name+"\n") || strings.HasSuffix(test, "\n        alertname: "+name) {
				fired := strings.Contains(test, "exp_alerts:")
				fires, quiet = fires || fired, quiet || !fired
			}
		}
		if !fires || !quiet {
			t.Errorf("%s: got tests in which it fires: %v, and in which not: %v; want both", name, fires, quiet)
		}
	}
	var documented []string
	for _, row := range documentedAlert.FindAllStringSubmatch(text, -1) {
		documented = append(documented, row[1])
	}
	if !slices.Equal(documented, names) {
		t.Errorf("docs/metrics.md: got the alerts %v, want %v", documented, names)
	}
}

func TestTheAlertsFireAsTheirTestsSay(t *testing.T) {
	promtool := needProgram(t, "promtool", "prometheus")
	dir := filepath.Join(projectRoot(t), "deploy", "prometheus")
	for _, args := range [][]string{{"check", "rules", "reverse-proxy.rules.yml"}, {"test", "rules", "reverse-proxy.rules.test.yml"}} {
		command := exec.Command(promtool, args...)
		command.Dir = dir
		wantOutput(t, command, "SUCCESS")
	}
}

func TestPrometheusTakesTheScrapeConfigurationOfTheDocument(t *testing.T) {
	promtool := needProgram(t, "promtool", "prometheus")
	text, _ := metricsDocument(t)
	blocks := regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n").FindAllStringSubmatch(text, -1)
	if len(blocks) != 1 {
		t.Fatalf("got %d configurations in docs/metrics.md, want one", len(blocks))
	}
	config := strings.ReplaceAll(blocks[0][1], "/etc/prometheus/", filepath.Join(projectRoot(t), "deploy", "prometheus")+"/")
	path := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(path, []byte(config+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOutput(t, exec.Command(promtool, "check", "config", path), "reverse-proxy.rules.yml")
}

// TestPromtoolTakesAScrape passes a scrape of the real binary to `promtool check metrics`, which also judges names.
func TestPromtoolTakesAScrape(t *testing.T) {
	promtool := needProgram(t, "promtool", "prometheus")
	health := sharedPort(t)
	port := startProxyWithHealth(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}), health).port
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	for _, method := range []string{"GET", "POST", "PROPFIND", "GET"} {
		request, err := http.NewRequest(method, fmt.Sprintf("https://localhost:%d/", port), strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = map[string]string{"PROPFIND": "unknown.test"}[method]
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", health))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	scrape, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^reverse_proxy_requests_total\{site="localhost",listener="[^"]+",method="POST",status="2xx"\} `).Match(scrape) {
		t.Errorf("got a scrape without our request:\n%s", scrape)
	}
	command := exec.Command(promtool, "check", "metrics")
	command.Stdin = bytes.NewReader(scrape)
	if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: got %v and %q, want no complaint", err, out)
	}
}

package conformance_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cucumber/godog"

	"reverse-proxy/steps"
)

// fewestScenarios is the minimum number of scenarios in a whole run: a lost feature file, or a tag that matches
// nothing, would otherwise go unnoticed.
const fewestScenarios = 1550

// sideBySide is how many scenarios run at once. They mostly wait, so it is greater than the number of cores.
const sideBySide = 4

// TestFeatures runs features/ against the real binary. For development GODOG_TAGS selects scenarios by tag, FEATURES
// selects feature files or `file:line` (separated by spaces), and GODOG_SEED repeats an order.
func TestFeatures(t *testing.T) {
	root := projectRoot(t)
	suite := buildSuite(t, root)
	if err := suite.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(suite.Close)
	options := &godog.Options{
		Strict:      true,
		Format:      "progress",
		NoColors:    true,
		Output:      os.Stdout,
		Concurrency: sideBySide,
		Randomize:   seed(t),
		Paths:       featurePaths(root),
		Tags:        os.Getenv("GODOG_TAGS"),
	}
	picked := options.Tags != "" || os.Getenv("FEATURES") != ""
	leaveOut := func(tag, why string) {
		fmt.Printf("scenarios tagged %s are left out: %s\n", tag, why)
		if options.Tags != "" {
			options.Tags += " && "
		}
		options.Tags += "~" + tag
	}
	if !suite.CanBindPrivilegedPorts() {
		leaveOut("@privileged-ports", "this user may not listen on port 443")
	}
	if os.Geteuid() != 0 {
		leaveOut("@root", "only root can play another user")
	}
	if !suite.CanMount() {
		leaveOut("@mount", "this user may not mount a file system")
	}
	if !suite.CanMakeNetworks() {
		leaveOut("@network", "this user may not make a network namespace")
	}
	// In CI it must be installed; the scenarios then report that it is missing.
	if !suite.HasLogrotate() && os.Getenv("CI") != "true" {
		leaveOut("@logrotate", "logrotate is not installed; make deps installs it")
	}
	if !suite.HasFail2ban() && os.Getenv("CI") != "true" {
		leaveOut("@fail2ban", "fail2ban is not installed; make deps installs it")
	}
	if !suite.HasActivator() && os.Getenv("CI") != "true" {
		leaveOut("@systemd", "systemd-socket-activate is not installed; make deps installs it")
	}
	if !suite.HasHAProxy() && os.Getenv("CI") != "true" {
		leaveOut("@haproxy", "haproxy is not installed; make deps installs it")
	}
	if !suite.HasNginx() && os.Getenv("CI") != "true" {
		leaveOut("@nginx", "nginx is not installed; make deps installs it")
	}
	if !suite.HasHitch() && os.Getenv("CI") != "true" {
		leaveOut("@hitch", "hitch is not installed; make deps installs it")
	}
	if !suite.HasH2load() && os.Getenv("CI") != "true" {
		leaveOut("@h2load", "h2load is not installed; make deps installs it")
	}
	if !suite.HasStrace() && os.Getenv("CI") != "true" {
		leaveOut("@strace", "strace is not installed; make deps installs it")
	}
	if !suite.HasRedis() && os.Getenv("CI") != "true" {
		leaveOut("@redis", "redis-server is not installed; make deps installs it")
	}
	if !suite.HasLandlock() {
		leaveOut("@landlock", "this kernel has no Landlock; that the daemon says so is looked at")
	}
	runner := godog.TestSuite{Name: "reverse-proxy", ScenarioInitializer: suite.InitializeScenario, Options: options}
	status := runner.Run()

	passed, ran := suite.Counts()
	total, totalPassed := 0, 0
	for _, uri := range slices.Sorted(maps.Keys(ran)) {
		name, err := filepath.Rel(root, uri)
		if err != nil {
			name = uri
		}
		fmt.Printf("%s: %d scenarios (%d passed)\n", name, ran[uri], passed[uri])
		total, totalPassed = total+ran[uri], totalPassed+passed[uri]
	}
	for _, slow := range suite.Slowest(10) {
		fmt.Printf("%.1f s: %s\n", slow.Took.Seconds(), slow.Scenario)
	}
	fmt.Printf("seed %d\n%d scenarios (%d passed)\n", options.Randomize, total, totalPassed)
	// The failures are repeated next to the verdict, because a reader may see only the end of a long log.
	for _, failure := range suite.Failures() {
		t.Errorf("failed: %s", abridged(failure))
	}
	if status != 0 {
		t.Errorf("got the status %d of the suite, want 0; GODOG_SEED=%d repeats the order", status, options.Randomize)
	}
	if totalPassed != total {
		t.Errorf("got %d scenarios that passed, want all %d: none may fail, be undefined, pending or skipped", totalPassed, total)
	}
	switch {
	case picked:
		fmt.Println("only some scenarios were picked, so their number is not looked at")
	case total < fewestScenarios:
		t.Errorf("got %d scenarios, want at least %d", total, fewestScenarios)
	}
}

// abridged returns the beginning of text, of at most 2,500 bytes.
func abridged(text string) string {
	const most = 2500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " [...]"
}

// seed returns the seed of the scenarios' order: a new one for every run, unless GODOG_SEED repeats one.
func seed(t *testing.T) int64 {
	text := os.Getenv("GODOG_SEED")
	if text == "" {
		return time.Now().UnixNano()%1_000_000 + 1
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("GODOG_SEED=%s: it must be a number above 0", text)
	}
	return n
}

// TestNothingIsLeftBehind checks that no scenario leaves a process. It is after TestFeatures because tests run in
// source order.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, process := range steps.Children(os.Getpid()) {
		t.Errorf("process %s is left, want none", process)
	}
}

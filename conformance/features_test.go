package conformance_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/cucumber/godog"
)

// scenario is one scenario of a feature file, or one row of an outline's examples.
type scenario struct {
	file, title string
	tags        []string
}

// readFeatures parses features/ and returns its scenarios and, by file, the titles of its rules and scenarios.
func readFeatures(t *testing.T) (scenarios []scenario, titles map[string][]string) {
	t.Helper()
	suite := godog.TestSuite{Options: &godog.Options{Paths: []string{filepath.Join(projectRoot(t), "features")}}}
	features, err := suite.RetrieveFeatures()
	if err != nil {
		t.Fatal(err)
	}
	titles = map[string][]string{}
	for _, feature := range features {
		file := filepath.Base(feature.Uri)
		for _, pickle := range feature.Pickles {
			s := scenario{file: file, title: pickle.Name}
			for _, tag := range pickle.Tags {
				s.tags = append(s.tags, tag.Name)
			}
			scenarios = append(scenarios, s)
			titles[file] = append(titles[file], pickle.Name)
		}
		for _, child := range feature.Feature.Children {
			if child.Rule != nil && len(child.Rule.Children) > 0 {
				titles[file] = append(titles[file], child.Rule.Name)
			}
		}
	}
	return scenarios, titles
}

// seedCriteria are the original acceptance criteria, word for word; "router" in them is our host routing.
var seedCriteria = []string{
	"Startup sequence follows the exact order from operations.md",
	"Fail-fast behavior: exit with non-zero code on any startup failure",
	"All ports bound before any connections accepted",
	"Per-listener router with shared State",
	"Middleware stack in correct order: rate limiting → body limit → headers → routing → proxy",
	"ConnectInfo<SocketAddr> propagated to routers for X-Real-IP",
	`sd_notify("READY=1") sent after all listeners started`,
	"Graceful shutdown on SIGTERM/SIGINT",
	"SIGHUP triggers config reload",
	"Admin socket accepts reload and status commands",
	"Health check endpoint responds on local port and HTTPS",
	"Integration test: full proxy startup with test config, verify all endpoints work",
	"Integration test: config reload via SIGHUP updates routing",
	"Integration test: config reload via admin socket updates routing with feedback",
}

func TestEveryCriterionOfTheSeedIsATitle(t *testing.T) {
	_, titles := readFeatures(t)
	for _, want := range seedCriteria {
		if !slices.Contains(titles["startup.feature"], want) {
			t.Errorf("got no rule or scenario of startup.feature with the title %q, want one", want)
		}
	}
}

// features are the subjects with a file of their own, by file name.
var features = []string{
	"acme", "admin_socket", "body_size_limit", "cli", "connections", "dynamic_config", "error_responses",
	"headers_and_forwarding", "health_check", "host_routing", "http2_frames", "http_redirect", "logging", "metrics", "rate_limiting",
	"signals_and_shutdown", "startup", "tls_listener", "validation",
}

func TestEverySubjectHasAFeatureWithTitledScenarios(t *testing.T) {
	_, titles := readFeatures(t)
	for _, name := range features {
		all := titles[name+".feature"]
		if len(all) == 0 {
			t.Errorf("features/%s.feature: got no scenario, want some", name)
		}
		if slices.Contains(all, "") {
			t.Errorf("features/%s.feature: got a rule or scenario without a title, want one", name)
		}
	}
}

package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// limitLine matches the keys of a rate limit in a configuration, or in a document that shows one.
var limitLine = regexp.MustCompile(`(?m)^(requests_per_second|burst) = (\d+)\b`)

// A page of 600 images must load completely (S-7.7), also with limits copied from here. docs/from-nginx.md is left out
// because it translates the limits of an existing nginx.
func TestTheLimitsOfDocumentsAndSamplesServeAPageOf600Images(t *testing.T) {
	least := map[string]int{"requests_per_second": 100, "burst": 1000}
	for _, name := range []string{
		"README.md", "docs/configuration.md", "docs/from-caddy.md", "docs/apps/gitea.md", "deploy/packages/config.toml",
		"deploy/docker/etc/config.toml", "deploy/docker/image.toml", "testdata/quickstart.toml",
	} {
		text, err := os.ReadFile(filepath.Join(projectRoot(t), name))
		if err != nil {
			t.Fatal(err)
		}
		found := limitLine.FindAllStringSubmatch(string(text), -1)
		if len(found)%2 != 0 { // a file without a limit has the defaults, which are the least
			t.Errorf("%s: got %d lines of a rate limit, want both keys or none", name, len(found))
		}
		for _, match := range found {
			if value, err := strconv.Atoi(match[2]); err != nil || value < least[match[1]] {
				t.Errorf("%s: got %q, want %s to be %d or more", name, match[0], match[1], least[match[1]])
			}
		}
	}
}

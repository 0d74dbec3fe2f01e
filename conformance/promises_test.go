package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promise is a line of docs/promises.md.
type promise struct {
	planned bool
	text    string
}

var (
	promiseLine = regexp.MustCompile(`^- (S-\d+\.\d+)( \(planned: [^)]+\))?: (.+)$`)
	promiseTag  = regexp.MustCompile(`^@S-`)
)

// readPromises parses docs/promises.md.
func readPromises(t *testing.T) map[string]promise {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "docs", "promises.md"))
	if err != nil {
		t.Fatal(err)
	}
	promises := map[string]promise{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "- ") {
			continue
		}
		match := promiseLine.FindStringSubmatch(line)
		if match == nil {
			t.Errorf("got the line %q, want `- S-n.m: …` or `- S-n.m (planned: why): …`", line)
			continue
		}
		if _, twice := promises[match[1]]; twice {
			t.Errorf("got %s twice, want it once", match[1])
		}
		promises[match[1]] = promise{planned: match[2] != "", text: match[3]}
	}
	return promises
}

// allPromises returns the numbers that must exist.
func allPromises() []string {
	lastOf := map[int]int{
		1:  7,
		2:  24,
		3:  7,
		4:  7,
		5:  15,
		6:  14,
		7:  5,
		8:  6,
		9:  3,
		10: 5,
		11: 3,
		12: 5,
		13: 3,
		15: 5,
		19: 4,
		20: 3,
	}
	all := []string{
		"S-1.8",
		"S-2.30",
		"S-2.31",
		"S-2.32",
		"S-2.33",
		"S-6.15",
		"S-6.16",
		"S-6.17",
		"S-6.18",
		"S-6.19",
		"S-7.6",
		"S-7.7",
		"S-8.7",
		"S-12.6",
		"S-12.7",
		"S-12.8",
		"S-12.9",
		"S-12.10",
		"S-12.11",
		"S-12.12",
		"S-13.4",
		"S-14.1",
		"S-14.2",
		"S-14.3",
		"S-14.4",
		"S-14.5",
		"S-14.6",
		"S-14.7",
		"S-14.8",
		"S-14.9",
		"S-16.1",
		"S-16.2",
		"S-16.3",
		"S-16.4",
		"S-16.5",
		"S-17.1",
		"S-17.2",
		"S-18.1",
		"S-18.2",
		"S-18.3",
		"S-18.4",
		"S-18.5",
		"S-18.6",
		"S-18.7",
		"S-18.8",
		"S-18.9",
		"S-18.10",
		"S-18.11",
		"S-20.4",
		"S-20.5",
		"S-20.6",
		"S-21.1",
		"S-21.2",
		"S-21.3",
	}
	for section, last := range lastOf {
		for n := 1; n <= last; n++ {
			all = append(all, fmt.Sprintf("S-%d.%d", section, n))
		}
	}
	return all
}

func TestEveryPromiseIsWritten(t *testing.T) {
	promises := readPromises(t)
	for _, number := range allPromises() {
		if _, ok := promises[number]; !ok {
			t.Errorf("got no promise %s in docs/promises.md, want one", number)
		}
	}
	if got, want := len(promises), len(allPromises()); got != want {
		t.Errorf("got %d promises, want %d", got, want)
	}
}

func TestPromisesAndScenariosBelongTogether(t *testing.T) {
	promises := readPromises(t)
	scenarios, _ := readFeatures(t)
	held := map[string]bool{}
	for _, s := range scenarios {
		if !slices.ContainsFunc(s.tags, promiseTag.MatchString) {
			t.Errorf("%s: %s: got no tag of a promise, want one at least", s.file, s.title)
		}
		for _, tag := range s.tags {
			number := strings.TrimPrefix(tag, "@")
			if !promiseTag.MatchString(tag) {
				continue
			}
			if _, ok := promises[number]; !ok {
				t.Errorf("%s: %s: got the tag %s, want one of docs/promises.md", s.file, s.title, tag)
			}
			held[number] = true
		}
	}
	for number, promise := range promises {
		switch {
		case promise.planned && held[number]:
			t.Errorf("%s is marked as planned and has a scenario, want the mark taken away", number)
		case !promise.planned && !held[number]:
			t.Errorf("%s has no scenario, want one with the tag @%s: %s", number, number, promise.text)
		}
	}
}

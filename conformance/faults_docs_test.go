package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reverse-proxy/conformance/soak"
)

// matrixRow is a row of the table of docs/faults.md that says which faults are under load over which protocols.
type matrixRow struct{ upstreams, get, post, held string }

var (
	testFunction  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	heldByTest    = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	heldScenarios = regexp.MustCompile("“([^”]+)” in `([a-z0-9_]+\\.feature)`")
)

// readMatrix returns the rows of that table by fault, and those of the table of other faults.
func readMatrix(t *testing.T) (matrix map[string]matrixRow, others map[string]string) {
	t.Helper()
	_, text, ok := strings.Cut(readDocument(t, filepath.Join(projectRoot(t), "docs", "faults.md")), "## Over every combination of protocols")
	if !ok {
		t.Fatal("docs/faults.md has no part about the combinations of protocols")
	}
	matrix, others = map[string]matrixRow{}, map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "| ") || cells[0] == "fault":
		case len(cells) == 5:
			matrix[cells[0]] = matrixRow{cells[1], cells[2], cells[3], cells[4]}
		case len(cells) == 2:
			others[cells[0]] = cells[1]
		default:
			t.Errorf("got the row %q with %d cells, want 5 or 2", line, len(cells))
		}
	}
	return matrix, others
}

// TestTheTableOfFaultsAgreesWithTheMatrix compares the table with what the load checks.
func TestTheTableOfFaultsAgreesWithTheMatrix(t *testing.T) {
	matrix, _ := readMatrix(t)
	faults := map[string][]soak.Combination{}
	for _, c := range soak.Matrix() {
		faults[c.FaultCase.Name] = append(faults[c.FaultCase.Name], c)
	}
	for fault, over := range faults {
		row, ok := matrix[fault]
		if !ok {
			t.Errorf("got no row for %q, want one", fault)
			continue
		}
		upstreams := "all"
		switch {
		case !slices.ContainsFunc(over, func(c soak.Combination) bool { return !c.HTTP2 }):
			upstreams = "HTTP/2"
		case !slices.ContainsFunc(over, func(c soak.Combination) bool { return !c.TLS }):
			upstreams = "TLS"
		}
		want := matrixRow{upstreams: upstreams, held: row.held}
		want.get = mayFail(over, func(c soak.Combination) bool { return c.FailsGET })
		want.post = mayFail(over, func(c soak.Combination) bool { return c.FailsPOST })
		if over[0].Bodiless {
			want.post += " without a body"
		}
		if row != want {
			t.Errorf("%s: got %q, want %q", fault, row, want)
		}
	}
	if got, want := len(matrix), len(faults); got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
}

// mayFail says over what requests may fail.
func mayFail(over []soak.Combination, fails func(soak.Combination) bool) string {
	some := map[bool]bool{} // by whether it is HTTP/2
	for _, c := range over {
		some[c.HTTP2] = some[c.HTTP2] || fails(c)
	}
	switch {
	case !some[false] && !some[true]:
		return "no"
	case !some[true]:
		return "HTTP/1.1"
	case !some[false] && !over[0].HTTP2:
		return "HTTP/2"
	}
	return "yes"
}

// TestWhatHoldsAFaultExists looks for the tests and the scenarios that docs/faults.md names.
func TestWhatHoldsAFaultExists(t *testing.T) {
	matrix, others := readMatrix(t)
	for fault, row := range matrix {
		others[fault] = row.held
	}
	tests := testsOf(t)
	_, titles := readFeatures(t)
	for fault, held := range others {
		names, scenarios := heldByTest.FindAllStringSubmatch(held, -1), heldScenarios.FindAllStringSubmatch(held, -1)
		if len(names)+len(scenarios) == 0 {
			t.Errorf("%s: got %q, want a test or a scenario", fault, held)
		}
		for _, name := range names {
			if !tests[name[1]] {
				t.Errorf("%s: got the test %s, which does not exist", fault, name[1])
			}
		}
		for _, s := range scenarios {
			if !slices.Contains(titles[s[2]], s[1]) {
				t.Errorf("%s: got the scenario %q, which %s does not have", fault, s[1], s[2])
			}
		}
	}
}

// testsOf returns the names of all tests of the project.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, dir := range []string{"proxy", "conformance"} {
		err := filepath.WalkDir(filepath.Join(projectRoot(t), dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range testFunction.FindAllSubmatch(text, -1) {
				found[string(match[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

package conformance_test

import (
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// h2specCases is the number of h2spec's cases with --strict.
const h2specCases = 146

// h2specSuperseded is a case that RFC 7540 requires and RFC 9113 does not: a PRIORITY frame by which an idle stream depends on
// itself. The stream error that it expects would be a RST_STREAM on an idle stream, which RFC 9113, section 6.4, forbids.
const h2specSuperseded = "Sends PRIORITY frame that depend on itself"

var h2specFailure = regexp.MustCompile(`(?m)^ *× \d+: (.*)$`)

var h2specSummary = regexp.MustCompile(`(?m)^(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed$`)

// TestH2Spec runs h2spec, which does what RFC 9113 and RFC 7541 forbid clients, against the real binary.
func TestH2Spec(t *testing.T) {
	h2spec := filepath.Join(t.TempDir(), "h2spec")
	goBuild(t, projectRoot(t), "-o", h2spec, "github.com/summerwind/h2spec/cmd/h2spec")
	port := startProxy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // clients that break off are expected here
		_, _ = io.WriteString(w, "an answer with a body, of which windows of a few bytes let go only a part")
	})).port

	cmd := exec.CommandContext(t.Context(), h2spec, "--strict", "-t", "-k", "-h", "localhost", "-p", strconv.Itoa(port), "-o", "5")
	out, err := cmd.CombinedOutput()
	found := h2specSummary.FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("h2spec: got no summary (%v), want one:\n%s", err, out)
	}
	number := func(i int) int { n, _ := strconv.Atoi(found[i]); return n }
	failed := map[string]bool{}
	for _, failure := range h2specFailure.FindAllStringSubmatch(string(out), -1) {
		failed[failure[1]] = true
	}
	if total := number(1); total != h2specCases || number(4) != 1 || len(failed) != 1 || !failed[h2specSuperseded] {
		t.Errorf("h2spec: got %d cases of which %v failed, want %d and %q:\n%s", total, failed, h2specCases, h2specSuperseded, out)
	}
	if skipped := number(3); skipped > 1 {
		t.Errorf("h2spec: got %d cases skipped, want at most 1", skipped)
	}
}

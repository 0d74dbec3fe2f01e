package steps

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write README.md again")

func TestReadmeListsEverySentence(t *testing.T) {
	want := Vocabulary()
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("steps/README.md is old; run go test ./steps -run TestReadme -update (-want +got):\n%s", diff)
	}
}

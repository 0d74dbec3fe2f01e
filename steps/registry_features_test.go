package steps

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cucumber/godog"
)

// The suite itself would notice too, but after minutes: this test is for those who rename a sentence.
func TestEveryStepOfTheFeaturesIsOneSentence(t *testing.T) {
	w := &World{suite: &Suite{}}
	var patterns []*regexp.Regexp
	for _, area := range w.areas() {
		for _, step := range area.steps {
			patterns = append(patterns, pattern(step.sentence))
		}
	}
	suite := godog.TestSuite{Options: &godog.Options{Paths: []string{filepath.Join("..", "features")}}}
	features, err := suite.RetrieveFeatures()
	if err != nil {
		t.Fatal(err)
	}
	known, used := map[string]bool{}, make([]bool, len(patterns))
	for _, feature := range features {
		for _, pickle := range feature.Pickles {
			for _, step := range pickle.Steps {
				if known[step.Text] {
					continue
				}
				known[step.Text] = true
				matching := 0
				for i, p := range patterns {
					if p.MatchString(step.Text) {
						used[i] = true
						matching++
					}
				}
				if matching != 1 {
					t.Errorf("%s: %s: %d sentences match %q, want 1", filepath.Base(feature.Uri), pickle.Name, matching, step.Text)
				}
			}
		}
	}
	if len(known) < 1000 {
		t.Errorf("got %d different steps in features/, want many more", len(known))
	}
	for i, p := range patterns {
		if !used[i] {
			t.Errorf("no feature uses the sentence %s", p)
		}
	}
}

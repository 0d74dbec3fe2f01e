package steps

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cucumber/godog"
	"github.com/google/go-cmp/cmp"
)

func TestEverySentenceIsMatchedByOnlyOneStep(t *testing.T) {
	var all []step
	for _, area := range new(World).areas() {
		all = append(all, area.steps...)
	}
	examples := strings.NewReplacer("{string}", `"text"`, "{int}", "5", "{word}", "word", "{rest}", `"the rest"`, "(s)", "s")
	for _, one := range all {
		text := examples.Replace(one.sentence)
		var matching []string
		for _, other := range all {
			if pattern(other.sentence).MatchString(text) {
				matching = append(matching, other.sentence)
			}
		}
		if len(matching) != 1 {
			t.Errorf("%s: got the steps %q, want one", text, matching)
		}
	}
}

func TestEveryStepTakesWhatItsSentenceHolds(t *testing.T) {
	for _, area := range new(World).areas() {
		for _, one := range area.steps {
			kind := reflect.TypeOf(one.run)
			want := pattern(one.sentence).NumSubexp()
			if strings.HasSuffix(one.sentence, ":") {
				want++ // the table or document
			}
			if kind.NumIn() != want || kind.NumOut() != 1 {
				t.Errorf("%s: got a function with %d parameters and %d results, want %d and an error",
					one.sentence, kind.NumIn(), kind.NumOut(), want)
			}
		}
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		name, sentence, text string
		want                 []string // nil for no match
	}{
		{"a text is in quotes", `the site {string} is there`, `the site "a b" is there`, []string{"a b"}},
		{"a text has a quote in it", `the site {string} is there`, `the site "a\"b" is there`, []string{`a\"b`}},
		{"two texts are found", `{string} and {string}`, `"a" and "b"`, []string{"a", "b"}},
		{"a number is found", `{int} line(s)`, `1 line`, []string{"1"}},
		{"a letter is optional", `{int} line(s)`, `2 lines`, []string{"2"}},
		{"the rest of the line is found", `it is {rest}`, `it is ["a", 5]`, []string{`["a", 5]`}},
		{"a word is found", `sent {word}`, `sent SIGHUP`, []string{"SIGHUP"}},
		{"characters of regular expressions mean themselves", `is 1.5 (more)?`, `is 1.5 (more)?`, []string{}},
		{"another text before it does not match", `it is {rest}`, `so it is 5`, nil},
		{"a word in place of a number does not match", `{int} lines`, `two lines`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			if match := pattern(test.sentence).FindStringSubmatch(test.text); match != nil {
				got = append([]string{}, match[1:]...)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestExpandingReplacesVariablesInEveryArgument(t *testing.T) {
	w := &World{dir: "/d", addresses: &addresses{}}
	var got []string
	run := func(text string, n int, table *godog.Table, doc *godog.DocString) error {
		got = append(got, text, fmt.Sprint(n), rows(table)[0][0], doc.Content)
		return nil
	}
	expanded := w.expanding(run).(func(string, int, *godog.Table, *godog.DocString) error)
	doc := &godog.DocString{Content: "in ${dir}"}
	if err := expanded(`a \"${dir}\" ${x*3}`, 5, table(t, "${dir}/file"), doc); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`a "/d" xxx`, "5", "/d/file", "in /d"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	err := expanded("${nothing}", 5, table(t, "a"), doc)
	if err == nil || !strings.Contains(err.Error(), "${nothing}") {
		t.Errorf("got the error %v, want one that names the unknown variable", err)
	}
}

// table makes a table with one cell.
func table(t *testing.T, cell string) *godog.Table {
	t.Helper()
	made := new(godog.Table)
	row := reflect.New(reflect.TypeOf(made.Rows).Elem().Elem())
	cells := row.Elem().FieldByName("Cells")
	value := reflect.New(cells.Type().Elem().Elem())
	value.Elem().FieldByName("Value").SetString(cell)
	cells.Set(reflect.Append(cells, value))
	rowsField := reflect.ValueOf(made).Elem().FieldByName("Rows")
	rowsField.Set(reflect.Append(rowsField, row))
	return made
}

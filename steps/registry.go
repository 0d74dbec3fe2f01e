package steps

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/cucumber/godog"
)

// step is one sentence of the vocabulary with its function.
type step struct {
	// sentence is the step's text. In it `{string}` is a quoted text, `{int}` a number, `{word}` one word, `{rest}`
	// everything that follows, and `(s)` an optional letter.
	sentence string
	// run implements the step: a function that takes the values of the placeholders in order, then a *godog.Table or
	// *godog.DocString if the step has one, and returns an error. Variables are already expanded in them.
	run any
	// about explains for steps/README.md what the sentence does not say; "" if it says everything.
	about string
}

// area is a group of steps with its heading in steps/README.md.
type area struct {
	title string
	steps []step
}

var placeholders = strings.NewReplacer(
	`\{string\}`, `"((?:[^"\\]|\\.)*)"`,
	`\{int\}`, `(\d+)`,
	`\{word\}`, `(\S+)`,
	`\{rest\}`, `(.+)`,
	`\(s\)`, `s?`,
)

// pattern returns the regular expression with which godog matches a sentence.
func pattern(sentence string) *regexp.Regexp {
	return regexp.MustCompile("^" + placeholders.Replace(regexp.QuoteMeta(sentence)) + "$")
}

// register registers all the steps with a scenario.
func (w *World) register(sc *godog.ScenarioContext) {
	for _, area := range w.areas() {
		for _, step := range area.steps {
			sc.Step(pattern(step.sentence), w.expanding(step.run))
		}
	}
}

// expanding wraps a step's function, so that the variables in its texts, tables and document strings are replaced
// before it runs.
func (w *World) expanding(run any) any {
	fn := reflect.ValueOf(run)
	return reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		for i, arg := range args {
			expanded, err := w.expandArgument(arg.Interface())
			if err != nil {
				return []reflect.Value{reflect.ValueOf(&err).Elem()}
			}
			args[i] = reflect.ValueOf(expanded)
		}
		return fn.Call(args)
	}).Interface()
}

func (w *World) expandArgument(arg any) (any, error) {
	switch arg := arg.(type) {
	case string:
		return w.expand(strings.ReplaceAll(arg, `\"`, `"`))
	case *godog.DocString:
		text, err := w.expand(arg.Content)
		return &godog.DocString{MediaType: arg.MediaType, Content: text}, err
	case *godog.Table:
		for _, row := range arg.Rows {
			for _, cell := range row.Cells {
				text, err := w.expand(cell.Value)
				if err != nil {
					return nil, err
				}
				cell.Value = text
			}
		}
	}
	return arg, nil
}

var variable = regexp.MustCompile(`\$\{([^{}]*)\}`)

// expand replaces each `${name}` in a text. An unknown name is an error, so that a typo is noticed.
func (w *World) expand(text string) (string, error) {
	var failed error
	expanded := variable.ReplaceAllStringFunc(text, func(match string) string {
		value, err := w.variable(match[2 : len(match)-1])
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", match, err)
		}
		return value
	})
	return expanded, failed
}

package proxy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// loggedEvent is what the code says about one event, over all places that write it.
type loggedEvent struct {
	levels, keys map[string]bool
	// partly reports whether some keys are not written out at the event, and so not known.
	partly bool
}

var eventName = regexp.MustCompile(`^[A-Z]+[0-9]?(_[A-Z]+)*$`)

// eventsInCode finds every event that the packages write: a call with a level, followed by an event and attributes.
func eventsInCode(t *testing.T) map[string]*loggedEvent {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]*loggedEvent{}
	for _, name := range append(files, leaves...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				addEvent(events, call)
			}
			return true
		})
	}
	return events
}

func addEvent(events map[string]*loggedEvent, call *ast.CallExpr) {
	level, event := "", ""
	for i, arg := range call.Args {
		if name, ok := strings.CutPrefix(lastName(arg), "Level"); ok {
			level = strings.ToUpper(name)
		}
		text := stringLiteral(arg)
		if level == "" || !eventName.MatchString(text) {
			continue
		}
		event = text
		e := events[event]
		if e == nil {
			e = &loggedEvent{levels: map[string]bool{}, keys: map[string]bool{}}
			events[event] = e
		}
		e.levels[level] = true
		for _, attr := range call.Args[i+1:] {
			switch key := attrKey(attr); key {
			case "":
				e.partly = true
			default:
				e.keys[key] = true
			}
		}
		if strings.EqualFold(lastName(call.Fun), "startLine") { // its keys follow in a chain of calls
			e.partly = true
		}
		return
	}
}

// lastName returns the name of an identifier, with or without its package; "" for any other expression.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// attrKey returns the key of an attribute that is made in place: Str("host", …).
func attrKey(arg ast.Expr) string {
	call, ok := arg.(*ast.CallExpr)
	if !ok {
		return ""
	}
	if lastName(call.Fun) == "Err" {
		return "error"
	}
	if len(call.Args) == 0 {
		return ""
	}
	return stringLiteral(call.Args[0])
}

func stringLiteral(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value)
	return text
}

// documentedEvents reads the table of docs/log-format.md.
func documentedEvents(t *testing.T) map[string]*loggedEvent {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "log-format.md"))
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]+)`")
	events := map[string]*loggedEvent{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		e := &loggedEvent{levels: map[string]bool{}, keys: map[string]bool{}}
		for _, level := range strings.Split(cells[2], ",") {
			e.levels[strings.TrimSpace(level)] = true
		}
		for _, key := range code.FindAllStringSubmatch(cells[3], -1) {
			e.keys[key[1]] = true
		}
		events[strings.Trim(cells[1], " `")] = e
	}
	return events
}

func TestEveryEventIsDocumented(t *testing.T) {
	code, documented := eventsInCode(t), documentedEvents(t)
	if len(code) < 20 {
		t.Fatalf("got %d events in the code, want at least 20: the test no longer finds them", len(code))
	}
	for event, e := range code {
		doc := documented[event]
		if doc == nil {
			t.Errorf("%s is not in the table of docs/log-format.md; add its row, and a line to logEveryEvent", event)
			continue
		}
		if !maps.Equal(e.levels, doc.levels) {
			t.Errorf("%s: got the levels %v documented, want %v", event, sortedKeys(doc.levels), sortedKeys(e.levels))
		}
		if !e.partly && !maps.Equal(e.keys, doc.keys) {
			t.Errorf("%s: got the keys %v documented, want %v", event, sortedKeys(doc.keys), sortedKeys(e.keys))
		}
	}
	for event := range documented {
		if code[event] == nil {
			t.Errorf("docs/log-format.md has %s, which nothing writes", event)
		}
	}
}

func TestEveryEventIsInTheGoldenFiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "log", "events.text.golden"))
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedEvents(t)
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		fields, err := parseTextLine(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		level, event := fields[1].Value, fields[2].Value
		seen[event] = true
		doc := documented[event]
		if doc == nil {
			t.Errorf("%s is in the golden file and not in docs/log-format.md", event)
			continue
		}
		if !doc.levels[level] {
			t.Errorf("%s: got the level %s, want %v", event, level, sortedKeys(doc.levels))
		}
		for _, field := range fields[3:] {
			if !doc.keys[field.Key] && field.Key != "repeated" {
				t.Errorf("%s: got the key %s, want one of %v", event, field.Key, sortedKeys(doc.keys))
			}
		}
	}
	for event := range eventsInCode(t) {
		if !seen[event] {
			t.Errorf("%s is not in the golden file; add a line to logEveryEvent and run with UPDATE_GOLDEN=1", event)
		}
	}
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

package steps

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// logLine is one line of the daemon's log.
type logLine struct {
	time, level, event string
	// keys are the names of the attributes in the order of the line.
	keys   []string
	values map[string]string
}

// parseLogLine parses a text line by the rules of the layout: time, level, event, then key=value, where a quoted value
// ends at its closing quote.
func parseLogLine(text string) (logLine, error) {
	line := logLine{values: map[string]string{}}
	parts := strings.SplitN(text, " ", 4)
	if len(parts) < 3 {
		return line, fmt.Errorf("%q is not a line of the log", clip(text))
	}
	line.time, line.level, line.event = parts[0], parts[1], parts[2]
	rest := ""
	if len(parts) == 4 {
		rest = parts[3]
	}
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \"") {
			return line, fmt.Errorf("%q: no key=value at %q", clip(text), clip(rest))
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			quoted, err := strconv.QuotedPrefix(after)
			if err != nil {
				return line, fmt.Errorf("%q: the value of %s has no end", clip(text), key)
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				return line, fmt.Errorf("%q: the value of %s: %w", clip(text), key, err)
			}
			rest = strings.TrimPrefix(after[len(quoted):], " ")
		} else {
			value, rest, _ = strings.Cut(after, " ")
		}
		line.keys = append(line.keys, key)
		line.values[key] = value
	}
	return line, nil
}

// parseJSONLogLine parses a JSON line into the same parts, and keeps the order of its keys.
func parseJSONLogLine(text string) (logLine, error) {
	line := logLine{values: map[string]string{}}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return line, fmt.Errorf("%q is not a JSON object: %w", clip(text), err)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return line, err
		}
		value, err := decoder.Token()
		if err != nil {
			return line, err
		}
		switch key {
		case "time":
			line.time = fmt.Sprint(value)
		case "level":
			line.level = fmt.Sprint(value)
		case "event":
			line.event = fmt.Sprint(value)
		default:
			line.keys = append(line.keys, fmt.Sprint(key))
			line.values[fmt.Sprint(key)] = fmt.Sprint(value)
		}
	}
	return line, nil
}

// parseLog parses all lines of a log. Lines that begin with a brace are JSON.
func parseLog(lines []string) ([]logLine, error) {
	parsed := make([]logLine, 0, len(lines))
	for _, text := range lines {
		parse := parseLogLine
		if strings.HasPrefix(text, "{") {
			parse = parseJSONLogLine
		}
		line, err := parse(text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, line)
	}
	return parsed, nil
}

// matches reports whether the line has the event and, for each key, the value: `*` matches any value that is not empty,
// a leading `~` any value that contains the text.
func (l logLine) matches(event string, want map[string]string) bool {
	if l.event != event {
		return false
	}
	for key, text := range want {
		value, ok := l.values[key]
		switch key {
		case "level":
			value, ok = l.level, true
		}
		part, contains := strings.CutPrefix(text, "~")
		switch {
		case !ok, text == "*" && value == "", contains && !strings.Contains(value, part):
			return false
		case text != "*" && !contains && value != text:
			return false
		}
	}
	return true
}

// logLines parses the lines that the daemon has written to stdout since its n-th line.
func (w *World) logLines(from int) ([]logLine, error) {
	if w.daemon == nil {
		return nil, fmt.Errorf("the daemon was not started")
	}
	lines := w.daemon.stdout.lines()
	return parseLog(lines[min(from, len(lines)):])
}

// findLine returns the first line since the n-th that has the event and the values.
func (w *World) findLine(event string, want map[string]string, from int) (logLine, error) {
	lines, err := w.logLines(from)
	if err != nil {
		return logLine{}, err
	}
	var near []string
	for _, line := range lines {
		if line.matches(event, want) {
			return line, nil
		}
		if line.event == event {
			near = append(near, fmt.Sprint(line.level, " ", line.values))
		}
	}
	return logLine{}, fmt.Errorf("no line %s with %v in the log; lines of that event: %v", event, want, near)
}

// awaitLine waits for such a line.
func (w *World) awaitLine(event string, want map[string]string, from int) (line logLine, err error) {
	err = w.eventually(func() error {
		line, err = w.findLine(event, want, from)
		return err
	})
	return line, err
}

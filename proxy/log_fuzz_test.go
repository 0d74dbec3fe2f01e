package proxy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// logField is one key of a parsed line with its value.
type logField struct{ Key, Value string }

// parseTextLine reads a line of the text layout as a user's program would, but strictly.
func parseTextLine(line string) ([]logField, error) {
	rest, ok := strings.CutSuffix(line, "\n")
	if !ok || strings.Contains(rest, "\n") {
		return nil, fmt.Errorf("not one line")
	}
	for i := range len(rest) {
		if rest[i] < ' ' || rest[i] > '~' {
			return nil, fmt.Errorf("byte %#x", rest[i])
		}
	}
	var fields []logField
	for _, key := range []string{"time", "level", "event"} {
		word, more, _ := strings.Cut(rest, " ")
		fields, rest = append(fields, logField{key, word}), more
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", fields[0].Value); err != nil {
		return nil, err
	}
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		if !ok || key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return nil, fmt.Errorf("no key at %q", rest)
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			quoted, err := strconv.QuotedPrefix(after)
			if err != nil {
				return nil, fmt.Errorf("value of %s: %w", key, err)
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				return nil, fmt.Errorf("value of %s: %w", key, err)
			}
			rest = after[len(quoted):]
		} else {
			value, _, _ = strings.Cut(after, " ")
			if value == "" || strings.ContainsAny(value, `"=\`) {
				return nil, fmt.Errorf("bare value of %s: %q", key, value)
			}
			rest = after[len(value):]
		}
		if rest != "" {
			if rest, ok = strings.CutPrefix(rest, " "); !ok || rest == "" {
				return nil, fmt.Errorf("no single space after the value of %s", key)
			}
		}
		fields = append(fields, logField{key, value})
	}
	return fields, nil
}

// parseJSONLine reads a line of the JSON layout, keeping the order of its keys.
func parseJSONLine(line string) ([]logField, error) {
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") {
		return nil, fmt.Errorf("not one line")
	}
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("got %v and error %v, want an object", tok, err)
	}
	var fields []logField
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := dec.Token()
		if err != nil {
			return nil, err
		}
		fields = append(fields, logField{fmt.Sprint(key), fmt.Sprint(value)})
	}
	if !json.Valid([]byte(line)) {
		return nil, fmt.Errorf("not valid JSON")
	}
	return fields, nil
}

// shownValue returns what a reader gets for a logged value.
func shownValue(v string) string {
	if shown := eventlog.ClipValue(v); shown != v {
		return shown + "…"
	}
	return v
}

// FuzzRequestLine checks that nothing a client sends can forge a line or a field: whatever the bytes, the three lines
// of a request are one line each and parse back into the same keys and values.
func FuzzRequestLine(f *testing.F) {
	for _, v := range hostileValues {
		f.Add(v, v, v, v)
	}
	f.Fuzz(func(t *testing.T, host, method, path, upstream string) {
		rec := accessRecord{ClientIP: netip.MustParseAddr("2001:db8::7"), Host: host, Method: method, Path: path, Status: 200,
			Upstream: upstream, Duration: 45 * time.Millisecond}
		request := []logField{{"level", "INFO"}, {"event", "REQUEST"}, {"client_ip", "2001:db8::7"}, {"host", orDash(host)},
			{"method", method}, {"path", withoutQuery(path)}, {"status", "200"}, {"upstream", orDash(upstream)},
			{"duration_ms", "45"}}
		rateLimit := []logField{{"level", "WARN"}, {"event", "RATE_LIMIT"}, {"client_ip", "2001:db8::7"},
			{"host", orDash(host)}, {"path", withoutQuery(path)}, {"status", "429"}, {"limit", "client"}}
		upstreamError := []logField{{"level", "WARN"}, {"event", "UPSTREAM_ERROR"}, {"host", orDash(host)},
			{"upstream", orDash(upstream)}, {"error", method}}
		for _, layout := range []struct {
			format eventlog.Format
			parse  func(string) ([]logField, error)
			value  func(string) string
		}{
			{eventlog.FormatText, parseTextLine, shownValue},
			{eventlog.FormatJSON, parseJSONLine, func(v string) string { return string([]rune(shownValue(v))) }},
		} {
			l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Format: layout.format})
			logRequest(l, &rec)
			logRateLimit(l, &rec, refusal{})
			logUpstreamError(l, host, upstream, textError(method))
			lines := slices.Collect(strings.Lines(taken()))
			if len(lines) != 3 {
				t.Fatalf("%s: got %d lines, want 3: %q", layout.format, len(lines), lines)
			}
			for i, want := range [][]logField{request, rateLimit, upstreamError} {
				line := lines[i]
				got, err := layout.parse(line)
				if err != nil {
					t.Fatalf("%s line %q: %v", layout.format, line, err)
				}
				shown := make([]logField, len(want))
				for i, field := range want {
					shown[i] = logField{field.Key, layout.value(field.Value)}
				}
				if diff := cmp.Diff(shown, got[1:]); diff != "" {
					t.Fatalf("%s line %q (-want +got):\n%s", layout.format, line, diff)
				}
			}
		}
	})
}

// textError is an error with any text.
type textError string

func (e textError) Error() string { return string(e) }

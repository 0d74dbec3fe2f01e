package steps

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLog(t *testing.T) {
	tests := []struct {
		name, text string
		want       logLine
	}{
		{"text has plain and quoted values", `T WARN UPSTREAM_ERROR host=a error="x \"y\" = z" n=5`,
			logLine{"T", "WARN", "UPSTREAM_ERROR", []string{"host", "error", "n"}, map[string]string{"host": "a", "error": `x "y" = z`, "n": "5"}}},
		{"text has no key", `T INFO SHUTDOWN`, logLine{"T", "INFO", "SHUTDOWN", nil, map[string]string{}}},
		{"text has an empty value", `T INFO E a= b=c`, logLine{"T", "INFO", "E", []string{"a", "b"}, map[string]string{"a": "", "b": "c"}}},
		{"JSON has values of several types", `{"time":"T","level":"INFO","event":"E","b":"x y","a":5}`,
			logLine{"T", "INFO", "E", []string{"b", "a"}, map[string]string{"b": "x y", "a": "5"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseLog([]string{test.text})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]logLine{test.want}, got, cmp.AllowUnexported(logLine{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, wrong := range []string{"", "one two", "T I E free text", `T I E a="open`, `T I E a b=c`, `{"time":`} {
		if got, err := parseLog([]string{wrong}); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, got)
		}
	}
}

func TestLogLineMatches(t *testing.T) {
	line := logLine{level: "WARN", event: "E", values: map[string]string{"a": "one two", "empty": ""}}
	tests := []struct {
		name, event string
		want        map[string]string
		matches     bool
	}{
		{"only the event is asked for", "E", nil, true},
		{"another event does not match", "F", nil, false},
		{"a value matches", "E", map[string]string{"a": "one two"}, true},
		{"a part of a value matches", "E", map[string]string{"a": "~two"}, true},
		{"a part that is not in the value does not match", "E", map[string]string{"a": "~three"}, false},
		{"any value matches", "E", map[string]string{"a": "*"}, true},
		{"an empty value is not any value", "E", map[string]string{"empty": "*"}, false},
		{"a key that is not there does not match", "E", map[string]string{"b": ""}, false},
		{"the level matches", "E", map[string]string{"level": "WARN"}, true},
		{"another level does not match", "E", map[string]string{"level": "INFO"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := line.matches(test.event, test.want); got != test.matches {
				t.Errorf("got %v, want %v", got, test.matches)
			}
		})
	}
}

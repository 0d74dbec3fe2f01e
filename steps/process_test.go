package steps

import "testing"

func TestTheLastLinesOfALogAreThoseBetweenItsStartAndItsEnd(t *testing.T) {
	for _, tt := range []struct{ name, log, want string }{
		{"nothing was logged", "", ""},
		{"more lines than asked for", "T INFO STARTUP step=10 status=success\nT INFO REQUEST path=/1\nT WARN UPSTREAM_ERROR a\nT INFO REQUEST path=/2\nT INFO SHUTDOWN phase=drain\n",
			"\n  log| T WARN UPSTREAM_ERROR a\n  log| T INFO REQUEST path=/2"},
		{"JSON", `{"event":"STARTUP","step":10}` + "\n" + `{"event":"REQUEST"}` + "\n" + `{"event":"SHUTDOWN"}` + "\n", "\n  log| {\"event\":\"REQUEST\"}"},
		{"a line without its end", "T INFO REQUEST path=/1\nT INFO REQ", "\n  log| T INFO REQUEST path=/1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &process{}
			_, _ = p.stdout.Write([]byte(tt.log)) // it never fails
			if got := p.lastLines(2); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

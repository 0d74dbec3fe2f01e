package proxy

import (
	"bytes"
	"strings"
	"testing"

	"reverse-proxy/proxy/eventlog"
)

func TestAPanicIsLoggedAndUndone(t *testing.T) {
	var out bytes.Buffer
	log, err := eventlog.New(eventlog.Options{Level: eventlog.LevelInfo}, &out)
	if err != nil {
		t.Fatal(err)
	}
	undone := false
	func() {
		defer contain(log, "203.0.113.50", func() { undone = true })
		var none []int
		_ = none[len(out.String())]
	}()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if !undone {
		t.Error("undo was not called")
	}
	line := out.String()
	for _, want := range []string{" ERROR PANIC client_ip=203.0.113.50 error=\"runtime error: index out of range", "panic_test.go"} {
		if !strings.Contains(line, want) {
			t.Errorf("got %q, want it to contain %q", line, want)
		}
	}
}

func TestNothingIsUndoneWithoutAPanic(t *testing.T) {
	func() {
		defer contain(nil, "", func() { t.Error("undo was called") })
	}()
}

package eventlogtest

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"

	"reverse-proxy/proxy/waittest"
)

// Open returns the logger that open, which is eventlog.New, makes for the options, and closes it at the end of the test.
func Open[O any, L io.Closer](t testing.TB, open func(O, io.Writer) (L, error), options O, stdout io.Writer) L {
	t.Helper()
	l, err := open(options, stdout)
	if err != nil {
		t.Fatalf("eventlog.New: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Record is Open with a function that closes the logger, which ends the windows of repeating failures, and returns its log.
func Record[O any, L io.Closer](t testing.TB, open func(O, io.Writer) (L, error), options O) (l L, closed func() string) {
	t.Helper()
	var out bytes.Buffer
	l = Open(t, open, options, &out)
	return l, func() string {
		l.Close()
		return out.String()
	}
}

// Bubble is Open within a synctest bubble, with a function that returns the lines so far, each without its time.
func Bubble[O any, L io.Closer](t testing.TB, open func(O, io.Writer) (L, error), options O) (l L, lines func() []string) {
	t.Helper()
	out := new(waittest.Buffer)
	return Open(t, open, options, out), func() []string {
		synctest.Wait()
		return WithoutTimes(out.String())
	}
}

package proxy

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// TestARequestWaitsWithASmallStack bounds the memory of the goroutines whose requests wait, because thousands may (S-12.8). Go
// doubles a stack that is too small, so a large variable in any function on the way to the wait, or in one that is called on the
// way, can double this memory.
func TestARequestWaitsWithASmallStack(t *testing.T) {
	if raceDetector {
		t.Skip("stacks are larger with the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // else an allocation may have to sweep, on the stack of the request
	const timeouts = "upstream_connect_timeout_secs = 600\nupstream_request_timeout_secs = 600\n"
	for _, test := range []struct {
		name string
		// before is how many requests wait already, for something else.
		before int
		// in is the method in which the requests wait.
		in   string
		site func(upstream string) string
	}{
		{"for an answer", 0, "(*upstreamResponse).awaitHead(", func(string) string { return "" }},
		{"for a connection, as all are in use", 200, "(*upstreamPool).wait(", func(string) string { return "" }},
		{"for a service of forward_auth", 0, "(*upstreamResponse).awaitHead(", func(upstream string) string {
			return "[listeners.sites.access]\nforward_auth = \"http://" + upstream + "/verify\"\n"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !alone(t) {
				return
			}
			const requests, most = 180, 6 << 10 // stacks of 4 KiB, and others of the process
			upstream := silentListener(t)
			d := startDaemonWithSite(t, upstream, "", timeouts+test.site(upstream))
			send := func(n int, in string) {
				c := newH2Client(t, d)
				for i := range n {
					c.request(uint32(2*i+1), "GET", "/", true)
				}
				waitFor(t, "all requests to wait", func() bool { return goroutinesIn(in) == n })
			}
			send(test.before, "(*upstreamResponse).awaitHead(")
			before := stacksInUse()
			send(requests, test.in)
			each := (stacksInUse() - before) / requests
			t.Logf("%d bytes each", each)
			if each > most {
				t.Errorf("the stacks take %d bytes each, want at most %d", each, most)
			}
		})
	}
}

// TestALargeHeadWaitsWithASmallStack has all places of large heads taken until the heads have been looked at and wait for them.
func TestALargeHeadWaitsWithASmallStack(t *testing.T) {
	if raceDetector {
		t.Skip("stacks are larger with the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // else an allocation may have to sweep, on the stack of the request
	for _, test := range []struct {
		name string
		site func(upstream string) string
	}{
		{"of a response", func(string) string { return "" }},
		{"of a refusal by a service of forward_auth", func(upstream string) string {
			return "[listeners.sites.access]\nforward_auth = \"http://" + upstream + "/verify\"\n"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !alone(t) {
				return
			}
			const requests, most = 180, 6 << 10 // stacks of 4 KiB, and others of the process
			upstream := largeHeadUpstream(t)
			d := startDaemonWithSite(t, upstream, "", test.site(upstream))
			heads := &d.shared.upstreams.lookahead.heads
			for range maxLargeHeads {
				heads.join(nil, 0)
			}
			heads.late = time.AfterFunc(time.Hour, func() {}) // no head does without a place
			before := stacksInUse()
			c := newH2Client(t, d)
			for i := range requests {
				c.request(uint32(2*i+1), "GET", "/", true)
			}
			waitFor(t, "all heads to wait", func() bool { return goroutinesWaiting("chan receive", "(*upstreamResponse).awaitPlace(") == requests })
			each := (stacksInUse() - before) / (2 * requests) // the upstream's goroutines are in this process
			t.Logf("%d bytes each", each)
			if each > most {
				t.Errorf("the stacks take %d bytes each, want at most %d", each, most)
			}
			for range maxLargeHeads {
				heads.give()
			}
			for i := range requests {
				c.answer(uint32(2*i + 1))
			}
		})
	}
}

// silentListener returns the address of a listener that accepts nothing: connections to it are made, but no bytes come.
func silentListener(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// alone runs the test in a process of its own, where the goroutines of other tests have left no stacks behind. It reports whether
// this is that process.
func alone(t *testing.T) bool {
	t.Helper()
	const key = "TEST_RUNS_ALONE"
	if os.Getenv(key) != "" {
		return true
	}
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+strings.Join(parts, "/"))
	cmd.Env = append(os.Environ(), key+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("bytes each")) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// goroutinesIn returns the number of goroutines that are in a method.
func goroutinesIn(method string) int { return goroutinesWaiting("", method) }

// stacksInUse returns the memory of all stacks in bytes.
func stacksInUse() int64 {
	var m runtime.MemStats
	for range 2 { // the first one frees the stacks of goroutines that have ended
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.StackInuse)
}

// goroutinesWaiting returns the number of goroutines that are in a method and in the given state, such as "chan receive".
func goroutinesWaiting(state, method string) (n int) {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 2) // a bytes.Buffer never fails
	for one := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(one, "["+state) && strings.Contains(one, method) {
			n++
		}
	}
	return n
}

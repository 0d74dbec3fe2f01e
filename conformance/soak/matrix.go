package soak

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Combination is a fault of an upstream that is reached over a wire.
type Combination struct {
	FaultCase
	Wire
}

// String returns the name of the combination.
func (c Combination) String() string { return c.FaultCase.Name + " over " + c.Wire.Name }

// NewLoad starts the load of a combination in a directory, whose path must be short: five upstreams, or as many as are asked for.
func (c Combination) NewLoad(dir, host string, upstreams, port int) (*Balanced, error) {
	b, err := NewBalancedOver(c.Wire, dir, host, upstreams, port, c.OwnProcess)
	if err != nil {
		return nil, err
	}
	b.Bodiless = c.Bodiless
	return b, nil
}

// Settings returns the settings of the site for the combination. Timeouts are short only where requests wait for them.
func (c Combination) Settings() string {
	text := "upstream_connect_timeout_secs = 2\n"
	if c.Slow {
		text += "upstream_request_timeout_secs = 1\nbody_idle_timeout_secs = 1\n"
	}
	return text
}

// ScratchDir makes a directory whose path is short enough for Unix sockets in it.
func ScratchDir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "soak")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// Matrix returns every fault over every wire on which it exists.
func Matrix() []Combination {
	var all []Combination
	for _, wire := range Wires() {
		for _, of := range faultsOf(wire) {
			all = append(all, Combination{of, wire})
		}
	}
	return all
}

// Pick returns the combinations with these names.
func Pick(names ...string) ([]Combination, error) {
	var picked []Combination
	for _, c := range Matrix() {
		for _, name := range names {
			if c.String() == name {
				picked = append(picked, c)
			}
		}
	}
	if len(picked) != len(names) {
		return nil, fmt.Errorf("found %d of %d combinations: %s", len(picked), len(names), strings.Join(names, "; "))
	}
	return picked, nil
}

// faultsOf returns the faults that an upstream on the wire can have. Which requests may fail depends on how much of an answer the
// proxy can have: over HTTP/1.1 its first byte is the beginning of an answer, over HTTP/2 its first whole head is.
func faultsOf(w Wire) []FaultCase {
	// An upstream that accepts a connection and finishes no handshake has not got the request.
	says := FaultCase{Name: "says nothing", Fault: SaysNothing, Slow: true, FailsGET: true, FailsPOST: true, Unseen: true}
	all := []FaultCase{
		{Name: "refuses", Fault: Refuses},
		{Name: "black hole", Fault: BlackHole, Slow: true},
		says,
		{Name: "hangs", Fault: Hangs, FailsGET: true, FailsPOST: true, Slow: true},
		{Name: "killed", Fault: Killed, OwnProcess: true},
		{Name: "stopped (SIGSTOP)", Fault: Stopped, FailsGET: true, FailsPOST: true, Unseen: true, Slow: true, OwnProcess: true},
		{Name: "flaps every second", Fault: Refuses, FailsPOST: true, Again: true, Flaps: true},
		{Name: "closes on a request", Fault: Closes, FailsPOST: true, Again: true},
		{Name: "closes every second connection", Fault: ClosesSecond, FailsPOST: true, Again: true, Unseen: true},
		{Name: "half a head", Fault: HalfHead, FailsGET: !w.HTTP2, FailsPOST: true, Again: w.HTTP2},
		{Name: "resets in the body", Fault: ResetsBody, FailsGET: true, FailsPOST: true, Again: w.HTTP2},
		{Name: "garbage", Fault: Garbage, FailsGET: !w.HTTP2, FailsPOST: true, Again: w.HTTP2},
		{Name: "head beyond the bounds", Fault: BigHead, FailsGET: !w.HTTP2, FailsPOST: true, Again: w.HTTP2},
		{Name: "answers before it was asked", Fault: AnswersUnasked, FailsPOST: w.HTTP2, Again: w.HTTP2},
	}
	if w.TLS {
		all = append(all,
			FaultCase{Name: "certificate expired", Fault: Expires},
			FaultCase{Name: "certificate for another name", Fault: ChangesName},
			FaultCase{Name: "certificate of another CA", Fault: ChangesCA})
	}
	if w.HTTP2 {
		all = append(all,
			FaultCase{Name: "GOAWAY in the middle", Fault: GoesAway, Bodiless: true},
			FaultCase{Name: "GOAWAY to each request", Fault: GoesAwayAtOnce, Bodiless: true},
			FaultCase{Name: "REFUSED_STREAM", Fault: RefusesStreams, Bodiless: true},
			FaultCase{Name: "RST_STREAM of every other code", Fault: ResetsStreams, FailsPOST: true, Again: true},
			FaultCase{Name: "RST_STREAM in the body", Fault: ResetsInBody, FailsGET: true, FailsPOST: true},
			FaultCase{Name: "lowers its stream limit", Fault: LowersLimit, Bodiless: true},
			FaultCase{Name: "never opens a window", Fault: OpensNoWindow, FailsPOST: true, Slow: true},
			FaultCase{Name: "floods with PING", Fault: FloodsPings, FailsPOST: true, Again: true},
			FaultCase{Name: "floods with SETTINGS", Fault: FloodsSettings, FailsPOST: true, Again: true})
	}
	return all
}

// MatrixPause is how long a client of the matrix waits after each answer: several loads run at the same time.
const MatrixPause = 5 * time.Millisecond

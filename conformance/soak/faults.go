package soak

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// FaultCase is a fault of one of several upstreams, and what requests may suffer from it.
type FaultCase struct {
	Name  string
	Fault Fault
	// FailsGET and FailsPOST report whether such a request may fail, because it was sent and must not be sent again
	// (S-18.2).
	FailsGET, FailsPOST bool
	// Again reports whether a GET may be sent to another upstream after the first one has received it.
	Again bool
	// Unseen reports whether a request may have been sent although the upstream with the fault does not count it.
	Unseen bool
	// Flaps makes the fault come and go every second.
	Flaps bool
	// Slow reports whether requests wait for a timeout.
	Slow bool
	// Bodiless sets the field of the load. If the upstream has not processed a request, its body may be lost.
	Bodiless bool
	// OwnProcess reports whether the upstream needs its own process.
	OwnProcess bool
}

// FaultCases are the faults of an upstream of HTTP/1.1 that docs/faults.md compares.
func FaultCases() []FaultCase {
	return []FaultCase{
		{Name: "refuses", Fault: Refuses},
		{Name: "black hole", Fault: BlackHole},
		{Name: "hangs", Fault: Hangs, FailsGET: true, FailsPOST: true},
		{Name: "closes", Fault: Closes, FailsPOST: true, Again: true},
		{Name: "half a head", Fault: HalfHead, FailsGET: true, FailsPOST: true},
		{Name: "resets in the body", Fault: ResetsBody, FailsGET: true, FailsPOST: true},
		{Name: "flaps", Fault: Refuses, FailsPOST: true, Again: true, Flaps: true},
	}
}

// Settings bound the time that requests spend on an upstream that does not answer.
const Settings = "upstream_connect_timeout_secs = 2\nupstream_request_timeout_secs = 1\n"

// leastRequests is how many requests a load makes before its fault, however slow the machine is.
const leastRequests = 2 * balancedClients

// Suffer runs the load while the first upstream has the fault, and returns what went wrong.
func (b *Balanced) Suffer(of FaultCase, before, during time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.run(ctx)
	}()
	wait(ctx, before)
	bad, err := b.members[0], b.await(leastRequests)
	b.began = time.Now()
	if err == nil {
		err = bad.breakWith(of.Fault)
	}
	b.broken = time.Now()
	if of.Flaps {
		for sound := true; err == nil && time.Since(b.began) < during; sound = !sound {
			wait(ctx, time.Second)
			if sound {
				err = bad.listen()
			} else {
				err = bad.breakWith(of.Fault)
			}
		}
	} else {
		wait(ctx, during)
	}
	cancel()
	<-ended
	if err == nil && bad.process != nil {
		err = bad.process.collect(bad)
	}
	if err != nil {
		return err
	}
	return b.judge(of)
}

// noticed is how long the proxy may take to read that a connection of HTTP/2, which several requests use, has ended.
const noticed = time.Second

// isEarly reports whether the request may have been on a connection that ended as the fault came.
func (b *Balanced) isEarly(r result) bool {
	if b.wire.HTTP2 {
		return r.began.Before(b.broken.Add(noticed))
	}
	return r.began.Before(b.broken)
}

// mayFail reports whether a request may fail.
func (b *Balanced) mayFail(of FaultCase, r result) bool {
	if r.method == http.MethodGet {
		return of.FailsGET
	}
	return of.FailsPOST || b.isEarly(r)
}

// reached returns how often a request has reached the upstream with the fault, and the others.
func (b *Balanced) reached(r result) (atBad, elsewhere int) {
	for _, m := range b.members[1:] {
		elsewhere += m.times(r.id)
	}
	return b.members[0].times(r.id), elsewhere
}

// judge checks every request.
func (b *Balanced) judge(of FaultCase) error {
	var faults findings
	before, during := 0, 0
	// A connection of HTTP/2 that ends takes requests with it that the upstream has not read yet.
	unseen := of.Unseen || b.wire.HTTP2
	for _, r := range b.results {
		if r.began.Before(b.began) {
			before++
		} else {
			during++
		}
		atBad, elsewhere := b.reached(r)
		early := b.isEarly(r)
		what := fmt.Sprintf("%s: %s %s: %d, %v, at the bad upstream %d times, elsewhere %d times", of.Name, r.method, r.id, r.status, r.err, atBad, elsewhere)
		switch {
		case r.failed() && !b.mayFail(of, r):
			faults.add("%s: failed, and need not", what)
		case r.failed() && elsewhere > 0:
			faults.add("%s: failed, although a sound upstream got it", what)
		case r.failed() && atBad == 0 && !of.Flaps && !unseen && !early: // what was on a connection when it was closed is lost
			faults.add("%s: failed, and was never sent", what)
		case atBad > 2 || elsewhere > 1: // twice if the first time was on a kept connection (S-6.8)
			faults.add("%s: sent too often", what)
		case atBad+elsewhere > 1 && (r.method == http.MethodPost || !of.Again && !early):
			faults.add("%s: sent twice", what)
		}
	}
	if before == 0 || during == 0 {
		return errNoRequests
	}
	return faults.err()
}

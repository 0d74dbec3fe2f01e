package proxy

import "runtime"

// pace makes a goroutine that always finds something to do let others run (S-12.6). The scheduler lets a goroutine run for
// 10 ms unless it waits, and a client can keep it from waiting: by requests without a gap, records of one byte each, TLS key
// updates, or simply a fast download. With hundreds of such connections, another client's request would wait for hundreds of
// time slices at each of its steps.
//
// A pace belongs to the goroutine that reads a socket, or to the one that writes it.
type pace struct{ steps int }

// paceSteps is how many steps a goroutine takes before it lets others run. A step takes tens of microseconds. If nobody else
// wants to run, letting others run takes a fraction of one.
const paceSteps = 8

// step counts a read or write that found what it needed.
func (p *pace) step() {
	if p.steps++; p.steps >= paceSteps {
		p.steps = 0
		runtime.Gosched()
	}
}

// ended counts a call that may have waited. After a wait others have had their time.
func (p *pace) ended(waited bool) {
	if waited {
		p.steps = 0
		return
	}
	p.step()
}

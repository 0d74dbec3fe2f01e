package steps

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// paceInterval is the time between two measurements of the pace.
	paceInterval = 100 * time.Millisecond
	// paceKept is how long a measurement is kept: longer than any span that a step judges.
	paceKept = 5 * time.Minute
	// paceFactor bounds how many times longer a request through the proxy takes than a measurement. The request needs
	// more turns of more processes, and computes more.
	paceFactor = 20
)

// pace measures how fast the machine is at the moment, with a small exchange with a process that has nothing to do with
// the proxy. An upper bound on time is extended by the pace, because other work of the machine delays both. On an idle
// machine the exchange takes less than a millisecond.
type pace struct {
	process *exec.Cmd
	address string
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	mu       sync.Mutex
	measured []measurement // in the order of their beginnings; the last one may be under way
}

// measurement is one exchange.
type measurement struct {
	began time.Time
	took  time.Duration // 0 while it is under way
}

// startPace starts a sample upstream, and measures until close.
func startPace(binary string) (*pace, error) {
	p := &pace{process: exec.Command(binary, "-listen", "127.0.0.1:0")}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = p.process.Process.Kill()
		_ = p.process.Wait()
		return nil, fmt.Errorf("%s says no address: %w", binary, err)
	}
	p.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.ended.Go(func() { p.run(ctx) })
	return p, nil
}

// close ends the measurements and the process.
func (p *pace) close() {
	p.cancel()
	p.ended.Wait()
	_ = p.process.Process.Kill()
	_ = p.process.Wait()
}

// run measures until ctx ends.
func (p *pace) run(ctx context.Context) {
	tick := time.NewTicker(paceInterval)
	defer tick.Stop()
	for {
		p.begin(time.Now())
		p.exchange(ctx)
		p.end(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// exchange makes one request over a new connection. Its errors do not matter: only its time does.
func (p *pace) exchange(ctx context.Context) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pace\r\nConnection: close\r\n\r\n"); err != nil {
		return
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}

func (p *pace) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.measured) && now.Sub(p.measured[old].began) > paceKept {
		old++
	}
	p.measured = append(p.measured[old:], measurement{began: now})
}

func (p *pace) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := &p.measured[len(p.measured)-1]
	last.took = now.Sub(last.began)
}

// slowest returns the longest time of a measurement that was under way between two moments.
func (p *pace) slowest(from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var slowest time.Duration
	for _, m := range p.measured {
		took := m.took
		if took == 0 {
			took = to.Sub(m.began)
		}
		if m.began.Before(to) && m.began.Add(took).After(from) {
			slowest = max(slowest, took)
		}
	}
	return slowest
}

// allowed returns limit, extended by the machine's pace between two moments.
func (w *World) allowed(limit time.Duration, from, to time.Time) time.Duration {
	if w.suite.pace == nil {
		return limit
	}
	return limit + paceFactor*w.suite.pace.slowest(from, to)
}

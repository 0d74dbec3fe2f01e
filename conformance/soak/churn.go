package soak

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	// churnPart is the smallest number of requests between two reloads.
	churnPart = 20
	// churnStart is how many requests are made before the first upstream breaks.
	churnStart = 200
	// churnPatience is how long one reload, or the requests before it, may take.
	churnPatience = 30 * time.Second
)

// Churn reloads the daemon many times under the load, each time with another list of upstreams, of which the first one is always
// part and breaks. It returns an error if a request was lost or sent twice, or if the first upstream was forgotten to be down: its
// state has to outlive every reload (S-18.3). The load must be Repeatable.
func (b *Balanced) Churn(d *Daemon, reloads int) error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.run(ctx)
	}()
	began := time.Now()
	before, err := b.breakFirst()
	for i := 0; err == nil && i < reloads; i++ {
		err = b.reload(d, i)
	}
	cancel()
	<-ended
	bad := b.members[0]
	bad.mu.Lock()
	tried := bad.accepted - before
	bad.mu.Unlock()
	// Five failures take it out, while the other clients may have begun one too; then it is tried now and then.
	if most := 5 + b.Clients + int(time.Since(began)/(10*time.Second)); err == nil && tried > most {
		err = fmt.Errorf("the upstream that is down was tried %d times over %d reloads, want %d at most", tried, reloads, most)
	}
	return errors.Join(err, b.judgeChurn(reloads))
}

// breakFirst breaks the first upstream once the load runs, and returns how many connections it had until then.
func (b *Balanced) breakFirst() (accepted int, err error) {
	if err := b.await(churnStart); err != nil {
		return 0, err
	}
	bad := b.members[0]
	bad.mu.Lock()
	accepted = bad.accepted
	bad.mu.Unlock()
	return accepted, bad.breakWith(Closes)
}

// ChurnSite returns the site's configuration after a number of reloads: one of its sound upstreams is missing each time.
func (b *Balanced) ChurnSite(reload int) string {
	of := []int{0}
	for i := 1; i < len(b.members); i++ {
		if i != 1+reload%(len(b.members)-1) {
			of = append(of, i)
		}
	}
	return b.Site("", of...)
}

// reload makes one reload, and waits for it.
func (b *Balanced) reload(d *Daemon, i int) error {
	b.mu.Lock()
	made := len(b.results)
	b.mu.Unlock()
	if err := b.await(made + churnPart); err != nil {
		return err
	}
	if err := errors.Join(d.ConfigureText(b.ChurnSite(i+1)), d.Signal(syscall.SIGHUP)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), churnPatience)
	defer cancel()
	for {
		numbers, err := d.Metrics()
		if err != nil {
			return err
		}
		if int(numbers["reverse_proxy_config_reloads_total"]) > i {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("reload %d has not ended within %v", i+1, churnPatience)
		}
		wait(ctx, 2*time.Millisecond)
	}
}

// await waits until the load has made so many requests.
func (b *Balanced) await(requests int) error {
	ctx, cancel := context.WithTimeout(context.Background(), churnPatience)
	defer cancel()
	for {
		b.mu.Lock()
		made := len(b.results)
		b.mu.Unlock()
		if made >= requests {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the load has made %d requests within %v, want %d", made, churnPatience, requests)
		}
		wait(ctx, time.Millisecond)
	}
}

// judgeChurn checks that every request was answered by one sound upstream.
func (b *Balanced) judgeChurn(reloads int) error {
	var faults findings
	for _, r := range b.results {
		times := 0
		for _, m := range b.members[1:] {
			times += m.times(r.id)
		}
		// Before the first upstream broke it was a sound one.
		if bad := b.members[0].times(r.id); r.failed() || times > 1 || times+bad == 0 {
			faults.add("%s %s: %d, %v, %d times at sound upstreams, %d at the one that breaks", r.method, r.id, r.status, r.err, times, bad)
		}
	}
	if len(b.results) < reloads*churnPart {
		return errNoRequests
	}
	return faults.err()
}

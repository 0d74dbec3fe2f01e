package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/wording"
)

// progressInterval is the time between two requests for the progress of a reload.
const progressInterval = 500 * time.Millisecond

// reloadProgress prints the names whose certificates a reload has obtained.
type reloadProgress struct {
	client Client
	told   map[string]bool
}

// followReload prints each name whose certificate the running reload has obtained, on stderr. It calls alive while the
// daemon waits for certificates, because a reload may then take minutes. stop ends it, and prints the remaining names
// from the answer to the reload.
//
// It asks with `status`, on separate connections, because the answer to `reload` is one line. An older daemon reports no
// orders.
func (a Client) followReload(ctx context.Context, alive func()) (stop func(answer []byte)) {
	p := &reloadProgress{client: a, told: map[string]bool{}}
	ctx, cancel := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() {
		for clock.Sleep(ctx, progressInterval) {
			p.ask(ctx, alive)
		}
	})
	return func(answer []byte) {
		cancel()
		follower.Wait()
		var result ReloadResult
		if json.Unmarshal(answer, &result) == nil && result.Status == StatusOK && result.Difference != nil {
			p.tell(result.Difference.Orders, len(result.Difference.Orders))
		}
	}
}

// ask asks the daemon how far it is.
func (p *reloadProgress) ask(ctx context.Context, alive func()) {
	line, _, err := p.client.exchange(ctx, "status")
	var status struct {
		Orders *OrdersStatus `json:"orders"`
	}
	if err != nil || json.Unmarshal(line, &status) != nil || status.Orders == nil {
		return // the reload's own connection reports what is wrong
	}
	alive()
	p.tell(status.Orders.Done, len(status.Orders.Done)+len(status.Orders.Waiting))
}

// tell prints the names that it has not printed before. all is the number of names to obtain.
func (p *reloadProgress) tell(names []string, all int) {
	for _, name := range names {
		if p.told[name] || len(p.told) >= maxTextRows {
			continue
		}
		p.told[name] = true
		fmt.Fprintf(p.client.Stderr, "certificate obtained: %s (%d of %d)\n", wording.PrintableLine(name), len(p.told), all)
	}
}

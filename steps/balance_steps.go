package steps

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

func (w *World) balanceSteps() []step {
	return []step{
		{`the site {string} is served from the upstreams {string}`, w.addBalancedSite,
			"Names separated by commas, each with a weight if `NAME*2` says so. Starts a plain upstream for each name that has none."},
		{`the site {string} is moved to the upstreams {string}`, w.moveToUpstreams, "Changes the site's list, for the next reload."},
		{`the upstream {string} comes back`, w.restartUpstream, "At its address, after it had stopped."},
		{`the process of the upstream {string} is stopped`, w.freezeUpstream, "By SIGSTOP. For a sample upstream."},
		{`the process of the upstream {string} goes on`, w.thawUpstream, "By SIGCONT."},
		{`the answers are {string}`, w.answersAre, "The bodies of the last repeated request, separated by spaces."},
		{`the answers are all {string}`, w.answersAreAll, "Of the last repeated request. Waits for nothing."},
		{`all answers are the same`, w.answersAlike, "Of the last repeated request; and the same as its predecessor's."},
		{`a client sends the cookie that it got {int} time(s) to {string}`, w.sendCookie, "The cookie of the last answer that set one, as a browser would."},
		{`the upstreams {string} together received between {int} and {int} requests`, w.receivedTogether, "Names separated by commas."},
		{`each of the upstreams {string} received at least {int} request(s)`, w.eachReceived, "Names separated by commas."},
	}
}

// upstreamList returns the value of `upstreams` for names with weights.
func (w *World) upstreamList(names string) ([]map[string]any, error) {
	var list []map[string]any
	for _, element := range strings.Split(names, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(element), "*")
		if _, ok := w.upstreams[name]; !ok && !w.reserved(name) {
			if err := w.startUpstream(name, nil, plain(200, name)); err != nil {
				return nil, err
			}
		}
		address, err := w.upstreamAddress(name)
		if err != nil {
			return nil, err
		}
		table := map[string]any{"address": address}
		if weighted {
			n, err := strconv.ParseInt(weight, 10, 64)
			if err != nil {
				return nil, err
			}
			table["weight"] = n
		}
		list = append(list, table)
	}
	return list, nil
}

func (w *World) addBalancedSite(host, names string) error {
	list, err := w.upstreamList(names)
	if err != nil {
		return err
	}
	listeners := tables(w.config.root, "listeners")
	last := listeners[len(listeners)-1]
	last["sites"] = append(tables(last, "sites"), map[string]any{"host": host, "upstreams": list})
	return nil
}

func (w *World) moveToUpstreams(host, names string) error {
	listener, i, err := w.site(host)
	if err != nil {
		return err
	}
	site := tables(listener, "sites")[i]
	delete(site, "upstream")
	site["upstreams"], err = w.upstreamList(names)
	return err
}

func (w *World) restartUpstream(name string) error {
	up, ok := w.upstreams[name]
	if !ok { // it was never there
		delete(w.remembered, "absent:"+name)
		return w.startUpstream(name, nil, plain(200, name))
	}
	return w.startUpstreamAt(name, up.address, nil, up.behave)
}

func (w *World) freezeUpstream(name string) error { return w.signalUpstream(name, syscall.SIGSTOP) }

func (w *World) thawUpstream(name string) error { return w.signalUpstream(name, syscall.SIGCONT) }

func (w *World) signalUpstream(name string, signal syscall.Signal) error {
	up := w.upstreams[name]
	if up == nil || up.process == nil {
		return fmt.Errorf("the upstream %q is not a process of its own", name)
	}
	return up.process.signal(signal)
}

// answersOf returns the bodies of the last repeated request.
func (w *World) answersOf() (bodies []string, err error) {
	for i, x := range w.batch {
		if err := x.expect(200); err != nil {
			return nil, fmt.Errorf("answer %d: %w", i+1, err)
		}
		bodies = append(bodies, string(x.body))
	}
	return bodies, nil
}

func (w *World) answersAre(want string) error {
	bodies, err := w.answersOf()
	if got := strings.Join(bodies, " "); err == nil && got != want {
		err = fmt.Errorf("got the answers %q, want %q", got, want)
	}
	return err
}

func (w *World) answersAreAll(want string) error {
	bodies, err := w.answersOf()
	for i, got := range bodies {
		if got != want {
			return fmt.Errorf("answer %d: got %q, want %q", i+1, got, want)
		}
	}
	return err
}

func (w *World) answersAlike() error {
	bodies, err := w.answersOf()
	if err != nil || len(bodies) < 2 {
		return fmt.Errorf("got %d answers: %w", len(bodies), err)
	}
	return w.answersAreAll(bodies[0])
}

func (w *World) sendCookie(times int, url string) error {
	const last = "cookie"
	if x, err := w.answer(); err == nil && x.header.Get("Set-Cookie") != "" {
		w.remembered[last], _, _ = strings.Cut(x.header.Get("Set-Cookie"), ";")
	}
	w.batch = nil
	for range times {
		r := request{url: url, header: []field{{"Cookie", w.remembered[last]}}}
		if err := w.exchangeNow(r); err != nil {
			return err
		}
		w.batch = append(w.batch, w.exchange)
	}
	return nil
}

func (w *World) receivedTogether(names string, least, most int) error {
	sum := 0
	for _, name := range strings.Split(names, ",") {
		up, err := w.upstream(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		sum += len(up.received())
	}
	if sum < least || sum > most {
		return fmt.Errorf("the upstreams received %d requests, want %d to %d", sum, least, most)
	}
	return nil
}

func (w *World) eachReceived(names string, least int) error {
	for _, name := range strings.Split(names, ",") {
		up, err := w.upstream(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		if got := len(up.received()); got < least {
			return fmt.Errorf("the upstream %q received %d requests, want at least %d", name, got, least)
		}
	}
	return nil
}

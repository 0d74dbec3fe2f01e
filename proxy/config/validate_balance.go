package config

import (
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// maxWeight is the greatest weight of an upstream, which makes its share a thousand times that of another.
const maxWeight = 1000

// upstreams resolves `upstream` or `upstreams` of a site or a route. `upstream` is a list of one (S-18.1).
func (v *validator) upstreams(key string, one *string, several []rawUpstream) Upstreams {
	oneKey, listKey := ChildKey(key, "upstream"), ChildKey(key, "upstreams")
	switch {
	case several == nil:
		return OneUpstream(v.upstream(oneKey, one))
	case one != nil:
		v.add(listKey, "is there next to upstream; write all upstreams in upstreams, and leave upstream out")
	case len(several) == 0:
		v.addFault(listKey, `is empty; write the upstreams, as in ["127.0.0.1:3000", "127.0.0.1:3001"]`)
	case len(several) > balance.MaxUpstreams:
		v.addFault(listKey, "has %d upstreams; write at most %d, or a name that has several addresses", len(several), balance.MaxUpstreams)
	}
	upstreams := make(Upstreams, len(several))
	for i, raw := range several {
		at := IndexKey(listKey, i)
		upstreams[i] = Upstream{
			Address: v.upstream(raw.addressKey(at), raw.Address),
			Weight:  v.between(ChildKey(at, "weight"), raw.Weight, 1, 1, maxWeight),
			Backup:  orDefault(raw.Backup, false),
		}
	}
	v.distinctUpstreams(listKey, several, upstreams)
	return upstreams
}

// addressKey returns the key of an upstream's address. key is the key of the upstream, which is a string or a table.
func (r rawUpstream) addressKey(key string) string {
	if r.Weight == nil && r.Backup == nil && r.Address != nil {
		return key
	}
	return ChildKey(key, "address")
}

// distinctUpstreams refuses a list that has the same address twice, or only backups.
func (v *validator) distinctUpstreams(key string, raws []rawUpstream, upstreams Upstreams) {
	first, backups := map[string]int{}, 0
	for i, upstream := range upstreams {
		if upstream.Backup {
			backups++
		}
		same := normalAddress(upstream.Address)
		if before, ok := first[same]; ok && same != "" {
			v.add(raws[i].addressKey(IndexKey(key, i)), "%s is %s already; write each upstream once, with a weight for a larger share",
				wording.Quoted(upstream.Address), v.withLine(IndexKey(key, before)))
			continue
		}
		first[same] = i
	}
	if backups > 0 && backups == len(upstreams) {
		v.add(key, "has only backups; leave backup out of at least one, which gets the requests")
	}
}

// normalAddress returns the canonical spelling of the address of an upstream.
func normalAddress(address string) string {
	if path, ok := SocketPath(address); ok {
		return socketPrefix + filepath.Clean(path)
	}
	if addr, err := netip.ParseAddrPort(address); err == nil {
		return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()).String()
	}
	host, port, _ := strings.Cut(strings.ToLower(address), ":")
	return strings.TrimSuffix(host, ".") + ":" + strings.TrimLeft(port, "0")
}

// between resolves a whole number from least to most.
func (v *validator) between(key string, value *int64, def, least, most int64) int {
	n := orDefault(value, def)
	if n < least || n > most {
		v.addFault(key, "%d is out of range; write a whole number from %d to %d", n, least, most)
		return int(def)
	}
	return int(n)
}

// balance checks that the value of `balance` is one of the four.
func (v *validator) balance(key string, value *string) string {
	method := orDefault(value, BalanceLeastRequests)
	switch method {
	case BalanceLeastRequests, BalanceRoundRobin, BalanceClient, BalanceCookie:
	default:
		v.add(key, `%s is not a way to balance; write "least_requests", "round_robin", "client" or "cookie"`, wording.Quoted(method))
	}
	return method
}

// health resolves the `health` of a site or a route.
func (v *validator) health(in inherited) Health {
	raw := rawHealth{}
	if in.Health != nil {
		raw = *in.Health
	}
	h := Health{
		Path:         v.checkedPath(in.key("health.path"), orDefault(raw.Path, "")),
		Interval:     v.secondsUpTo(in.key("health.interval_secs"), raw.IntervalSecs, 10, 3600),
		Timeout:      v.secondsUpTo(in.key("health.timeout_secs"), raw.TimeoutSecs, 2, 3600),
		Rise:         v.between(in.key("health.rise"), raw.Rise, 2, 1, 100),
		Fall:         v.between(in.key("health.fall"), raw.Fall, 3, 1, 100),
		ExpectStatus: v.between(in.key("health.expect_status"), raw.ExpectStatus, 200, 200, 599),
	}
	return h
}

// secondsUpTo resolves a time in seconds, from 1 to most.
func (v *validator) secondsUpTo(key string, value *int64, def, most int64) time.Duration {
	return time.Duration(v.between(key, value, def, 1, most)) * time.Second
}

// checkedPath checks the path that health checks request, which may have a query; "" for no checks.
func (v *validator) checkedPath(key, path string) string {
	if path != "" && (!strings.HasPrefix(path, "/") || !http1.ValidPathQuery(path)) {
		v.add(key, `%s is not the path of a request; write one as in "/up"`, wording.Quoted(path))
	}
	return path
}

// retry resolves the `retry` of a site or a route.
func (v *validator) retry(in inherited) Retry {
	raw := rawRetry{}
	if in.Retry != nil {
		raw = *in.Retry
	}
	return Retry{
		Attempts:      v.between(in.key("retry.attempts"), raw.Attempts, 2, 1, 10),
		BudgetPercent: v.between(in.key("retry.budget_percent"), raw.BudgetPercent, 20, 0, 100),
	}
}

package config

import (
	"fmt"
	"strconv"
	"strings"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/wording"
)

// String describes on one line everything that the file says about the route. Different routes have different texts.
// The body of a fixed answer is represented by its length and the beginning of its hash.
func (r Route) String() string {
	var out strings.Builder
	key := "path"
	if r.Exact {
		key = "path_exact"
	}
	fmt.Fprintf(&out, "%s = %s", key, strconv.Quote(r.Path))
	if len(r.Methods) > 0 {
		fmt.Fprintf(&out, " methods = %s", strings.Join(r.Methods, " "))
	}
	switch {
	case r.Redirect != "":
		fmt.Fprintf(&out, " redirect = %s status %d", strconv.Quote(r.Redirect), r.RedirectStatus)
	case r.Respond != 0:
		fmt.Fprintf(&out, " respond = %d", r.Respond)
		if len(r.RespondBody) > 0 {
			fmt.Fprintf(&out, " of %s, %d bytes, %.16s", strconv.Quote(r.RespondType), len(r.RespondBody), HashOf(r.RespondBody))
		}
		if r.RespondFile != "" {
			fmt.Fprintf(&out, " from %s", strconv.Quote(r.RespondFile))
		}
	default:
		fmt.Fprintf(&out, " upstream = %s://%s", r.UpstreamScheme, r.Upstreams)
		if len(r.Upstreams) > 1 {
			fmt.Fprintf(&out, " balance %s attempts %d of %d %%", r.Balance, r.Retry.Attempts, r.Retry.BudgetPercent)
		}
		if check := r.Health.String(); check != "" {
			fmt.Fprintf(&out, " health %s", check)
		}
		if r.StripPrefix {
			out.WriteString(" strip_prefix")
		}
		fmt.Fprintf(&out, " connect %s s request %s s", wording.InSeconds(r.ConnectTimeout), wording.InSeconds(r.RequestTimeout))
		if r.UpstreamProtocol == "http2" {
			out.WriteString(" upstream_protocol = http2")
		}
		appendTexts(&out, r.UpstreamTLS.Texts())
		if r.UpstreamProxy.Named() {
			fmt.Fprintf(&out, " proxy protocol %s", r.UpstreamProxy)
		}
		if r.MaxConnections > 0 {
			fmt.Fprintf(&out, " connections %d", r.MaxConnections)
		}
	}
	appendTexts(&out, r.Limits.Texts(LevelRoute))
	appendTexts(&out, r.Maintenance.Texts(LevelRoute))
	appendTexts(&out, r.Access.Texts(LevelRoute))
	for _, rules := range []struct {
		table string
		rules *headers.Rules
	}{{"request_headers", r.RequestHeaders}, {"response_headers", r.ResponseHeaders}} {
		if own := rules.rules.OfLevel(LevelRoute.String()); own != "" {
			fmt.Fprintf(&out, " %s = %s", rules.table, strconv.Quote(own))
		}
	}
	return out.String()
}

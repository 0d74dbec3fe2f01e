package proxy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/wording"
)

// Maintenance begins or ends the maintenance of a site, on all listeners that have its host (S-14.9).
func (d *Daemon) Maintenance(order admin.MaintenanceOrder) admin.HoldResult {
	site, err := d.siteToHold(order.Host)
	if most := int64(hold.MaxMaintenance / time.Second); err == nil && (order.ForSecs < 0 || order.ForSecs > most) {
		err = fmt.Errorf("for_secs: %d is out of range; write up to %d, or 0 for no end", order.ForSecs, most)
	}
	if err != nil {
		return d.holdRefused(err)
	}
	if !order.On {
		info, was := site.EndMaintenance()
		if was {
			d.shared.log.Log(eventlog.LevelInfo, "MAINTENANCE", eventlog.Str("host", info.Host), eventlog.Str("status", "off"))
		}
		return d.holdResult(info, was)
	}
	info := site.SetMaintenance(time.Duration(order.ForSecs) * time.Second)
	d.shared.log.Log(eventlog.LevelInfo, "MAINTENANCE", eventlog.Str("host", info.Host), eventlog.Str("status", "on"), eventlog.Int("for_secs", int(order.ForSecs)))
	return d.holdResult(info, true)
}

// Pause makes the requests for a site wait (S-14.9).
func (d *Daemon) Pause(order admin.PauseOrder) admin.HoldResult {
	site, err := d.siteToHold(order.Host)
	if err == nil && (order.MaxSecs < 1 || order.MaxSecs > int64(hold.MaxPause/time.Second)) {
		err = fmt.Errorf("max_secs: %d is out of range; write 1 to %d", order.MaxSecs, int64(hold.MaxPause/time.Second))
	}
	if err != nil {
		return d.holdRefused(err)
	}
	info := site.Pause(time.Duration(order.MaxSecs) * time.Second)
	d.shared.log.Log(eventlog.LevelInfo, "PAUSE", eventlog.Str("host", info.Host), eventlog.Str("status", "on"), eventlog.Int("max_secs", int(order.MaxSecs)))
	return d.holdResult(info, true)
}

// Resume ends the pause of a site: the requests that wait go on.
func (d *Daemon) Resume(order admin.ResumeOrder) admin.HoldResult {
	site, err := d.siteToHold(order.Host)
	if err != nil {
		return d.holdRefused(err)
	}
	info, was := site.Resume()
	if was {
		logPauseEnd(d.shared.log, info, "off")
	}
	result := d.holdResult(info, was)
	result.WentOn, result.Site.Waiting = info.Waiting, 0
	return result
}

// siteToHold finds a site by its host or an alias. A site that is no longer configured is still found by its host while
// there is an order for it.
func (d *Daemon) siteToHold(name string) (*hold.Site, error) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	known := map[string]bool{}
	for _, site := range servedSites(d.dynamic.Load()) {
		if slices.Contains(site.config.Names(), name) {
			return d.shared.holds.Site(site.config.Host), nil
		}
		for _, served := range site.config.Names() {
			known[served] = true
		}
	}
	if d.shared.holds.Has(name) {
		return d.shared.holds.Site(name), nil
	}
	names := make([]string, 0, len(known))
	for served := range known {
		names = append(names, served)
	}
	slices.Sort(names)
	err := fmt.Errorf("no site has the host or alias %s", wording.Quoted(name))
	if near, ok := wording.Nearest(name, names); ok {
		err = fmt.Errorf("%w; did you mean %s?", err, wording.Quoted(near))
	}
	return nil, err
}

// holdRefused is the answer to an order that cannot be carried out.
func (d *Daemon) holdRefused(err error) admin.HoldResult {
	return admin.HoldResult{Status: admin.StatusError, Message: err.Error(), Path: d.config.Path}
}

// holdResult is the answer to an order that was carried out.
func (d *Daemon) holdResult(info hold.Info, changed bool) admin.HoldResult {
	site := heldSite(info)
	return admin.HoldResult{Status: admin.StatusOK, Path: d.config.Path, Site: &site, Changed: changed}
}

// heldSite describes the orders for a site for an operator.
func heldSite(info hold.Info) admin.HeldSite {
	site := admin.HeldSite{Host: info.Host, Waiting: info.Waiting}
	period := func(since, until time.Time) *admin.HoldPeriod {
		p := &admin.HoldPeriod{Since: since.UTC()}
		if !until.IsZero() {
			until = until.UTC()
			p.Until = &until
		}
		return p
	}
	if info.Maintenance {
		site.Maintenance = period(info.MaintenanceSince, info.MaintenanceExpires)
	}
	if info.Paused {
		site.Pause = period(info.PausedSince, info.PauseExpires)
	}
	return site
}

// heldSites describes all orders.
func heldSites(holds *hold.Holds) []admin.HeldSite {
	var sites []admin.HeldSite
	for _, info := range holds.List() {
		sites = append(sites, heldSite(info))
	}
	return sites
}

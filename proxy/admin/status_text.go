package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/sandbox"
	"reverse-proxy/proxy/wording"
)

// text renders the status for people at a time of the reader's clock: first the process, then a table each of
// listeners, sites, certificates, ACME and reloads. What an older daemon does not report is "-". The status is
// untrusted: everything in it is made printable, and its tables are cut to maxTextRows.
func (s Status) text(at time.Time) string { return s.textWithin(at, 0) }

// textWithin is text for a screen with the given number of columns, on which the tables show the most important ones;
// 0 for any.
func (s Status) textWithin(at time.Time, columns int) string {
	var b strings.Builder
	if !s.Time.IsZero() {
		at = s.Time // ages and days by the daemon's own clock
	}
	s.writeProcess(&b)
	s.writeListeners(&b, columns)
	s.writeHeldSites(&b)
	s.writeSites(&b, columns)
	s.writeUpstreams(&b, columns)
	s.writeLimits(&b, columns)
	s.writeCertificates(&b, at, columns)
	s.writeACME(&b, columns)
	s.writeReloads(&b)
	return b.String()
}

// writeProcess writes the part about the process as a whole.
func (s Status) writeProcess(b *strings.Builder) {
	t := table{}
	t.row("version", fmt.Sprintf("%s (revision %s, %s)", textOrDash(s.Version), textOrDash(s.Revision), textOrDash(s.GoVersion)))
	t.row("process", fmt.Sprintf("%d, up %s", s.PID, wording.Duration(time.Duration(clampSeconds(s.UptimeSecs))*time.Second)))
	if s.Starting {
		t.row("state", "starting, no client is served yet")
	}
	if s.Orders != nil {
		done, all := len(s.Orders.Done), len(s.Orders.Done)+len(s.Orders.Waiting)
		t.row("certificates", fmt.Sprintf("%d of %d obtained, waiting for %s", done, all, entriesText(s.Orders.Waiting)))
	}
	t.row("configuration", fmt.Sprintf("%s, in use since %s", textOrDash(s.Config.Path), timeText(s.Config.LoadedAt)))
	if s.Config.FileDiffers {
		t.row("", "the file on disk differs from what is in use; `reverse-proxy diff` shows how")
	}
	name := "restart needed"
	for _, drift := range s.Config.RestartRequired[:min(len(s.Config.RestartRequired), 50)] {
		t.row(name, driftText(drift))
		name = ""
	}
	t.row("connections", fmt.Sprintf("%d of %s, %s in flight, %s tracked by the rate limit", s.Connections,
		numberOrDash(int64(s.MaxConnections)), wording.Count(s.RequestsInFlight, "request"), wording.Count(s.RateLimitedClients, "client")))
	t.row("descriptors", fmt.Sprintf("%s of %s", numberOrDash(int64(s.Descriptors.Used)), numberOrDash(int64(s.Descriptors.Allowed))))
	t.row("memory", fmt.Sprintf("%s resident, %s heap, %s goroutines", bytesOrDash(s.Memory.ResidentBytes),
		bytesOrDash(s.Memory.HeapBytes), numberOrDash(int64(s.Memory.Goroutines))))
	t.row("sandbox", sandboxText(s.Sandbox))
	if s.Store != nil {
		t.row("store", storeText(*s.Store))
	}
	t.write(b)
}

// writeListeners writes the table of listeners.
func (s Status) writeListeners(b *strings.Builder, columns int) {
	t := table{columns: columns, header: []string{"LISTENER", "REDIRECT", "CERTIFICATES"}}
	for _, listener := range s.Listeners {
		t.row(textOrDash(listener.HTTPS), textOrDash(listener.HTTP), textOrDash(string(listener.TLSMode)))
		for _, address := range listener.Addresses[min(1, len(listener.Addresses)):] {
			t.row(textOrDash(address.HTTPS), textOrDash(address.HTTP), "the same")
		}
	}
	t.write(b)
}

// writeHeldSites writes what holds sites back. It comes before the sites: an operator must not forget it.
func (s Status) writeHeldSites(b *strings.Builder) {
	var lines []string
	for _, site := range s.HeldSites[:min(len(s.HeldSites), maxTextRows)] {
		lines = append(lines, site.text()...)
	}
	if lines != nil {
		b.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	}
}

// writeSites writes the table of sites. For a daemon that does not list them it writes at least their number.
func (s Status) writeSites(b *strings.Builder, columns int) {
	if s.SiteTraffic == nil {
		fmt.Fprintf(b, "\n%s; this daemon does not list them\n", wording.Count(s.Sites, "site"))
		return
	}
	t := table{columns: columns, expendable: []string{"LISTENER", "UPSTREAM", ">IN", ">OUT", ">4XX"},
		header: []string{"SITE", "LISTENER", "UPSTREAM", ">REQUESTS", ">4XX", ">5XX", ">IN", ">OUT"}}
	for _, site := range s.SiteTraffic {
		counts := []string{"-", "-", "-", "-", "-"}
		if site.Counts != nil {
			counts = site.Counts.cells()
		}
		t.row(slices.Concat([]string{textOrDash(site.Host), textOrDash(site.Listener), textOrDash(site.Upstream)}, counts)...)
		for _, route := range site.RouteTraffic {
			t.row(slices.Concat([]string{textOrDash(site.Host + route.Route), textOrDash(site.Listener), textOrDash(route.Upstream)}, route.Counts.cells())...)
		}
	}
	t.write(b)
}

// cells renders the counts for the table of sites.
func (c TrafficCounts) cells() []string {
	return []string{strconv.FormatUint(c.Requests, 10), strconv.FormatUint(c.ClientErrors, 10), strconv.FormatUint(c.ServerErrors, 10), bytesText(c.BytesIn), bytesText(c.BytesOut)}
}

// writeCertificates writes the table of certificates, sorted by expiry.
func (s Status) writeCertificates(b *strings.Builder, at time.Time, columns int) {
	t := table{columns: columns, expendable: []string{"SOURCE", "LISTENER", ">DAYS LEFT"},
		header: []string{"CERTIFICATE", "LISTENER", "SOURCE", "EXPIRES", ">DAYS LEFT"}}
	byEnd := slices.Clone(s.Certificates)
	slices.SortStableFunc(byEnd, func(a, b cert.Info) int { return a.NotAfter.Compare(b.NotAfter) })
	for _, certificate := range byEnd {
		days := "-"
		if certificate.DaysLeft != nil {
			days = strconv.Itoa(*certificate.DaysLeft)
		} else if !certificate.NotAfter.IsZero() {
			days = strconv.Itoa(cert.DaysLeft(certificate.NotAfter, at))
		}
		t.row(namesText(certificate.Names), textOrDash(certificate.Listener), textOrDash(string(certificate.Source)),
			timeText(certificate.NotAfter), days)
	}
	t.write(b)
}

// writeACME writes the table of the names for which certificates are ordered.
func (s Status) writeACME(b *strings.Builder, columns int) {
	t := table{columns: columns, expendable: []string{"LISTENER", "LAST ATTEMPT", "WHY"}, openEnd: true,
		header: []string{"ACME NAME", "LISTENER", "LAST ATTEMPT", "NEXT TRY", "WHY", "LAST ERROR"}}
	for _, name := range s.ACME {
		t.row(textOrDash(name.Domain), textOrDash(name.Listener), timeText(name.LastAttempt), timeText(name.NextTry), textOrDash(name.Why),
			cmp.Or(wording.Printable(name.LastError), "-"))
	}
	t.write(b)
}

// writeReloads writes the table of reloads, the last one first.
func (s Status) writeReloads(b *strings.Builder) {
	reloads := s.Reloads
	if reloads == nil && s.LastReload != nil {
		reloads = []ReloadStatus{*s.LastReload} // an older daemon
	}
	if len(reloads) == 0 {
		b.WriteString("\nno reload since the start\n")
		return
	}
	t := table{header: []string{"RELOAD", "RESULT", "WHAT"}}
	for _, reload := range reloads {
		what := wording.Count(reload.Changes, "change")
		if reload.Status != StatusOK {
			what = cmp.Or(wording.PrintableLine(reload.Message), "-")
		}
		t.row(timeText(reload.Time), textOrDash(reload.Status), what)
		for _, problem := range reload.Errors[:min(len(reload.Errors), MaxHistoryErrors+1)] {
			t.row("", "", wording.PrintableLine(problem))
		}
	}
	t.write(b)
}

// textOrDash makes the text printable; it returns a dash for none.
func textOrDash(text string) string { return cmp.Or(wording.Printable(text), "-") }

// numberOrDash returns the number, or a dash for 0, which means unknown.
func numberOrDash(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// bytesOrDash returns the number of bytes, or a dash for none.
func bytesOrDash(n int64) string {
	if n <= 0 {
		return "-"
	}
	return bytesText(uint64(n))
}

// bytesText renders a number of bytes in its largest binary unit, with at least three digits.
func bytesText(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + " B"
	}
	value, unit := float64(n), 0
	for value >= 1024 && unit < 6 {
		value /= 1024
		unit++
	}
	digits := 1
	if value >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + string(" KMGTPE"[unit]) + "iB"
}

// clampSeconds limits an untrusted number of seconds to what a time.Duration holds.
func clampSeconds(secs int64) int64 {
	const century = 100 * 365 * 24 * 60 * 60
	return min(max(secs, 0), century)
}

// sandboxText renders the state of the sandbox, on one line.
func sandboxText(s sandbox.Status) string {
	switch {
	case s.Error != "":
		return textOrDash(s.State) + ": " + wording.Printable(s.Error)
	case s.LandlockABI != 0:
		return fmt.Sprintf("%s, Landlock ABI %d", textOrDash(s.State), s.LandlockABI)
	}
	return textOrDash(s.State)
}

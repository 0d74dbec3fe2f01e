package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// maxTextRows is the number of rows of one kind that are shown to people; `--json` has all of them.
const maxTextRows = 2000

// lines renders the difference for people, one difference per line. Every line can be understood by itself.
func (d Difference) lines() []string {
	var lines textLines
	for i, site := range d.SitesAdded {
		lines.addf(i, len(d.SitesAdded), "site added: %s", site.text())
	}
	for i, site := range d.SitesRemoved {
		lines.addf(i, len(d.SitesRemoved), "site removed: %s", site.text())
	}
	for i, site := range d.SitesChanged {
		lines.addf(i, len(d.SitesChanged), "site changed: %s on %s: %s", wording.Printable(site.Host), wording.Printable(site.Listener), changesText(site.Keys))
	}
	for i, answer := range d.Answers {
		lines.addf(i, len(d.Answers), "answered differently: %s on %s: %s -> %s", wording.Printable(answer.Request), wording.Printable(answer.Listener),
			wording.Printable(answer.Old), wording.Printable(answer.New))
	}
	for i, route := range d.RoutesAdded {
		lines.addf(i, len(d.RoutesAdded), "route added: %s: %s", route.text(), wording.Printable(route.Action))
	}
	for i, route := range d.RoutesRemoved {
		lines.addf(i, len(d.RoutesRemoved), "route removed: %s: %s", route.text(), wording.Printable(route.Action))
	}
	for i, route := range d.RoutesChanged {
		lines.addf(i, len(d.RoutesChanged), "route changed: %s: %s", route.text(), changesText(route.Keys))
	}
	for i, setting := range d.Settings {
		lines.addf(i, len(d.Settings), "setting changed: %s", setting.text())
	}
	for i, certificate := range d.Certificates {
		lines.addf(i, len(d.Certificates), "certificate changed: %s", certificate.text())
	}
	for i, name := range d.Orders {
		lines.addf(i, len(d.Orders), "certificate to order: %s", wording.Printable(name))
	}
	for i, site := range d.SitesWaiting {
		lines.addf(i, len(d.SitesWaiting), "restart needed: site %s", site.text())
	}
	for i, drift := range d.RestartRequired {
		lines.addf(i, len(d.RestartRequired), "restart needed: %s", driftText(drift))
	}
	return lines
}

// changesText renders the changes of keys for people, on one line.
func changesText(keys []KeyChange) string {
	changes := make([]string, 0, len(keys))
	for _, key := range keys[:min(len(keys), maxTextRows)] {
		changes = append(changes, key.text())
	}
	return strings.Join(changes, ", ")
}

// textLines collects lines, at most maxTextRows of each kind.
type textLines []string

// addf adds the line about the i-th of count items of its kind.
func (l *textLines) addf(i, count int, format string, args ...any) {
	switch {
	case i < maxTextRows:
		*l = append(*l, fmt.Sprintf(format, args...))
	case i == maxTextRows:
		kind, _, _ := strings.Cut(format, ":")
		*l = append(*l, fmt.Sprintf("%s: %d more, which --json shows", kind, count-i))
	}
}

// text renders the site for people, on one line.
func (s SiteSummary) text() string {
	name := wording.Printable(s.Host)
	if len(s.Aliases) > 0 {
		name += " with " + entriesText(s.Aliases)
	}
	text := fmt.Sprintf("%s on %s, upstream %s", name, wording.Printable(s.Listener), valueText(s.Upstream))
	if len(s.Routes) > 0 {
		text += ", routes " + entriesText(s.Routes)
	}
	return text
}

// text renders which route it is for people, on one line.
func (r RouteSummary) text() string {
	text := wording.Printable(r.Host + r.Route)
	if r.Exact {
		text += " (exact)"
	}
	if len(r.Methods) > 0 {
		text += " for " + entriesText(r.Methods)
	}
	return text + " on " + wording.Printable(r.Listener)
}

// text renders the change for people, on one line.
func (c KeyChange) text() string {
	if isListKey(c.Key) && c.Old != "" && c.New != "" {
		return wording.Printable(c.Key) + " " + listChangeText(strings.Split(c.Old, ", "), strings.Split(c.New, ", "))
	}
	return fmt.Sprintf("%s %s -> %s", wording.Printable(c.Key), valueText(c.Old), valueText(c.New))
}

// driftText renders a key that needs a restart for people, on one line.
func driftText(d config.Drift) string { return KeyChange{d.Key, d.Running, d.File}.text() }

// text renders the change for people, on one line.
func (c CertificateChange) text() string {
	names := namesText(c.NewNames)
	if was := namesText(c.OldNames); was != names {
		names = was + " -> " + names
	} else if !slices.Equal(c.OldNames, c.NewNames) {
		names += " (" + listChangeText(c.OldNames, c.NewNames) + ")"
	}
	return fmt.Sprintf("%s on %s, expires %s -> %s", names, wording.Printable(c.Listener), timeText(c.OldNotAfter), timeText(c.NewNotAfter))
}

// valueText renders a value; a missing one has to be visible too.
func valueText(value string) string {
	if value == "" {
		return "(none)"
	}
	return wording.Printable(value)
}

// namesText renders the names of a certificate.
func namesText(names []string) string {
	if len(names) == 0 {
		return "(no name)"
	}
	return wording.Printable(strings.Join(names[:min(len(names), maxTextRows)], ", "))
}

// timeText renders a time in UTC, to the second; "-" for none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return wording.Printable(t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

package proxy

import (
	"bufio"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
	"reverse-proxy/proxy/limit"
)

// shippedFilter is a shipped fail2ban filter as package regexp understands it: a second judge of the log's lines, which
// works even if fail2ban is not installed.
type shippedFilter struct {
	expressions []*regexp.Regexp
	// ahead is what the path has to begin with; nil for anything.
	ahead *regexp.Regexp
}

// loadFilter reads a filter with what it includes, and expands its variables as fail2ban does.
func loadFilter(t *testing.T, name string) shippedFilter {
	t.Helper()
	values := map[string]string{}
	for _, file := range []string{"reverse-proxy-common", name} {
		text, err := os.ReadFile(filepath.Join("..", "deploy", "fail2ban", "filter.d", file+".conf"))
		if err != nil {
			t.Fatal(err)
		}
		key := ""
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			switch name, value, found := strings.Cut(line, " = "); {
			case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "["):
			case strings.HasPrefix(line, " "):
				values[key] += "\n" + strings.TrimSpace(line)
			case found:
				key = name
				values[key] = value
			}
		}
	}
	variable := regexp.MustCompile(`%\((\w+)\)s`)
	expression := values["failregex"]
	for variable.MatchString(expression) {
		expression = variable.ReplaceAllStringFunc(expression, func(name string) string {
			name = variable.FindStringSubmatch(name)[1]
			switch name {
			case "_value", "_json":
				return "(?P<" + name + ">" + strings.TrimPrefix(values[name], "(?:")
			case "_scan":
				return "(?P<path>)"
			}
			return values[name]
		})
	}
	expression = strings.ReplaceAll(expression, "<ADDR>", `(?P<addr>[0-9A-Fa-f:.]+)(?:%\w+)?`)
	expression = strings.ReplaceAll(expression, "<status>", values["status"])
	filter := shippedFilter{}
	for expression := range strings.SplitSeq(expression, "\n") {
		filter.expressions = append(filter.expressions, regexp.MustCompile(expression))
	}
	if scan, found := values["_scan"]; found {
		for variable.MatchString(scan) {
			scan = variable.ReplaceAllStringFunc(scan, func(name string) string { return values[variable.FindStringSubmatch(name)[1]] })
		}
		filter.ahead = regexp.MustCompile("^" + strings.TrimSuffix(strings.TrimPrefix(scan, "(?="), ")"))
	}
	return filter
}

// lineTime matches the time that fail2ban cuts out of a line before it applies the expressions.
var lineTime = regexp.MustCompile(`^(?:\{"time":")?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// offender returns the address that the filter extracts from a line of the log, or "".
func (f shippedFilter) offender(line string) string {
	line = lineTime.ReplaceAllString(strings.TrimSuffix(line, "\n"), "")
	for _, expression := range f.expressions {
		at := expression.FindStringSubmatchIndex(line)
		if at == nil {
			continue
		}
		if f.ahead != nil {
			path := at[2*expression.SubexpIndex("path")]
			if !f.ahead.MatchString(line[path:]) {
				continue
			}
		}
		addr := 2 * expression.SubexpIndex("addr")
		return line[at[addr]:at[addr+1]]
	}
	return ""
}

func TestTheShippedFiltersMatchTheLinesOfTheLog(t *testing.T) {
	limited, denied, scan, auth := loadFilter(t, "reverse-proxy"), loadFilter(t, "reverse-proxy-denied"), loadFilter(t, "reverse-proxy-scan"), loadFilter(t, "reverse-proxy-auth")
	own := "203.0.113.50"
	for _, c := range []struct {
		name                  string
		log                   func(*eventlog.Logger, *accessRecord)
		edit                  func(*accessRecord)
		limited, denied, scan bool
	}{
		{"a limit refuses", func(l *eventlog.Logger, r *accessRecord) { logRateLimit(l, r, refusal{}) }, nil, true, false, false},
		{"a total limit refuses", func(l *eventlog.Logger, r *accessRecord) {
			logSharedLimit(l, r, refusal{limit: limit.OfTotal, site: "a"})
		}, nil, false, false, false},
		{"too many at once are refused", func(l *eventlog.Logger, r *accessRecord) {
			logSharedLimit(l, r, refusal{limit: limit.OfConcurrent, site: "a", route: "/b"})
		}, nil, false, false, false},
		{"the limit of a route refuses", func(l *eventlog.Logger, r *accessRecord) {
			logRateLimit(l, r, refusal{site: "a", route: "/b", unlogged: 2})
		}, nil, true, false, false},
		{"a client is refused again and again", func(l *eventlog.Logger, r *accessRecord) { logRateLimit(l, r, refusal{unlogged: 4711}) }, nil, true, false, false},
		{"a password is wrong", func(l *eventlog.Logger, r *accessRecord) { logAuthFailed(l, r, 401, "") }, nil, false, false, false},
		{"the password of a user who exists is wrong", func(l *eventlog.Logger, r *accessRecord) { logAuthFailed(l, r, 401, "a b") }, func(r *accessRecord) { r.Route, r.RequestID = "/x", "1" }, false, false, false},
		{"a request is answered 200", logRequest, nil, false, false, false},
		{"a request is answered 401", logRequest, func(r *accessRecord) { r.Status = 401 }, false, true, false},
		{"a request is answered 403", logRequest, func(r *accessRecord) { r.Status = 403 }, false, true, false},
		{"a request is answered 404 at a host that is not known", logRequest, func(r *accessRecord) { r.Status, r.Host, r.Upstream = 404, "", "" }, false, true, false},
		{"a request is answered 400", logRequest, func(r *accessRecord) { r.Status = 400 }, false, false, false},
		{"an upstream answers 429 itself", logRequest, func(r *accessRecord) { r.Status = 429 }, false, false, false},
		{"a path is a scan", logRequest, func(r *accessRecord) { r.Status, r.Path = 404, "/old/.env" }, false, true, true},
		{"a path is a scan with a quote", logRequest, func(r *accessRecord) { r.Status, r.Path = 404, `/wp-login.php?x="` }, false, true, true},
		{"a page looks like a scan and is there", logRequest, func(r *accessRecord) { r.Path = "/wp-login.php" }, false, false, false},
		{"a part of a name looks like a scan", logRequest, func(r *accessRecord) { r.Status, r.Path = 404, "/user/repo.git/config" }, false, true, false},
	} {
		for _, format := range logFormats {
			for _, address := range []string{own, "2001:db8::7", "fe80::1%eth0"} {
				l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Format: format})
				record := sampleRecord()
				record.ClientIP = netip.MustParseAddr(address)
				if c.edit != nil {
					c.edit(&record)
				}
				c.log(l, &record)
				line := taken()
				want, _, _ := strings.Cut(address, "%")
				for _, f := range []struct {
					name    string
					filter  shippedFilter
					matches bool
				}{{"reverse-proxy", limited, c.limited}, {"reverse-proxy-denied", denied, c.denied}, {"reverse-proxy-scan", scan, c.scan}, {"reverse-proxy-auth", auth, strings.HasSuffix(c.name, "is wrong")}} {
					got := f.filter.offender(line)
					if f.matches && got != want || !f.matches && got != "" {
						t.Errorf("%s, %s: %s took %q out of %q, want a match %v of %s", c.name, format, f.name, got, line, f.matches, want)
					}
				}
			}
		}
	}
}

func TestTheShippedFiltersNameNobodyElse(t *testing.T) {
	var filters []shippedFilter
	for _, name := range []string{"reverse-proxy", "reverse-proxy-denied", "reverse-proxy-scan", "reverse-proxy-auth"} {
		filters = append(filters, loadFilter(t, name))
	}
	for _, format := range logFormats {
		for _, forged := range hostileValues {
			l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Format: format})
			record := sampleRecord()
			record.Host, record.Path, record.Status, record.EndedBy = forged, "/.env"+forged, 404, "body_idle_timeout_secs"
			logRequest(l, &record)
			logRateLimit(l, &record, refusal{unlogged: 3})
			logAuthFailed(l, &record, 401, forged)
			log := taken()
			for line := range strings.Lines(log) {
				for i, filter := range filters {
					for cut := range len(line) { // a full disk truncates lines
						if insideRun(line, cut) {
							continue // an expression that takes this many takes one more
						}
						if got := filter.offender(line[:cut]); got != "" && got != "203.0.113.50" {
							t.Fatalf("filter %d took %q out of %q, want the client's own address or nothing", i, got, line[:cut])
						}
					}
				}
			}
		}
	}
}

// insideRun reports whether the line is the same pair of bytes over and over on both sides of the cut, as in the middle of
// 3,000 escaped newlines. Each cut there costs a search of the whole line.
func insideRun(line string, cut int) bool {
	const around = 64
	if cut < around || cut+around > len(line) {
		return false
	}
	near := line[cut-around : cut+around]
	return near[2:] == near[:len(near)-2]
}

// jailNumbers reads maxretry and findtime, in seconds, of a shipped jail.
func jailNumbers(t *testing.T, jail string) (maxretry int, findtime time.Duration) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "deploy", "fail2ban", "jail.d", "reverse-proxy.conf"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "[") {
			section = line
		}
		key, value, found := strings.Cut(line, "=")
		if section != "["+jail+"]" || !found {
			continue
		}
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); key {
		case "maxretry":
			maxretry, err = strconv.Atoi(value)
		case "findtime":
			findtime, err = time.ParseDuration(value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return maxretry, findtime
}

func TestTheShippedJailBansClientsThatGoOnAndNoneForOnePage(t *testing.T) {
	maxretry, findtime := jailNumbers(t, "reverse-proxy")
	bound := limit.Config{RequestsPerSecond: 1, Burst: 10}
	// lines returns the number of lines about a client that sends a request every so often, for so long.
	lines := func(every, for_ time.Duration) int {
		now := time.Unix(1_700_000_000, 0)
		l, addr, count := limit.New(func() time.Time { return now }), netip.MustParseAddr("203.0.113.50"), 0
		for range for_ / every {
			if verdict := l.AllowAt(now, addr, bound); !verdict.OK && verdict.Due {
				count++
			}
			now = now.Add(every)
		}
		return count
	}
	for _, page := range []time.Duration{500 * time.Millisecond, 5 * time.Second, 10 * time.Second} {
		if got := lines(page/600, page); got == 0 || got >= maxretry {
			t.Errorf("600 images in %v: %d lines, want some and less than the jail's maxretry, %d", page, got, maxretry)
		}
	}
	for _, every := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond} {
		if got := lines(every, findtime); got < maxretry {
			t.Errorf("a request every %v for %v: %d lines, want the jail's maxretry, %d", every, findtime, got, maxretry)
		}
	}
}

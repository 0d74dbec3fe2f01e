package steps

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cucumber/godog"
)

func (w *World) metricsSteps() []step {
	return []step{
		{`the metrics have:`, w.metricsHave, "A table of two columns: a series, and its value. The series is named by its metric and enough of its labels to distinguish it from all others. The value is a number, `>N` for more than that, `*` for any, `none` for no such series. Scrapes until all of it is true."},
		{`the metrics have {int} series of {string}`, w.metricsCount, "Of the metric of that name. Scrapes until it is true."},
		{`the metrics have the sites {string}`, w.metricsSites, "The values of the label `site` in all series, separated by commas, without that for no site. Scrapes until it is true."},
		{`a client sends {int} requests with different hosts, methods and paths to {string}`, w.sendStrange, "One after the other on one connection over HTTP/1.1; each is answered."},
		{`a client sends {int} requests with different hosts, methods and paths to {string} over HTTP/2`, w.sendStrangeHTTP2, "One after the other on one connection; each is answered."},
		{`{int} scrapers read nothing of their answers`, w.stuckScrapers, "Each sends requests on its connection until its answers fill the connection."},
	}
}

// scrapeURL returns the URL at which the daemon answers scrapes.
func (w *World) scrapeURL() (string, error) { return w.expand("http://127.0.0.1:${health}/metrics") }

// sampleLine matches a sample of the text format without a timestamp.
var sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$`)

// scrapeMetrics requests the metrics and returns the values by series.
func (w *World) scrapeMetrics() (map[string]string, error) {
	url, err := w.scrapeURL()
	if err != nil {
		return nil, err
	}
	x, err := w.send(request{url: url, client: "scraper"})
	if err != nil {
		return nil, err
	}
	if err := x.wait(); err != nil {
		return nil, err
	}
	if x.err != nil || x.status != http.StatusOK {
		return nil, fmt.Errorf("got the status %d and the error %v of a scrape, want 200", x.status, x.err)
	}
	return parseMetrics(string(x.body))
}

// parseMetrics parses the text format; an invalid line or a duplicate series is an error.
func parseMetrics(text string) (map[string]string, error) {
	samples := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# HELP ") || strings.HasPrefix(line, "# TYPE ") {
			continue
		}
		match := sampleLine.FindStringSubmatch(line)
		if match == nil {
			return nil, fmt.Errorf("got the line %q, want a sample", clip(line))
		}
		if _, err := strconv.ParseFloat(match[3], 64); err != nil {
			return nil, fmt.Errorf("got the line %q, want a number", clip(line))
		}
		series := match[1] + match[2]
		if _, twice := samples[series]; twice {
			return nil, fmt.Errorf("got the series %s twice, want it once", series)
		}
		samples[series] = match[3]
	}
	return samples, nil
}

func (w *World) metricsHave(table *godog.Table) error {
	want, err := pairs(table)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		samples, err := w.scrapeMetrics()
		if err != nil {
			return err
		}
		var wrong []error
		for _, pair := range want {
			if err := judgeSample(samples, pair[0], pair[1]); err != nil {
				wrong = append(wrong, err)
			}
		}
		return errors.Join(wrong...)
	})
}

// label matches one label of a series.
var label = regexp.MustCompile(`[{,]([a-z_]+="(?:[^"\\]|\\.)*")`)

// findSample returns the value of the only series of the metric that has these labels, and perhaps more. No such series is
// not ok, and more than one is an error.
func findSample(samples map[string]string, series string) (value string, ok bool, err error) {
	if value, ok = samples[series]; ok {
		return value, true, nil
	}
	metric, _, _ := strings.Cut(series, "{")
	var found []string
	for candidate := range samples {
		if name, _, _ := strings.Cut(candidate, "{"); name == metric && hasLabels(candidate, series) {
			found = append(found, candidate)
		}
	}
	switch len(found) {
	case 0:
		return "", false, nil
	case 1:
		return samples[found[0]], true, nil
	}
	slices.Sort(found)
	return "", false, fmt.Errorf("%s names %d series; write more of their labels: %s", series, len(found), clip(strings.Join(found, " ")))
}

// hasLabels reports whether the candidate has all labels of the series.
func hasLabels(candidate, series string) bool {
	has := map[string]bool{}
	for _, match := range label.FindAllStringSubmatch(candidate, -1) {
		has[match[1]] = true
	}
	for _, match := range label.FindAllStringSubmatch(series, -1) {
		if !has[match[1]] {
			return false
		}
	}
	return true
}

// judgeSample compares one series with its expected value.
func judgeSample(samples map[string]string, series, want string) error {
	got, ok, err := findSample(samples, series)
	if err != nil {
		return err
	}
	if !ok {
		got = "none"
	}
	if want == got || want == "*" && ok {
		return nil
	}
	if bound, more := strings.CutPrefix(want, ">"); more && ok {
		least, err := strconv.ParseFloat(bound, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number: %w", bound, err)
		}
		if value, err := strconv.ParseFloat(got, 64); err == nil && value > least {
			return nil
		}
	}
	return fmt.Errorf("got %s for %s, want %s", got, series, want)
}

func (w *World) metricsCount(want int, name string) error {
	return w.eventually(func() error {
		samples, err := w.scrapeMetrics()
		if err != nil {
			return err
		}
		var found []string
		for series := range samples {
			if base, _, _ := strings.Cut(series, "{"); base == name {
				found = append(found, series)
			}
		}
		if len(found) != want {
			slices.Sort(found)
			return fmt.Errorf("got %d series of %s, want %d: %s", len(found), name, want, clip(strings.Join(found, " ")))
		}
		return nil
	})
}

// siteLabel matches the label of a series that names the site.
var siteLabel = regexp.MustCompile(`[{,]site="([^"]*)"`)

func (w *World) metricsSites(want string) error {
	return w.eventually(func() error {
		samples, err := w.scrapeMetrics()
		if err != nil {
			return err
		}
		var sites []string
		for series := range samples {
			if match := siteLabel.FindStringSubmatch(series); match != nil && match[1] != "" && !slices.Contains(sites, match[1]) {
				sites = append(sites, match[1])
			}
		}
		slices.Sort(sites)
		if got := strings.Join(sites, ","); got != want {
			return fmt.Errorf("got the sites %s, want %s", got, want)
		}
		return nil
	})
}

// strangeMethods are methods that clients may send; a number is appended to each.
var strangeMethods = []string{"GET", "get", "M-SEARCH", "!", "HEAD", "POST", "X-"}

// strange returns the n-th of many different requests.
func strange(n int) (method, host, path string) {
	return fmt.Sprintf("%s%d", strangeMethods[n%len(strangeMethods)], n), fmt.Sprintf("h%d-%x.test", n, rand.Uint32()), fmt.Sprintf("/%d/%x", n, rand.Uint32())
}

func (w *World) sendStrange(times int, url string) error {
	conn, err := w.dialRaw("strange", url, "strange", "http/1.1")
	if err != nil {
		return err
	}
	// The answers are read here and not by the connection.
	r := bufio.NewReader(conn.Conn)
	for n := range times {
		method, host, path := strange(n)
		if err := conn.sendBytes(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, host)); err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		response, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		_ = response.Body.Close()
	}
	conn.read()
	return conn.Close()
}

func (w *World) sendStrangeHTTP2(times int, url string) error {
	for n := range times {
		method, host, path := strange(n)
		x, err := w.send(request{method: method, url: url + path, proto: "HTTP/2", client: "strange", header: []field{{"Host", host}}})
		if err != nil {
			return err
		}
		if err := x.wait(); err != nil {
			return err
		}
		if x.err != nil {
			return fmt.Errorf("request %d: %w", n, x.err)
		}
	}
	return nil
}

// stuckScrapers leaves connections open that request the metrics without end and read nothing.
func (w *World) stuckScrapers(number int) error {
	url, err := w.expand("tcp://127.0.0.1:${health}")
	if err != nil {
		return err
	}
	for i := range number {
		conn, err := w.dialRaw(fmt.Sprintf("stuck %d", i), url, "", "")
		if err != nil {
			return err
		}
		asking := strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 1000)
		if tcp, ok := conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4096)
		}
		if err := conn.sendBytes(asking); err != nil {
			return err
		}
	}
	return nil
}

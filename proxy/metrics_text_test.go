package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheTextFormat(t *testing.T) {
	plain := metricFamily{name: "x_total", kind: counterMetric, help: "Some"}
	labelled := metricFamily{name: "x_bytes", kind: gaugeMetric, help: "Some", labels: []string{"a", "b"}}
	for _, test := range []struct {
		name   string
		family metricFamily
		write  func(t *metricsText)
		want   string
	}{
		{"the head is written", plain, func(text *metricsText) { text.begin(text.family) }, "# HELP x_total Some\n# TYPE x_total counter\n"},
		{"the greatest count is written whole", plain, func(text *metricsText) { text.count(1<<64 - 1) }, "x_total 18446744073709551615\n"},
		{"a size below 0 becomes 0", plain, func(text *metricsText) { text.size(-1) }, "x_total 0\n"},
		{"a small number has no exponent", plain, func(text *metricsText) { text.number(0.000001) }, "x_total 0.000001\n"},
		{"a time is in seconds", plain, func(text *metricsText) { text.time(time.UnixMilli(1795760682984)) }, "x_total 1795760682.984\n"},
		{"a time before 1970 is negative", plain, func(text *metricsText) { text.time(time.Unix(-1, 0)) }, "x_total -1\n"},
		{"true is 1 and false is 0", plain, func(text *metricsText) { text.truth(true); text.truth(false) }, "x_total 1\nx_total 0\n"},
		{"labels are written", labelled, func(text *metricsText) { text.count(2, "", "y") }, "x_bytes{a=\"\",b=\"y\"} 2\n"},
		{"labels are escaped", labelled, func(text *metricsText) { text.count(2, "\"\n\\", "a b{c=\"d\"} 1\n") },
			"x_bytes{a=\"\\\"\\n\\\\\",b=\"a b{c=\\\"d\\\"} 1\\n\"} 2\n"},
		{"a label that is not UTF-8 is made valid", labelled, func(text *metricsText) { text.count(2, "\xff\xfe", "ü") }, "x_bytes{a=\"\uFFFD\",b=\"ü\"} 2\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := metricsText{family: &test.family}
			test.write(&text)
			if diff := cmp.Diff(test.want, string(text.buf)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAHistogramsBucketsAddUp(t *testing.T) {
	var lane histogramLane
	for _, d := range []time.Duration{
		-time.Second, 0, time.Nanosecond, time.Millisecond, // the bound belongs to its bucket
		time.Millisecond + time.Nanosecond, 20 * time.Millisecond, 30 * time.Second, 31 * time.Second, 1000 * time.Hour,
	} {
		lane.observe(d)
	}
	var totals histogramTotals
	totals.add(&lane)
	totals.add(&lane) // as if from two lanes
	family := metricFamily{name: "x_seconds", labels: []string{"site"}}
	text := metricsText{family: &family}
	text.histogram(&totals, "a")
	want := strings.Join([]string{
		`x_seconds_bucket{site="a",le="0.001"} 8`, `x_seconds_bucket{site="a",le="0.005"} 10`, `x_seconds_bucket{site="a",le="0.01"} 10`,
		`x_seconds_bucket{site="a",le="0.025"} 12`, `x_seconds_bucket{site="a",le="0.05"} 12`, `x_seconds_bucket{site="a",le="0.1"} 12`,
		`x_seconds_bucket{site="a",le="0.25"} 12`, `x_seconds_bucket{site="a",le="0.5"} 12`, `x_seconds_bucket{site="a",le="1"} 12`,
		`x_seconds_bucket{site="a",le="2.5"} 12`, `x_seconds_bucket{site="a",le="5"} 12`, `x_seconds_bucket{site="a",le="10"} 12`,
		`x_seconds_bucket{site="a",le="30"} 14`, `x_seconds_bucket{site="a",le="+Inf"} 18`,
		`x_seconds_sum{site="a"} 7200122.044000004`, `x_seconds_count{site="a"} 18`, "",
	}, "\n")
	if diff := cmp.Diff(want, string(text.buf)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

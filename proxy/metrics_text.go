package proxy

import (
	"io"
	"strconv"
	"strings"
	"time"
)

// metricsContentType is the type of Prometheus' text format, which all versions of Prometheus and scrapers for
// OpenMetrics accept.
const metricsContentType = "text/plain; version=0.0.4; charset=utf-8"

// metricsPiece is the size at which a part of an answer is written out.
const metricsPiece = 32 << 10

// metricsText writes a scrape's answer, in Prometheus' text format.
type metricsText struct {
	// out receives the pieces of the answer, and failed is set once it accepts no more.
	out    io.Writer
	failed bool
	// buf is the piece that is not written yet.
	buf []byte
	// family is the family whose samples are being written.
	family *metricFamily
	// bounds are the texts of the histograms' bounds, created for the first one.
	bounds []string
}

// flush writes out what is left in buf.
func (t *metricsText) flush() {
	if !t.failed {
		_, err := t.out.Write(t.buf)
		t.failed = err != nil // a scraper that has left misses nothing
	}
	t.buf = t.buf[:0]
}

// endLine ends a line, and writes the piece out if it is large enough.
func (t *metricsText) endLine() {
	t.buf = append(t.buf, '\n')
	if len(t.buf) >= metricsPiece {
		t.flush()
	}
}

// begin writes the head of a family.
func (t *metricsText) begin(family *metricFamily) {
	t.family = family
	for _, line := range [...][2]string{{"HELP", family.help}, {"TYPE", string(family.kind)}} {
		t.buf = append(t.buf, "# "...)
		t.buf = append(t.buf, line[0]...)
		t.buf = append(t.buf, ' ')
		t.buf = append(t.buf, family.name...)
		t.buf = append(t.buf, ' ')
		t.buf = append(t.buf, line[1]...)
		t.endLine()
	}
}

// count writes a sample with an integer value, and a value for each label of the family.
func (t *metricsText) count(n uint64, values ...string) {
	t.name("", values, "")
	t.buf = strconv.AppendUint(t.buf, n, 10)
	t.endLine()
}

// size is count for an int; it writes 0 for a negative one.
func (t *metricsText) size(n int, values ...string) { t.count(uint64(max(n, 0)), values...) }

// number writes a sample with any value.
func (t *metricsText) number(n float64, values ...string) {
	t.name("", values, "")
	t.float(n)
}

// time writes a point in time as seconds since 1970.
func (t *metricsText) time(at time.Time, values ...string) {
	t.number(float64(at.UnixMilli())/1000, values...)
}

// truth writes 1 or 0.
func (t *metricsText) truth(is bool, values ...string) {
	n := uint64(0)
	if is {
		n = 1
	}
	t.count(n, values...)
}

// histogram writes the samples of a histogram of durations, in seconds.
func (t *metricsText) histogram(h *histogramTotals, values ...string) {
	if t.bounds == nil {
		for _, bound := range durationBounds {
			t.bounds = append(t.bounds, strconv.FormatFloat(bound.Seconds(), 'g', -1, 64))
		}
		t.bounds = append(t.bounds, "+Inf")
	}
	count := uint64(0)
	for i, n := range h.buckets {
		count += n
		t.name("_bucket", values, t.bounds[i])
		t.buf = strconv.AppendUint(t.buf, count, 10)
		t.endLine()
	}
	t.name("_sum", values, "")
	t.float(float64(h.sum) / float64(time.Second))
	t.name("_count", values, "")
	t.buf = strconv.AppendUint(t.buf, count, 10)
	t.endLine()
}

func (t *metricsText) float(n float64) {
	t.buf = strconv.AppendFloat(t.buf, n, 'f', -1, 64)
	t.endLine()
}

// name writes a sample's name, its labels, and `le` where there is a bound.
func (t *metricsText) name(suffix string, values []string, bound string) {
	t.buf = append(t.buf, t.family.name...)
	t.buf = append(t.buf, suffix...)
	separator := byte('{')
	for i, value := range values {
		t.label(separator, t.family.labels[i], value)
		separator = ','
	}
	if bound != "" {
		t.label(separator, "le", bound)
		separator = ','
	}
	if separator == ',' {
		t.buf = append(t.buf, '}')
	}
	t.buf = append(t.buf, ' ')
}

// labelEscapes are the three escapes of a label's value.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (t *metricsText) label(separator byte, name, value string) {
	t.buf = append(t.buf, separator)
	t.buf = append(t.buf, name...)
	t.buf = append(t.buf, `="`...)
	if isPlainLabel(value) {
		t.buf = append(t.buf, value...)
	} else {
		t.buf = append(t.buf, labelEscapes.Replace(strings.ToValidUTF8(value, "\uFFFD"))...)
	}
	t.buf = append(t.buf, '"')
}

// isPlainLabel reports whether a value needs no escapes.
func isPlainLabel(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

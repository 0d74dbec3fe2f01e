package eventlog

import (
	"net/netip"
	"strconv"
	"time"

	"reverse-proxy/proxy/wording"
)

// maxLogValue is the number of bytes of a value that a line shows. A longer value is cut there, or up to three bytes
// earlier so that no UTF-8 sequence is split, and ends in an escaped horizontal ellipsis: `\u2026`.
const maxLogValue = 2048

// clipMark is appended to a clipped value, already escaped: text and JSON spell it alike.
const clipMark = `\u2026`

// Line is a line under construction, in text or JSON. Both layouts have the same keys in the same order. They consist
// only of printable ASCII and one final newline, so no byte of a value can end a line, start a field, or move a
// terminal's cursor (S-8).
type Line struct {
	buf  []byte
	json bool
}

// startLine begins a line in buf with the time in UTC, the level and the event. The event and all keys are constants of
// the program, and are not escaped.
func startLine(buf []byte, json bool, now time.Time, level Level, event string) Line {
	ln := Line{buf: buf, json: json}
	if json {
		ln.buf = append(ln.buf, `{"time":"`...)
		ln.buf = appendLogTime(ln.buf, now)
		ln.buf = append(ln.buf, `","level":"`...)
		ln.buf = append(ln.buf, level.String()...)
		ln.buf = append(ln.buf, `","event":"`...)
		ln.buf = append(ln.buf, event...)
		ln.buf = append(ln.buf, '"')
		return ln
	}
	ln.buf = appendLogTime(ln.buf, now)
	ln.buf = append(ln.buf, ' ')
	ln.buf = append(ln.buf, level.String()...)
	ln.buf = append(ln.buf, ' ')
	ln.buf = append(ln.buf, event...)
	return ln
}

// key adds the key and its separators. Like the methods below, it returns the line, because a buffer that is changed
// through a pointer would have to live on the heap.
func (ln Line) key(key string) Line {
	if ln.json {
		ln.buf = append(ln.buf, ',', '"')
		ln.buf = append(ln.buf, key...)
		ln.buf = append(ln.buf, '"', ':')
		return ln
	}
	ln.buf = append(ln.buf, ' ')
	ln.buf = append(ln.buf, key...)
	ln.buf = append(ln.buf, '=')
	return ln
}

// Str adds a key with a string that may come from an untrusted peer.
func (ln Line) Str(key, value string) Line {
	ln = ln.key(key)
	if ln.json {
		ln.buf = appendJSONValue(ln.buf, value)
	} else {
		ln.buf = appendTextValue(ln.buf, value)
	}
	return ln
}

// Num adds a key with an integer, which JSON shows as a number.
func (ln Line) Num(key string, value int64) Line {
	ln = ln.key(key)
	ln.buf = strconv.AppendInt(ln.buf, value, 10)
	return ln
}

// Addr adds a key with an IP address. IPv4-mapped addresses are shown as IPv4, and without a zone, because fail2ban
// expects that. The invalid address is shown as `-`.
func (ln Line) Addr(key string, ip netip.Addr) Line {
	ln = ln.key(key)
	if ln.json {
		ln.buf = append(ln.buf, '"')
	}
	if ip.IsValid() {
		ln.buf = ip.Unmap().WithZone("").AppendTo(ln.buf)
	} else {
		ln.buf = append(ln.buf, '-')
	}
	if ln.json {
		ln.buf = append(ln.buf, '"')
	}
	return ln
}

// attrs adds the attributes in order.
func (ln Line) attrs(attrs []Attr) Line {
	for i := range attrs {
		if a := &attrs[i]; a.isNum {
			ln = ln.Num(a.Key, a.num)
		} else {
			ln = ln.Str(a.Key, a.str)
		}
	}
	return ln
}

// End finishes the line and returns it with its newline.
func (ln Line) End() []byte {
	if ln.json {
		ln.buf = append(ln.buf, '}')
	}
	return append(ln.buf, '\n')
}

// appendTextValue adds a value after `key=`. The value is bare if it is not empty and consists of printable ASCII
// without space, `"`, `=` and `\`; every other value is a Go string literal in ASCII (strconv.QuoteToASCII), which
// strconv.Unquote turns back into exactly the same bytes.
func appendTextValue(b []byte, v string) []byte {
	shown := ClipValue(v)
	if len(shown) < len(v) {
		b = strconv.AppendQuoteToASCII(b, shown)
		b = append(b[:len(b)-1], clipMark...)
		return append(b, '"')
	}
	if !isBareLogValue(v) {
		return strconv.AppendQuoteToASCII(b, v)
	}
	return append(b, v...)
}

func isBareLogValue(v string) bool {
	for i := range len(v) {
		if c := v[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\' {
			return false
		}
	}
	return v != ""
}

// ClipValue returns the part of v that a line shows: at most its first maxLogValue bytes.
func ClipValue(v string) string { return wording.Clip(v, maxLogValue) }

// appendLogTime adds the time in UTC as RFC 3339 with milliseconds. It does not use time.AppendFormat, which takes a
// third of the time of a whole line. Times outside the years 0 to 9999 are shown as the nearest time within them.
func appendLogTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()
	year = min(max(year, 0), 9999)
	ms := t.Nanosecond() / 1e6
	return append(b,
		digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(int(month)/10), digit(int(month)), '-',
		digit(day/10), digit(day), 'T',
		digit(hour/10), digit(hour), ':',
		digit(minute/10), digit(minute), ':',
		digit(sec/10), digit(sec), '.',
		digit(ms/100), digit(ms/10), digit(ms), 'Z')
}

// digit returns the last decimal digit of n.
func digit(n int) byte { return byte('0' + n%10) }

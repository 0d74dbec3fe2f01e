package eventlog

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Level is the severity of a log line. A higher level is more severe.
type Level int8

// These are the levels of `logging.level`.
const (
	LevelTrace Level = iota - 2
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

var levelNames = [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}

// String returns the level's name as log lines show it.
func (l Level) String() string { return levelNames[l-LevelTrace] }

// ParseLevel turns a value of `logging.level` into its Level. It accepts only the lower-case names.
func ParseLevel(s string) (Level, error) {
	for i, name := range levelNames {
		if s == strings.ToLower(name) {
			return LevelTrace + Level(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not a log level; use trace, debug, info, warn or error", s)
}

// Format is the layout of a log line.
type Format string

// These are the values of `logging.format`.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// Attr is one key of a log line with its value, a string or an integer. It is a plain value, so logging a line does not
// allocate.
type Attr struct {
	Key   string
	str   string
	num   int64
	isNum bool
}

// Str returns an attribute with a string, which may come from an untrusted peer: the layout of the line escapes it.
func Str(key, value string) Attr { return Attr{Key: key, str: value} }

// Int returns an attribute with an integer.
func Int(key string, value int) Attr { return Attr{Key: key, num: int64(value), isNum: true} }

// Millis returns an attribute with a duration in whole milliseconds.
func Millis(key string, d time.Duration) Attr {
	return Attr{Key: key, num: d.Milliseconds(), isNum: true}
}

// Addr returns an attribute with an IP address. IPv4-mapped addresses are shown as IPv4, and without a zone, because
// fail2ban expects that. The invalid address is shown as `-`.
func Addr(key string, ip netip.Addr) Attr {
	if !ip.IsValid() {
		return Attr{Key: key, str: "-"}
	}
	return Attr{Key: key, str: ip.Unmap().WithZone("").String()}
}

// Err returns the attribute `error` with an error's text. A nil error is shown as `none`.
func Err(err error) Attr {
	if err == nil {
		return Attr{Key: "error", str: "none"}
	}
	return Attr{Key: "error", str: err.Error()}
}

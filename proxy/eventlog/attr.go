package eventlog

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Level is the severity of a log line; higher is more severe.
type Level int8

// The levels of `logging.level`.
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

// The values of `logging.format`.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// Attr is one key of a log line with its value: a string or an integer. It is a plain value, so that logging a line
// does not allocate.
type Attr struct {
	Key   string
	str   string
	num   int64
	isNum bool
}

// Str makes an attribute from a string, which may come from an untrusted peer: the line's layout escapes it.
func Str(key, value string) Attr { return Attr{Key: key, str: value} }

// Int makes an attribute from an integer.
func Int(key string, value int) Attr { return Attr{Key: key, num: int64(value), isNum: true} }

// Millis makes an attribute from a duration, in whole milliseconds.
func Millis(key string, d time.Duration) Attr {
	return Attr{Key: key, num: d.Milliseconds(), isNum: true}
}

// Addr makes an attribute from an IP address. IPv4-mapped addresses are shown as IPv4, without a zone, because fail2ban
// expects that. The invalid address is shown as `-`.
func Addr(key string, ip netip.Addr) Attr {
	if !ip.IsValid() {
		return Attr{Key: key, str: "-"}
	}
	return Attr{Key: key, str: ip.Unmap().WithZone("").String()}
}

// Err makes the attribute `error` from an error's text. A nil error is shown as `none`.
func Err(err error) Attr {
	if err == nil {
		return Attr{Key: "error", str: "none"}
	}
	return Attr{Key: "error", str: err.Error()}
}

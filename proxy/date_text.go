package proxy

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dateText makes the values of Date fields. It formats each second once, for all requests in it. The zero value is ready for
// use by any number of goroutines.
type dateText struct {
	last atomic.Pointer[dateSecond]
}

// dateSecond is a second and its text.
type dateSecond struct {
	unix int64
	text string
}

// now returns the current time in the format of RFC 9110, section 5.6.7.
func (d *dateText) now() string { return d.at(time.Now()) }

func (d *dateText) at(t time.Time) string {
	unix := t.Unix()
	if last := d.last.Load(); last != nil && last.unix == unix {
		return last.text
	}
	next := &dateSecond{unix, t.UTC().Format(http.TimeFormat)}
	d.last.Store(next) // two requests may format the same second, to the same text
	return next.text
}

package wording

import (
	"fmt"
	"time"
)

// Time renders a time as log lines and error texts show it.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Duration renders a duration in its two largest units.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

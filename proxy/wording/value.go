package wording

import (
	"fmt"
	"strconv"
	"time"
)

// maxQuoted is the number of bytes of a value that Quoted repeats.
const maxQuoted = 128

// Quoted returns a value as errors show it: in quotes, escaped to one line, clipped to maxQuoted bytes.
func Quoted(value string) string {
	if len(value) > maxQuoted {
		return strconv.Quote(Clip(value, maxQuoted) + "…")
	}
	return strconv.Quote(value)
}

// Count returns a number with its noun, which is in the plural unless the number is 1.
func Count(number int, noun string) string {
	if number == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", number, noun)
}

// InSeconds writes a duration as a number of whole seconds, as the configuration does.
func InSeconds(timeout time.Duration) string {
	return strconv.FormatInt(int64(timeout/time.Second), 10)
}

package config

import "time"

// maxSeconds is the upper bound of every timeout: a day. Anything longer is a typing error, and the bound keeps every
// later computation with durations from overflowing.
const maxSeconds = 24 * 60 * 60

// seconds resolves a key that is a time in whole seconds, from 1 to maxSeconds (S-2.21).
func (v *validator) seconds(key string, value *int64, otherwise int64) time.Duration {
	secs := orDefault(value, otherwise)
	if secs < 1 || secs > maxSeconds {
		v.add(key, "%d is out of range; write seconds from 1 to %d", secs, maxSeconds)
		secs = otherwise
	}
	return time.Duration(secs) * time.Second
}

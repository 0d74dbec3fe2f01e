//go:build linux

package origin

import (
	"bytes"
	"strconv"
	"strings"
)

// sizedPrefix begins the targets of answers of as many KiB as the number after it, up to maxSizedKiB.
const (
	sizedPrefix = "/kib/"
	maxSizedKiB = 100
)

// Sized returns the target of an answer of so many KiB, from 1 to 100.
func Sized(kib int) string { return sizedPrefix + strconv.Itoa(kib) }

// newSized renders the answers to all Sized targets, by their length in KiB.
func newSized() [][]byte {
	sized := make([][]byte, maxSizedKiB+1)
	for kib := 1; kib <= maxSizedKiB; kib++ {
		sized[kib] = render("200 OK", bytes.Repeat([]byte("0123456789abcdef"), kib<<10/16))
	}
	return sized
}

// find returns the answer to a Sized target, or nil.
func (a answers) find(target []byte) []byte {
	number, ok := strings.CutPrefix(string(target), sizedPrefix)
	if !ok {
		return nil
	}
	kib, err := strconv.Atoi(number)
	if err != nil || kib < 1 || kib > maxSizedKiB {
		return nil
	}
	return a.sized[kib]
}

package soak

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
)

// identities makes and checks the identities of one load. Those of different loads differ unpredictably, so that an answer
// left over from an earlier load is noticed, too.
type identities struct{ seed maphash.Seed }

// text returns the identity of request n. All identities have the same length.
func (ids identities) text(n int) string {
	return fmt.Sprintf("%07x.%016x", n, maphash.Comparable(ids.seed, n))
}

// number returns the number of the request with this identity. It returns false for a text that is not an identity of
// this load.
func (ids identities) number(text string) (int, bool) {
	digits, _, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(digits, 16, 32)
	return int(n), err == nil && ids.text(int(n)) == text
}

// appendBody appends size bytes that repeat the identity.
func appendBody(out []byte, identity string, size int) []byte {
	for size > 0 {
		n := min(size, len(identity))
		out = append(out, identity[:n]...)
		size -= n
	}
	return out
}

// checkBody returns an error unless the body is what appendBody makes.
func checkBody(body []byte, identity string, size int) error {
	if len(body) != size {
		return fmt.Errorf("got a body of %d bytes, want %d", len(body), size)
	}
	for rest := body; len(rest) > 0; {
		n := min(len(rest), len(identity))
		if !bytes.Equal(rest[:n], []byte(identity[:n])) {
			return fmt.Errorf("got %q in the body at %d, want %q", rest[:n], len(body)-len(rest), identity[:n])
		}
		rest = rest[n:]
	}
	return nil
}

// leave says when a client disconnects.
type leave int

const (
	stays leave = iota
	leavesInRequest
	leavesBeforeAnswer
	leavesInAnswer
)

// plan describes request n. It depends only on n, so that client and upstream agree on it.
type plan struct {
	method  string
	host    string
	body    int
	chunked bool
	leave   leave
	// The answer: its size, whether its length is declared, and whether 103 precedes it and a trailer field follows it.
	answer          int
	declared, hints bool
	trailer         bool
}

// sizes are those of nothing, of what fits into one read with the head, of several TLS records, and of several windows.
var (
	bodySizes   = [...]int{1, 700, 0, 5000, 20_000, 1, 40_000, 300}
	answerSizes = [...]int{0, 1, 900, 17_000, 1200, 64_000, 300}
	methods     = [...]string{"GET", "POST", "PUT", "GET", "HEAD", "DELETE", "GET", "PATCH", "OPTIONS", "POST", "GET"}
)

// planOf returns the plan of request n for the hosts. The moduli have no common divisor, so that all combinations occur.
func planOf(n int, hosts []string) plan {
	p := plan{
		method:   methods[n%len(methods)],
		host:     hosts[n/3%len(hosts)],
		answer:   answerSizes[n%len(answerSizes)],
		declared: n%13 < 7,
		hints:    n%17 == 0,
		chunked:  n%5 < 2,
	}
	if n%997 == 0 {
		p.answer = 400_000
	}
	switch p.method {
	case "POST", "PUT", "PATCH":
		p.body = bodySizes[n/11%len(bodySizes)]
		if n%1009 == 0 {
			p.body = 500_000
		}
	}
	p.trailer = !p.declared && p.method != "HEAD" && n%3 == 0
	if n%19 == 0 {
		p.leave = leave(1 + n/19%3)
		if p.leave == leavesInRequest && p.body < 1000 || p.leave == leavesInAnswer && p.answer < 1000 {
			p.leave = leavesBeforeAnswer
		}
	}
	return p
}

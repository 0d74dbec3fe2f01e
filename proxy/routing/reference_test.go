package routing

import (
	"slices"
	"strings"
)

// The reference below reads paths and chooses rules in the simplest way: it splits and joins whole strings and looks at
// every rule. It shares nothing with the code under test.

// reader is one way in which an upstream may read a path. The zero reader takes the path as it came.
type reader struct {
	// decode decodes percent-encoded bytes once. decodeDots decodes only encoded dots.
	decode, decodeDots bool
	// backslash reads `\` as a slash.
	backslash bool
	// merge reads several slashes as one.
	merge bool
	// cutFirst cuts each segment at its first `;` before anything is decoded, and cutLast does so afterwards. For cutFirst,
	// a segment also ends at a backslash unless cutAtSlash is set.
	cutFirst, cutAtSlash, cutLast bool
	// dots resolves dot segments.
	dots bool
	// trim removes a slash at the end if the path came without one.
	trim bool
	// end is a decoded byte at which the path ends; "" for none.
	end string
}

// lenient applies all steps of S-14.3.
var lenient = reader{decode: true, backslash: true, merge: true, cutLast: true, dots: true}

// readers returns a reader for each way to read a path.
func readers() []reader {
	var all []reader
	for bits := range 1 << 9 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		r := reader{decode: on(0), decodeDots: on(1), backslash: on(2), merge: on(3), cutFirst: on(4), cutAtSlash: on(5), cutLast: on(6), dots: on(7), trim: on(8)}
		if r.decodeDots && r.decode || r.cutAtSlash && !r.cutFirst {
			continue
		}
		all = append(all, r)
		if r.decode {
			for _, end := range []string{"?", "#", "\x00"} {
				r.end = end
				all = append(all, r)
			}
		}
	}
	return all
}

// read returns the path as the reader sees it.
func (r reader) read(path string) string {
	trim := r.trim && !strings.HasSuffix(path, "/")
	if r.cutFirst {
		path = r.cutParameters(path)
	}
	if r.decode {
		path = unescape(path)
	}
	if r.decodeDots {
		path = strings.NewReplacer("%2e", ".", "%2E", ".").Replace(path)
	}
	if r.end != "" {
		path, _, _ = strings.Cut(path, r.end)
	}
	if r.backslash {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	if r.cutLast {
		path = onSegments(path, "/", func(s string) string { before, _, _ := strings.Cut(s, ";"); return before })
	}
	for r.merge && strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if r.dots {
		path = r.resolve(path)
	}
	if trim && path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// cutParameters cuts off the parameters of segments that are not decoded yet.
func (r reader) cutParameters(path string) string {
	cutOff := func(s string) string { before, _, _ := strings.Cut(s, ";"); return before }
	if r.cutAtSlash {
		return onSegments(path, "/", cutOff)
	}
	return onSegments(path, "/", func(s string) string { return onSegments(s, `\`, cutOff) })
}

// onSegments applies a function to each segment.
func onSegments(path, separator string, f func(string) string) string {
	segments := strings.Split(path, separator)
	for i := range segments {
		segments[i] = f(segments[i])
	}
	return strings.Join(segments, separator)
}

// resolve resolves dot segments.
func (r reader) resolve(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var kept []string
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "..":
			kept = kept[:max(0, len(kept)-1)]
		case segment != ".":
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// unescape decodes valid percent-encodings and leaves the others.
func unescape(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		if s[0] == '%' && len(s) >= 3 {
			high := strings.IndexByte("0123456789abcdef", lower(s[1]))
			low := strings.IndexByte("0123456789abcdef", lower(s[2]))
			if high >= 0 && low >= 0 {
				out.WriteByte(byte(16*high + low))
				s = s[3:]
				continue
			}
		}
		out.WriteByte(s[0])
		s = s[1:]
	}
	return out.String()
}

func lower(c byte) byte { return strings.ToLower(string(rune(c)))[0] }

// refer returns the index of the rule that takes a path as it is, or -1 if there is none.
func refer(rules []Rule[int], method, path string) int {
	var matching []Rule[int]
	for _, rule := range rules {
		matches := path == rule.Path || !rule.Exact && (rule.Path == "/" && strings.HasPrefix(path, "/") || strings.HasPrefix(path, rule.Path+"/"))
		if matches && (len(rule.Methods) == 0 || slices.Contains(rule.Methods, method)) {
			matching = append(matching, rule)
		}
	}
	if len(matching) == 0 {
		return -1
	}
	return slices.MaxFunc(matching, func(a, b Rule[int]) int {
		return 4*compareBool(a.Exact, b.Exact) + 2*compareInt(len(a.Path), len(b.Path)) + compareBool(len(a.Methods) > 0, len(b.Methods) > 0)
	}).Value
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareInt(a, b int) int { return compareBool(a > b, b > a) }

package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

// MaxErrors bounds the errors reported for one file. A file with more is not a configuration, and its errors would
// flood the log and the admin socket.
const MaxErrors = 1000

// maxQuoted is the number of bytes of a value that an error quotes.
const maxQuoted = 128

// configProblems collects what is wrong with one configuration while it is parsed and validated.
type configProblems struct {
	errs   []KeyError
	known  map[KeyError]bool
	faulty map[string]bool
	places places
}

// newConfigProblems returns an empty collection. places are those of the keys in the file.
func newConfigProblems(places places) *configProblems {
	return &configProblems{known: map[KeyError]bool{}, faulty: map[string]bool{}, places: places}
}

// addFault adds a problem that makes the value of key unusable. After it, add ignores problems with the key and the
// keys below it, which would only be consequences.
func (p *configProblems) addFault(key, format string, args ...any) {
	p.add(key, format, args...)
	p.faulty[key] = true
}

// failed reports whether the value of key is unusable. A caller then need not read a file that it names again for
// each of the thousands of routes that may inherit the key.
func (p *configProblems) failed(key string) bool { return p.faulty[key] }

// add adds a problem with the key: what is wrong, then what would be right. It adds a problem only once, because an
// inherited value is checked wherever it applies.
func (p *configProblems) add(key, format string, args ...any) {
	for prefix := key; prefix != ""; prefix = parentKey(prefix) {
		if p.faulty[prefix] {
			return
		}
	}
	problem := KeyError{Key: key, Problem: fmt.Sprintf(format, args...)}
	if len(p.errs) <= MaxErrors && !p.known[problem] {
		p.known[problem] = true
		p.errs = append(p.errs, problem)
	}
}

// sorted returns the problems in the order of the file: each at the position of its key, one about a missing key where
// its table begins, and one about a missing table at the end.
func (p *configProblems) sorted() Errors {
	errs := Errors(p.errs)
	tooMany := len(errs) > MaxErrors
	if tooMany {
		errs = errs[:MaxErrors]
	}
	slices.SortStableFunc(errs, func(a, b KeyError) int { return cmp.Compare(p.position(a.Key), p.position(b.Key)) })
	if tooMany {
		errs = append(errs, KeyError{Problem: fmt.Sprintf("more than %d errors; the rest is left out", MaxErrors)})
	}
	return errs
}

// position returns the offset of the key in the file, or of the nearest table above it that the file has. Without
// either it returns an offset after everything.
func (p *configProblems) position(key string) int {
	if at, ok := p.places.of(key); ok {
		return at.offset
	}
	return math.MaxInt
}

// parentKey returns the key without its last name or index: the parent of `a[1].b` is `a[1]`, that of `a[1]` is `a`,
// and that of `a` is "".
func parentKey(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}

// ChildKey returns the path of the key name in the table at path ("" for the top level). A name that is not a bare TOML
// key is quoted.
func ChildKey(path, name string) string {
	bare := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	switch {
	case !bare || name == "":
		name = wording.Quoted(name)
	case len(name) > maxQuoted:
		name = name[:maxQuoted] + "…"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// IndexKey returns the path of element i of the array at path.
func IndexKey(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

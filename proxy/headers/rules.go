package headers

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"reverse-proxy/proxy/http1"
)

// The limits of a set of rules.
const (
	// MaxRules limits the number of rules that apply to one message.
	MaxRules = 128
	// MaxBytes limits what the rules can add to a head. Many applications refuse a head that is longer than 8 or 16 KiB.
	MaxBytes = 32 << 10
)

// Rules are the rules for the fields of one kind of message, at most one for each field. They never change. A nil *Rules has
// no rules.
type Rules struct {
	message Message
	rules   []compiledRule
	// names finds the rule for a name, by its index.
	names *NameSet
	// host is the value for Host, which is not in a request's list of fields. If it is nil, Host is left as it is.
	host *value
	// uses has a bit for each placeholder that occurs in a value.
	uses uint
	// list has the rules as they were written, sorted by key.
	list []Rule
}

// compiledRule is a rule in use.
type compiledRule struct {
	op    Op
	name  string
	value value
}

// Compile makes the rules for a kind of message. It returns nil if the list is empty. The error names the rule that is
// wrong, or says what is wrong with the list as a whole.
func Compile(m Message, list []Rule) (*Rules, error) {
	if len(list) == 0 {
		return nil, nil
	}
	r := &Rules{message: m, list: slices.Clone(list)}
	slices.SortStableFunc(r.list, func(a, b Rule) int { return cmp.Compare(m.Key(a.Name), m.Key(b.Name)) })
	if len(list) > MaxRules {
		return nil, fmt.Errorf("has %d rules; at most %d can apply to one message", len(list), MaxRules)
	}
	var keys []string
	most := 0
	for i, rule := range r.list {
		if err := m.Check(rule); err != nil {
			return nil, fmt.Errorf("%s: %w", rule.Name, err)
		}
		key := m.Key(rule.Name)
		if i > 0 && key == m.Key(r.list[i-1].Name) {
			return nil, fmt.Errorf("%s: there are two rules for this field; write one", rule.Name)
		}
		compiled := compiledRule{op: rule.Op, name: rule.Name}
		if rule.Op != Remove {
			compiled.value, _ = parseValue(rule.Value) // checked above
			for _, part := range compiled.value.parts {
				r.uses |= 1 << part.is
			}
			most += len(rule.Name) + compiled.value.most + len(": \r\n")
		}
		if m == Request && key == hostKey {
			r.host = &compiled.value
			continue
		}
		r.rules = append(r.rules, compiled)
		keys = append(keys, key)
	}
	if most > MaxBytes {
		return nil, fmt.Errorf("can add %d bytes to a message, with each placeholder at its longest; at most %d are allowed", most, MaxBytes)
	}
	r.names = NewNameSet(m == Request, keys)
	return r, nil
}

// All yields the rules as they were written, sorted by name.
func (r *Rules) All() iter.Seq[Rule] {
	return func(yield func(Rule) bool) {
		if r == nil {
			return
		}
		for _, rule := range r.list {
			if !yield(rule) {
				return
			}
		}
	}
}

// OfLevel returns the rules of a level on one line, or "" if the level has none.
func (r *Rules) OfLevel(level string) string {
	var lines []string
	for rule := range r.All() {
		if rule.Level == level {
			lines = append(lines, rule.String())
		}
	}
	return strings.Join(lines, ", ")
}

// Equal reports whether two sets of rules do the same.
func (r *Rules) Equal(other *Rules) bool {
	if r == nil || other == nil {
		return r == other
	}
	return r.message == other.message && slices.EqualFunc(r.list, other.list, func(a, b Rule) bool {
		return a.Op == b.Op && a.Name == b.Name && a.Value == b.Value
	})
}

// Replaces reports whether the rules set or remove a field, so that nothing is left of what the message had.
func (r *Rules) Replaces(name string) bool {
	if r == nil || name == "" {
		return false
	}
	i := r.names.index(name)
	return i >= 0 && r.rules[i].op != Default
}

// Uses reports whether a value contains the placeholder.
func (r *Rules) Uses(is Placeholder) bool { return r != nil && r.uses&(1<<is) != 0 }

// Apply changes the fields of a message. Fields without a rule keep their order and their bytes. Fields that are set follow
// them, sorted by name. A value that consists of several parts is assembled in scratch, which Apply appends to and returns.
// Nothing may write to those bytes while the fields are in use.
func (r *Rules) Apply(fields *http1.Fields, from Values, scratch []byte) []byte {
	if r == nil || len(r.rules) == 0 {
		return scratch
	}
	var present [MaxRules]bool
	kept := (*fields)[:0]
	for _, field := range *fields {
		if i := r.names.index(field.Name); i >= 0 {
			if r.rules[i].op != Default {
				continue
			}
			present[i] = true
		}
		kept = append(kept, field)
	}
	for i := range r.rules {
		rule := &r.rules[i]
		if rule.op == Remove || present[i] {
			continue
		}
		var value string
		value, scratch = rule.value.expand(from, scratch)
		kept = append(kept, http1.Field{Name: rule.name, Value: value})
	}
	*fields = kept
	return scratch
}

// Host returns the value that a rule sets for Host, and reports whether there is one. It uses scratch as Apply does.
func (r *Rules) Host(from Values, scratch []byte) (host string, appended []byte, ok bool) {
	if r == nil || r.host == nil {
		return "", scratch, false
	}
	host, scratch = r.host.expand(from, scratch)
	return host, scratch, true
}

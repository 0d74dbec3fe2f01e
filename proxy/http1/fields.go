package http1

// Field is one field line of a head or of a trailer section: a name in its sender's spelling, and a value without
// the white space around it (RFC 9110, section 5). Both alias the buffer that was parsed.
type Field struct {
	Name, Value string
}

// Fields is a list of field lines in the order in which they arrived. Names are compared case-insensitively. The lists
// are short, so walking them is cheaper than a map, and keeps order and spelling.
type Fields []Field

// Get returns the value of the first line with that name, or "" if there is none.
func (f Fields) Get(name string) string {
	for i := range f {
		if EqualFold(f[i].Name, name) {
			return f[i].Value
		}
	}
	return ""
}

// Has reports whether there is a line with that name.
func (f Fields) Has(name string) bool {
	for i := range f {
		if EqualFold(f[i].Name, name) {
			return true
		}
	}
	return false
}

// HasToken reports whether the comma-separated lists in all lines with that name contain the token, compared
// case-insensitively.
func (f Fields) HasToken(name, token string) bool {
	for i := range f {
		if EqualFold(f[i].Name, name) && HasToken(f[i].Value, token) {
			return true
		}
	}
	return false
}

// EachToken calls visit with each non-empty element of the comma-separated lists in all lines with that name.
func (f Fields) EachToken(name string, visit func(token string)) {
	for i := range f {
		if !EqualFold(f[i].Name, name) {
			continue
		}
		for rest := f[i].Value; rest != ""; {
			var token string
			if token, rest = NextToken(rest); token != "" {
				visit(token)
			}
		}
	}
}

// Add appends a line.
func (f *Fields) Add(name, value string) { *f = append(*f, Field{Name: name, Value: value}) }

// Set replaces all lines with that name by one, at the end of the list.
func (f *Fields) Set(name, value string) {
	kept := (*f)[:0]
	for _, field := range *f {
		if !EqualFold(field.Name, name) {
			kept = append(kept, field)
		}
	}
	*f = append(kept, Field{Name: name, Value: value})
}

// Remove removes in place the lines for which gone returns true, and keeps the order of the others.
func (f *Fields) Remove(gone func(Field) bool) {
	kept := (*f)[:0]
	for _, field := range *f {
		if !gone(field) {
			kept = append(kept, field)
		}
	}
	*f = kept
}

package proxy

import "reverse-proxy/proxy/http1"

// Field is one field line of a head or of a trailer section.
type Field = http1.Field

// Fields is a list of field lines in the order in which they came.
type Fields = http1.Fields

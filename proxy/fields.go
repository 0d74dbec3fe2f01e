package proxy

import "reverse-proxy/proxy/http1"

// Field and Fields are the types of the HTTP/1 codec. So a head passes from the client's buffer to the upstream's
// connection, and back, without being copied into another form.
type (
	Field  = http1.Field
	Fields = http1.Fields
)

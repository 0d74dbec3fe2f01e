package config

import "net/netip"

// Expect is one `[[expect]]` entry: a request, and what must happen to it (S-21.2). All of it is dynamic.
type Expect struct {
	// Key is the key of the entry in the file.
	Key string
	// Request is the request as the file has it: Method and URL.
	Request string
	Method  string
	URL     RequestURL
	// Listener is the index of the listener that gets the request.
	Listener int
	// From is the address of the client; the zero Addr if it does not matter.
	From netip.Addr

	// The expectations; nil, 0 or the zero Addr for those not set. At least one is set.

	// Route is the path of the route that must take the request; "" if no route of the file may take it.
	Route *string
	// Upstream is the `host:port` to which it must be forwarded.
	Upstream *string
	// Status is the status of the proxy's own answer, and Location the target of its redirect.
	Status   int
	Location *string
	// Site is the host of the site.
	Site *string
	// ClientIP is the address that must be the client's.
	ClientIP netip.Addr
}

// Error returns an error about a key of the entry.
func (e Expect) Error(name, problem string) KeyError {
	return KeyError{Key: ChildKey(e.Key, name), Problem: problem}
}

package access

// ListVerdict is what the lists of networks say about a client.
type ListVerdict uint8

// The verdicts. A client that is in both lists is denied.
const (
	// Unlisted means that the lists do not decide: the client is not denied, and there is no list of allowed clients.
	Unlisted ListVerdict = iota
	// Allowed means that the client is in the list of allowed clients.
	Allowed
	// NotAllowed means that there is such a list, and the client is not in it.
	NotAllowed
	// Denied means that the client is in the list of denied clients.
	Denied
)

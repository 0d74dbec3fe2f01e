package access

// ListVerdict is what the lists of networks say about a client.
type ListVerdict uint8

// The verdicts. A client that is in both lists is denied.
const (
	// Unlisted is that of a client that is not denied, if there is no list of those that are allowed.
	Unlisted ListVerdict = iota
	// Allowed is that of a client in that list.
	Allowed
	// NotAllowed is that of a client that is not in that list.
	NotAllowed
	// Denied is that of a client that is never let in.
	Denied
)

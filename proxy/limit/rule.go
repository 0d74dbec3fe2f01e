package limit

import "hash/maphash"

// Scope identifies a set of buckets, one for each client: those of the file, of a site, or of a route. It depends only
// on the name that it was made from, so the buckets of a site survive reloads even if the site moves within the file.
type Scope uint64

// FileScope holds the buckets of requests whose site and route have no limit of their own.
const FileScope Scope = 0

// UnnamedScope holds a bucket for each trusted proxy, for requests that it passed on without a usable client address.
const UnnamedScope Scope = 2

// Scope returns the scope of a name.
func (l *Limiter) Scope(name string) Scope {
	return Scope(maphash.String(l.seed, name)) | 1 // never FileScope
}

// share returns the scope of the clients' shares of a total limit.
func (s Scope) share() Scope { return s ^ 1 }

// Rate is how fast a bucket fills, and how much it holds.
type Rate struct {
	// RequestsPerSecond is the rate at which the bucket fills; > 0.
	RequestsPerSecond float64
	// Burst is the size of the bucket, in requests; > 0.
	Burst int
}

// Rate returns the rate of the file's buckets.
func (c Config) Rate() Rate { return Rate{c.RequestsPerSecond, c.Burst} }

// Rule is the limit of a request: the bucket of its client from which it takes a token, and the total limit that it
// counts towards. A rule belongs to one configuration and never changes.
type Rule struct {
	// Scope is the scope of the client's bucket, and Rate the bucket's rate.
	Scope Scope
	Rate  Rate
	// Total is the limit of all clients together, or nil. TotalRate is its rate.
	Total     *Total
	TotalRate Rate
}

// Kind is the limit that has refused a request.
type Kind uint8

// These are the kinds of limits.
const (
	// OfClient is the bucket of one client, OfTotal the bucket of all clients together, and OfConcurrent the bound on
	// concurrent requests.
	OfClient Kind = iota
	OfTotal
	OfConcurrent
	// Kinds is the number of kinds.
	Kinds
)

// String returns the name of the kind in logs and metrics.
func (k Kind) String() string { return [...]string{"client", "total", "concurrent"}[k] }

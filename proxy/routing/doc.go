// Package routing decides which site and which route take a request. It is the only place that knows how a host and a path
// are read; it knows nothing of the configuration, the core or the log.
//
// A Table is built once and then only read. Decide is a pure function of the table and the request's head: it does no I/O,
// allocates nothing, and costs the same for one site or route as for ten thousand.
//
// # How a path is read
//
// A path is read as it came, and again as the most lenient upstream could read it: percent-decoded once, `\` as `/`, several
// slashes as one, `;` and what follows cut off each segment, dot segments resolved. If the two views choose different routes,
// the request is ambiguous and must not be forwarded: the upstream might serve it as what another rule covers (S-14.3).
//
// An upstream may also apply only some of these steps, or in another order. In most paths that does not matter, because the
// paths of routes have nothing to decode or resolve (PathProblem): a partial reading then matches at least as many segments as
// the first view, and at most as many as the second one. There are two exceptions. What a `..` removes depends on the other
// steps, and so does what a `;` cuts off when an encoded slash follows in its segment. Such a path is accepted only if no
// route begins below the part that all readings have in common. Upstreams that end a path at an encoded `?`, `#` or NUL are
// considered as well.
//
// What an upstream reads of a path whose beginning is not forwarded is checked in the same way: a dot segment cannot lead it
// above its root.
//
// A Location is the target of a redirect that a route answers with (S-14.6).
package routing

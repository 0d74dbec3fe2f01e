// Package routing decides which site and which route take a request. It is the only package that knows how hosts and paths
// are read. It knows nothing of the configuration, the core or the log.
//
// A Table does not change after it is built. Decide is a pure function of the table and the request's head. It does no I/O,
// allocates nothing, and costs as much for one site or route as for ten thousand.
//
// # How a path is read
//
// A path is read twice: as it came, and as the most lenient upstream could read it. For the second reading it is
// percent-decoded once, `\` becomes `/`, several slashes become one, each segment ends at its first `;`, and dot segments
// are resolved. If the two readings choose different routes, the request is ambiguous and must not be forwarded, because the
// upstream might serve what another rule covers (S-14.3).
//
// An upstream may also apply only some of these steps, or apply them in another order. For most paths that does not matter,
// because the paths of routes have nothing to decode or resolve (see PathProblem): a partial reading matches at least as
// many segments as the first reading, and at most as many as the second. There are two exceptions. What a `..` removes
// depends on the other steps, and so does what a `;` cuts off if an encoded slash follows in its segment. Such a path is
// accepted only if no route begins below the part that all readings have in common. Upstreams that end a path at an encoded
// `?`, `#` or NUL are considered as well.
//
// A path whose beginning is not forwarded is checked in the same way, as its upstream reads it: a dot segment cannot lead
// above the upstream's root.
//
// A Location is the target of a route's redirect (S-14.6).
package routing

// Package access has the rules that say which clients a site lets in: the users of a password file and their passwords, and
// how several rules combine. It knows nothing of requests, connections or the configuration file.
package access

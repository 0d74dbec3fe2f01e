package config

import (
	"net/netip"
	"slices"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/prefixes"
)

// Access says which clients a place lets in (S-16). It never changes. A nil Access lets in every client.
type Access struct {
	// Allow holds the networks whose clients are let in; nil if neither `allow` nor `allow_file` is set. Deny holds
	// the networks whose clients are never let in; nil for none.
	Allow, Deny *prefixes.Set
	// Users are the users of `basic_users_file`; nil for none.
	Users *access.Users
	// ForwardAuth is the service that is asked; nil for none.
	ForwardAuth *ForwardAuth
	// Headers names the fields that the upstream gets from the service's answer. They are removed from every client's
	// request, even where no service is asked: the upstream may trust them there too.
	Headers []string
	// Cookies reports whether a client that is let in also gets the cookies of the service's answer.
	Cookies bool
	// Any reports whether one rule is enough; otherwise all must let the client in.
	Any bool
	// keys are the keys of the table, in the order of the documentation.
	keys []accessKey
}

// accessKey is a key of `[access]` at a place.
type accessKey struct {
	KeyText
	from Level
	// file is the path of the file that the key names; "" for none.
	file string
}

// accessNames are the keys of `[access]` in the order of the documentation.
var accessNames = [...]string{"access.allow", "access.allow_file", "access.deny", "access.deny_file", "access.basic_users_file", "access.forward_auth",
	"access.forward_auth_headers", "access.satisfy"}

// Texts lists the keys. The values of those that are not set at the level are "". That of a file changes with its contents.
func (a *Access) Texts(at Level) []KeyText {
	texts := make([]KeyText, len(accessNames))
	for i, name := range accessNames {
		texts[i].Key = name
		if a != nil && a.keys[i].from == at {
			texts[i].Value = a.keys[i].Value
		}
	}
	return texts
}

// From returns where a key of the table was set.
func (a *Access) From(name string) Level {
	if a != nil {
		for _, key := range a.keys {
			if key.Key == name {
				return key.from
			}
		}
	}
	return LevelDefault
}

// FilesAt returns the keys that name files at the level, with the paths as their values.
func (a *Access) FilesAt(level Level) []KeyText {
	if a == nil {
		return nil
	}
	var files []KeyText
	for _, key := range a.keys {
		if key.file != "" && key.from == level {
			files = append(files, KeyText{key.Key, key.file})
		}
	}
	return files
}

// Restricts reports whether any rule is in effect.
func (a *Access) Restricts() bool {
	return a != nil && (a.Allow != nil || a.Deny != nil || a.Asks())
}

// Asks reports whether there is a rule that looks at more than the client's address.
func (a *Access) Asks() bool { return a.Users != nil || a.ForwardAuth != nil }

// HeadersOf returns the names of the fields that are removed from every client's request; nil for none.
func (a *Access) HeadersOf() []string {
	if a == nil {
		return nil
	}
	return a.Headers
}

// ByList returns what the network lists say about a client: denied, allowed, not allowed, or nothing if there is no
// list of allowed networks.
func (a *Access) ByList(client netip.Addr) access.ListVerdict {
	switch {
	case a.Deny.Contains(client):
		return access.Denied
	case a.Allow == nil:
		return access.Unlisted
	case a.Allow.Contains(client):
		return access.Allowed
	}
	return access.NotAllowed
}

// Equal reports whether two places let in the same clients by the same keys. It ignores where `satisfy` was set, but
// not its value.
func (a *Access) Equal(other *Access) bool {
	if a == nil || other == nil {
		return a == other
	}
	return a.Any == other.Any && slices.EqualFunc(a.keys, other.keys, func(one, two accessKey) bool {
		return one == two || one.Key == "access.satisfy"
	})
}

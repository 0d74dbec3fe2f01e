package config

import (
	"errors"
	"fmt"
	"strings"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/prefixes"
	"reverse-proxy/proxy/wording"
)

// maxUsersBytes is the length above which a password file is refused: 100 bytes for each user.
const maxUsersBytes = 100 * access.MaxUsers

// resolvedAccess caches the `[access]` tables, so that places that inherit all of one share the result and each file
// is read once.
type resolvedAccess struct {
	// places are keyed by the keys that apply to them, and sets by the keys of their list and file.
	places map[string]*Access
	sets   map[string]*prefixes.Set
	// users are the contents of password files, by path.
	users map[string]*access.Users
	// hashes are the hashes of the files, by path.
	hashes map[string]string
}

func newResolvedAccess() resolvedAccess {
	return resolvedAccess{places: map[string]*Access{}, sets: map[string]*prefixes.Set{},
		users: map[string]*access.Users{}, hashes: map[string]string{}}
}

// access resolves `[access]` at a place; nil if neither it nor a place above it has the table.
func (v *validator) access(in inherited) *Access {
	var text strings.Builder
	isSet := false
	for _, name := range accessNames {
		isSet = isSet || in.level(name) != LevelDefault
		text.WriteString(in.key(name) + "\n")
	}
	if !isSet {
		return nil
	}
	same := text.String()
	if known := v.accessOf.places[same]; known != nil {
		return known
	}
	raw := in.Access
	a := &Access{
		Allow:       v.networkSet(in, "access.allow", raw.Allow, raw.AllowFile),
		Deny:        v.networkSet(in, "access.deny", raw.Deny, raw.DenyFile),
		Users:       v.users(in.key("access.basic_users_file"), v.accessFile(raw.BasicUsersFile)),
		ForwardAuth: v.forwardAuth(in.key("access.forward_auth"), raw.ForwardAuth),
		Any:         v.satisfy(in.key("access.satisfy"), raw.Satisfy),
	}
	a.Headers, a.Cookies = v.forwardAuthHeaders(in, raw.ForwardAuthHeaders)
	a.keys = []accessKey{
		{KeyText: KeyText{Value: strings.Join(raw.Allow, ", ")}}, {file: v.accessFile(raw.AllowFile)},
		{KeyText: KeyText{Value: strings.Join(raw.Deny, ", ")}}, {file: v.accessFile(raw.DenyFile)},
		{file: v.accessFile(raw.BasicUsersFile)}, {KeyText: KeyText{Value: orDefault(raw.ForwardAuth, "")}},
		{KeyText: KeyText{Value: strings.Join(raw.ForwardAuthHeaders, ", ")}}, {KeyText: KeyText{Value: orDefault(raw.Satisfy, "")}},
	}
	for i := range a.keys {
		key := &a.keys[i]
		key.Key, key.from = accessNames[i], in.level(accessNames[i])
		switch {
		case key.file != "":
			key.Value = fmt.Sprintf("%s (%.8s)", key.file, v.accessOf.hashes[key.file])
		case key.Value == "" && key.from != LevelDefault: // it clears the inherited value
			key.Value = "none"
		}
	}
	v.accessOf.places[same] = a
	return a
}

// accessFile resolves the path of a file; "" for none.
func (v *validator) accessFile(path *string) string {
	if path == nil {
		return ""
	}
	return v.resolvePath(*path)
}

// networkSet resolves a list of networks, which may be in the configuration, in a file, or in both; nil for none.
func (v *validator) networkSet(in inherited, name string, values []string, file *string) *prefixes.Set {
	key, fileKey, path := in.key(name), in.key(name+"_file"), v.accessFile(file)
	if len(values) == 0 && path == "" {
		return nil
	}
	same := key + "\n" + fileKey
	if set := v.accessOf.sets[same]; set != nil {
		return set
	}
	networks := v.prefixes(key, values, prefixes.MaxNetworks)
	if path != "" {
		list := v.networkFile(fileKey, path)
		networks = append(networks[:len(networks):len(networks)], list.networks...)
		v.accessOf.hashes[path] = list.hash
	}
	set := prefixes.New(networks)
	v.accessOf.sets[same] = set
	return set
}

// users reads a password file; nil for none.
func (v *validator) users(key, path string) *access.Users {
	if path == "" || v.failed(key) {
		return nil
	}
	if known := v.accessOf.users[path]; known != nil {
		return known
	}
	data, err := ReadStableFile(path, maxUsersBytes, nil)
	if err != nil {
		v.addFault(key, "%s: %s", wording.Quoted(path), err)
		return nil
	}
	v.accessOf.hashes[path] = HashOf(data)
	users, faults := access.ParseUsers(data)
	for _, fault := range faults {
		var line *access.LineError
		if errors.As(fault, &line) {
			v.add(key, "%s: %s", wording.Quoted(path), fault)
		} else {
			v.add(key, "%s %s", wording.Quoted(path), fault)
		}
	}
	v.accessOf.users[path] = users
	return users
}

// satisfy resolves `satisfy`.
func (v *validator) satisfy(key string, value *string) bool {
	text := orDefault(value, "all")
	if text != "all" && text != "any" {
		v.add(key, `%s is not a choice; write "all" or "any"`, wording.Quoted(text))
	}
	return text == "any"
}

package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"reverse-proxy/proxy/prefixes"
	"reverse-proxy/proxy/wording"
)

// Maintenance says what clients get while a site is in maintenance. It never changes.
type Maintenance struct {
	// File is the path of the file that Body comes from; "" for none. FileFrom says where it was set.
	File     string
	FileFrom Level
	// Body is the answer's body, and Type its type; both are empty without a file.
	Body []byte
	Type string
	// Allow are the networks of the clients that are still served. AllowFrom says where they were set.
	Allow     []netip.Prefix
	AllowFrom Level
}

// FileAt returns the path of the file if it was set at the level; else "".
func (m Maintenance) FileAt(level Level) string {
	if m.FileFrom != level {
		return ""
	}
	return m.File
}

// Admits reports whether a client is served during the maintenance.
func (m Maintenance) Admits(client netip.Addr) bool {
	client = client.WithZone("")
	return slices.ContainsFunc(m.Allow, func(prefix netip.Prefix) bool { return prefix.Contains(client) })
}

// Texts lists the keys. A key that is not set at the level has the value "". The value for the file changes with its
// contents.
func (m Maintenance) Texts(at Level) []KeyText {
	texts := []KeyText{{Key: "maintenance_file"}, {Key: "maintenance_allow"}}
	if file := m.FileAt(at); file != "" {
		texts[0].Value = file + " (" + HashOf(m.Body)[:8] + ")"
	}
	if m.AllowFrom == at {
		var networks []string
		for _, network := range m.Allow {
			networks = append(networks, network.String())
		}
		texts[1].Value = strings.Join(networks, ", ")
	}
	return texts
}

// maxAllowed bounds the prefixes in `maintenance_allow`, which are searched one by one.
const maxAllowed = 1000

// maintenance resolves `maintenance_file` and `maintenance_allow`.
func (v *validator) maintenance(in inherited) Maintenance {
	m := Maintenance{FileFrom: in.level("maintenance_file"), AllowFrom: in.level("maintenance_allow")}
	m.Allow = v.prefixes(in.key("maintenance_allow"), in.MaintenanceAllow, maxAllowed)
	if in.MaintenanceFile == nil || *in.MaintenanceFile == "" { // a site without a page, below a file with one
		return m
	}
	m.File = v.resolvePath(*in.MaintenanceFile)
	m.Body = v.answerFile(in.key("maintenance_file"), m.File)
	m.Type = typeOfFile(m.File)
	return m
}

// typeOfFile returns the Content-Type of a file sent to clients, from its name.
func typeOfFile(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "text/html; charset=utf-8"
}

// prefixes resolves a list of at most `most` networks, each a prefix or a single address. Places that inherit the
// list share the result.
func (v *validator) prefixes(key string, values []string, most int) []netip.Prefix {
	if len(values) == 0 {
		return nil
	}
	networks, known := v.networks[key]
	if !known {
		networks = v.parsePrefixes(key, values, most)
		v.networks[key] = networks
	}
	return networks
}

func (v *validator) parsePrefixes(key string, values []string, most int) []netip.Prefix {
	if len(values) > most {
		v.addFault(key, "has %d entries; write at most %d, and larger networks", len(values), most)
		return nil
	}
	const example = `as in "10.0.0.0/8", "2001:db8::/32" or "192.0.2.7"`
	var networks []netip.Prefix
	for i, value := range values {
		network, problem := prefixes.Parse(value)
		if problem != "" {
			v.addFault(IndexKey(key, i), "%s %s; write a network, %s", wording.Quoted(value), problem, example)
			continue
		}
		networks = append(networks, network)
	}
	return networks
}

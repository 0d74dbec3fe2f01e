package config

import (
	"fmt"
	"slices"
	"strings"
)

// nameBytes are the bytes that hosts and wildcards consist of. Hosts may be in either case.
const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*"

// HostsIn returns the hosts and aliases of all sites in the configuration file at path, sorted, each once. It checks
// nothing else, so that shells can complete hosts while a file is being edited. It omits a host with any byte that is
// not in nameBytes: bash expands the words that it completes, and would run the command in a `$()`.
func HostsIn(path string) ([]string, error) {
	contents, err := ReadStableFile(path, MaxBytes, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	tree, err := DecodeTOML(contents)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var hosts []string
	add := func(value any) {
		if host, ok := value.(string); ok && host != "" && strings.Trim(host, nameBytes) == "" {
			hosts = append(hosts, host)
		}
	}
	for _, listener := range tablesIn(tree["listeners"]) {
		for _, site := range tablesIn(listener["sites"]) {
			add(site["host"])
			if aliases, ok := site["aliases"].([]any); ok {
				for _, alias := range aliases {
					add(alias)
				}
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// tablesIn returns the tables of an array of tables, which the parser represents in two ways.
func tablesIn(value any) []map[string]any {
	switch value := value.(type) {
	case []map[string]any:
		return value
	case []any:
		var tables []map[string]any
		for _, element := range value {
			if table, ok := element.(map[string]any); ok {
				tables = append(tables, table)
			}
		}
		return tables
	}
	return nil
}

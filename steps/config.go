package steps

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// config is a configuration file as a tree, so that a scenario can set any key by its path, to valid or invalid values.
type config struct {
	root map[string]any
	// raw is the file's text if the scenario gives the text itself; the tree is then unused.
	raw *string
	// tail is text appended to either.
	tail string
}

// text renders the file.
func (c *config) text() (string, error) {
	if c.raw != nil {
		return *c.raw + c.tail, nil
	}
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(c.root); err != nil {
		return "", fmt.Errorf("cannot render the configuration: %w", err)
	}
	return out.String() + c.tail, nil
}

var pathPart = regexp.MustCompile(`^([A-Za-z0-9_-]+)(?:\[(\d+)\])?$`)

// walk finds the table that holds the last key of a path such as `listeners[0].sites[1].host`, and creates missing
// tables and array entries.
func (c *config) walk(path string) (table map[string]any, key string, index int, err error) {
	table = c.root
	parts := strings.Split(path, ".")
	for i, part := range parts {
		match := pathPart.FindStringSubmatch(part)
		if match == nil {
			return nil, "", 0, fmt.Errorf("%q is not a path of a key", path)
		}
		key, index = match[1], -1
		if match[2] != "" {
			index, _ = strconv.Atoi(match[2])
		}
		if i == len(parts)-1 {
			return table, key, index, nil
		}
		if index < 0 {
			next, ok := table[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				table[key] = next
			}
			table = next
			continue
		}
		entries, _ := table[key].([]map[string]any)
		for len(entries) <= index {
			entries = append(entries, map[string]any{})
		}
		table[key] = entries
		table = entries[index]
	}
	return nil, "", 0, fmt.Errorf("%q is not a path of a key", path)
}

// set gives a key a value.
func (c *config) set(path string, value any) error {
	table, key, index, err := c.walk(path)
	if err != nil {
		return err
	}
	if index < 0 {
		table[key] = value
		return nil
	}
	entry, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%q names a table; set its keys, or all of it", path)
	}
	entries, _ := table[key].([]map[string]any)
	for len(entries) <= index {
		entries = append(entries, map[string]any{})
	}
	entries[index] = entry
	table[key] = entries
	return nil
}

// setTOML gives a key a value in TOML syntax.
func (c *config) setTOML(path, value string) error {
	var parsed struct{ V any }
	if _, err := toml.Decode("V = "+value, &parsed); err != nil {
		return fmt.Errorf("the value %s of %s is not TOML: %w", value, path, err)
	}
	return c.set(path, parsed.V)
}

// remove removes a key, a table or an entry of an array.
func (c *config) remove(path string) error {
	table, key, index, err := c.walk(path)
	if err != nil {
		return err
	}
	if index < 0 {
		if _, ok := table[key]; !ok {
			return fmt.Errorf("there is no %s to remove", path)
		}
		delete(table, key)
		return nil
	}
	entries, _ := table[key].([]map[string]any)
	if index >= len(entries) {
		return fmt.Errorf("there is no %s to remove", path)
	}
	entries = append(entries[:index:index], entries[index+1:]...)
	if len(entries) == 0 {
		delete(table, key)
	} else {
		table[key] = entries
	}
	return nil
}

// bindAddrs returns the addresses of a listener; at least one, even of an invalid value.
func bindAddrs(listener map[string]any) []string {
	values, ok := listener["bind_addr"].([]any)
	if !ok || len(values) == 0 {
		return []string{fmt.Sprint(listener["bind_addr"])}
	}
	addrs := make([]string, len(values))
	for i, value := range values {
		addrs[i] = fmt.Sprint(value)
	}
	return addrs
}

// tables returns the entries of an array of tables; none if there is no such array.
func tables(of map[string]any, key string) []map[string]any {
	entries, _ := of[key].([]map[string]any)
	return entries
}

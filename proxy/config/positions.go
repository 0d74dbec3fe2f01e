package config

import "github.com/BurntSushi/toml"

// keyPositions returns the position of each key of a decoded file, as an ordinal. The toml package lists the keys in
// order but without indices; the indices are counted here. Keys inside an array of inline tables are not distinguished:
// they have the position of the array.
func keyPositions(meta toml.MetaData) map[string]int {
	positions := make(map[string]int)
	lengths := make(map[string]int)
	isTables := make(map[string]bool)
	for ordinal, key := range meta.Keys() {
		path, plain := "", ""
		for i, name := range key {
			path, plain = ChildKey(path, name), ChildKey(plain, name)
			tables, known := isTables[plain]
			if !known {
				tables = meta.Type(key[:i+1]...) == "ArrayHash"
				isTables[plain] = tables
			}
			if !tables {
				continue
			}
			if i == len(key)-1 {
				notePosition(positions, path, ordinal)
				lengths[path]++
			}
			path = IndexKey(path, lengths[path]-1)
		}
		notePosition(positions, path, ordinal)
	}
	return positions
}

// notePosition records the position of key unless it was seen before.
func notePosition(positions map[string]int, key string, ordinal int) {
	if _, seen := positions[key]; !seen {
		positions[key] = ordinal
	}
}

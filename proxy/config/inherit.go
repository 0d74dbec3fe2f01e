package config

import (
	"maps"
	"reflect"
)

// Level is where in the configuration a setting was set.
type Level int

// The levels, from the most general to the most specific.
const (
	// LevelDefault is the level of a setting that is set nowhere.
	LevelDefault Level = iota
	// LevelFile is the top of the file.
	LevelFile
	// LevelSite is a site.
	LevelSite
	// LevelRoute is a route of a site.
	LevelRoute
)

// String returns the level in one word.
func (l Level) String() string { return [...]string{"default", "file", "site", "route"}[l] }

// inherited holds the settings that apply at one place of the configuration: at the file's top, a site or a route.
type inherited struct {
	rawSettings
	// at is the key of the place; "" for the file's top.
	at string
	// origins says where each key and table was set, by its path below the place.
	origins map[string]origin
}

// origin says where a setting was set. For a table it is the most specific place that sets one of its keys.
type origin struct {
	level Level
	// key is the key of the setting there.
	key string
}

// inherit returns the settings of a place below this one: its own, and those of this place for what it does not set
// (S-2.33).
func (in inherited) inherit(level Level, at string, own rawSettings) inherited {
	place := inherited{rawSettings: own, at: at, origins: make(map[string]origin, len(in.origins))}
	maps.Copy(place.origins, in.origins)
	set := func(path string) { place.origins[path] = origin{level, below(at, path)} }
	fillFromParent(reflect.ValueOf(&place.rawSettings).Elem(), reflect.ValueOf(in.rawSettings), "", set)
	return place
}

// level returns where the key or table with the path was set.
func (in inherited) level(path string) Level { return in.origins[path].level }

// key returns the key of a setting as errors about its value name it: the key where it was set, or the key that it
// would have at this place.
func (in inherited) key(path string) string {
	if from, ok := in.origins[path]; ok {
		return from.key
	}
	return below(in.at, path)
}

// below joins the key of a place ("" for the file's top) and a path.
func below(at, path string) string {
	if at == "" {
		return path
	}
	return at + "." + path
}

// fillFromParent implements inheritance: what own lacks, it takes from parent, which has the same type. Tables and
// maps are merged key by key; an array is one value. It calls set with the path of each key and table that own itself
// has, and reports whether there was any.
func fillFromParent(own, parent reflect.Value, path string, set func(path string)) bool {
	has := false
	switch {
	case own.Kind() == reflect.Struct && own.Type() != reflect.TypeFor[oneOrMore]():
		for i := range own.NumField() {
			field, key := own.Type().Field(i), path
			if !field.Anonymous {
				key = ChildKey(path, field.Tag.Get("toml"))
			}
			has = fillFromParent(own.Field(i), parent.Field(i), key, set) || has
		}
	case own.IsZero():
		own.Set(parent)
		return false
	case own.Kind() == reflect.Pointer && own.Type().Elem().Kind() == reflect.Struct:
		table := reflect.New(own.Type().Elem())
		table.Elem().Set(own.Elem())
		above := reflect.New(own.Type().Elem()).Elem()
		if !parent.IsNil() {
			above = parent.Elem()
		}
		if !fillFromParent(table.Elem(), above, path, set) {
			set(path) // an empty table is set too
		}
		own.Set(table)
		return true
	case own.Kind() == reflect.Map:
		has = true
		merged := reflect.MakeMap(own.Type())
		for _, name := range parent.MapKeys() {
			merged.SetMapIndex(name, parent.MapIndex(name))
		}
		for _, name := range own.MapKeys() {
			merged.SetMapIndex(name, own.MapIndex(name))
			set(ChildKey(path, name.String()))
		}
		own.Set(merged)
	default:
		has = true
	}
	if has && path != "" {
		set(path)
	}
	return has
}

package check

import (
	"os"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// access warns of the files of `[access]` at a place that the daemon's user cannot read, and of password files that everybody
// can.
func (c *checker) access(place string, a *config.Access, at config.Level) {
	for _, file := range a.FilesAt(at) {
		key := file.Key
		if place != "" {
			key = place + "." + key
		}
		c.readable(key, file.Value)
		info, err := os.Stat(file.Value)
		if file.Key == "access.basic_users_file" && err == nil && info.Mode().Perm()&0o004 != 0 {
			c.warn(key, "%s can be read by everybody on this machine, who could then try passwords by the million; take that permission away (chmod o-r)",
				wording.Quoted(file.Value))
		}
	}
}

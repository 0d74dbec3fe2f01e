package manual

import (
	"fmt"
	"strings"

	"reverse-proxy/proxy/config"
)

// configPage returns the man page reverse-proxy.toml(5). example is a whole configuration.
func configPage(tables []config.Table, example, date string) string {
	var page roff
	page.heading("reverse-proxy.toml", "5", date, "configuration of reverse-proxy(8)")
	page.section("SYNOPSIS")
	page.paragraph("`/etc/reverse-proxy/config.toml`")
	page.section("DESCRIPTION")
	page.paragraph("The configuration of `reverse-proxy` is one file in TOML 1.0. A file with mistakes is refused as a whole, with every " +
		"mistake on a line of its own: the key, what is wrong with its value, and what would be right. Check it before you use it:")
	page.example("reverse-proxy --validate --config /etc/reverse-proxy/config.toml\n")
	page.paragraph("A key that does not exist is an error, and so is one in the wrong table or with capital letters. *Static* keys take effect at " +
		"a restart. *Dynamic* keys take effect at a reload, for new requests; a reload names the static keys that differ and need a restart. " +
		"Paths of certificates are static, but the files are read again at every reload.")
	page.paragraph("The file is at most 1 MiB of UTF-8. A file that changes while it is being read is refused: write a new one next to it and " +
		"rename it over the old one. Times are whole seconds. Relative paths of certificates, caches and the files of fixed answers are taken from the directory of the file.")
	page.section("KEYS")
	for _, table := range tables {
		if table.Path == "" {
			page.subsection("Top level")
		} else {
			page.subsection(configHeader(table))
		}
		if table.About != "" {
			page.paragraph(table.About)
		}
		for _, key := range table.Keys {
			page.item("`"+key.Name+"` ("+configType(key)+")", key.Text)
			page.more(configWords(key))
		}
	}
	page.section("EXAMPLE")
	page.example(example)
	page.section("FILES")
	page.item("`/etc/reverse-proxy/config.toml`", "The file that is read when `--config` names none.")
	page.seeAlso("reverse-proxy(8)")
	return page.String()
}

// configWords says what applies without the key, and when a change of it takes effect.
func configWords(key config.Key) string {
	words := map[bool]string{false: "Static.", true: "Dynamic."}[key.Dynamic]
	switch {
	case key.Default != "":
		return fmt.Sprintf("Default: `%s`. %s", key.Default, words)
	case key.Need == "not set":
		return "Not set by default. " + words
	}
	return strings.ToUpper(key.Need[:1]) + key.Need[1:] + ". " + words // as in "required", "required by `acme`"
}

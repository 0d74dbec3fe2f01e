package manual

import (
	"fmt"
	"strings"

	"reverse-proxy/proxy/config"
)

// configTablesBegin is the line of docs/configuration.md after which everything is generated.
const configTablesBegin = "<!-- From here on written from proxy/config/reference.go by: go test ./deploy/manual -update -->\n"

// configTables returns the tables of docs/configuration.md, in Markdown.
func configTables(tables []config.Table) string {
	var out strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&out, "\n## %s\n\n", configTableTitle(table))
		if table.About != "" {
			fmt.Fprintf(&out, "%s\n\n", wrap(table.About, 100))
		}
		out.WriteString("| key | type | default | takes effect | what it does |\n|---|---|---|---|---|\n")
		for _, key := range table.Keys {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", key.Name, configType(key), configDefault(key), configEffect(key), key.Text)
		}
	}
	return out.String()
}

// configTableTitle returns the table's header in the file, as code.
func configTableTitle(table config.Table) string {
	if table.Path == "" {
		return "Top level"
	}
	return "`" + configHeader(table) + "`"
}

// configHeader returns the table's header in the file.
func configHeader(table config.Table) string {
	if table.IsArray {
		return "[[" + table.Path + "]]"
	}
	return "[" + table.Path + "]"
}

// configType returns the key's type with its bounds, in words.
func configType(key config.Key) string {
	switch {
	case key.Min != "" && key.Max != "":
		return fmt.Sprintf("%s, %s–%s", key.Type, key.Min, key.Max)
	case key.Min != "":
		return fmt.Sprintf("%s, from %s", key.Type, key.Min)
	}
	return key.Type
}

// configDefault returns what applies if the key is not set, in Markdown.
func configDefault(key config.Key) string {
	if key.Default != "" {
		return "`" + key.Default + "`"
	}
	return key.Need
}

// configEffect says when a change of the key takes effect.
func configEffect(key config.Key) string {
	if key.Dynamic {
		return "dynamic"
	}
	return "static"
}

// wrap breaks text at spaces into lines of at most width characters.
func wrap(text string, width int) string {
	var out strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		length := len([]rune(word))
		switch {
		case column == 0:
		case column+1+length > width:
			out.WriteByte('\n')
			column = 0
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += length
	}
	return out.String()
}

package manual

import (
	"fmt"
	"strings"
)

// roff builds a man page in the macros of man(7).
type roff struct{ strings.Builder }

// heading begins a man page with its title, section and date, and the NAME line by which it is indexed.
func (r *roff) heading(name, section, date, summary string) {
	r.WriteString(".\\\" Written by go test ./deploy/manual -update from the tables of the program. Do not edit.\n")
	fmt.Fprintf(r, ".TH %s %s %q \"reverse\\-proxy\" \"System Administration\"\n", roffText(strings.ToUpper(name)), section, date)
	r.section("NAME")
	fmt.Fprintf(r, "%s \\- %s\n", roffText(name), roffText(summary))
}

func (r *roff) section(title string) { fmt.Fprintf(r, ".SH %s\n", title) }

func (r *roff) subsection(title string) { fmt.Fprintf(r, ".SS %s\n", roffQuoted(title)) }

// begin begins a paragraph, unless a heading has just done so.
func (r *roff) begin() {
	lines := strings.Split(strings.TrimSuffix(r.String(), "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, ".SH ") && !strings.HasPrefix(last, ".SS ") {
		r.WriteString(".PP\n")
	}
}

// paragraph adds a paragraph of Markdown.
func (r *roff) paragraph(markdown string) {
	r.begin()
	fmt.Fprintf(r, "%s\n", roffMarkdown(markdown))
}

// item adds a term, also in Markdown, with its description.
func (r *roff) item(term, markdown string) {
	fmt.Fprintf(r, ".TP\n%s\n%s\n", roffLine(roffInline(term)), roffMarkdown(markdown))
}

// more adds a further paragraph to an item.
func (r *roff) more(markdown string) { fmt.Fprintf(r, ".IP\n%s\n", roffMarkdown(markdown)) }

// example adds text that is shown unchanged.
func (r *roff) example(text string) {
	r.begin()
	r.WriteString(".RS 4\n.nf\n")
	for line := range strings.Lines(text) {
		r.WriteString(roffLine(roffText(strings.TrimSuffix(line, "\n"))) + "\n")
	}
	r.WriteString(".fi\n.RE\n")
}

// seeAlso ends a man page with references to others.
func (r *roff) seeAlso(pages ...string) {
	r.section("SEE ALSO")
	for i, page := range pages {
		name, section, _ := strings.Cut(page, "(")
		comma := " ,"
		if i == len(pages)-1 {
			comma = ""
		}
		fmt.Fprintf(r, ".BR %s (%s%s\n", roffText(name), section, comma)
	}
}

// roffSpecial escapes the characters that roff or its fonts would change: a hyphen into a typographic one, a quote into
// a curly one, and so on (groff_char(7)).
var roffSpecial = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`, "–", `\(en`, "…", "...")

// roffText returns text so that a man page shows it character by character.
func roffText(text string) string { return roffSpecial.Replace(text) }

// roffQuoted returns text as one argument of a macro.
func roffQuoted(text string) string { return `"` + roffText(text) + `"` }

// roffMarkdown returns roffInline in lines of readable length.
func roffMarkdown(markdown string) string {
	var lines []string
	for line := range strings.SplitSeq(wrap(roffInline(markdown), 80), "\n") {
		lines = append(lines, roffLine(line))
	}
	return strings.Join(lines, "\n")
}

// roffInline converts text with code in backticks, which it sets in bold, and emphasis in asterisks, in italics.
func roffInline(markdown string) string {
	// Hyphens and apostrophes in prose belong to words, not to code.
	prose := strings.NewReplacer(`\-`, "-", `\(aq`, "'")
	var out strings.Builder
	for i, part := range strings.Split(markdown, "`") {
		if i%2 == 1 {
			out.WriteString(`\fB` + roffText(part) + `\fR`)
			continue
		}
		for j, part := range strings.Split(part, "*") {
			if j%2 == 1 {
				out.WriteString(`\fI` + prose.Replace(roffText(part)) + `\fR`)
				continue
			}
			out.WriteString(prose.Replace(roffText(part)))
		}
	}
	return out.String()
}

// roffLine keeps a line of text from being taken for a macro.
func roffLine(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

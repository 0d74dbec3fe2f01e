package config

import "fmt"

// maxNesting bounds how deep brackets and dotted keys go. The deepest key of a configuration,
// `listeners.sites.routes.request_headers.set.X-Site`, needs six levels.
const maxNesting = 16

// checkNesting refuses text whose brackets nest, or whose keys are dotted, deeper than maxNesting. It runs before the
// TOML parser because that parser takes memory that grows with the square of the depth: a file of 1 MiB that holds only
// `{a=` would take all the memory of the machine.
//
// It knows just enough TOML to skip strings and comments; whatever it misjudges in broken text, the parser refuses.
func checkNesting(data []byte) error {
	depth, dots, line := 0, 0, 1
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"', '\'':
			end := skipString(data, i)
			for ; i < end; i++ {
				if data[i] == '\n' {
					line++
				}
			}
			i--
		case '#':
			for i+1 < len(data) && data[i+1] != '\n' {
				i++
			}
		case '[', '{':
			depth++
			dots = 0
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		case '=', ',':
			dots = 0
		case '\n':
			line++
			dots = 0
		}
		if depth+dots > maxNesting {
			return fmt.Errorf("line %d: keys or brackets are nested deeper than %d levels; no key needs more than 4",
				line, maxNesting)
		}
	}
	return nil
}

// skipString returns the index after the string that begins at data[start], or the end of the line or of the data if
// the string is not closed.
func skipString(data []byte, start int) int {
	quote := data[start]
	multiline := quoteRun(data, start) >= 3
	i := start + 1
	if multiline {
		i = start + 3
	}
	for ; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] == '\n' && !multiline:
			return i
		case data[i] != quote:
		case !multiline:
			return i + 1
		default:
			// Up to two quotes before the closing three belong to the string (TOML 1.0, section String).
			run := quoteRun(data, i)
			if run >= 3 {
				return i + min(run, 5)
			}
			i += run - 1
		}
	}
	return len(data)
}

// quoteRun returns how often the byte at data[start] repeats from there, counted up to 6.
func quoteRun(data []byte, start int) int {
	run := 1
	for run < 6 && start+run < len(data) && data[start+run] == data[start] {
		run++
	}
	return run
}

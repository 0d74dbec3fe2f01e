package check

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/wording"
)

// lookupTimeout bounds the waits of `check`, which waits only for name servers.
const lookupTimeout = 2 * time.Second

// Options says what is checked and how the report looks.
type Options struct {
	// Path is the configuration file.
	Path string
	// AllowWildcardBind permits 0.0.0.0 and :: as bind addresses.
	AllowWildcardBind bool
	// JSON selects the answer for programs.
	JSON bool
	// Expectations returns the errors of a valid configuration that does not meet its own tests (S-21.2); nil for no look at
	// them.
	Expectations func(*config.Config) error
}

// answer is the answer of `check --json`.
type answer struct {
	// Status is "ok" for a usable configuration, however many warnings it has, and otherwise "error".
	Status string `json:"status"`
	// Path is the file.
	Path string `json:"path"`
	// Listeners and Sites are the numbers of listeners and sites of a usable configuration.
	Listeners int `json:"listeners"`
	Sites     int `json:"sites"`
	// Errors lists everything that is wrong, and Warnings everything that is legal but probably wrong, each with the
	// key at fault.
	Errors   []finding `json:"errors"`
	Warnings []finding `json:"warnings"`
}

// finding is one error or warning.
type finding struct {
	// Key is the key with its indices; "" where no key is at fault.
	Key string `json:"key"`
	// Problem says what is wrong with the key's value and, after a semicolon, what would be right.
	Problem string `json:"problem"`
	// Line is the line of the key in the file, or of the table that lacks it; 0 where there is none.
	Line int `json:"line,omitempty"`
	// Host is the host of the site to which the key belongs; "" for none.
	Host string `json:"host,omitempty"`
}

// Run checks the configuration and reports on it (S-1.2), for `check` and `--validate`. The report goes to stdout;
// errors and warnings go to stderr, so that stdout has the same line with and without warnings, and a pipeline that
// keeps stderr keeps the warnings. Run creates, changes and binds nothing, and asks only name servers,
// for the upstreams' names and for the records that prove wildcard names.
func Run(o Options, stdout, stderr io.Writer) int {
	cfg, err := config.Load(o.Path, o.AllowWildcardBind)
	if err == nil && o.Expectations != nil {
		err = cfg.Located(o.Expectations(cfg))
	}
	var warnings []config.KeyError
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		warnings = warningsOf(ctx, cfg, systemEnvironment(cfg))
	}
	code := exitcode.OK
	if err != nil {
		code = exitcode.Error
	}
	if o.JSON {
		if encodeErr := writeAnswer(stdout, answerOf(o.Path, cfg, err, warnings)); encodeErr != nil {
			fmt.Fprintf(stderr, "reverse-proxy: check: cannot write the answer: %v\n", encodeErr)
			return exitcode.Error
		}
		return code
	}
	if err != nil {
		_ = wording.WriteLines(stderr, config.ErrorLines(err))
		return code
	}
	report := config.Report(cfg)
	lines := make([]string, len(warnings))
	for i, warning := range warnings {
		lines[i] = "warning: " + warning.Error()
	}
	if len(lines) > 0 {
		report += ", " + wording.Count(len(lines), "warning")
	}
	_ = wording.WriteLines(stderr, lines)
	if err := wording.WriteLines(stdout, []string{report}); err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: check: cannot write the answer: %v\n", err)
		return exitcode.Error
	}
	return code
}

// answerOf returns the answer for programs.
func answerOf(path string, cfg *config.Config, err error, warnings []config.KeyError) answer {
	result := answer{Status: "ok", Path: path, Errors: []finding{}, Warnings: findingsOf(warnings)}
	if err == nil {
		result.Listeners, result.Sites = len(cfg.Listeners), config.SiteCount(cfg)
		return result
	}
	result.Status = "error"
	if config, ok := err.(config.Errors); ok {
		result.Errors = findingsOf(config)
	} else {
		result.Errors = append(result.Errors, finding{Problem: err.Error()})
	}
	return result
}

// findingsOf converts problems for programs; it never returns nil.
func findingsOf(problems []config.KeyError) []finding {
	list := make([]finding, len(problems))
	for i, problem := range problems {
		list[i] = finding(problem)
	}
	return list
}

// writeAnswer writes the answer as one line of JSON.
func writeAnswer(w io.Writer, result answer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}

package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/wording"
)

// checkTimeout bounds the waits of `check`, which waits only for the system's resolver.
const checkTimeout = 2 * time.Second

// CheckResult is the answer of `check --json`.
type CheckResult struct {
	// Status is "ok" for a usable configuration, however many warnings it has, and otherwise "error".
	Status string `json:"status"`
	// Path is the file.
	Path string `json:"path"`
	// Listeners and Sites are the numbers of listeners and sites of a usable configuration.
	Listeners int `json:"listeners"`
	Sites     int `json:"sites"`
	// Errors lists everything that is wrong, and Warnings everything that is legal but probably wrong, each with the
	// key at fault.
	Errors   []CheckProblem `json:"errors"`
	Warnings []CheckProblem `json:"warnings"`
}

// CheckProblem is one error or warning.
type CheckProblem struct {
	// Key is the key with its indices; "" where no key is at fault.
	Key string `json:"key"`
	// Problem says what is wrong with the key's value and, after a semicolon, what would be right.
	Problem string `json:"problem"`
}

// runCheck checks the configuration and reports on it (S-1.2), for `check` and `--validate`. The report goes to stdout;
// errors and warnings go to stderr, so that stdout has the same line with and without warnings, and a pipeline that
// keeps stderr keeps the warnings. runCheck creates, changes and binds nothing, and asks only the system's resolver,
// for the upstreams' names.
func runCheck(c commandLine, stdout, stderr io.Writer) int {
	cfg, err := config.Load(c.config, c.wildcard)
	var warnings []config.KeyError
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		defer cancel()
		warnings = configWarnings(ctx, cfg, systemCheckEnvironment(cfg))
	}
	code := exitcode.OK
	if err != nil {
		code = exitcode.Error
	}
	if c.json {
		if encodeErr := writeCheckResult(stdout, checkResult(c.config, cfg, err, warnings)); encodeErr != nil {
			fmt.Fprintf(stderr, "reverse-proxy: check: cannot write the answer: %v\n", encodeErr)
			return exitcode.Error
		}
		return code
	}
	if err != nil {
		_ = wording.WriteLines(stderr, errorLines(err))
		return code
	}
	report := config.Report(cfg)
	lines := make([]string, len(warnings))
	for i, warning := range warnings {
		lines[i] = "warning: " + warning.Error()
	}
	if len(lines) > 0 {
		report += ", " + config.Count(len(lines), "warning")
	}
	_ = wording.WriteLines(stderr, lines)
	if err := wording.WriteLines(stdout, []string{report}); err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: check: cannot write the answer: %v\n", err)
		return exitcode.Error
	}
	return code
}

// checkResult returns the answer for programs.
func checkResult(path string, cfg *config.Config, err error, warnings []config.KeyError) CheckResult {
	result := CheckResult{Status: admin.StatusOK, Path: path, Errors: []CheckProblem{}, Warnings: checkProblems(warnings)}
	if err == nil {
		result.Listeners, result.Sites = len(cfg.Listeners), config.SiteCount(cfg)
		return result
	}
	result.Status = admin.StatusError
	if config, ok := err.(config.Errors); ok {
		result.Errors = checkProblems(config)
	} else {
		result.Errors = append(result.Errors, CheckProblem{Problem: err.Error()})
	}
	return result
}

// checkProblems converts problems for programs; it never returns nil.
func checkProblems(problems []config.KeyError) []CheckProblem {
	list := make([]CheckProblem, len(problems))
	for i, problem := range problems {
		list[i] = CheckProblem(problem)
	}
	return list
}

// writeCheckResult writes the answer as one line of JSON.
func writeCheckResult(w io.Writer, result CheckResult) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}

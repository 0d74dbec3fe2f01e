package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/wording"
)

// renderedReply is an answer of the daemon in the form for people.
type renderedReply struct {
	// out and problems are the lines for stdout and stderr.
	out, problems []string
	// code is the exit code.
	code int
}

// renderReply renders the answer to a command for people. line is untrusted: it may come from another version, or from
// another program altogether. The error is one line that says what is wrong with it.
func renderReply(command string, line []byte, at time.Time) (renderedReply, error) {
	return renderReplyWithin(command, line, at, 0)
}

// renderReplyWithin is renderReply for a screen with the given number of columns; 0 for any.
func renderReplyWithin(command string, line []byte, at time.Time, columns int) (renderedReply, error) {
	var failure struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	if err := json.Unmarshal(line, &failure); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	if failure.Status != StatusOK {
		message := wording.PrintableLine(failure.Message)
		switch {
		case len(failure.Errors) == 0 && message == unknownCommand(command):
			return renderedReply{}, olderDaemonError(command)
		case len(failure.Errors) == 0:
			return renderedReply{}, errors.New(cmp.Or(message, "the daemon gave no reason"))
		}
		reply := renderedReply{code: FailureCode(command)}
		if message != "" {
			reply.problems = append(reply.problems, message)
		}
		for _, problem := range failure.Errors[:min(len(failure.Errors), maxTextRows)] {
			reply.problems = append(reply.problems, wording.PrintableLine(problem))
		}
		return reply, nil
	}
	switch command {
	case "diff":
		return renderDiff(line)
	case "reload":
		return renderReload(line)
	case "reopen":
		return renderReopen(line)
	case "explain":
		return renderExplain(line)
	case "maintenance", "pause", "resume":
		return renderHold(command, line)
	case "drain", "undrain":
		return renderDrain(line)
	}
	var status Status
	if err := json.Unmarshal(line, &status); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	return renderedReply{out: strings.Split(strings.TrimSuffix(status.textWithin(at, columns), "\n"), "\n")}, nil
}

// replyProblem is the error for an answer that a daemon cannot have given.
func replyProblem(err error) error {
	return fmt.Errorf("the answer is not the daemon's: %s; is this its socket?", wording.Printable(err.Error()))
}

// renderDiff renders what a reload would do. The exit code reports whether it would change anything.
func renderDiff(line []byte) (renderedReply, error) {
	var result DiffResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	path := wording.PrintableLine(result.Path)
	if result.Difference == nil || result.Difference.Count() == 0 {
		return renderedReply{out: []string{path + ": no change"}}, nil
	}
	head := fmt.Sprintf("%s: %s", path, wording.Count(result.Difference.Count(), "change"))
	return renderedReply{out: append([]string{head}, result.Difference.lines()...), code: exitcode.Error}, nil
}

// renderReload renders what a reload did.
func renderReload(line []byte) (renderedReply, error) {
	var result ReloadResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	head := fmt.Sprintf("reloaded: %s", wording.Count(result.Sites, "site"))
	if result.Difference == nil {
		// An older daemon does not report what it changed, only which keys need a restart.
		lines := textLines{head}
		for i, key := range result.RestartRequired {
			lines.addf(i, len(result.RestartRequired), "restart needed: %s", wording.Printable(key))
		}
		return renderedReply{out: lines}, nil
	}
	if result.Difference.Count() == 0 {
		return renderedReply{out: []string{head + ", no change"}}, nil
	}
	head += ", " + wording.Count(result.Difference.Count(), "change")
	return renderedReply{out: append([]string{head}, result.Difference.lines()...)}, nil
}

// renderReopen renders a ReopenResult whose status is "ok".
func renderReopen(line []byte) (renderedReply, error) {
	var result ReopenResult
	if err := json.Unmarshal(line, &result); err != nil {
		return renderedReply{}, replyProblem(err)
	}
	text := "logging.log_file_path is not set; nothing to reopen"
	if result.LogFilePath != "" {
		text = fmt.Sprintf("reopened: %s", wording.PrintableLine(result.LogFilePath))
	}
	return renderedReply{out: []string{text}}, nil
}

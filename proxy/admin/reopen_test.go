package admin

import (
	"slices"
	"strings"
	"testing"

	"reverse-proxy/proxy/exitcode"
)

func TestTheAnswerToReopenIsRendered(t *testing.T) {
	for _, c := range []struct{ name, line, out, err string }{
		{"a log file is reopened", `{"status":"ok","path":"/c","log_file_path":"/var/log/p.log"}`, "reopened: /var/log/p.log", ""},
		{"there is no log file", `{"status":"ok","path":"/c","log_file_path":""}`, "logging.log_file_path is not set; nothing to reopen", ""},
		{"a line cannot be forged", `{"status":"ok","log_file_path":"/a\u001b[2J\nb"}`, `reopened: /a\u001b[2J\u000ab`, ""},
		{"it fails", `{"status":"error","message":"logging.log_file_path: open /x: no such file"}`, "", "logging.log_file_path: open /x: no such file"},
		{"the daemon is older", `{"status":"error","message":"unknown command: reopen"}`, "", "the daemon is an older version that does not know reopen; restart it with this version"},
		{"another program answers", `{"status":"ok","log_file_path":5}`, "", "the answer is not the daemon's: "},
	} {
		reply, err := renderReply("reopen", []byte(c.line), replyTime)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: got %v and %v, want the error %q", c.name, reply, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(reply.out, []string{c.out}) || reply.code != exitcode.OK || reply.problems != nil {
			t.Errorf("%s: got %+v and %v, want %q", c.name, reply, err, c.out)
		}
	}
}

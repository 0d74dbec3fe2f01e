package admin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/wording"
)

// replyTime is the time at which the tests read the answers.
var replyTime = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// replyExamples are the answers in testdata/admin, each the line of JSON that a daemon sends, with its command.
var replyExamples = []struct{ name, file, command string }{
	{"status is that of a daemon that serves", "status_busy", "status"},
	{"status is that of a daemon that has just been started", "status_fresh", "status"},
	{"status is that of an older daemon", "status_older", "status"},
	{"status has all that a terminal could take for a command", "status_hostile", "status"},
	{"diff shows all kinds of changes", "diff_changes", "diff"},
	{"diff shows no change", "diff_none", "diff"},
	{"diff has a file that would be refused", "diff_refused", "diff"},
	{"reload has changed something", "reload_changes", "reload"},
	{"reload was done by an older daemon", "reload_older", "reload"},
	{"reload was refused", "reload_refused", "reload"},
	{"status was refused", "status_denied", "status"},
}

// replyText returns what is shown for an answer: stdout, then stderr and the exit code unless they are empty.
func replyText(command string, line []byte) string {
	reply, err := renderReply(command, line, replyTime)
	if err != nil {
		return "stderr: " + err.Error() + "\n"
	}
	text := ""
	for _, line := range reply.out {
		text += line + "\n"
	}
	for _, problem := range reply.problems {
		text += "stderr: " + problem + "\n"
	}
	return text + fmt.Sprintf("exit code %d\n", reply.code)
}

func TestAnswersAreShownToPeopleAsInTheGoldenFiles(t *testing.T) {
	for _, example := range replyExamples {
		t.Run(example.name, func(t *testing.T) {
			path := filepath.Join("..", "..", "testdata", "admin", example.file)
			line, err := os.ReadFile(path + ".json")
			if err != nil {
				t.Fatal(err)
			}
			got := replyText(example.command, line)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path+".golden", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s.golden differs (-want +got):\n%s", path, diff)
			}
			checkPrintable(t, got)
		})
	}
}

func TestStatusFitsIntoNarrowScreensAsInTheGoldenFiles(t *testing.T) {
	line, err := os.ReadFile(filepath.Join("..", "..", "testdata", "admin", "status_busy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var status Status
	if err := json.Unmarshal(line, &status); err != nil {
		t.Fatal(err)
	}
	for _, columns := range []int{60, 80, 100, 132} {
		path := filepath.Join("..", "..", "testdata", "admin", fmt.Sprintf("status_busy_%d.golden", columns))
		got := status.textWithin(replyTime, columns)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", path, diff)
		}
		// The screen must not cut off a number or an expiry.
		shown := strings.Join(fitScreen(strings.Split(got, "\n"), 1000, columns), "\n")
		if !strings.Contains(shown, "EXPIRES") {
			t.Errorf("%d columns: EXPIRES is hidden in\n%s", columns, shown)
		}
		for _, certificate := range status.Certificates {
			if !strings.Contains(shown, timeText(certificate.NotAfter)) {
				t.Errorf("%d columns: the end %s is cut in\n%s", columns, timeText(certificate.NotAfter), shown)
			}
		}
		for _, site := range status.SiteTraffic {
			if c := site.Counts; c != nil && !strings.Contains(shown, fmt.Sprintf("%d", c.Requests)) {
				t.Errorf("%d columns: the number %d is cut in\n%s", columns, c.Requests, shown)
			}
		}
	}
}

// checkPrintable fails the test if the text holds anything, other than line ends, that a terminal interprets.
func checkPrintable(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar && !strings.HasPrefix(text[i:], "\ufffd") {
			t.Fatalf("got %q at byte %d, want only printable characters: %q", r, i, text)
		}
	}
}

func TestAnswersThatAreNoneAreOneClearLine(t *testing.T) {
	for _, c := range []struct{ name, command, line, want string }{
		{"a number is where a text belongs", "status", `{"status":"ok","version":5}`, "the answer is not the daemon's: json: cannot unmarshal number"},
		{"a text is where a list belongs", "status", `{"status":"ok","listeners":"x"}`, "the answer is not the daemon's: json: cannot unmarshal string"},
		{"a list is where the difference belongs", "diff", `{"status":"ok","difference":[]}`, "the answer is not the daemon's: json: cannot unmarshal array"},
		{"a time is invalid", "status", `{"status":"ok","time":"yesterday\u001b[2J"}`, `the answer is not the daemon's: parsing time`},
		{"a number is beyond all bounds", "reload", `{"status":"ok","sites":1e400}`, "the answer is not the daemon's: json: cannot unmarshal number"},
		{"the errors are numbers", "reload", `{"status":"error","errors":[1]}`, "the answer is not the daemon's: json: cannot unmarshal number"},
		{"it is not JSON", "status", "\x1b[2J", "the answer is not the daemon's: invalid character"},
		{"an error has no reason", "status", `{"status":"error"}`, "the daemon gave no reason"},
		{"a reason would forge a line", "status", `{"status":"error","message":"no\nroot\u001b[31m"}`, `no\u000aroot\u001b[31m`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := renderReply(c.command, []byte(c.line), replyTime)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			checkPrintable(t, err.Error())
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line", err)
			}
		})
	}
}

func TestAHugeAnswerIsCut(t *testing.T) {
	status := Status{Status: "ok"}
	for i := range maxTextRows + 5 {
		status.SiteTraffic = append(status.SiteTraffic, SiteTraffic{SiteSummary: SiteSummary{Host: fmt.Sprintf("%d.example", i)}})
	}
	if got := status.text(replyTime); !strings.Contains(got, "\nand 5 more, which --json shows\n") || strings.Contains(got, "2001.example") {
		t.Errorf("got %d lines, want %d sites and the number of the others", strings.Count(got, "\n"), maxTextRows)
	}
	difference := Difference{Settings: make([]KeyChange, maxTextRows+7)}
	lines := difference.lines()
	if last := lines[len(lines)-1]; len(lines) != maxTextRows+1 || last != "setting changed: 7 more, which --json shows" {
		t.Errorf("got %d lines with %q at the end, want %d and the number of the others", len(lines), last, maxTextRows+1)
	}
}

// FuzzReply renders arbitrary bytes as a daemon's answer, for every command and as JSON.
func FuzzReply(f *testing.F) {
	for _, example := range replyExamples {
		line, err := os.ReadFile(filepath.Join("..", "..", "testdata", "admin", example.file+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, command := range []string{"status", "diff", "reload", "reopen"} {
			reply, err := renderReply(command, line, replyTime)
			if err != nil {
				checkPrintable(t, err.Error())
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("the error is not one line: %q", err)
				}
				continue
			}
			for _, shown := range append(reply.out, reply.problems...) {
				checkPrintable(t, shown)
				if strings.Contains(shown, "\n") {
					t.Errorf("a line holds another one: %q", shown)
				}
			}
			if reply.code < 0 || reply.code > 2 || reply.code == 2 && command != "diff" {
				t.Errorf("%s: got the exit code %d", command, reply.code)
			}
		}
		if !json.Valid(line) {
			return
		}
		safe := wording.PrintableJSON(line)
		checkPrintable(t, string(safe))
		var before, after any
		if json.Unmarshal(line, &before) != nil {
			return // a number beyond what Go reads
		}
		if err := json.Unmarshal(safe, &after); err != nil || !cmp.Equal(before, after) {
			t.Errorf("%q became %q: %v", line, safe, err)
		}
	})
}

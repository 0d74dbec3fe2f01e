package admin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/exitcode"
)

func TestTheAnswerToAnOrderForASiteIsRendered(t *testing.T) {
	const (
		maintained = `"maintenance":{"since":"2026-11-28T16:00:00Z","until":"2026-11-28T16:10:00Z"},"pause":null,"waiting":0}`
		endless    = `"maintenance":{"since":"2026-11-28T16:00:00Z","until":null},"pause":null,"waiting":0}`
		paused     = `"maintenance":null,"pause":{"since":"2026-11-28T16:00:00Z","until":"2026-11-28T16:00:30Z"},"waiting":1}`
		serving    = `"maintenance":null,"pause":null,"waiting":0}`
		host       = `{"status":"ok","path":"/c","site":{"host":"a.test",`
	)
	for _, c := range []struct{ name, command, line, out, err string }{
		{"maintenance begins for a time", "maintenance", host + maintained + `,"changed":true}`, "a.test: in maintenance since 2026-11-28 16:00:00 UTC, until 2026-11-28 16:10:00 UTC", ""},
		{"maintenance begins without an end", "maintenance", host + endless + `,"changed":true}`, "a.test: in maintenance since 2026-11-28 16:00:00 UTC, until `maintenance off`", ""},
		{"maintenance ends", "maintenance", host + serving + `,"changed":true}`, "a.test: serves again", ""},
		{"there is nothing to end", "maintenance", host + serving + `,"changed":false}`, "a.test: no change", ""},
		{"a pause begins", "pause", host + paused + `,"changed":true}`, "a.test: paused since 2026-11-28 16:00:00 UTC, until 2026-11-28 16:00:30 UTC, 1 request waits", ""},
		{"a pause ends", "resume", host + serving + `,"changed":true,"went_on":12}`, "a.test: resumed, 12 requests go on", ""},
		{"a pause ends in maintenance", "resume", host + endless + `,"changed":true}`, "a.test: resumed, 0 requests go on|a.test: in maintenance since 2026-11-28 16:00:00 UTC, until `maintenance off`", ""},
		{"a line cannot be forged", "resume", `{"status":"ok","site":{"host":"\u001b[2J\n"}}`, `\u001b[2J\u000a: no change`, ""},
		{"the host is unknown", "pause", `{"status":"error","message":"no site has the host \"b.test\""}`, "", `no site has the host "b.test"`},
		{"the daemon is older", "pause", `{"status":"error","message":"unknown command: pause"}`, "", "the daemon is an older version that does not know pause"},
		{"another program answers", "pause", `{"status":"ok","site":5}`, "", "the answer is not the daemon's: "},
		{"the site is missing", "pause", `{"status":"ok"}`, "", "the answer is not the daemon's: "},
	} {
		reply, err := renderReply(c.command, []byte(c.line), replyTime)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: got %v and %v, want the error %q", c.name, reply, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(reply.out, strings.Split(c.out, "|")) || reply.code != exitcode.OK {
			t.Errorf("%s: got %+v and %v, want %q", c.name, reply, err, c.out)
		}
	}
}

func TestStatusShowsWhatHoldsSitesBackBeforeTheSites(t *testing.T) {
	since := time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC)
	status := Status{SiteTraffic: []SiteTraffic{{SiteSummary: SiteSummary{Host: "a.test"}}}, HeldSites: []HeldSite{{Host: "a.test", Maintenance: &HoldPeriod{Since: since}}, {Host: "b.test", Pause: &HoldPeriod{Since: since, Until: &since}, Waiting: 3}}}.Complete()
	text := status.text(replyTime)
	held := "\na.test: in maintenance since 2026-11-28 16:00:00 UTC, until `maintenance off`\n" +
		"b.test: paused since 2026-11-28 16:00:00 UTC, until 2026-11-28 16:00:00 UTC, 3 requests wait\n"
	if at := strings.Index(text, held); at < 0 || at > strings.Index(text, "SITE") {
		t.Errorf("got no %q before the sites in:\n%s", held, text)
	}
}

func TestOrdersReachTheirHandlersWithTheirArguments(t *testing.T) {
	var got []any
	handlers := plainHandlers()
	handlers.Maintenance = func(o MaintenanceOrder) HoldResult { got = append(got, o); return HoldResult{Status: StatusOK} }
	handlers.Pause = func(o PauseOrder) HoldResult { got = append(got, o); return HoldResult{Status: StatusOK} }
	handlers.Resume = func(o ResumeOrder) HoldResult { got = append(got, o); return HoldResult{Status: StatusOK} }
	a := startServer(t, handlers, nil)
	want := []any{MaintenanceOrder{"a.test", true, 600}, PauseOrder{"a.test", 30}, ResumeOrder{"a.test"}}
	for i, command := range []string{"maintenance", "pause", "resume"} {
		text, err := json.Marshal(want[i])
		if err != nil {
			t.Fatal(err)
		}
		if reply := a.ask(t, request{command: command, requestObject: requestObject{Arguments: text}}.line()+"\n"); !strings.HasPrefix(reply, `{"status":"ok"`) {
			t.Errorf("%s: got %q, want ok", command, reply)
		}
		for _, wrong := range []string{command, command + ` {"arguments":{"what":1}}`, `reload {"arguments":` + string(text) + "}"} {
			if reply := a.ask(t, wrong+"\n"); !strings.HasPrefix(reply, `{"status":"error","message":"invalid input: `) {
				t.Errorf("%s: got %q, want it refused", wrong, reply)
			}
		}
	}
	b := startServer(t, plainHandlers(), nil)
	if reply := b.ask(t, `resume {"arguments":{"host":"a.test"}}`+"\n"); !strings.Contains(reply, "the daemon is starting") {
		t.Errorf("before it serves: got %q, want it refused", reply)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

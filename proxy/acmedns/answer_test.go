package acmedns

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// testRecords returns the records of two names, of which example.com has a challenge under way.
func testRecords(t testing.TB) *Records {
	t.Helper()
	r := NewRecords("edge.example.net")
	r.SetNames("first", []string{"*.example.com", "git.example.org"})
	if err := r.Present(t.Context(), "_acme-challenge.example.com.", "text"); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask returns the answer to a question.
func ask(t testing.TB, r *Records, question *dns.Msg, udp bool) (*dns.Msg, []byte) {
	t.Helper()
	packed, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := r.answer(packed, udp)
	if answer == nil {
		return nil, nil
	}
	reply := new(dns.Msg)
	if err := reply.Unpack(answer); err != nil {
		t.Fatalf("the answer cannot be parsed: %v", err)
	}
	return reply, answer
}

// summary is an answer on one line.
func summary(reply *dns.Msg) string {
	parts := []string{dns.RcodeToString[reply.Rcode]}
	if reply.Authoritative {
		parts = append(parts, "aa")
	}
	for _, rr := range reply.Answer {
		parts = append(parts, strings.Join(strings.Fields(rr.String()), " "))
	}
	for _, rr := range reply.Ns {
		parts = append(parts, dns.TypeToString[rr.Header().Rrtype]+" of "+rr.Header().Name)
	}
	return strings.Join(parts, "; ")
}

func TestOnlyTheNamesOfChallengesAreAnswered(t *testing.T) {
	r := testRecords(t)
	const soa = "edge.example.net. hostmaster.edge.example.net. 1 3600 600 86400 1"
	for _, tc := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"_acme-challenge.example.com.", dns.TypeTXT, `NOERROR; aa; _acme-challenge.example.com. 1 IN TXT "text"`},
		{"_ACME-challenge.Example.COM.", dns.TypeTXT, `NOERROR; aa; _ACME-challenge.Example.COM. 1 IN TXT "text"`},
		{"example.com._acme-challenge.edge.example.net.", dns.TypeTXT, `NOERROR; aa; example.com._acme-challenge.edge.example.net. 1 IN TXT "text"`},
		{"example.com._acme-challenge.git.example.org.", dns.TypeTXT, `NOERROR; aa; example.com._acme-challenge.git.example.org. 1 IN TXT "text"`},
		{"_acme-challenge.example.com.", dns.TypeNS, "NOERROR; aa; _acme-challenge.example.com. 300 IN NS edge.example.net."},
		{"_acme-challenge.example.com.", dns.TypeSOA, "NOERROR; aa; _acme-challenge.example.com. 300 IN SOA " + soa},

		// A resolver that asks label by label must find these, although they have no such record.
		{"_acme-challenge.git.example.org.", dns.TypeTXT, "NOERROR; aa; SOA of _acme-challenge.git.example.org."},
		{"_acme-challenge.edge.example.net.", dns.TypeA, "NOERROR; aa; SOA of _acme-challenge.edge.example.net."},
		{"_acme-challenge.example.com.", dns.TypeANY, "NOERROR; aa; SOA of _acme-challenge.example.com."},
		{"com._acme-challenge.edge.example.net.", dns.TypeA, "NOERROR; aa; SOA of _acme-challenge.edge.example.net."},
		{"example.com._acme-challenge.edge.example.net.", dns.TypeNS, "NOERROR; aa; SOA of _acme-challenge.edge.example.net."},
		{"example.edu._acme-challenge.edge.example.net.", dns.TypeTXT, "NXDOMAIN; aa; SOA of _acme-challenge.edge.example.net."},
		{"x.example.com._acme-challenge.edge.example.net.", dns.TypeTXT, "NXDOMAIN; aa; SOA of _acme-challenge.edge.example.net."},

		{".", dns.TypeNS, "REFUSED"},
		{"example.com.", dns.TypeTXT, "REFUSED"},
		{"edge.example.net.", dns.TypeSOA, "REFUSED"},
		{"_acme-challenge.", dns.TypeTXT, "REFUSED"},
		{"_acme-challenge.com.", dns.TypeTXT, "REFUSED"},
		{"_acme-challenge.example.edu.", dns.TypeTXT, "REFUSED"},
		{"example.com._acme-challenge.example.edu.", dns.TypeTXT, "REFUSED"},
		{"x_acme-challenge.example.com.", dns.TypeTXT, "REFUSED"},
		{`\_acme-challenge\.example.com.`, dns.TypeTXT, "REFUSED"},
	} {
		for _, udp := range []bool{true, false} {
			reply, _ := ask(t, r, new(dns.Msg).SetQuestion(tc.name, tc.qtype), udp)
			if diff := cmp.Diff(tc.want, summary(reply)); diff != "" {
				t.Errorf("%s %s, udp %v (-want +got):\n%s", tc.name, dns.TypeToString[tc.qtype], udp, diff)
			}
		}
	}
}

func TestTheRecordOfAChallengeGoesWithIt(t *testing.T) {
	r := NewRecords("")
	r.SetNames("first", []string{"*.example.com"})
	question := new(dns.Msg).SetQuestion("_acme-challenge.example.com.", dns.TypeTXT)
	texts := func() (texts []string) {
		reply, _ := ask(t, r, question, true)
		for _, rr := range reply.Answer {
			texts = append(texts, rr.(*dns.TXT).Txt...)
		}
		return texts
	}
	present := func(value string) { r.Present(t.Context(), "_acme-challenge.example.com.", value) }
	cleanUp := func(value string) { r.CleanUp(t.Context(), "_acme-challenge.example.com.", value) }
	present("a")
	present("b")
	present("a") // as two caches may order the same name
	cleanUp("a")
	if got := texts(); !cmp.Equal(got, []string{"b", "a"}) {
		t.Errorf("got %q, want both texts", got)
	}
	cleanUp("a")
	cleanUp("b")
	cleanUp("b")
	if got := texts(); len(got) > 0 {
		t.Errorf("got %q, want no texts", got)
	}
	if reply, _ := ask(t, r, new(dns.Msg).SetQuestion("_acme-challenge.example.com.", dns.TypeNS), true); !strings.HasSuffix(summary(reply), "NS example.com.") {
		t.Errorf("got %s, want the name itself as the name server", summary(reply))
	}
	r.SetNames("second", []string{"*.example.org"})
	r.SetNames("first", nil)
	if reply, _ := ask(t, r, question, true); reply.Rcode != dns.RcodeRefused {
		t.Errorf("got %s for a name that is no longer configured, want it refused", summary(reply))
	}
}

func TestAnAnswerOverUDPIsNotLongerThanAllowed(t *testing.T) {
	r := NewRecords("")
	r.SetNames("first", []string{"*.example.com"})
	for i := range 40 {
		r.Present(t.Context(), "_acme-challenge.example.com.", fmt.Sprintf("%043d", i))
	}
	for _, tc := range []struct{ offered, limit int }{{0, 512}, {1, 512}, {512, 512}, {800, 800}, {1232, 1232}, {65535, 1232}} {
		question := new(dns.Msg).SetQuestion("_acme-challenge.example.com.", dns.TypeTXT)
		if tc.offered > 0 {
			question.SetEdns0(uint16(tc.offered), true)
		}
		reply, answer := ask(t, r, question, true)
		if !reply.Truncated || len(reply.Answer) > 0 || len(answer) > tc.limit {
			t.Errorf("%d offered: got %d bytes, %d records, truncated %v; want none, truncated", tc.offered, len(answer), len(reply.Answer), reply.Truncated)
		}
		if reply, _ := ask(t, r, question, false); reply.Truncated || len(reply.Answer) != 40 {
			t.Errorf("%d offered, over TCP: got %d records, truncated %v; want 40", tc.offered, len(reply.Answer), reply.Truncated)
		}
	}
}

func TestWhatIsNoQuestionIsRefusedOrIgnored(t *testing.T) {
	r := testRecords(t)
	question := func(change func(*dns.Msg)) []byte {
		q := new(dns.Msg).SetQuestion("_acme-challenge.example.com.", dns.TypeTXT)
		change(q)
		packed, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	for name, tc := range map[string]struct {
		query []byte
		want  int
	}{
		"an update is refused":                      {question(func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }), dns.RcodeRefused},
		"a notification is refused":                 {question(func(q *dns.Msg) { q.Opcode = dns.OpcodeNotify }), dns.RcodeRefused},
		"another class is refused":                  {question(func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeRefused},
		"a message without a question is malformed": {question(func(q *dns.Msg) { q.Question = nil }), dns.RcodeFormatError},
		"two questions are malformed":               {question(func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }), dns.RcodeFormatError},
		"a message that is cut off is malformed":    {question(func(*dns.Msg) {})[:20], dns.RcodeFormatError},
		"a loop of names is malformed":              {append([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 0xc0, 12, 0, 16, 0, 1), dns.RcodeFormatError},
		"a later EDNS is refused":                   {question(func(q *dns.Msg) { q.SetEdns0(1232, false); q.IsEdns0().SetVersion(7) }), dns.RcodeBadVers},
		"an answer is ignored":                      {question(func(q *dns.Msg) { q.Response = true }), -1},
		"less than a head is ignored":               {[]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0}, -1},
	} {
		answer := r.answer(tc.query, true)
		if tc.want < 0 {
			if answer != nil {
				t.Errorf("%s: got an answer, want none", name)
			}
			continue
		}
		reply := new(dns.Msg)
		if err := reply.Unpack(answer); err != nil || reply.Rcode != tc.want || !reply.Response || len(reply.Answer) > 0 {
			t.Errorf("%s: got %v, %v; want %s", name, reply, err, dns.RcodeToString[tc.want])
		}
		if len(answer) > len(tc.query)+11 {
			t.Errorf("%s: got %d bytes for %d", name, len(answer), len(tc.query))
		}
	}
}

// FuzzAnswer feeds arbitrary messages: none may make the responder panic, answer an answer, or send more than is allowed.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"_acme-challenge.example.com.", "com._acme-challenge.edge.example.net.", "example.com.", "."} {
		for _, qtype := range []uint16{dns.TypeTXT, dns.TypeSOA, dns.TypeANY} {
			q := new(dns.Msg).SetQuestion(name, qtype)
			packed, _ := q.Pack()
			f.Add(packed)
			q.SetEdns0(65535, true)
			packed, _ = q.Pack()
			f.Add(packed)
		}
	}
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 16, 0, 1})
	f.Fuzz(func(t *testing.T, query []byte) {
		r := testRecords(t)
		for _, udp := range []bool{true, false} {
			answer := r.answer(query, udp)
			if answer == nil {
				continue
			}
			if len(answer) < headerLen || answer[2]&0x80 == 0 || answer[0] != query[0] || answer[1] != query[1] {
				t.Fatalf("got % x for % x, which is no answer to it", answer, query)
			}
			if udp && len(answer) > maxUDPAnswer {
				t.Fatalf("got %d bytes over UDP", len(answer))
			}
			if err := new(dns.Msg).Unpack(answer); err != nil {
				t.Fatalf("the answer cannot be parsed: %v", err)
			}
		}
	})
}

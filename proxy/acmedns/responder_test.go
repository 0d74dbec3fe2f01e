package acmedns

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"reverse-proxy/proxy/waittest"
)

// listen starts a responder with testRecords.
func listen(t *testing.T) *Responder {
	t.Helper()
	r, err := Listen("127.0.0.1:0", testRecords(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// challengeQuestion is the question of a CA.
func challengeQuestion() *dns.Msg {
	return new(dns.Msg).SetQuestion("_acme-challenge.example.com.", dns.TypeTXT)
}

func TestTheResponderAnswersOverUDPAndTCP(t *testing.T) {
	r := listen(t)
	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: 10 * time.Second}
		reply, _, err := client.Exchange(challengeQuestion(), r.Addr())
		if err != nil || len(reply.Answer) != 1 {
			t.Errorf("%s: got %v, %v; want one record", network, reply, err)
		}
	}
}

func TestQueriesAreCountedByTheirResult(t *testing.T) {
	r := listen(t)
	client := &dns.Client{Timeout: 10 * time.Second}
	for _, name := range []string{"_acme-challenge.example.com.", "x._acme-challenge.example.com.", "example.com."} {
		if _, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeTXT), r.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	r.reply([]byte("no query"), address4(192, 0, 2, 1), true)
	if got, want := r.Queries(), [...]uint64{2, 1, 1}; got != want {
		t.Errorf("got %v, want %v of %v", got, want, QueryResults)
	}
}

func TestTheResponderAnswersAnAddressTenTimes(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			r := listen(t)
			conn, err := dns.DialTimeout(network, r.Addr(), 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			began, answers := time.Now(), 0
			if network == "tcp" {
				answers = answersInTurn(conn, 30)
			} else {
				answers = answersAtOnce(t, conn, 30)
			}
			// A machine that was slow may have let a second pass between the messages.
			if most := answersPerSecond * (1 + int(time.Since(began)/time.Second)); answers < answersPerSecond || answers > most {
				t.Errorf("got %d answers to 30 messages, want 10 (at most %d)", answers, most)
			}
		})
	}
}

// answersInTurn sends messages, each after the answer to the one before, and returns the number of answers. If messages were
// left unread when the responder closes the connection, the kernel would reset it, and discard answers that it has not sent yet.
func answersInTurn(conn *dns.Conn, messages int) int {
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	for answers := range messages {
		if conn.WriteMsg(challengeQuestion()) != nil {
			return answers
		}
		if _, err := conn.ReadMsg(); err != nil {
			return answers
		}
	}
	return messages
}

// answersAtOnce sends messages without a wait for answers, and returns the number of answers.
func answersAtOnce(t *testing.T, conn *dns.Conn, messages int) (answers int) {
	t.Helper()
	for range messages {
		if err := conn.WriteMsg(challengeQuestion()); err != nil {
			t.Fatal(err)
		}
	}
	for {
		// Only the end of the answers is known by silence: the first ones may be late on a busy machine.
		silence := 10 * time.Second
		if answers >= answersPerSecond {
			silence = 300 * time.Millisecond
		}
		conn.SetReadDeadline(time.Now().Add(silence))
		if _, err := conn.ReadMsg(); err != nil {
			return answers
		}
		answers++
	}
}

func TestConnectionsMakeRoomForNewOnes(t *testing.T) {
	r := listen(t)
	var conns []net.Conn
	for range maxConnsPerAddress + 3 {
		conn, err := net.Dial("tcp", r.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	waittest.For(t, "the responder holds the connections that it may", func() bool {
		r.conns.mu.Lock()
		defer r.conns.mu.Unlock()
		return len(r.conns.conns) == maxConnsPerAddress
	})
	conns[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conns[0].Read(make([]byte, 1)); err == nil || err.(net.Error).Timeout() {
		t.Errorf("got %v from the oldest connection, want it closed", err)
	}
	newest := &dns.Conn{Conn: conns[len(conns)-1]}
	newest.SetDeadline(time.Now().Add(10 * time.Second))
	if err := newest.WriteMsg(challengeQuestion()); err != nil {
		t.Fatal(err)
	}
	if reply, err := newest.ReadMsg(); err != nil || len(reply.Answer) != 1 {
		t.Errorf("got %v, %v from the newest connection; want an answer", reply, err)
	}
}

func TestTheTableOfConnectionsIsBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var table connTable
	for i := range maxConns + 10 {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		forget := table.add(conn.(*net.TCPConn), address4(10, 0, byte(i>>4), byte(i)))
		defer forget()
	}
	if len(table.conns) != maxConns {
		t.Errorf("got %d connections, want %d", len(table.conns), maxConns)
	}
}

func TestAClosedResponderLeavesNothing(t *testing.T) {
	r := listen(t)
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r.Close()
	r.Close()
	again, err := Listen(r.Addr(), NewRecords(""))
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	again.Close()
}

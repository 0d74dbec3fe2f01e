package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/eventlog"
)

func TestATunnelOutlivesTheEndOfWhatTheClientSends(t *testing.T) {
	leaks(t)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		all, _ := io.ReadAll(r) // up to the client's end
		for range 5 {
			time.Sleep(100 * time.Millisecond) // several sweeps long
			_, _ = conn.Write(all)
		}
	})
	p := startPath(t, upstream, nil)
	conn := p.dial(t)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	if head, err := readHead(r); err != nil || !strings.Contains(head, " 101 ") {
		t.Fatalf("got %q, %v", head, err)
	}
	_, _ = io.WriteString(conn, "ping")
	if err := conn.CloseWrite(); err != nil { // close_notify
		t.Fatal(err)
	}
	if err := conn.NetConn().(*net.TCPConn).CloseWrite(); err != nil { // and FIN, as most libraries send
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if want := strings.Repeat("ping", 5); string(all) != want || err != nil {
		t.Errorf("got %q, %v, want %q and an orderly end", all, err, want)
	}
}

func TestTheProtocolsThatAnUpgradeMayLeadTo(t *testing.T) {
	for _, test := range []struct {
		name, offered, chosen string
		sent                  string
		status                int
	}{
		{"the offered protocol is taken", "websocket", "websocket", "websocket", 101},
		{"the case of the protocol does not matter", "websocket", "WebSocket", "websocket", 101},
		{"one of several offered protocols is taken", "a, b", "b", "a, b", 101},
		{"a protocol that was not offered is refused", "websocket", "h2c", "websocket", 502},
		{"a switch without a protocol is refused", "websocket", "", "websocket", 502},
		{"h2c is not offered to the upstream", "h2c", "h2c", "", 502},
		{"h2c is not offered among others either", "websocket, h2c", "h2c", "", 502},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			heads := make(chan string, 1)
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				head, _ := readHead(r)
				heads <- head
				upgrade := ""
				if test.chosen != "" {
					upgrade = "Connection: Upgrade\r\nUpgrade: " + test.chosen + "\r\n"
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n"+upgrade+"\r\n")
			})
			conn := startPath(t, upstream, nil).dial(t)
			_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", test.offered)
			line, _ := bufio.NewReader(conn).ReadString('\n')
			if want := fmt.Sprintf("HTTP/1.1 %d ", test.status); !strings.HasPrefix(line, want) {
				t.Errorf("got %q, want %q", line, want)
			}
			if head := <-heads; strings.Contains(head, "Upgrade: ") != (test.sent != "") || !strings.Contains(head, test.sent) {
				t.Errorf("the upstream got %q, want %q in Upgrade", head, test.sent)
			}
		})
	}
}

func TestTheSweeperLeavesTheNextRequestAlone(t *testing.T) {
	leaks(t)
	p := startPath(t, scriptedUpstream(t, nil, answering(okResponse)), func(o *pathOptions) { o.level = eventlog.LevelError })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // reads every state of the exchange
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				p.shared.sweeper.Sweep()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	const requests = 500
	conn := p.dial(t)
	go func() { _, _ = io.WriteString(conn, strings.Repeat(getA, requests)) }()
	r := bufio.NewReader(conn)
	for range requests {
		if _, body := readResponse(t, r, "GET"); body != "hello" {
			t.Fatalf("got the body %q", body)
		}
	}
}

func TestAClientThatDoesNotReadItsErrorsIsCutOff(t *testing.T) {
	leaks(t)
	p := startPath(t, "127.0.0.1:1", func(o *pathOptions) {
		// The idle timeout is short too. If the kernel drops data for which the client has no room, the
		// acknowledgements in that data are lost as well. Then no further request arrives, and the connection is idle.
		o.bodyIdle, o.header, o.idle, o.level = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond, eventlog.LevelError
	})
	conn := p.dialAgain(t)
	_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	many := strings.Repeat("GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n", 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := io.WriteString(conn, many); err != nil {
				return
			}
		}
	}()
	waitFor(t, "the connection to be cut", func() bool { return p.registry.count() == 0 })
	cut := time.Now()
	p.conns.Wait()
	if held := time.Since(cut); held > patience/2 {
		t.Errorf("the socket was kept for %v longer for a client that does not read", held)
	}
	_ = conn.Close()
	<-ended
}

func TestAClientThatStopsReadingIsCutAfterTheTimeOutAndOneThatReadsSlowlyIsNot(t *testing.T) {
	const idle = 2 * time.Second
	for _, reads := range []bool{false, true} {
		t.Run(fmt.Sprintf("reads=%v", reads), func(t *testing.T) {
			leaks(t)
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				_, _ = readHead(r)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
				for block := make([]byte, 1<<20); ; {
					if _, err := conn.Write(block); err != nil {
						return
					}
				}
			})
			p := startPath(t, upstream, func(o *pathOptions) { o.bodyIdle = idle })
			conn := p.dial(t)
			_, _ = io.WriteString(conn, getA)
			begin, last := time.Now(), time.Now()
			for reads && time.Since(begin) < 2*idle {
				last = time.Now()
				if _, err := conn.Read(make([]byte, 1000)); err != nil {
					t.Fatalf("cut off after %v: %v", time.Since(begin), err)
				}
				time.Sleep(2 * time.Millisecond)
			}
			waitFor(t, "the connection to be cut", func() bool { return p.registry.count() == 0 })
			if stood := time.Since(last); stood < idle/2 || stood > patience/2 {
				t.Errorf("cut off after %v, want about %v", stood, idle)
			}
		})
	}
}

func TestWhatIsLeftOfABodyIsNoRequestOfAnotherClient(t *testing.T) {
	leaks(t)
	planted := make(chan string, 100)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.HasPrefix(head, "GET /planted ") {
				planted <- head
			}
			if strings.HasPrefix(head, "GET ") {
				_, _ = io.WriteString(conn, okResponse)
			}
		}
	})
	p := startPath(t, upstream, nil)
	for range 20 { // the buffers come from a pool, and this one may not be the previous client's
		attacker := p.dial(t)
		_, _ = io.WriteString(attacker, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
		time.Sleep(5 * time.Millisecond) // the following bytes are then read into the buffer of the body
		_, _ = io.WriteString(attacker, "1\r\nxGET /planted HTTP/1.1\r\nHost: a.test\r\n\r\n")
		if response, _ := readResponse(t, bufio.NewReader(attacker), "POST"); response.StatusCode != 400 {
			t.Fatalf("got %d for an invalid chunk", response.StatusCode)
		}
		_ = attacker.Close()
		waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 })
		other := p.dial(t)
		_, _ = io.WriteString(other, getA)
		readResponse(t, bufio.NewReader(other), "GET")
		_ = other.CloseWrite()
		if rest, _ := io.ReadAll(other); len(rest) > 0 {
			t.Fatalf("another client got the answer to a request that it has not sent: %q", rest)
		}
	}
	if len(planted) > 0 {
		t.Errorf("the upstream got %q", <-planted)
	}
}

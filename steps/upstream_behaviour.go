package steps

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answering reads the whole request and writes exact bytes; the connection stays open.
func answering(answer string) behaviour {
	return func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		_, err := io.WriteString(c, answer)
		return err == nil
	}
}

// plainAnswer renders a complete answer with a length.
func plainAnswer(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}

// plain answers with a body, or to HEAD with only the head; the connection stays open.
func plain(status int, body string) behaviour {
	return func(c *upstreamConn, req *received) bool {
		answer := plainAnswer(status, body)
		if req.method == http.MethodHead {
			answer = strings.TrimSuffix(answer, body)
		}
		return answering(answer)(c, req)
	}
}

// thenClosing closes the connection after the behaviour.
func thenClosing(behave behaviour) behaviour {
	return func(c *upstreamConn, req *received) bool {
		behave(c, req)
		return false
	}
}

// answeringAndClosing reads the whole request, writes exact bytes and closes the connection.
func answeringAndClosing(answer string) behaviour {
	return func(c *upstreamConn, req *received) bool {
		if c.readBody(req) == nil {
			_, _ = io.WriteString(c, answer)
		}
		return false
	}
}

// answeringEarly writes exact bytes as soon as the head has arrived and then reads on, so that nothing is reset.
func answeringEarly(answer string) behaviour {
	return func(c *upstreamConn, req *received) bool {
		_, _ = io.WriteString(c, answer)
		_ = c.readBody(req)
		return false
	}
}

// silent reads the whole request and never answers. It notices when the proxy goes away.
func silent(c *upstreamConn, req *received) bool {
	if c.readBody(req) == nil {
		_, _ = io.Copy(io.Discard, c.in)
	}
	close(req.gone)
	return false
}

// sendingBytes answers with that many bytes and counts them as they are sent.
func sendingBytes(count int64) behaviour {
	return func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", count); err != nil {
			return false
		}
		block := strings.Repeat("0123456789abcdef", 4096)
		for left := count; left > 0; {
			n, err := io.WriteString(c, block[:min(left, int64(len(block)))])
			if err != nil {
				return false
			}
			left -= int64(n)
		}
		return true
	}
}

// holding reads the whole request and answers when a step releases it.
func holding(answer string) behaviour {
	return func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil || !c.up.awaitRelease() {
			return false
		}
		_, err := io.WriteString(c, answer)
		return err == nil
	}
}

// streaming answers in chunks. It sends the first at once, each other one when a step releases it, and the end together
// with the last. It notices when the proxy goes away.
func streaming(chunks []string) behaviour {
	return func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		go func() {
			_, _ = io.Copy(io.Discard, c.in)
			close(req.gone)
		}()
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for i, chunk := range chunks {
			if i > 0 && !c.up.awaitRelease() {
				return false
			}
			if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(chunk), chunk); err != nil {
				return false
			}
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
		return false
	}
}

// trickling answers with that many bytes, one per interval.
func trickling(count int, interval time.Duration) behaviour {
	return func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(count)+"\r\n\r\n")
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for range count {
			select {
			case <-tick.C:
			case <-c.up.closed:
				return false
			}
			if _, err := io.WriteString(c, "."); err != nil {
				return false
			}
		}
		return true
	}
}

// stalling sends a head and half of the declared body, and nothing more.
func stalling(c *upstreamConn, req *received) bool {
	if c.readBody(req) == nil {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly half\n")
		_, _ = io.Copy(io.Discard, c.in)
	}
	close(req.gone)
	return false
}

// echoing answers with the request's own body.
func echoing(c *upstreamConn, req *received) bool {
	if c.readBody(req) != nil {
		return false
	}
	_, err := io.WriteString(c, plainAnswer(http.StatusOK, string(req.body)))
	return err == nil
}

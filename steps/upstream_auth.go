package steps

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

func (w *World) reuseSteps() []step {
	return []step{
		{`an upstream {string} that authenticates connections`, w.authenticatingUpstream, "As NTLM does, in three steps on one connection: a request without credentials is answered 401; one with `Authorization: NTLM hello` is answered 401 with a challenge, `WWW-Authenticate: NTLM N`; one with `Authorization: NTLM N NAME` makes NAME the user of the connection, whom each answer names from then on. /public is answered with the user's name or `nobody`, and /negotiate makes `alice` the user and says so with Persistent-Auth."},
		{`an upstream {string} that reads bodies of POST and PUT only`, w.unreadBodiesUpstream, "It answers each request with its target, and reads what follows the head of any other as the next request."},
		{`an upstream {string} that answers an Expect and reads no body`, w.unexpectingUpstream, "It answers each request with its target, and reads what follows the head of one with an Expect as the next request."},
		{`an upstream {string} that begins its answer before the body`, w.halfEarlyUpstream, "The answer is `begun and ended`, the second half after the body."},
	}
}

// authenticated records the user of each connection of an upstream, and the connections that have a challenge.
type authenticated struct {
	mu    sync.Mutex
	users map[int]string
	asked map[int]bool
}

func (w *World) authenticatingUpstream(name string) error {
	state := &authenticated{users: map[int]string{}, asked: map[int]bool{}}
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		_, err := io.WriteString(c, state.answer(c.number, req))
		return err == nil
	})
}

// answer returns the answer to a request on a connection.
func (a *authenticated) answer(conn int, req *received) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	scheme, credentials, _ := strings.Cut(value(req.fields, "Authorization"), " ")
	challenge := fmt.Sprint(conn)
	switch {
	case req.target == "/negotiate":
		a.users[conn] = "alice"
		return fieldAnswer(http.StatusOK, "Persistent-Auth: true", "alice")
	case !strings.EqualFold(scheme, "NTLM"):
	case credentials == "hello":
		a.users[conn], a.asked[conn] = "", true
		return fieldAnswer(http.StatusUnauthorized, "WWW-Authenticate: NTLM "+challenge, "challenge")
	default:
		answered, user, _ := strings.Cut(credentials, " ")
		if !a.asked[conn] || answered != challenge {
			return fieldAnswer(http.StatusUnauthorized, "WWW-Authenticate: NTLM", "wrong connection")
		}
		a.users[conn], a.asked[conn] = user, false
	}
	switch user := a.users[conn]; {
	case user != "":
		return plainAnswer(http.StatusOK, user)
	case req.target == "/public":
		return plainAnswer(http.StatusOK, "nobody")
	}
	return fieldAnswer(http.StatusUnauthorized, "WWW-Authenticate: Basic realm=\"a\", NTLM", "who?")
}

// fieldAnswer returns a complete answer with one more field.
func fieldAnswer(status int, line, body string) string {
	return strings.Replace(plainAnswer(status, body), "\r\n", "\r\n"+line+"\r\n", 1)
}

func (w *World) unreadBodiesUpstream(name string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if req.method == http.MethodPost || req.method == http.MethodPut {
			if c.readBody(req) != nil {
				return false
			}
		}
		return answerTarget(c, req)
	})
}

func (w *World) unexpectingUpstream(name string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if value(req.fields, "Expect") == "" && c.readBody(req) != nil {
			return false
		}
		return answerTarget(c, req)
	})
}

// answerTarget answers with the target of the request.
func answerTarget(c *upstreamConn, req *received) bool {
	answer := plainAnswer(http.StatusOK, req.target)
	if req.method == http.MethodHead {
		answer = strings.TrimSuffix(answer, req.target)
	}
	_, err := io.WriteString(c, answer)
	return err == nil
}

func (w *World) halfEarlyUpstream(name string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
		if c.readBody(req) != nil {
			return false
		}
		_, err := io.WriteString(c, "a\r\n and ended\r\n0\r\n\r\n")
		return err == nil
	})
}

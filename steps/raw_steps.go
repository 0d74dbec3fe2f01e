package steps

import (
	"errors"
	"fmt"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) rawSteps() []step {
	return []step{
		{`a client opens a connection to {string}`, w.openConn, "`https://NAME` (TLS, without HTTP/2), `http://NAME` (the redirect port) or `tcp://ADDRESS:PORT` (no TLS). The sentences below are about the last connection that was opened or named."},
		{`the client {string} opens a connection to {string}`, w.openConnNamed, ""},
		{`the next steps use the connection of the client {string}`, w.selectConn, ""},
		{`the client sends:`, w.sendRaw, "Exact bytes on the connection: each line ends in CRLF, unless it ends in a backslash; `\\r`, `\\n`, `\\t`, `\\0`, `\\\\` and `\\xNN` are those bytes. A head needs an empty line at its end: leave one line empty before the closing quotes."},
		{`the client sends {string}`, w.sendRawText, "With the same escapes, and without an added line end."},
		{`the client sends {int} bytes`, w.sendRawBytes, ""},
		{`the client closes its half of the connection`, w.closeHalf, ""},
		{`the client closes the connection`, w.closeConn, ""},
		{`the client receives the answer {int}`, w.receiveAnswer, "Waits for the next complete answer on the connection; the sentences under Answers check it."},
		{`the client receives {string}`, w.receiveText, "Waits until that is part of what has arrived and was not checked yet."},
		{`the first byte came after the line {string} with:`, w.firstByteAfter, "By the time of the log's line."},
		{`the answer had no end`, w.answerEndless, "What came of the next answer until the connection was closed is not whole: its length or its last chunk is missing."},
		{`the connection is closed`, w.connClosed, "Waits for the proxy to close it; what comes before that does not matter."},
		{`the connection is closed with nothing more`, w.connClosedSilent, "Nothing comes after the answers that were checked."},
		{`the connection ends abruptly`, w.connBreaksOff, "It ends, but not cleanly: with an error, or over TLS without close_notify. Waits for it."},
		{`the connection ends cleanly`, w.connEndsCleanly, "Over TLS with close_notify. Waits for it."},
		{`the connection is closed within {int} ms`, w.connClosedWithin, "Since it was opened."},
		{`the connection is not closed before {int} ms`, w.connClosedAfter, "Since it was opened. Waits for the end of the connection."},
		{`the connection stays open`, func() error { return w.connOpen(200) }, "Checks it again and again for 200 ms."},
		{`the connection stays open for {int} ms`, w.connOpen, ""},
	}
}

func (w *World) openConn(url string) error { return w.openConnNamed("", url) }

func (w *World) openConnNamed(client, url string) error {
	_, err := w.openRaw(client, url, client)
	return err
}

func (w *World) selectConn(client string) error {
	conn, ok := w.conns[client]
	if !ok {
		return fmt.Errorf("the client %q has opened no connection", client)
	}
	w.conn = conn
	return nil
}

// opened returns the current connection of the scenario.
func (w *World) opened() (*rawConn, error) {
	if w.conn == nil {
		return nil, errors.New("no connection was opened yet")
	}
	return w.conn, nil
}

func (w *World) sendRaw(text *godog.DocString) error { return w.sendBytes(rawBytes(text.Content)) }

func (w *World) sendRawText(text string) error { return w.sendBytes(unescape(text)) }

// sendBytes sends the result of rawBytes or unescape.
func (w *World) sendBytes(data string, err error) error {
	if err != nil {
		return err
	}
	conn, err := w.opened()
	if err != nil {
		return err
	}
	return conn.sendBytes(data)
}

func (w *World) sendRawBytes(size int) error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	block := make([]byte, 32<<10)
	_, _ = letters{}.Read(block)
	for size > 0 {
		n := min(size, len(block))
		if err := conn.sendBytes(string(block[:n])); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

func (w *World) closeHalf() error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	half, ok := conn.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("the connection has no half to close")
	}
	return half.CloseWrite()
}

func (w *World) closeConn() error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	conn.close()
	return nil
}

func (w *World) receiveAnswer(status int) error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	err = w.eventually(func() error {
		x, err := conn.nextAnswer()
		if err == nil {
			w.exchange = x
		}
		return err
	})
	if err != nil {
		return err
	}
	if w.exchange.status != status {
		return fmt.Errorf("got %d %q, want %d", w.exchange.status, clip(string(w.exchange.body)), status)
	}
	return nil
}

func (w *World) firstByteAfter(event string, table *godog.Table) error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	want, err := pairMap(table)
	if err != nil {
		return err
	}
	line, err := w.awaitLine(event, want, 0)
	if err != nil {
		return err
	}
	logged, err := time.Parse(time.RFC3339, line.time)
	if err != nil {
		return err
	}
	// The line's time has a resolution of a millisecond.
	first := time.Unix(0, conn.firstByte.Load()).Truncate(time.Millisecond)
	if first.Before(logged) {
		return fmt.Errorf("got the first byte at %v, want it not before %v", first, logged)
	}
	return nil
}

func (w *World) answerEndless() error {
	conn, err := w.awaitClose()
	if err != nil {
		return err
	}
	x, err := conn.nextAnswer()
	if err == nil && x.err == nil {
		return fmt.Errorf("got the whole answer %d %q, want one that is cut short", x.status, clip(string(x.body)))
	}
	return nil
}

func (w *World) receiveText(text string) error {
	want, err := unescape(text)
	if err != nil {
		return err
	}
	conn, err := w.opened()
	if err != nil {
		return err
	}
	return w.eventually(func() error { return contains(conn.rest(), want) })
}

// awaitClose waits for the end of the connection.
func (w *World) awaitClose() (*rawConn, error) {
	conn, err := w.opened()
	if err != nil {
		return nil, err
	}
	select {
	case <-conn.ended:
		return conn, nil
	case <-time.After(patience):
		return nil, fmt.Errorf("the connection is still open after %v; it received %q", patience, clip(conn.in.text()))
	}
}

func (w *World) connClosed() error {
	_, err := w.awaitClose()
	return err
}

func (w *World) connBreaksOff() error {
	conn, err := w.awaitClose()
	if err == nil && conn.err == nil {
		err = errors.New("the connection has ended cleanly")
	}
	return err
}

func (w *World) connEndsCleanly() error {
	conn, err := w.awaitClose()
	if err == nil && conn.err != nil {
		err = fmt.Errorf("the connection has broken off: %w", conn.err)
	}
	return err
}

func (w *World) connClosedSilent() error {
	conn, err := w.awaitClose()
	if err != nil {
		return err
	}
	if rest := conn.rest(); rest != "" {
		return fmt.Errorf("got %q before the end, want nothing", clip(rest))
	}
	return nil
}

func (w *World) connClosedWithin(ms int) error {
	conn, err := w.awaitClose()
	if err != nil {
		return err
	}
	if got := conn.endedAt.Sub(conn.opened); got > w.allowed(time.Duration(ms)*time.Millisecond, conn.opened, conn.endedAt) {
		return fmt.Errorf("the connection was closed after %v, want within %d ms", got, ms)
	}
	return nil
}

func (w *World) connClosedAfter(ms int) error {
	conn, err := w.awaitClose()
	if err != nil {
		return err
	}
	if got := conn.endedAt.Sub(conn.opened); got < time.Duration(ms)*time.Millisecond {
		return fmt.Errorf("the connection was closed after %v, want not before %d ms", got, ms)
	}
	return nil
}

func (w *World) connOpen(ms int) error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	return w.during(time.Duration(ms)*time.Millisecond, func() error {
		if !conn.open() {
			return fmt.Errorf("the connection was closed (%v); it received %q", conn.err, clip(conn.in.text()))
		}
		return nil
	})
}

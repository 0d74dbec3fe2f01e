package steps

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

func (w *World) slowSteps() []step {
	return []step{
		{`the client sends {string}, one byte every {int} ms`, w.sendSlowly, "To the end of the text or of the connection."},
		{`a client that reads nothing opens a connection to {string}`, w.openUnread, "What arrives stays in the kernel, which has little room for it."},
		{`{int} clients that read nothing request {string}`, w.requestUnread, "Over a connection each."},
		{`the client reads what has come`, w.readUnread, "And all that still comes."},
		{`the client closes its half of the connection and of TCP`, w.closeHalfTCP, ""},
		{`the proxy has closed all connections`, w.noConnections, "As `status` counts them. Waits for it."},
	}
}

func (w *World) sendSlowly(text string, ms int) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	conn, err := w.opened()
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Duration(ms) * time.Millisecond)
	defer tick.Stop()
	for i := range len(data) {
		if err := conn.sendBytes(data[i : i+1]); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-conn.ended:
			return nil
		}
	}
	return nil
}

// smallWindow is the size of the receive buffer of a client that does not read, and usualWindow of one that has
// resumed, in bytes.
const (
	smallWindow = 4 << 10
	usualWindow = 1 << 20
)

func (w *World) openUnread(url string) error { return w.openUnreadNamed("", url) }

func (w *World) openUnreadNamed(name, url string) error {
	conn, err := w.dialRaw(name, url, "", "http/1.1")
	if err != nil {
		return err
	}
	tcp, err := conn.tcp()
	if err != nil {
		return err
	}
	return tcp.SetReadBuffer(smallWindow)
}

func (w *World) requestUnread(count int, url string) error {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	for i := range count {
		if err := w.openUnreadNamed(fmt.Sprintf("unread %d", i), scheme+"://"+host); err != nil {
			return err
		}
		if err := w.conn.sendBytes("GET /" + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) readUnread() error {
	conn, err := w.opened()
	if err != nil {
		return err
	}
	tcp, err := conn.tcp()
	if err != nil {
		return err
	}
	_ = tcp.SetReadBuffer(usualWindow) // with the small buffer, megabytes would take minutes
	conn.read()
	return nil
}

// tcp returns the connection below TLS.
func (c *rawConn) tcp() (*net.TCPConn, error) {
	conn := c.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if watched, ok := conn.(*watchedConn); ok {
		conn = watched.Conn
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.New("the connection is not one of TCP")
	}
	return tcp, nil
}

func (w *World) closeHalfTCP() error {
	if err := w.closeHalf(); err != nil {
		return err
	}
	tcp, err := w.conn.tcp()
	if err != nil {
		return err
	}
	return tcp.CloseWrite()
}

func (w *World) noConnections() error {
	return w.eventually(func() error {
		if err := w.askAdmin("status\n", false); err != nil {
			return err
		}
		return contains(w.admin.text, `"connections":0,`)
	})
}

package steps

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// ask sends one port of the daemon a TLS hello or an HTTP request, whichever it understands, and returns the answer
// within the limit: "" if there was none because the port refused, closed or stayed silent.
func ask(at endpoint, limit time.Duration) string {
	conn, err := net.DialTimeout("tcp", at.address, limit)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	if strings.HasSuffix(at.key, "https_port") {
		// An alert is an answer as well: only a running server sends one.
		heard := &hearing{Conn: conn}
		_ = tls.Client(heard, &tls.Config{ServerName: "example.test", InsecureSkipVerify: true}).Handshake()
		return heard.text
	}
	_, _ = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n")
	answer := make([]byte, 512)
	n, _ := conn.Read(answer)
	return string(answer[:n])
}

// hearing records that something was read from a connection.
type hearing struct {
	net.Conn
	text string
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.text += string(p[:n])
	return n, err
}

// neverAnswers contacts all ports repeatedly until the daemon has ended.
func (w *World) neverAnswers() error {
	var asked sync.WaitGroup
	answers := make(chan string, 16)
	for _, at := range w.endpoints() {
		if _, ours := w.occupied[at.address]; ours {
			continue // the scenario itself listens there
		}
		asked.Go(func() {
			tick := time.NewTicker(pollInterval)
			defer tick.Stop()
			for w.daemon.running() && w.ctx.Err() == nil {
				if got := ask(at, 500*time.Millisecond); got != "" {
					answers <- fmt.Sprintf("%s (%s) answered %q", at.address, at.key, clip(got))
					return
				}
				select {
				case <-tick.C:
				case <-w.daemon.exited:
				}
			}
		})
	}
	asked.Wait()
	select {
	case got := <-answers:
		return fmt.Errorf("%s, want no answer", got)
	default:
	}
	_, err := w.daemon.wait(patience)
	return err
}

// askWhenReady makes the receiver of the service manager's datagrams contact every port once, before anything else.
func (w *World) askWhenReady() error {
	w.notify.whenReady(func() {
		var silent []string
		for _, at := range w.endpoints() {
			if ask(at, patience) == "" {
				silent = append(silent, at.key+" "+at.address)
			}
		}
		w.notify.mu.Lock()
		defer w.notify.mu.Unlock()
		w.notify.asked, w.notify.silent = true, silent
	})
	return nil
}

func (w *World) answeredWhenReady() error {
	w.notify.mu.Lock()
	defer w.notify.mu.Unlock()
	if !w.notify.asked || len(w.notify.silent) > 0 {
		return fmt.Errorf("at READY=1 (received: %v) these ports did not answer: %v", w.notify.asked, w.notify.silent)
	}
	return nil
}

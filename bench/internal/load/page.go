//go:build linux

package load

import (
	"crypto/tls"
	"net"
)

// page is what a browser loads from a site that it has not been to: a document, and then all that the document names.
type page struct {
	job Job
	// blocks are the header blocks of the requests in their order, wants the lengths of the answers.
	blocks [][]byte
	wants  []int
}

func newPage(job Job) *page {
	targets, wants := []string{job.Target}, []int{job.AnswerBytes}
	for _, r := range job.Resources {
		targets, wants = append(targets, r.Target), append(wants, r.Bytes)
	}
	return &page{job: job, blocks: renderBlocks(job, targets), wants: wants}
}

// load performs the handshake on a new connection, loads the page over HTTP/2 and closes.
func (p *page) load(plain net.Conn, buf []byte) error {
	c := newH2State(p.job)
	c.tls, c.once = tls.Client(plain, tlsConfig(p.job.ServerName, "h2")), true
	c.preface()
	if err := p.get(c, 0, 1, buf); err != nil {
		return err
	}
	if err := p.get(c, 1, len(p.blocks), buf); err != nil {
		return err
	}
	return c.tls.Close()
}

// get sends the requests from first up to end at once, and reads all their answers.
func (p *page) get(c *h2, first, end int, buf []byte) error {
	c.streams = make([]h2Stream, end-first)
	for i := range c.streams {
		c.open(&c.streams[i], p.blocks[first+i], p.wants[first+i])
	}
	for missing := len(c.streams); ; {
		if err := c.flush(); err != nil || missing == 0 {
			return err
		}
		n, err := c.tls.Read(buf)
		if err != nil {
			return err
		}
		complete, err := c.arrived(buf[:n])
		if err != nil {
			return err
		}
		missing -= complete
	}
}

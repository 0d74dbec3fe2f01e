//go:build linux

package load

import (
	"crypto/tls"
	"time"
)

// h1 is a keep-alive connection with one request in flight.
type h1 struct {
	raw     *rawConn
	tls     *tls.Conn
	request []byte
	want    int
	answer  answer
	pace    *pace
	// due is when the request in flight should have been sent; used only with a pace.
	due time.Time
}

func newH1(job Job, request []byte, pace *pace) (*h1, error) {
	raw, conn, err := dialTLS(job.Addr, tlsConfig(job.ServerName, "http/1.1"))
	if err != nil {
		return nil, err
	}
	raw.blocking = false
	return &h1{raw: raw, tls: conn, request: request, want: job.AnswerBytes, pace: pace}, nil
}

func (c *h1) fd() int     { return c.raw.fd }
func (c *h1) close()      { _ = c.raw.Close() }
func (*h1) settled() bool { return true }

func (c *h1) start() error {
	if c.pace != nil {
		c.pace.free(c)
		return nil
	}
	return c.send()
}

func (c *h1) send() error {
	_, err := c.tls.Write(c.request)
	return err
}

// readable reads until the answer is complete or no data is left, because epoll does not see what crypto/tls has
// buffered.
func (c *h1) readable(buf []byte) (int, error) {
	for {
		n, err := c.tls.Read(buf)
		if isAgain(err) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		complete, err := c.answer.feed(buf[:n], c.want)
		if err != nil {
			return 0, err
		}
		if !complete {
			continue
		}
		if c.pace != nil {
			c.pace.done(c, time.Now())
			return 1, nil
		}
		return 1, c.send()
	}
}

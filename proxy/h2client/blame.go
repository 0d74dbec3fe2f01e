package h2client

import "reverse-proxy/proxy/http2"

// lose ends a connection that the server has ended, or on which the server has broken the rules. The caller holds mu.
func (c *Conn) lose(err *Error) {
	if c.err != nil {
		return
	}
	c.left = true
	for id, s := range c.streams {
		delete(c.streams, id)
		c.end(s, c.blame(err))
		break
	}
	c.fail(err)
}

// blame returns the error of a stream of a connection that the server ends. It blames the server if no request on the
// connection was answered, and no other stream has got such an error. The caller holds mu.
func (c *Conn) blame(err *Error) *Error {
	if !c.left || c.answered || c.blamed {
		return err
	}
	c.blamed = true
	same := *err
	same.Blames = true
	return &same
}

// refused returns the error of a stream that the server has reset with REFUSED_STREAM. It blames the server unless a limit
// of streams explains the reset: an earlier stream was open, or the server may still count streams that were given up. The
// caller holds mu.
func (c *Conn) refused(stream uint32) *Error {
	err := resetBy(http2.RefusedStream)
	err.Blames = c.resets == resetsAtOnce && len(c.late) == 0
	for id := range c.streams {
		err.Blames = err.Blames && id > stream
	}
	return err
}

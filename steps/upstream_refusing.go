package steps

import (
	"fmt"
	"io"
	"strings"
)

func (w *World) refusingSteps() []step {
	return []step{
		{`an upstream {string} that refuses requests {string} with {string}`, w.refusingUpstream(false), "By a 403, `in chunks` or `with a length`. The parts of the body are separated by `|`: the first is sent immediately, each other one when the upstream is released."},
		{`an upstream {string} that refuses requests {string} with {string}, and closes before the last part`, w.refusingUpstream(true), "The same, but the last release closes the connection."},
	}
}

func (w *World) refusingUpstream(closes bool) func(name, framing, parts string) error {
	return func(name, framing, list string) error {
		parts := strings.Split(list, "|")
		head, part, end := "", "%[2]s", ""
		switch framing {
		case "with a length":
			head = fmt.Sprintf("Content-Length: %d", len(strings.Join(parts, "")))
		case "in chunks":
			head, part, end = "Transfer-Encoding: chunked", "%x\r\n%s\r\n", "0\r\n\r\n"
		default:
			return fmt.Errorf("%q is not a framing; `in chunks` and `with a length` are", framing)
		}
		return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
			if c.readBody(req) != nil {
				return false
			}
			_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n"+head+"\r\n\r\n")
			for i, text := range parts {
				if i > 0 && !c.up.awaitRelease() || closes && i == len(parts)-1 {
					return false
				}
				if _, err := fmt.Fprintf(c, part, len(text), text); err != nil {
					return false
				}
			}
			_, err := io.WriteString(c, end)
			return err == nil
		})
	}
}

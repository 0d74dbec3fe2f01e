package proxy

import (
	"context"
	"errors"
	"os"
)

// upstreams is the process's side towards all upstreams: their connections, pooled per upstream, kept over reloads that
// keep the site.
type upstreams struct {
	client upstreamClient
}

// upstreamClient sends one request to a site's upstream and returns the head of its response, with the body still to be
// read. inform is called for every interim response (1xx but 101) before that. Cancelling the context ends the exchange
// with the upstream, also while the response's body is read.
type upstreamClient interface {
	exchange(ctx context.Context, site *Site, r *Request, body *requestBody, inform func(status int, fields Fields)) (*Response, error)
	// keep closes the pools of upstreams that the configuration no longer names; requests in flight end on them.
	keep(dynamic *DynamicConfig)
	// close ends the idle connections.
	close()
}

// isTimeout reports whether an upstream failed by a clock, which is a 504 where other failures are a 502.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

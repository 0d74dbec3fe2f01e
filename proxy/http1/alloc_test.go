package http1

import "testing"

// TestNothingIsAllocated checks the promise of the package: reusing a value allocates nothing.
func TestNothingIsAllocated(t *testing.T) {
	var request Request
	var response Response
	var decoder ChunkedDecoder
	chunked := crlf("5;x=y\nhello\n0\nX-Sum: 1\n\n")
	upgrade := crlf("GET http://[::1]:80/%20?x HTTP/1.1\nHost: [::1]:80\nConnection: a, upgrade\nUpgrade: x\nTE: trailers\n\n")
	out := make([]byte, 0, 4<<10)
	tests := []struct {
		name string
		run  func()
	}{
		{"parsing a request allocates nothing", func() { request.Parse(browserRequest, 0) }},
		{"parsing a request in two pieces allocates nothing", func() { request.Parse(browserRequest[:100], 0); request.Parse(browserRequest, 100) }},
		{"parsing a request with all that is looked at allocates nothing", func() { request.Parse(upgrade, 0) }},
		{"parsing a response allocates nothing", func() { response.Parse(originResponse, 0) }},
		{"decoding a body with trailers allocates nothing", func() {
			decoder.Reset()
			for rest := chunked; len(rest) > 0; {
				_, n, _, _ := decoder.Decode(rest[:min(7, len(rest))])
				rest = rest[n:]
			}
		}},
		{"looking at fields allocates nothing", func() {
			request.Fields.HasToken("Connection", "upgrade")
			request.Fields.EachToken("Connection", func(token string) { out = append(out[:0], token...) })
			request.Fields.Set("X-Own", "1")
		}},
		{"writing a request allocates nothing", func() {
			out = AppendRequestLine(out[:0], request.Method, "/")
			out = request.AppendTarget(out)
			out = AppendFields(out, request.Fields)
			out = AppendInt(out, 1<<40)
			out = AppendChunkHead(out, 1<<20)
			out = AppendStatusLine(out, 200, "")
			out = AppendLastChunk(out, request.Fields)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, test.run); got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
}

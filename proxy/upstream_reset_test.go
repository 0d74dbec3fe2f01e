package proxy

import (
	"net"
	"strings"
	"testing"

	"reverse-proxy/proxy/http2"
)

// resettingUpstream resets each stream with a code, after the head of a response and a byte of its body if begun is set.
func resettingUpstream(t *testing.T, code http2.Code, begun bool) string {
	t.Helper()
	return scriptedH2(t, func(conn net.Conn) {
		var encoder http2.HeadEncoder
		serveFrames(conn, func(h http2.Header, out []byte) []byte {
			if h.Type != http2.TypeHeaders {
				return out
			}
			if begun {
				at := len(out)
				out = append(out, make([]byte, http2.HeaderBytes)...)
				out = encoder.AppendStatus(out, 200)
				out = http2.FinishHeaders(out, at, h.Stream, false, http2.MaxFrameBytes)
				out = http2.AppendData(out, h.Stream, []byte("x"), false)
			}
			return http2.AppendRSTStream(out, h.Stream, code)
		})
	})
}

// A gRPC server whose deadline has passed resets the stream with CANCEL, which the client reports as DEADLINE_EXCEEDED.
// It would report a 502 or INTERNAL_ERROR as a failure of the server.
func TestTheCodeOfAResetReachesTheClientIfItSaysSomethingAboutTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		code        http2.Code
		begun       bool
		contentType string
		want        string // the status, and the code of the reset
	}{
		"a call is over its deadline":                  {http2.Cancel, false, "application/grpc", " CANCEL"},
		"a call finds no room":                         {http2.EnhanceYourCalm, false, "application/grpc+proto", " ENHANCE_YOUR_CALM"},
		"a call fails":                                 {http2.InternalError, false, "application/grpc", "502 "},
		"another request fails":                        {http2.Cancel, false, "text/plain", "502 "},
		"a response is cut":                            {http2.Cancel, true, "text/plain", "200 CANCEL"},
		"a response breaks the protocol":               {http2.ProtocolError, true, "text/plain", "200 INTERNAL_ERROR"},
		"a refusal comes after the response has begun": {http2.RefusedStream, true, "application/grpc", "200 INTERNAL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			site := "upstream_protocol = \"http2\"\nupstream_connect_timeout_secs = 600\nupstream_request_timeout_secs = 600\n"
			d := startDaemonWithSite(t, resettingUpstream(t, c.code, c.begun), "", site)
			client := newH2Client(t, d)
			client.request(1, "POST", "/", true, "content-type", c.contentType)
			got := client.answer(1)
			status, _, _ := strings.Cut(strings.TrimPrefix(strings.Join(got.heads, ""), ":status: "), "\n")
			if text := status + " " + got.reset; text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

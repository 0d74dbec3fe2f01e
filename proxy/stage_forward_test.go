package proxy

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// TestForwardSaysWhatBecameOfTheResponse compares the results of forward: nil only if the client was given the whole
// response of the upstream.
func TestForwardSaysWhatBecameOfTheResponse(t *testing.T) {
	for _, test := range []struct {
		name, upstream string
		client         fakeClient
		upgrade        string
		want           *answer
	}{
		{"a whole response is forwarded", okResponse, fakeClient{}, "", nil},
		{"a missing response is a 502", "", fakeClient{}, "", &answer{status: statusBadGateway}},
		{"a response that the upstream breaks off is cut", "HTTP/1.1 201 Made\r\nContent-Length: 9\r\n\r\npart", fakeClient{}, "", &answer{status: 201, abort: true}},
		{"a response with a broken chunk is cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n", fakeClient{}, "", &answer{status: 200, abort: true}},
		{"a response that the client does not take is cut", okResponse, fakeClient{writeErr: errors.New("broken pipe")}, "", &answer{status: 200, abort: true}},
		{"a tunnel that the client cannot have is refused", "HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n", fakeClient{}, "test", &answer{abort: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			p := newTestPipeline(t)
			p.answer = test.upstream
			var got *answer
			forward := &p.stages[len(p.stages)-1]
			run := forward.run
			forward.run = func(x *exchange) *answer {
				got = run(x)
				if x.abort {
					t.Error("the exchange is marked as cut, and not by what was returned")
				}
				return got
			}
			r := getRequest("/")
			r.Upgrade = test.upgrade
			x := p.handleOne(r, &test.client)
			if (got == nil) != (test.want == nil) || got != nil && (got.status != test.want.status || got.abort != test.want.abort) {
				t.Errorf("got the answer %+v, want %+v", got, test.want)
			}
			if want := test.want != nil && test.want.abort; x.abort != want {
				t.Errorf("cut=%v, want %v", x.abort, want)
			}
		})
	}
}

// TestAResponseWithoutADateGetsOne sends a response as an upstream without a clock would (S-6.5; RFC 9110, section 6.6.1).
func TestAResponseWithoutADateGetsOne(t *testing.T) {
	p := newTestPipeline(t)
	client := &fakeClient{}
	p.handleOne(getRequest("/"), client)
	if date, err := http.ParseTime(client.fields.Get("Date")); err != nil || time.Since(date).Abs() > time.Hour {
		t.Errorf("got the Date %q, %v; want the present time", client.fields.Get("Date"), err)
	}
}

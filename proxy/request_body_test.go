package proxy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRequestBody(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name    string
		source  io.Reader
		limit   int64
		want    string
		err     error
		ended   bool
		failure error
	}{
		{"a body under the limit passes", strings.NewReader("four"), 5, "four", nil, true, nil},
		{"a body of exactly the limit passes", strings.NewReader("four"), 4, "four", nil, true, nil},
		{"the byte that crosses the limit ends it", strings.NewReader("four!"), 4, "four", errBodyTooLarge, false, errBodyTooLarge},
		{"also when bytes come one by one", iotest.OneByteReader(strings.NewReader("four!")), 4, "four", errBodyTooLarge, false, errBodyTooLarge},
		{"an end that comes with the last bytes is seen", iotest.DataErrReader(strings.NewReader("four")), 9, "four", nil, true, nil},
		{"an error of the source is kept", io.MultiReader(strings.NewReader("fo"), iotest.ErrReader(broken)), 9, "fo", broken, false, broken},
		{"a source that breaks off is no end", io.MultiReader(strings.NewReader("fo"), iotest.ErrReader(io.ErrUnexpectedEOF)), 9, "fo", io.ErrUnexpectedEOF, false, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := newRequestBody(&Request{Body: test.source}, test.limit)
			got, err := io.ReadAll(body)
			if string(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("read %q, %v, want %q, %v", got, err, test.want, test.err)
			}
			if body.ended.Load() != test.ended {
				t.Errorf("ended: got %v, want %v", body.ended.Load(), test.ended)
			}
			if !errors.Is(body.failed(), test.failure) {
				t.Errorf("failed: got %v, want %v", body.failed(), test.failure)
			}
		})
	}
}

func TestANilBodyHasNotFailed(t *testing.T) {
	var body *requestBody
	if body.failed() != nil || body.stalledByClient() {
		t.Error("a request without a body can neither fail to send it nor stall in it")
	}
}

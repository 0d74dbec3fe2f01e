package proxy

import (
	"errors"
	"io"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
)

func TestRequestBody(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name    string
		source  *fakeBody
		limit   int64
		want    string
		err     error
		ended   bool
		failure error
	}{
		{"a body under the limit passes", bodyOf("four"), 5, "four", io.EOF, true, nil},
		{"a body of exactly the limit passes", bodyOf("four"), 4, "four", io.EOF, true, nil},
		{"the byte that crosses the limit ends it", bodyOf("four!"), 4, "four", errBodyTooLarge, false, errBodyTooLarge},
		{"the limit also holds for bytes that come one by one", &fakeBody{parts: []string{"f", "o", "u", "r", "!"}, err: io.EOF}, 4, "four", errBodyTooLarge, false, errBodyTooLarge},
		{"an error of the source is kept", &fakeBody{parts: []string{"fo"}, err: broken}, 9, "fo", broken, false, broken},
		{"a source that breaks off does not end the body", &fakeBody{parts: []string{"fo"}, err: io.ErrUnexpectedEOF}, 9, "fo", io.ErrUnexpectedEOF, false, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			var body requestBody
			body.reset()
			body.begin(test.source, test.limit)
			body.timedBy(&deadline.Timer{Sweeper: deadline.NewSweeper()}, time.Minute)
			var got string
			var err error
			for err == nil {
				var data []byte
				data, err = body.read(nil, true)
				got += string(data)
			}
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("read %q, %v, want %q, %v", got, err, test.want, test.err)
			}
			if body.isEnded() != test.ended {
				t.Errorf("ended: got %v, want %v", body.isEnded(), test.ended)
			}
			if !errors.Is(body.failed(), test.failure) {
				t.Errorf("failed: got %v, want %v", body.failed(), test.failure)
			}
		})
	}
}

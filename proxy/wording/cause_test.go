package wording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
)

func TestTheCauseIsTheInnermostPart(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a connection is refused", refused, "connection refused"},
		{"an HTTP client wraps the cause", &url.Error{Op: "Get", URL: "http://127.0.0.1:3000/?token=secret", Err: refused},
			"connection refused"},
		{"another error wraps the cause", fmt.Errorf("upstream 127.0.0.1:3000: %w", refused), "connection refused"},
		{"a read is reset", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
			"connection reset by peer"},
		{"a name does not resolve", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "app.test"}},
			"lookup app.test: no such host"},
		{"the end comes too early", io.ErrUnexpectedEOF, "unexpected EOF"},
		{"the context has run out", context.DeadlineExceeded, "context deadline exceeded"},
		{"an error wraps nothing", errors.New("malformed HTTP response"), "malformed HTTP response"},
		{"a file cannot be opened", &fs.PathError{Op: "open", Path: "/run/a", Err: syscall.EACCES}, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Cause(tt.err); got.Error() != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

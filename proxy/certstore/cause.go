package certstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/gomodule/redigo/redis"

	"reverse-proxy/proxy/wording"
)

// advice says what to do about an error of the server that begins with word; "" for an unknown one.
func advice(word string) string {
	switch word {
	case "NOAUTH":
		return "write its password into store_password_file"
	case "WRONGPASS":
		return "correct the password in store_password_file, or the user in store"
	case "NOPERM":
		return "allow its user the keys and commands that the proxy needs"
	case "READONLY":
		return "let store name the primary"
	case "OOM":
		return "raise its maxmemory"
	case "MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT":
		return "Redis Cluster is not supported"
	}
	return ""
}

// cause returns an error for people in place of an error of the client package. It truncates what the server said and
// makes it safe to print.
func cause(err error) error {
	var refused redis.Error
	var invalid replyError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fmt.Errorf("no answer within %s", requestTimeout)
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &refused):
		text := wording.Printable(string(refused))
		word, _, _ := strings.Cut(text, " ")
		if todo := advice(word); todo != "" {
			text += "; " + todo
		}
		return errors.New(text)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return errors.New("the server has closed the connection")
	}
	// The client package reports an answer of the wrong type.
	if _, unexpected, ok := strings.Cut(err.Error(), "redigo: "); ok {
		return replyError{wording.Printable(unexpected)}
	}
	return err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

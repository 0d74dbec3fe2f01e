package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// gitServer serves the repositories in a directory through git's own CGI program.
func gitServer(t *testing.T, git, root string) http.Handler {
	t.Helper()
	path := strings.TrimSpace(clientProgram(t, t.TempDir(), git, "--exec-path"))
	backend := filepath.Join(path, "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Fatal(err)
	}
	handler := &cgi.Handler{
		Path: backend, Stderr: t.Output(),
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=test", "HOME=" + root, "GIT_CONFIG_NOSYSTEM=1"},
	}
	spool := t.TempDir()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// CGI does not support a body without a length.
		body, err := os.CreateTemp(spool, "body")
		if err != nil {
			t.Error(err)
			panic(http.ErrAbortHandler)
		}
		defer os.Remove(body.Name())
		defer body.Close()
		size, err := io.Copy(body, r.Body)
		if err == nil {
			_, err = body.Seek(0, io.SeekStart)
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body, r.ContentLength, r.TransferEncoding = body, size, nil
		handler.ServeHTTP(w, r)
	})
}

// TestGitPushesAndClones100MiBOverHTTP2 pushes a repository of 100 MiB into an empty one, as one body without a length,
// and clones it from there.
func TestGitPushesAndClones100MiBOverHTTP2(t *testing.T) {
	git := needProgram(t, "git", "git")
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		// The data is noise: compressing it, or looking for deltas, would only take time. Bodies longer than
		// http.postBuffer are sent without a length.
		var common []string
		for _, setting := range []string{
			"user.name=Test", "user.email=test@example.test", "init.defaultBranch=main", "http.sslVerify=false",
			"http.version=HTTP/2", "http.postBuffer=65536", "protocol.version=2", "core.compression=0", "pack.window=0", "gc.auto=0",
		} {
			common = append(common, "-c", setting)
		}
		return clientProgram(t, dir, git, append(common, args...)...)
	}
	const files, size = 100, 1 << 20
	run("init", "-q", "source")
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, "source", fmt.Sprintf("file%d", i)), noise(uint64(10+i), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("-C", "source", "add", ".")
	run("-C", "source", "commit", "-q", "-m", "a hundred MiB")
	run("init", "-q", "--bare", "served.git")
	run("-C", "served.git", "config", "http.receivepack", "true")
	run("-C", "served.git", "config", "pack.window", "0")
	url := fmt.Sprintf("https://localhost:%d/served.git", startProxy(t, gitServer(t, git, dir)).port)

	run("-C", "source", "push", "-q", url, "main")
	run("clone", "-q", url, "first")
	run("-C", "first", "fsck", "--strict")
	if got, want := run("-C", "first", "rev-parse", "HEAD", "HEAD^{tree}"), run("-C", "source", "rev-parse", "HEAD", "HEAD^{tree}"); got != want {
		t.Errorf("got the commit and tree %s, want %s", got, want)
	}
	if got := packedBytes(t, run("-C", "first", "count-objects", "-v")); got < files*size {
		t.Errorf("got %d bytes cloned, want at least the %d of the files", got, files*size)
	}

	if err := os.WriteFile(filepath.Join(dir, "first", "more"), noise(99, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	run("-C", "first", "add", "more")
	run("-C", "first", "commit", "-q", "-m", "three MiB more")
	run("-C", "first", "push", "-q", "origin", "HEAD")
	run("-C", "source", "pull", "-q", "--ff-only", url, "main")
	if got, want := run("-C", "source", "rev-parse", "HEAD"), run("-C", "first", "rev-parse", "HEAD"); got != want {
		t.Errorf("got the commit %s after the second push, want %s", got, want)
	}
	trace, err := os.ReadFile(filepath.Join(dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(trace, []byte("HTTP/2 200")) || bytes.Contains(trace, []byte("HTTP/1.1 ")) {
		t.Errorf("git has not spoken only HTTP/2:\n%s", lastBytes(filepath.Join(dir, "trace")))
	}
}

// packedBytes returns the size of the packs in git's output.
func packedBytes(t *testing.T, counted string) int {
	t.Helper()
	_, text, _ := strings.Cut(counted, "size-pack: ")
	text, _, _ = strings.Cut(text, "\n")
	kibibytes, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("git count-objects: got %q, want the size of the packs in it", counted)
	}
	return kibibytes << 10
}

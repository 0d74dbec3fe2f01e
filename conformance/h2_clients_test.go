package conformance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clientProgram runs a client to its end in a directory, with an environment that names no other proxy and no
// configuration of the machine, and returns its stdout.
func clientProgram(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_TRACE_CURL=" + filepath.Join(dir, "trace"), "GIT_TRACE_CURL_NO_DATA=1",
	}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: got %v, want success\n%s%s", program, strings.Join(args, " "), err, out.String(), complaints.String())
	}
	return out.String()
}

// noise returns incompressible bytes, the same for the same seed.
func noise(seed uint64, size int) []byte {
	data := make([]byte, size)
	key := [32]byte{byte(seed), byte(seed >> 8)}
	_, _ = rand.NewChaCha8(key).Read(data) // it never fails
	return data
}

// protocolField is the field in which sizes names the version of HTTP of the request that it has got.
const protocolField = "X-Protocol"

// sizes answers a GET of /N with N bytes of noise, a POST with the checksum of what arrived, and any request for /refused with
// 403 at once.
func sizes(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(protocolField, r.Proto)
	if r.URL.Path == "/refused" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPost {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = fmt.Fprintf(w, "%d %x", n, sum.Sum(nil))
		return
	}
	size, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	w.Header().Set("Content-Length", strconv.Itoa(size))
	_, _ = w.Write(noise(1, size))
}

func TestCurlOverHTTP2(t *testing.T) {
	curl := needProgram(t, "curl", "curl")
	startProxy(t, http.HandlerFunc(sizes)).overBoth(t, func(t *testing.T, port int, upstream string) { curlOverHTTP2(t, curl, port, upstream) })
}

// curlOverHTTP2 makes requests with curl at a port of the proxy, which speaks that version of HTTP to the upstream.
func curlOverHTTP2(t *testing.T, curl string, port int, upstream string) {
	t.Helper()
	base := fmt.Sprintf("https://localhost:%d/", port)
	common := []string{"--http2", "-k", "-sS", "--fail", "--max-time", "60"}
	run := func(t *testing.T, args ...string) string {
		return clientProgram(t, t.TempDir(), curl, append(common[:len(common):len(common)], args...)...)
	}
	const large = 8 << 20
	t.Run("a download of 8 MiB comes whole", func(t *testing.T) {
		out := run(t, base+strconv.Itoa(large))
		if out != string(noise(1, large)) {
			t.Errorf("got %d bytes with the sum %x, want the %d of the upstream", len(out), sha256.Sum256([]byte(out)), large)
		}
	})
	t.Run("it speaks HTTP/2", func(t *testing.T) {
		got := run(t, "-o", os.DevNull, "-w", "%{http_version} %{response_code} %header{"+protocolField+"}", base+"10")
		if want := "2 200 " + upstream; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("HEAD has the length and no body", func(t *testing.T) {
		out := run(t, "--head", base+"12345")
		if !strings.HasPrefix(out, "HTTP/2 200") || !strings.Contains(strings.ToLower(out), "content-length: 12345\r\n") {
			t.Errorf("got %q, want HTTP/2 200 and the length", out)
		}
	})
	for _, upload := range []struct{ name, header string }{
		{"an upload of 8 MiB with a length arrives whole", "X-Nothing: here"},
		{"an upload that waits for 100 Continue arrives whole", "Expect: 100-continue"},
		{"an upload without a length arrives whole", "Content-Length;"},
	} {
		t.Run(upload.name, func(t *testing.T) {
			data := noise(2, large)
			file := filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"-X", "POST", "-H", upload.header, "-T", file}
			if strings.HasSuffix(upload.header, ";") {
				args = []string{"-X", "POST", "-T", "."}
			}
			want := fmt.Sprintf("%d %x", large, sha256.Sum256(data))
			got := runWithInput(t, curl, data, append(append(common[:len(common):len(common)], args...), base)...)
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for _, refused := range []struct {
		name, path, status string
		size               int64
	}{
		{"an upload over the limit shows 413", "", "413", proxyBodyLimit + 1},
		{"an upload that its upstream refuses unread shows the refusal", "refused", "403", 50 << 20},
	} {
		t.Run(refused.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, refused.size); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				args := []string{"--http2", "-k", "-sS", "--max-time", "60", "-H", "Expect:", "-T", file, "-w", "%{http_version} %{response_code}", "-o", os.DevNull}
				if got := clientProgram(t, t.TempDir(), curl, append(args, base+refused.path)...); got != "2 "+refused.status {
					t.Fatalf("got %q, want HTTP/2 and %s", got, refused.status)
				}
			}
		})
	}
	t.Run("200 transfers side by side on few connections all succeed", func(t *testing.T) {
		args := []string{"--parallel", "--parallel-max", "50", "-w", "%{http_version} %{response_code} %{size_download}\n"}
		for range 200 {
			args = append(args, "-o", os.DevNull, base+"20000")
		}
		if got := strings.Count(run(t, args...), "2 200 20000\n"); got != 200 {
			t.Errorf("got %d whole answers over HTTP/2, want 200", got)
		}
	})
}

// runWithInput runs a client with the given stdin, and returns its stdout.
func runWithInput(t *testing.T, program string, input []byte, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: got %v, want success\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// h2loadCounts matches the counts in h2load's summary.
var h2loadCounts = regexp.MustCompile(`requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)

func TestH2loadLosesNoRequest(t *testing.T) {
	h2load := needProgram(t, "h2load", "nghttp2-client")
	startProxy(t, http.HandlerFunc(sizes)).overBoth(t, func(t *testing.T, port int, _ string) { h2loadLosesNone(t, h2load, port) })
}

// h2loadLosesNone makes requests with h2load at a port of the proxy.
func h2loadLosesNone(t *testing.T, h2load string, port int) {
	t.Helper()
	body := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(body, noise(3, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		requests int
		args     []string
	}{
		{"small answers come on 8 connections of 32 streams", 4000, []string{"-c", "8", "-m", "32", "/1024"}},
		{"a connection has as many streams as it may have", 2000, []string{"-c", "1", "-m", "250", "/1024"}},
		{"answers of 1 MiB come through the windows that it opens", 48, []string{"-c", "2", "-m", "8", "/1048576"}},
		{"the client's window is small", 100, []string{"-c", "2", "-m", "8", "-w", "14", "-W", "16", "/65536"}},
		{"answers have no byte", 1000, []string{"-c", "2", "-m", "32", "/0"}},
		{"requests have bodies of 64 KiB", 200, []string{"-c", "2", "-m", "8", "-d", body, "/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := len(c.args) - 1
			args := append([]string{"-n", strconv.Itoa(c.requests), "-N", "60"}, c.args[:last]...)
			args = append(args, fmt.Sprintf("https://localhost:%d%s", port, c.args[last]))
			out := clientProgram(t, t.TempDir(), h2load, args...)
			counts := h2loadCounts.FindStringSubmatch(out)
			all := strconv.Itoa(c.requests)
			if counts == nil || counts[3] != all || counts[4] != all || counts[5] != "0" || counts[6] != "0" || counts[7] != "0" {
				t.Errorf("got\n%s\nwant all %s requests done and succeeded, and none failed", out, all)
			}
			if !strings.Contains(out, "status codes: "+all+" 2xx") {
				t.Errorf("got\n%s\nwant the status 2xx %s times", out, all)
			}
			if !strings.Contains(out, "Application protocol: h2") {
				t.Errorf("got\n%s\nwant the protocol h2", out)
			}
		})
	}
}

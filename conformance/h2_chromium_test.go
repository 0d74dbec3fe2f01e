package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"image"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chromiumImages is the number of images on the page that Chromium loads.
const chromiumImages = 200

// chromiumScript counts in the page how many of its images loaded, and by which protocol each part of the page came. The
// elements follow it, so that no event is missed. After the page has loaded it writes this to the element result.
const chromiumScript = `
performance.setResourceTimingBufferSize(1000);
const counts = {loaded: 0, failed: 0, empty: 0};
document.addEventListener('load', (event) => {
	if (event.target.tagName === 'IMG') counts[event.target.naturalWidth > 0 ? 'loaded' : 'empty']++;
}, true);
document.addEventListener('error', () => counts.failed++, true);
addEventListener('load', () => {
	const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
	const protocols = [...new Set(entries.map((entry) => entry.nextHopProtocol))].join('+');
	document.getElementById('result').textContent =
		'loaded=' + counts.loaded + ' failed=' + counts.failed + ' empty=' + counts.empty +
		' entries=' + entries.length + ' protocols=' + protocols;
});
`

// imagePage serves a page of images at /page, and each image, all different, at /image/N.png.
func imagePage(w http.ResponseWriter, r *http.Request) {
	name, isImage := strings.CutPrefix(r.URL.Path, "/image/")
	switch number, err := strconv.Atoi(strings.TrimSuffix(name, ".png")); {
	case isImage && err == nil:
		const side = 48
		picture := &image.Gray{Pix: noise(uint64(number), side*side), Stride: side, Rect: image.Rect(0, 0, side, side)}
		w.Header().Set("Content-Type", "image/png")
		if err := png.Encode(w, picture); err != nil {
			panic(http.ErrAbortHandler)
		}
	case r.URL.Path == "/page":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><title>images</title><link rel=icon href='data:,'><script>%s</script><p id=result>not loaded</p>",
			chromiumScript)
		for i := range chromiumImages {
			_, _ = fmt.Fprintf(w, "<img src='/image/%d.png'>\n", i)
		}
	default:
		http.NotFound(w, r)
	}
}

// chromiumDOM makes Chromium load a URL, with a new profile, and returns the resulting document. The flags say which hosts it
// reaches, and which certificates it accepts.
func chromiumDOM(t *testing.T, chromium, url string, flags ...string) string {
	t.Helper()
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, slices.Concat([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--no-proxy-server", "--user-data-dir=" + filepath.Join(home, "profile"), "--timeout=90000", "--dump-dom",
	}, flags, []string{url})...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8"}
	// Its many processes are one group, which is ended as a whole.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel, cmd.WaitDelay = endGroup, 10*time.Second
	var dom, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &dom, &complaints
	err := cmd.Run()
	if cmd.Process != nil {
		_ = endGroup() // usually no process of it is left
	}
	if err != nil {
		t.Fatalf("chromium %s: got %v, want success\n%s%s", url, err, dom.String(), complaints.String())
	}
	return dom.String()
}

var chromiumResult = regexp.MustCompile(`<p id="result">([^<]*)</p>`)

func TestChromiumLoadsAPageOf200ImagesOverHTTP2(t *testing.T) {
	chromium := needProgram(t, "chromium", "chromium")
	proxy := startProxy(t, http.HandlerFunc(imagePage))
	dom := chromiumDOM(t, chromium, fmt.Sprintf("https://localhost:%d/page", proxy.port),
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", "--ignore-certificate-errors")
	result := chromiumResult.FindStringSubmatch(dom)
	if result == nil {
		t.Fatalf("got the document\n%s\nwant one with a result", dom)
	}
	want := fmt.Sprintf("loaded=%d failed=0 empty=0 entries=%d protocols=h2", chromiumImages, chromiumImages+1)
	if got := html.UnescapeString(result[1]); got != want {
		t.Errorf("the page says %q, want %q", got, want)
	}
	wantStatuses := map[string]int{"/page 200": 1}
	for i := range chromiumImages {
		wantStatuses[fmt.Sprintf("/image/%d.png 200", i)] = 1
	}
	awaitStatuses(t, proxy.log, wantStatuses)
}

var requestLine = regexp.MustCompile(`(?m)^\S+ INFO REQUEST .* method=GET path=(/\S+) status=(\d+) .*$`)

// awaitStatuses waits until the log shows exactly these GET requests, by path and status with their number, in addition
// to the one for / with which the test has checked that the daemon serves.
func awaitStatuses(t *testing.T, log string, want map[string]int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, line := range requestLine.FindAllStringSubmatch(string(text), -1) {
			if line[1] != "/" {
				got[line[1]+" "+line[2]]++
			}
		}
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the log shows other requests (-want +got):\n%s", diff)
			return
		}
	}
}

package steps

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (w *World) crowdDownloadSteps() []step {
	return []step{
		{`h2load downloads {string} over {int} connections`, w.keepDownloading, "Over HTTP/1.1, again and again until the end of the scenario, in a process of its own: readers in the suite's own process would delay its other clients. Its address is 127.0.0.1. For scenarios tagged @h2load."},
		{`the client {string} is answered {int} by {string} over {int} new connections, most of them before the proxy has written {int} MiB`, w.answeredBefore, "One after the other. Counts what the proxy writes to anybody from the beginning of a connection to its end. Unlike a time, this does not depend on the speed of the machine. A connection is judged only if the proxy wrote 32 MiB within a second before it."},
	}
}

// HasH2load reports whether h2load is installed, which scenarios tagged @h2load need.
func (s *Suite) HasH2load() bool { return installed("h2load") }

func (w *World) keepDownloading(url string, count int) error {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	address, err := w.dialAddress(scheme, host, 0)
	if err != nil {
		return err
	}
	p, err := w.start("h2load", exec.Command("h2load", "--h1", "--threads=1", "--clients="+strconv.Itoa(count),
		"--requests="+strconv.Itoa(1000*count), "--connect-to="+address, url))
	if err != nil {
		return err
	}
	w.cleanup(func() error {
		if !p.running() {
			return fmt.Errorf("h2load has ended: %s", clip(p.stdout.text()+p.stderr.text()))
		}
		_ = p.signal(syscall.SIGKILL) // it may end by itself meanwhile
		<-p.exited
		return nil
	})
	return nil
}

// written returns how many bytes the daemon has sent to clients so far: half of what has crossed the loopback interface of its
// network, which must be a separate one, as each byte of a response crosses it before the daemon as well. The kernel's account of
// a process's writes, /proc/PID/io, does not contain send(2).
func (w *World) written() (int64, error) {
	path := fmt.Sprintf("/proc/%d/net/dev", w.daemon.cmd.Process.Pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, counters, _ := strings.Cut(line, ":")
		if fields := strings.Fields(counters); strings.TrimSpace(name) == "lo" && len(fields) > 0 {
			received, err := strconv.ParseInt(fields[0], 10, 64)
			return received / 2, err
		}
	}
	return 0, fmt.Errorf("%s has no loopback interface", path)
}

// writesMore returns a check that fails until the daemon has written that many bytes from now on.
func (w *World) writesMore(bytes int64) func() error {
	before, err := w.written()
	return func() error {
		if err != nil {
			return err
		}
		now, err := w.written()
		if err == nil && now-before < bytes {
			err = fmt.Errorf("the proxy has written %d bytes", now-before)
		}
		return err
	}
}

func (w *World) answeredBefore(client string, status int, url string, count, mib int) error {
	request, err := w.newConnectionTo(url)
	if err != nil {
		return err
	}
	var all []int64
	for end := time.Now().Add(2 * patience); len(all) < count && time.Now().Before(end); {
		busy := w.within(time.Second, w.writesMore(32<<20)) == nil
		before, err := w.written()
		if err != nil {
			return err
		}
		got, err := request(client)
		if err != nil || got != status {
			return fmt.Errorf("got %d (error: %w), want %d", got, err, status)
		}
		after, err := w.written()
		if err != nil {
			return err
		}
		if busy {
			all = append(all, (after-before)>>20)
		}
	}
	if len(all) == 0 {
		return errors.New("the proxy never wrote 32 MiB within a second")
	}
	slices.Sort(all)
	if all[len(all)/2] >= int64(mib) {
		return fmt.Errorf("the proxy wrote %v MiB before the answers, want less than %d before most of them", all, mib)
	}
	return nil
}

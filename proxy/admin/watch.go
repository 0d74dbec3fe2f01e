package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/wording"
)

const (
	// WatchInterval is the time from one picture of `status --watch` to the next.
	WatchInterval = 2 * time.Second
	// watchTimeout is how long one picture may take: a hanging daemon is worth reporting soon.
	watchTimeout = 5 * time.Second
)

// The escape sequences that redraw a screen without flicker: the cursor home, the rest of a line cleared, and the rest
// of the screen cleared (ECMA-48, sections 8.3.21, 8.3.41 and 8.3.39).
const (
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBottom = "\x1b[J"
)

// Watcher shows the daemon's status repeatedly.
type Watcher struct {
	// Client asks the daemon.
	Client Client
	// Interval is the time from one picture to the next.
	Interval time.Duration
	// Screen returns the size of the terminal in rows and columns. It is nil without a terminal; the pictures then
	// follow one another.
	Screen func() (rows, columns int)
}

// Run shows the status until ctx ends, which is the usual end and gives 0. If a daemon is not there, or goes away, Run
// shows that in place of its status and keeps asking. The exit code is 1 if the picture cannot be written, or if the
// daemon uses another configuration file than --config names (S-1.7).
func (w Watcher) Run(ctx context.Context) int {
	w.Client.Timeout = watchTimeout
	ticker := time.NewTicker(w.Interval)
	defer ticker.Stop()
	for {
		lines, err := w.picture(ctx)
		switch {
		case ctx.Err() != nil:
			return exitcode.OK
		case err != nil:
			return w.Client.complain(err)
		}
		if err := w.draw(lines); err != nil {
			return w.Client.complain(fmt.Errorf("cannot write the answer: %w", err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return exitcode.OK
		}
	}
}

// picture asks once, and returns the lines to show. Its error, a wrongConfigError, is one that asking again cannot fix.
func (w Watcher) picture(ctx context.Context) ([]string, error) {
	line, _, err := w.Client.ask(ctx)
	if err == nil {
		err = wrongConfigIn(line)
	}
	if _, wrong := errors.AsType[wrongConfigError](err); wrong {
		return nil, err
	}
	if err == nil {
		columns := 0
		if w.Screen != nil {
			_, columns = w.Screen()
		}
		var reply renderedReply
		if reply, err = renderReplyWithin(w.Client.Command, line, time.Now(), columns); err == nil {
			return append(reply.out, reply.problems...), nil
		}
	}
	return []string{
		fmt.Sprintf("%s: no status from %s: %s", timeText(time.Now()), wording.PrintableLine(w.Client.Socket), wording.PrintableLine(err.Error())),
		fmt.Sprintf("trying again every %v, until Ctrl-C", w.Interval),
	}, nil
}

// draw shows the lines: on a terminal in place of the previous ones, cut to its size, else below them.
func (w Watcher) draw(lines []string) error {
	if w.Screen == nil {
		return wording.WriteLines(w.Client.Stdout, append(lines, ""))
	}
	rows, columns := w.Screen()
	lines = fitScreen(lines, rows-1, columns)
	text := cursorHome + strings.Join(lines, clearLine+"\n") + clearLine
	return wording.WriteLines(w.Client.Stdout, []string{text, clearBottom})
}

// fitScreen cuts the lines to a size; if there are more, its last line says so.
func fitScreen(lines []string, rows, columns int) []string {
	rows, columns = max(rows, 1), max(columns, 1)
	var fitting []string
	for i, line := range lines {
		if i == rows-1 && len(lines) > rows {
			line = fmt.Sprintf("and %d more lines", len(lines)-i)
		}
		if i == rows {
			break
		}
		if cut := []rune(line); len(cut) > columns {
			line = string(cut[:columns])
		}
		fitting = append(fitting, line)
	}
	return fitting
}

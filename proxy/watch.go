package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"reverse-proxy/proxy/wording"
)

const (
	// watchInterval is the time from one picture of `status --watch` to the next.
	watchInterval = 2 * time.Second
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

// watcher shows the daemon's status repeatedly.
type watcher struct {
	client   adminClient
	interval time.Duration
	// screen returns the size of the terminal in rows and columns. It is nil without a terminal; the pictures then
	// follow one another.
	screen func() (rows, columns int)
}

// run shows the status until ctx ends, which is the usual end and gives 0. If a daemon is not there, or goes away, run
// shows that in place of its status and keeps asking. The exit code is 1 if the picture cannot be written, or if the
// daemon uses another configuration file than --config names (S-1.7).
func (w watcher) run(ctx context.Context) int {
	w.client.timeout = watchTimeout
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		lines, err := w.picture(ctx)
		switch {
		case ctx.Err() != nil:
			return exitOK
		case err != nil:
			return w.client.complain(err)
		}
		if err := w.draw(lines); err != nil {
			return w.client.complain(fmt.Errorf("cannot write the answer: %w", err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return exitOK
		}
	}
}

// picture asks once, and returns the lines to show. Its error, a wrongConfigError, is one that asking again cannot fix.
func (w watcher) picture(ctx context.Context) ([]string, error) {
	line, _, err := w.client.ask(ctx)
	if err == nil {
		err = wrongConfigIn(line)
	}
	if _, wrong := errors.AsType[wrongConfigError](err); wrong {
		return nil, err
	}
	if err == nil {
		columns := 0
		if w.screen != nil {
			_, columns = w.screen()
		}
		var reply renderedReply
		if reply, err = renderReplyWithin(w.client.command, line, now(), columns); err == nil {
			return append(reply.out, reply.problems...), nil
		}
	}
	return []string{
		fmt.Sprintf("%s: no status from %s: %s", timeText(now()), wording.PrintableLine(w.client.socket), wording.PrintableLine(err.Error())),
		fmt.Sprintf("trying again every %v, until Ctrl-C", w.interval),
	}, nil
}

// draw shows the lines: on a terminal in place of the previous ones, cut to its size, else below them.
func (w watcher) draw(lines []string) error {
	if w.screen == nil {
		return writeLines(w.client.stdout, append(lines, ""))
	}
	rows, columns := w.screen()
	lines = fitScreen(lines, rows-1, columns)
	text := cursorHome + strings.Join(lines, clearLine+"\n") + clearLine
	return writeLines(w.client.stdout, []string{text, clearBottom})
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

package steps

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

func (w *World) validationSteps() []step {
	return []step{
		{`a named pipe {string}`, w.makePipe, "No process writes to it."},
		{`a valid configuration {string} that is rewritten all the time`, w.rewriteConfig,
			"In place, by a writer that keeps truncating and rewriting it until the scenario ends."},
		{`{string} is validated until it is refused with {string}`, w.validateUntil,
			"Runs `--validate` again and again, because the refusal needs a write at the wrong moment."},
	}
}

func (w *World) makePipe(name string) error { return syscall.Mkfifo(w.path(name), 0o600) }

func (w *World) rewriteConfig(name string) error {
	text, err := w.config.text()
	if err != nil {
		return err
	}
	// A long file takes longer to read and to write, so that a read soon overlaps a write.
	content := []byte(text + strings.Repeat("# padding\n", 80_000))
	if err := os.WriteFile(w.path(name), content, 0o600); err != nil {
		return err
	}
	var writer sync.WaitGroup
	var failed error
	ctx := w.ctx
	stop := make(chan struct{})
	writer.Go(func() {
		for ctx.Err() == nil && failed == nil {
			select {
			case <-stop:
				return
			default:
				failed = os.WriteFile(w.path(name), content, 0o600)
			}
		}
	})
	w.cleanups = append(w.cleanups, func() error {
		close(stop)
		writer.Wait()
		return failed
	})
	return nil
}

func (w *World) validateUntil(name, want string) error {
	return w.eventually(func() error {
		if err := w.runCommand([]string{"--config", w.path(name), "--validate"}); err != nil {
			return err
		}
		if got := w.command.stderr.text(); !strings.Contains(got, want) {
			return fmt.Errorf("got %q at last, want it to contain %q", clip(got), want)
		}
		return nil
	})
}

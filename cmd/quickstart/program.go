package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// startTimeout bounds the wait for a program to be ready.
const startTimeout = 30 * time.Second

// program is one of the programs that the quick start runs.
type program struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and all its output is passed on
	err   error         // how it ended; valid after ended is closed
}

// startProgram starts a program whose output goes to out, and waits until it has printed mark, which means that it is
// ready. It returns an error if the program ended before or took too long; the program has then ended.
func startProgram(ctx context.Context, out io.Writer, mark, path string, args ...string) (*program, error) {
	ready := &marked{out: out, mark: []byte(mark), seen: make(chan struct{})}
	p := &program{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = ready, out
	// A process group of its own: Ctrl-C reaches only the quick start, which then ends its programs in order. If the
	// quick start is killed, the kernel sends its programs SIGTERM.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	name := filepath.Base(path)
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-ready.seen:
		return p, nil
	case <-p.ended:
		return nil, errors.Join(fmt.Errorf("%s did not start", name), p.err)
	case <-timeout.C:
		p.stop(nil)
		return nil, fmt.Errorf("%s was not ready within %v", name, startTimeout)
	case <-ctx.Done():
		p.stop(nil)
		return nil, ctx.Err()
	}
}

// stop sends the program SIGTERM and waits for its end. Each value of again sends the signal again, which makes a
// program that is waiting for something end sooner.
func (p *program) stop(again <-chan struct{}) {
	for {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-p.ended:
			return
		case <-again:
		}
	}
}

// marked passes on what is written to it, and reports when a text has been part of it. Only one goroutine writes to it.
type marked struct {
	out  io.Writer
	mark []byte
	tail []byte // the line that is not yet complete
	seen chan struct{}
	once sync.Once
}

// Write passes p on, and then looks for the mark.
func (m *marked) Write(p []byte) (int, error) {
	n, err := m.out.Write(p)
	m.tail = append(m.tail, p[:n]...)
	if i := bytes.LastIndexByte(m.tail, '\n'); i >= 0 { // only complete lines are searched, because the mark is within one line
		if bytes.Contains(m.tail[:i], m.mark) {
			m.once.Do(func() { close(m.seen) })
		}
		m.tail = append(m.tail[:0], m.tail[i+1:]...)
	}
	return n, err
}

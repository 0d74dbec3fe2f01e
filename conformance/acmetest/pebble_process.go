package acmetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// pebbleProcess is one of the two processes.
type pebbleProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func startPebbleProcess(output io.Writer, env []string, path string, args ...string) (*pebbleProcess, error) {
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = append(os.Environ(), env...)
	// A process group of its own keeps Ctrl-C away from it, and Pdeathsig ends it with a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &pebbleProcess{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		cmd.Wait()
	}()
	return p, nil
}

func (p *pebbleProcess) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *pebbleProcess) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

func (p *pebbleProcess) stop() {
	if p == nil {
		return
	}
	p.cmd.Process.Kill()
	<-p.done
}

const pebbleModule = "github.com/letsencrypt/pebble/v2"

// BuildPebble builds Pebble and its DNS server, tools of this module, into dir unless they exist. The working directory
// must be inside this module.
func BuildPebble(dir string) error {
	_, err1 := os.Stat(filepath.Join(dir, "pebble"))
	_, err2 := os.Stat(filepath.Join(dir, "pebble-challtestsrv"))
	if errors.Join(err1, err2) == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, err := goCommand("build", "-o", dir+string(filepath.Separator), pebbleModule+"/cmd/pebble",
		pebbleModule+"/cmd/pebble-challtestsrv")
	return err
}

// goCommand runs the go command and returns its stdout.
func goCommand(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

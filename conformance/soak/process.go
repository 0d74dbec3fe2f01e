package soak

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memberEnvironment is the environment variable that makes a process a member of a load: its value is the name of the member's
// wire. The arguments of the process are the directory and the member's number.
const memberEnvironment = "SOAK_MEMBER"

// afterStop is how long a resumed process has to read the requests that have come in the meantime.
const afterStop = 200 * time.Millisecond

// process is the process of a member. It runs the same program as its parent, whose TestMain calls ServeMember.
type process struct {
	cmd *exec.Cmd
	// log has a line for each request.
	log string
}

// ServeMember serves as a member until a signal ends it, if this process was started as one. Else it returns at once.
func ServeMember() {
	wire, err := wireOf(os.Getenv(memberEnvironment))
	if os.Getenv(memberEnvironment) == "" {
		return
	}
	if err == nil {
		err = serveMember(wire, os.Args[len(os.Args)-2], os.Args[len(os.Args)-1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveMember(wire Wire, dir, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(logOf(dir, n), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	m := &member{wire: wire, dir: dir, number: n, log: log}
	if err := m.listen(); err != nil {
		return err
	}
	fmt.Println(m.addr)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	return nil
}

func logOf(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("requests-%d.log", number))
}

// start starts the process, and waits until it listens.
func (p *process) start(m *member) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p.log = logOf(m.dir, m.number)
	p.cmd = exec.Command(program, "-test.run=^$", m.dir, strconv.Itoa(m.number))
	p.cmd.Env = append(os.Environ(), memberEnvironment+"="+m.wire.Name)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.end()
		return fmt.Errorf("the process of an upstream: %w", err)
	}
	m.addr, m.seen = strings.TrimSpace(addr), map[string]int{}
	return nil
}

// suffer kills the process and waits for its end, with which its connections end, or stops it.
func (p *process) suffer(fault Fault) error {
	if fault == Killed {
		err := p.cmd.Process.Kill()
		_ = p.cmd.Wait() // the error says that it was killed
		return err
	}
	return p.cmd.Process.Signal(syscall.SIGSTOP)
}

// collect resumes a stopped process, and counts the requests that have reached it.
func (p *process) collect(m *member) error {
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err == nil {
		time.Sleep(afterStop)
	} else if !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	file, err := os.Open(p.log)
	if err != nil {
		return err
	}
	defer file.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		m.seen[strings.TrimSpace(line)]++
	}
}

// end ends the process.
func (p *process) end() {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // it may have ended already
		_ = p.cmd.Wait()
	}
}

package steps

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func (w *World) userSteps() []step {
	return []step{
		{`the proxy will be started as an ordinary user`, w.asOrdinaryUser, "User 65534, to whom the scenario's directory then belongs. For scenarios tagged @root."},
	}
}

func (w *World) asOrdinaryUser() error {
	w.launch.ordinary = true
	return nil
}

// ordinaryBinary makes cmd run as the ordinary user. It uses a copy of the binary in the scenario's directory, and no
// directory for counters, because that user can access neither of the suite's own.
func (w *World) ordinaryBinary(cmd *exec.Cmd) error {
	own := filepath.Join(w.dir, "reverse-proxy")
	binary, err := os.ReadFile(w.suite.Binary)
	if err != nil {
		return err
	}
	if err := writeProgram(own, binary); err != nil {
		return err
	}
	cmd.Path, cmd.Args[0] = own, own
	cmd.Env = append(cmd.Env, "GOCOVERDIR="+w.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return w.giveDirectory()
}

// writeProgram writes an executable file. No process is forked meanwhile: until its exec it would hold the file open for
// writing, and the kernel refuses to run such a file ("text file busy").
func writeProgram(path string, contents []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, contents, 0o755)
}

// giveDirectory gives the scenario's directory and everything in it to the ordinary user.
func (w *World) giveDirectory() error {
	return filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
}

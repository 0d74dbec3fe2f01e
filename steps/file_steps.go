package steps

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) fileSteps() []step {
	return []step{
		{`a certificate {string} for {string}`, w.makeCertificate, "Names and addresses separated by commas. An existing one is replaced, as a renewal does. Its files are `${cert:NAME}` and `${key:NAME}`."},
		{`an RSA certificate {string} for {string}`, w.makeRSA, ""},
		{`an expired certificate {string} for {string}`, w.makeExpired, ""},
		{`a certificate {string} for {string} that is valid for {int} seconds`, w.makeShort, ""},
		{`the certificate {string} has the key of another one`, w.spoilKey, ""},
		{`a file {string} with {string}`, w.writeFile, "Relative paths are in the scenario's directory, here and below. Missing directories are created; `\\n` is a line's end."},
		{`a file {string} with:`, w.writeFileText, ""},
		{`a file {string} of {int} bytes`, w.writeFileOf, ""},
		{`a directory {string}`, w.makeDirectory, ""},
		{`a symbolic link {string} to {string}`, w.makeLink, ""},
		{`a stale socket {string}`, w.makeStaleSocket, "A Unix socket that no process listens on."},
		{`a live socket {string}`, w.makeLiveSocket, "A Unix socket that the suite listens on."},
		{`{string} is renamed to {string}`, w.rename, ""},
		{`{string} is deleted`, w.deletePath, "With everything in it."},
		{`{string} has the mode {string}`, w.changeMode, "Octal; sets it."},
		{`the mode of {string} is {string}`, w.checkMode, "Octal; reads it."},
		{`the file {string} is {string}`, w.fileIs, "Its whole text."},
		{`the file {string} contains {string}`, w.fileContains, "Waits for it."},
		{`the file {string} does not contain {string}`, w.fileLacks, ""},
		{`{string} is a {word}`, w.kindIs, "`file`, `directory`, `socket` or `link`."},
		{`{string} does not exist`, w.absent, "Waits for it."},
		{`something else listens on {string}`, w.occupy, "An address and port."},
		{`nothing listens on {string} any more`, w.vacate, "Ends `something else listens`."},
	}
}

// path makes a path of a scenario absolute.
func (w *World) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(w.dir, name)
}

func names(list string) []string {
	all := strings.Split(list, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

func (w *World) makeCertificate(name, list string) error {
	return w.writeCertificate(name, certificate{names: names(list)})
}

func (w *World) makeRSA(name, list string) error {
	return w.writeCertificate(name, certificate{names: names(list), rsa: true})
}

func (w *World) makeExpired(name, list string) error {
	return w.writeCertificate(name, certificate{names: names(list), notAfter: time.Now().Add(-time.Hour)})
}

func (w *World) makeShort(name, list string, seconds int) error {
	return w.writeCertificate(name, certificate{names: names(list), notAfter: time.Now().Add(time.Duration(seconds) * time.Second)})
}

func (w *World) spoilKey(name string) error {
	_, key, err := w.suite.ca.issue(certificate{names: []string{"other.example.test"}})
	if err != nil {
		return err
	}
	return os.WriteFile(w.keyPath(name), key, 0o600)
}

func (w *World) writeFile(name, text string) error {
	content, err := unescape(text)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(w.path(name), []byte(content), 0o600)
}

func (w *World) writeFileText(name string, text *godog.DocString) error {
	return w.writeFile(name, strings.ReplaceAll(text.Content, `\`, `\\`)+"\n")
}

func (w *World) writeFileOf(name string, size int) error {
	return w.writeFile(name, strings.Repeat("#", size))
}

func (w *World) makeDirectory(name string) error { return os.MkdirAll(w.path(name), 0o700) }

func (w *World) makeLink(name, target string) error { return os.Symlink(target, w.path(name)) }

func (w *World) makeStaleSocket(name string) error {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.path(name), Net: "unix"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	return listener.Close()
}

func (w *World) makeLiveSocket(name string) error {
	listener, err := net.Listen("unix", w.path(name))
	if err != nil {
		return err
	}
	w.occupied[w.path(name)] = listener
	return nil
}

func (w *World) rename(from, to string) error { return os.Rename(w.path(from), w.path(to)) }

func (w *World) deletePath(name string) error {
	if _, err := os.Lstat(w.path(name)); err != nil {
		return err
	}
	return os.RemoveAll(w.path(name))
}

func (w *World) changeMode(name, mode string) error {
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return err
	}
	return os.Chmod(w.path(name), fs.FileMode(bits))
}

func (w *World) checkMode(name, mode string) error {
	info, err := os.Stat(w.path(name))
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != mode {
		return fmt.Errorf("got the mode %s, want %s", got, mode)
	}
	return nil
}

func (w *World) fileIs(name, text string) error {
	want, err := unescape(text)
	if err != nil {
		return err
	}
	got, err := os.ReadFile(w.path(name))
	if err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("got %q, want %q", clip(string(got)), clip(want))
	}
	return nil
}

func (w *World) fileContains(name, text string) error {
	return w.eventually(func() error {
		got, err := os.ReadFile(w.path(name))
		if err == nil && !strings.Contains(string(got), text) {
			err = fmt.Errorf("got %q, want it to contain %q", clip(string(got)), text)
		}
		return err
	})
}

func (w *World) fileLacks(name, text string) error {
	got, err := os.ReadFile(w.path(name))
	if err == nil && strings.Contains(string(got), text) {
		err = fmt.Errorf("got %q, want it not to contain %q", clip(string(got)), text)
	}
	return err
}

func (w *World) kindIs(name, kind string) error {
	info, err := os.Lstat(w.path(name))
	if err != nil {
		return err
	}
	got := map[fs.FileMode]string{0: "file", fs.ModeDir: "directory", fs.ModeSocket: "socket", fs.ModeSymlink: "link"}[info.Mode().Type()]
	if got != kind {
		return fmt.Errorf("got a %s, want a %s", got, kind)
	}
	return nil
}

func (w *World) absent(name string) error {
	return w.eventually(func() error {
		_, err := os.Lstat(w.path(name))
		if err == nil {
			return fmt.Errorf("%s is there", name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (w *World) occupy(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	w.occupied[address] = listener
	return nil
}

func (w *World) vacate(address string) error {
	listener, ok := w.occupied[address]
	if !ok {
		return fmt.Errorf("the suite does not listen on %s", address)
	}
	delete(w.occupied, address)
	return listener.Close()
}

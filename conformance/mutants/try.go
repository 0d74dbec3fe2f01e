package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// try runs the tests with the edit in place, and returns an error unless all of them fail. It writes only into the
// directory.
func (m *mutant) try(root, dir string) error {
	text, err := m.edited(root)
	if err != nil {
		return err
	}
	overlay, err := writeOverlay(dir, filepath.Join(root, m.File), text)
	if err != nil {
		return err
	}
	var survived []error
	for _, test := range m.Tests {
		c, err := m.command(root, test)
		if err != nil {
			return err
		}
		cmd := exec.Command("go", c.args...)
		cmd.Dir = root
		// GOFLAGS makes the overlay reach the builds that a test starts, too; with -cover they would ignore it.
		cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay, "SUITE_COVERDIR=off")
		cmd.Env = append(cmd.Env, c.env...)
		output, err := cmd.CombinedOutput()
		if err := verdict(output, err); err != nil {
			survived = append(survived, fmt.Errorf("%s: %w", test, err))
		}
	}
	return errors.Join(survived...)
}

// writeOverlay writes the edited text and the JSON that substitutes it for the file, and returns the path of the JSON.
func writeOverlay(dir, file, text string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replacement := filepath.Join(dir, "edited.go")
	if err := os.WriteFile(replacement, []byte(text), 0o644); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: replacement}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, overlay, 0o644)
}

var (
	doesNotBuild = regexp.MustCompile(`\[(build|setup) failed\]`)
	ranNothing   = regexp.MustCompile(`no tests to run|(?m)^0 scenarios`)
)

// verdict judges the result of a test: nil if the test has noticed the edit.
func verdict(output []byte, err error) error {
	switch {
	case doesNotBuild.Match(output):
		return fmt.Errorf("the mutant does not build:\n%s", output)
	case ranNothing.Match(output):
		return errors.New("no such test")
	case err == nil:
		return errors.New("survived")
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	return nil
}

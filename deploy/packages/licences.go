package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownLicences are the files of the project's own licences, which packages have in their file of copyrights.
var ownLicences = [...]string{"LICENSE-MIT", "LICENSE-APACHE"}

// copyright returns the file of copyrights and licences: those of the program, and those of the linked modules and the
// standard library, whose licences demand that.
func (p project) copyright(ctx context.Context, binary string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	goroot, err := command(ctx, p.root, nil, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("reverse-proxy is under the MIT licence or the Apache licence, as you like. The program contains parts of other programs; their\n" +
		"licences follow its own.\n")
	notice := func(title, dir string, names ...string) error {
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			rule := strings.Repeat("-", 80)
			fmt.Fprintf(&out, "\n%s\n%s: %s\n%s\n\n%s\n", rule, title, name, rule, strings.Trim(string(text), "\n"))
		}
		return nil
	}
	if err := notice(program, p.root, ownLicences[:]...); err != nil {
		return "", err
	}
	if err := notice("Go and its standard library", strings.TrimSpace(goroot), "LICENSE"); err != nil {
		return "", err
	}
	for _, module := range info.Deps {
		dir, err := command(ctx, p.root, []string{"GOFLAGS="}, "go", "list", "-m", "-f", "{{.Dir}}", module.Path)
		if err != nil {
			return "", err
		}
		dir = strings.TrimSpace(dir)
		names, err := licenceFiles(dir)
		if err != nil {
			return "", fmt.Errorf("%s: %w", module.Path, err)
		}
		if err := notice(module.Path+" "+module.Version, dir, names...); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// licenceFiles lists the files of a module's directory that must accompany a copy of it.
func licenceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if entry.Type().IsRegular() && filepath.Ext(name) != ".GO" && slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		}) {
			names = append(names, entry.Name())
		}
	}
	if names == nil {
		return nil, errors.New("has no file with its licence; find out what it is before you ship it")
	}
	return names, nil
}

// Command cycles counts how the files of a package refer to each other, and how many of them form one cycle of references:
// files that can only be understood together. `make lint` runs it for the core.
//
//	go run ./conformance/cycles [-most N] PACKAGE...
//
// It exits 1 if the largest cycle of a package has more than -most files, so that the number can only fall.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cycles:", err)
		os.Exit(1)
	}
}

// run prints a line for each package that the arguments name.
func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("cycles", flag.ContinueOnError)
	most := flags.Int("most", 0, "the most files that a cycle may have; 0 for any number")
	if err := flags.Parse(args); err != nil {
		return err
	}
	exports, packages, err := list(flags.Args())
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range packages {
		graph, err := references(p, exports)
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		largest := graph.largestCycle()
		fmt.Fprintf(stdout, "%s: %d files, %d references between them, %d in the largest cycle\n",
			p.path, len(graph), graph.edges(), len(largest))
		if *most > 0 && len(largest) > *most {
			errs = append(errs, fmt.Errorf("%s: %d files in the largest cycle, at most %d wanted; remove a reference that runs upwards",
				p.path, len(largest), *most))
		}
	}
	return errors.Join(errs...)
}

// sources is a package and its files, without tests.
type sources struct {
	path, dir string
	files     []string
}

// list asks the go command for the named packages, and for the export data of everything that they import.
func list(patterns []string) (exports map[string]string, packages []sources, err error) {
	const format = `{{.ImportPath}}|{{.Export}}|{{.DepOnly}}|{{.Dir}}|{{join .GoFiles ","}}`
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", format}, patterns...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	exports = map[string]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 5 {
			return nil, nil, fmt.Errorf("go list: unexpected line %q", line)
		}
		exports[fields[0]] = fields[1]
		if fields[2] == "false" {
			packages = append(packages, sources{fields[0], fields[3], strings.Split(fields[4], ",")})
		}
	}
	return exports, packages, nil
}

// references type-checks the package and finds which file uses declarations of which other file.
func references(p sources, exports map[string]string) (graph, error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.files {
		file, err := parser.ParseFile(fset, filepath.Join(p.dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	open := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(exports[path])
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", open)}
	pkg, err := config.Check(p.path, fset, files, &info)
	if err != nil {
		return nil, err
	}
	fileOf := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	g := graph{}
	for _, name := range p.files {
		g[name] = map[string]bool{}
	}
	for ident, object := range info.Uses {
		if object.Pkg() != pkg {
			continue
		}
		if from, to := fileOf(ident.Pos()), fileOf(object.Pos()); from != to {
			g[from][to] = true
		}
	}
	return g, nil
}

package conformance_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// architecture returns docs/architecture.md, and the part of it outside the diagrams.
func architecture(t *testing.T) (whole, prose string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text), fencedBlock.ReplaceAllString(string(text), "")
}

// TestTheArchitectureNamesFilesThatThereAre checks the file and directory names in docs/architecture.md. In a diagram, a name
// with an underscore or a slash is a file of proxy/ without its extension.
func TestTheArchitectureNamesFilesThatThereAre(t *testing.T) {
	root := projectRoot(t)
	text, prose := architecture(t)
	var paths []string
	for _, name := range regexp.MustCompile("`([a-z0-9_*/-]+(?:\\.go|/|\\.md))`").FindAllStringSubmatch(prose, -1) {
		path := name[1]
		if !strings.Contains(path, "/") {
			path = filepath.Join("proxy", path)
		}
		paths = append(paths, path)
	}
	for _, diagram := range fencedBlock.FindAllString(text, -1) {
		for _, name := range regexp.MustCompile(`[a-z0-9]+[_/][a-z0-9_*]+`).FindAllString(diagram, -1) {
			paths = append(paths, filepath.Join("proxy", name+".go"))
		}
	}
	if len(paths) < 80 {
		t.Errorf("got %d names of files, want many more", len(paths))
	}
	for _, path := range paths {
		if matches, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(matches) == 0 {
			t.Errorf("docs/architecture.md: got %s, want only what is there (%v)", path, err)
		}
	}
}

// TestTheArchitectureHasEveryPackage compares the table of packages with the directories of proxy/. It omits the helpers of
// tests.
func TestTheArchitectureHasEveryPackage(t *testing.T) {
	root := projectRoot(t)
	text, _ := architecture(t)
	files, err := filepath.Glob(filepath.Join(root, "proxy", "*", "*.go"))
	if err != nil || len(files) < 100 {
		t.Fatalf("got %v, %v, want the packages below proxy/", files, err)
	}
	packages := map[string]bool{}
	for _, file := range files {
		packages[filepath.Base(filepath.Dir(file))] = true
	}
	for name := range packages {
		if !strings.HasSuffix(name, "test") && !strings.Contains(text, "\n| `proxy/"+name+"/` |") {
			t.Errorf("docs/architecture.md: got no row for proxy/%s/, want one", name)
		}
	}
}

// TestTheArchitectureNamesWhatTheCodeDeclares checks the identifiers in docs/architecture.md: those with a capital letter or a
// dot inside. Where a file follows one, as in "`requestStages` in `pipeline.go`", that file must declare it.
func TestTheArchitectureNamesWhatTheCodeDeclares(t *testing.T) {
	root := projectRoot(t)
	_, prose := architecture(t)
	used, declared := identifiersBelow(t, filepath.Join(root, "proxy"))
	names := regexp.MustCompile("`([a-z]\\w*[A-Z]\\w*|[A-Z]\\w+|[a-z]\\w*\\.[A-Za-z]\\w+)`(?:,? (?:in |\\()`([a-z0-9_/]+\\.go)`)?").FindAllStringSubmatch(prose, -1)
	located := 0
	for _, match := range names {
		_, last, ok := strings.Cut(match[1], ".")
		if !ok {
			last = match[1]
		}
		if last == "go" || last == "yaml" || strings.ToUpper(last) == last {
			continue
		}
		if !used[last] {
			t.Errorf("docs/architecture.md: got %s, want only what the code has", match[1])
		}
		if match[2] == "" {
			continue
		}
		located++
		path := filepath.Join(root, "proxy", match[2])
		if strings.Contains(match[2], "/") {
			path = filepath.Join(root, match[2])
		}
		if !declared[path][last] {
			t.Errorf("docs/architecture.md: got %s in %s, want the file that declares it", match[1], match[2])
		}
	}
	if len(names) < 20 || located < 3 {
		t.Errorf("got %d identifiers, %d of them with a file, want more", len(names), located)
	}
}

// identifiersBelow returns the identifiers that the code below a directory uses, and those that each of its files declares at
// the top level.
func identifiersBelow(t *testing.T, dir string) (used map[string]bool, declared map[string]map[string]bool) {
	t.Helper()
	used, declared = map[string]bool{}, map[string]map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name] = true
			}
			return true
		})
		declared[path] = declaredIn(file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return used, declared
}

func declaredIn(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			names[decl.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

package main

import (
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLicenceFilesGoWithACopy(t *testing.T) {
	dir := t.TempDir()
	if _, err := licenceFiles(dir); err == nil {
		t.Error("got no error for a module without a licence, want one")
	}
	for _, name := range []string{"LICENSE.txt", "NOTICE", "license_test.go", "README.md", "COPYING"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := licenceFiles(dir)
	if want := "COPYING LICENSE.txt NOTICE"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %v and %v, want %s", got, err, want)
	}
}

// The test's own binary contains modules too, so it serves as the example.
func TestTheCopyrightHasANoticeOfEveryModuleInTheBinary(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := project{root: "../.."}.copyright(context.Background(), binary)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{"reverse-proxy: LICENSE-MIT\n", "Copyright (c) 2026 The reverse-proxy authors", "reverse-proxy: LICENSE-APACHE\n",
		"Go and its standard library: LICENSE\n", "Copyright 2009 The Go Authors."}
	for _, module := range info.Deps {
		wanted = append(wanted, "\n"+module.Path+" "+module.Version+": ")
	}
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q, want it", want)
		}
	}
	if strings.Contains(text, "%!") {
		t.Error("got a fault of formatting, want none")
	}
}

func TestTheSBOMSaysWhatIsInTheBinary(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := release{version: "1.2.3+4", revision: "abc", time: commitTime}
	text, err := sbomOf(binary, r)
	if err != nil {
		t.Fatal(err)
	}
	var got bom
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Format != "CycloneDX" || got.Metadata.Timestamp != "2026-01-02T03:04:05Z" || got.Metadata.Component.PURL != "pkg:golang/reverse-proxy@v1.2.3%2B4" {
		t.Errorf("got %+v, want the format, the time and the program of the release", got.Metadata)
	}
	refs := map[string]bool{}
	for _, component := range got.Components {
		refs[component.Ref] = true
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, module := range info.Deps {
		want = append(want, "pkg:golang/"+module.Path+"@"+module.Version)
	}
	if len(refs) != len(want) || len(got.Dependencies) != 1 || len(got.Dependencies[0].DependsOn) != len(want) {
		t.Errorf("got the components %v, want %v", refs, want)
	}
	for _, ref := range want {
		if !refs[ref] {
			t.Errorf("got no component %s, want one", ref)
		}
	}
	if _, err := sbomOf("main.go", r); err == nil {
		t.Error("got no error for a file that is not a program, want one")
	}
}

func TestStagedFilesHaveTheirModesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to", "there.gz")
	if err := os.WriteFile(from, []byte(".TH A 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := compressFile(from, to); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != ".TH A 1\n" || r.Name != "" || !r.ModTime.IsZero() {
		t.Errorf("got %q, %v, the name %q and the time %v, want only the text", text, err, r.Name, r.ModTime)
	}
	if err := copyFile(from, to, 0o755); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("got %v and %v, want the mode 0755", info.Mode(), err)
	}
}

func TestTheChangelogNamesTheRevision(t *testing.T) {
	got := changelog(release{version: "1.2.3", revision: "abc", time: commitTime})
	for _, want := range []string{`semver: "1.2.3"`, "date: 2026-01-02T03:04:05Z", `note: "Built from revision abc; the changes of the program are in changelog.gz."`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

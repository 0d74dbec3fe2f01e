package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// These types are the parts of CycloneDX 1.5 (ECMA-424) that are used. The SBOM is made from what the linker wrote into
// the binary, and so describes what is in the binary, not what a file claims.
type (
	bom struct {
		Format       string          `json:"bomFormat"`
		SpecVersion  string          `json:"specVersion"`
		Version      int             `json:"version"`
		Metadata     bomMetadata     `json:"metadata"`
		Components   []bomComponent  `json:"components"`
		Dependencies []bomDependency `json:"dependencies"`
	}
	bomMetadata struct {
		Timestamp string       `json:"timestamp"`
		Component bomComponent `json:"component"`
	}
	bomComponent struct {
		Type       string        `json:"type"`
		Ref        string        `json:"bom-ref"`
		Name       string        `json:"name"`
		Version    string        `json:"version"`
		Hashes     []bomHash     `json:"hashes,omitempty"`
		PURL       string        `json:"purl"`
		Properties []bomProperty `json:"properties,omitempty"`
	}
	bomHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	bomProperty struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	bomDependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// sbomOf returns the software bill of materials of a binary: the modules and the standard library in it, with their
// checksums as in go.sum, and the build settings.
func sbomOf(path string, r release) ([]byte, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	contents, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var settings []bomProperty
	for _, setting := range info.Settings {
		settings = append(settings, bomProperty{"go:build:" + setting.Key, setting.Value})
	}
	settings = append(settings, bomProperty{"vcs.revision", r.revision})
	main := golangComponent("application", info.Main.Path, "v"+r.version)
	main.Name, main.Properties = program, settings
	main.Hashes = []bomHash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(contents))}}
	components := []bomComponent{golangComponent("library", "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, module := range info.Deps {
		component := golangComponent("library", module.Path, module.Version)
		component.Properties = []bomProperty{{"go:sum", module.Sum}}
		components = append(components, component)
	}
	refs := make([]string, len(components))
	for i, component := range components {
		refs[i] = component.Ref
	}
	text, err := json.MarshalIndent(bom{
		Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata:     bomMetadata{r.time.Format(time.RFC3339), main},
		Components:   components,
		Dependencies: []bomDependency{{main.Ref, refs}},
	}, "", "  ")
	return append(text, '\n'), err
}

// golangComponent returns a component that is identified by its package URL.
func golangComponent(kind, path, version string) bomComponent {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return bomComponent{Type: kind, Ref: purl, Name: path, Version: version, PURL: purl}
}

package proxy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leafImports lists the packages under proxy/, and which of the project's packages the code of each may import. None may
// import the core. Adding an import means editing this list and giving a reason.
var leafImports = map[string][]string{
	// What nearly all need: they know nothing of the program.
	"clock":     nil,
	"exitcode":  nil,
	"gcpace":    nil,
	"process":   nil,
	"readiness": nil,
	"wording":   nil,

	"http1": nil,
	"http2": {"http1"}, // both share the rules for fields and targets
	// headers checks names and values by the rules of the codec, changes its lists of fields, and quotes what is wrong.
	"headers": {"http1", "wording"},

	"balance": nil,
	// access distinguishes the clients whose passwords wait to be verified.
	"access":     {"limit"},
	"clientaddr": {"http1"}, // it reads field lines
	"deadline":   nil,
	"limit":      nil,
	"share":      nil,
	// hold counts the requests of each client that wait.
	"hold": {"limit"},
	// h2client reads and writes with the codec, and hands out its fields.
	"h2client": {"http1", "http2"},
	// prefixes quotes the lines of a list that are wrong.
	"prefixes":   {"wording"},
	"proxyproto": nil,
	"unixdial":   nil,
	"routing":    nil, // it decides by hosts and paths, whatever they are for
	// eventlog says why a log file cannot be opened, and clips values.
	"eventlog": {"wording"},
	// config bounds lists of upstreams, holds the options of the log and of the limit, the rules for header fields and sets of networks, and compares the limit of
	// descriptors with max_connections.
	"config": {"access", "balance", "eventlog", "headers", "http1", "limit", "prefixes", "process", "routing", "wording"},
	// certstore keeps values of any kind, and repeats what the server has answered. tickets keeps its keys there.
	"certstore": {"clock", "wording"},
	"tickets":   {"certstore", "clock"},
	// cert reads the files that a configuration names, and logs what expires.
	"cert":     {"clock", "config", "eventlog", "wording"},
	"acmecert": {"acmedns", "cert", "certstore", "clock", "config", "eventlog", "wording"},
	// acmedns repeats what a webhook has answered.
	"acmedns": {"wording"},

	// admin shows people what the daemon reports of its certificates, its configuration and its sandbox, finds its socket in a
	// configuration, reports the progress of a reload from time to time, and logs whom it refuses.
	"admin": {"cert", "clock", "config", "eventlog", "exitcode", "sandbox", "wording"},
	// check reads a configuration and its certificates as the daemon does, looks at the sockets of upstreams, and asks the DNS
	// for the records of challenges.
	"check": {"acmedns", "cert", "config", "exitcode", "headers", "unixdial", "wording"},
	// sandbox reads from the configuration which files the daemon needs, and logs what the kernel allowed.
	"sandbox": {"config", "eventlog"},
	// systemd says why a message cannot be sent.
	"systemd": {"wording"},

	// Packages imported only by tests.
	"cert/certtest":         {"cert"},
	"config/configtest":     nil,
	"eventlog/eventlogtest": {"waittest"},
	"sockettest":            nil,
	"systemd/systemdtest":   nil,
	"waittest":              nil,
}

func TestEachLeafPackageImportsOnlyWhatItMay(t *testing.T) {
	const core = "reverse-proxy/proxy"
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		leaf := filepath.ToSlash(filepath.Dir(path))
		if err != nil || leaf == "." || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		allowed, listed := leafImports[leaf]
		if !listed {
			t.Errorf("%s is not in the list of leaf packages", leaf)
		}
		seen[leaf] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			rest, ours := strings.CutPrefix(imported, "reverse-proxy/")
			name := strings.TrimPrefix(rest, "proxy/")
			if ours && (imported == core || !slices.Contains(allowed, name)) {
				t.Errorf("%s imports %s, which the list does not allow", path, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for leaf := range leafImports {
		if !seen[leaf] {
			t.Errorf("the list has %s, and there is no such package", leaf)
		}
	}
}

// TestTheUpstreamSideKnowsNoExchange keeps an upstream call free of what serves clients, so that a call can be made without
// any of it.
func TestTheUpstreamSideKnowsNoExchange(t *testing.T) {
	unknown := []string{"exchange", "pipeline", "site", "route", "siteTable", "DynamicConfig", "siteServer", "clientConn", "http1Work", "h2Conn", "h2Stream"}
	files, err := filepath.Glob("upstream*.go")
	if err != nil || !slices.Contains(files, "upstream_call.go") {
		t.Fatalf("got the files %v, %v; want those of the upstream side", files, err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && slices.Contains(unknown, name.Name) {
				t.Errorf("%s refers to %s; let the owner of the call do this (callOwner)", set.Position(name.Pos()), name.Name)
			}
			return true
		})
	}
}

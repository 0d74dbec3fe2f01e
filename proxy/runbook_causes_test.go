package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"reverse-proxy/proxy/wording"
)

// causeFiles are the files whose errors can end in an UPSTREAM_ERROR line.
var causeFiles = []string{
	"upstream*.go", "stage_forward.go", "exchange.go", "tunnel.go", "h2_connect.go", "socket*.go",
	"http1/response.go", "http1/framing.go", "http1/lines.go", "http1/chunk*.go", "http1/trailer.go",
}

// causesOfOthers are the errors in causeFiles that no UPSTREAM_ERROR line has, with the reason.
var causesOfOthers = map[string]string{
	"the client went away": "the client's fault: CLIENT_GONE",
	"the client sent no byte of its body within body_idle_timeout_secs": "the client's fault: 408",
	"the exchange ended before the body was sent":                       "stops a goroutine whose exchange has ended for another reason",
	"the upstream's connection is neither TCP nor over a Unix socket":   "cannot happen: net dials only these",
	"more than 128 field lines":                                         "of requests",
	"several Host":                                                      "responses have no Host",
}

// runbookCauses returns the texts of the first column of the tables under a heading of docs/runbook.md.
func runbookCauses(t *testing.T, heading string) (causes []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			causes = append(causes, quoted[1])
		}
	}
	if len(causes) == 0 {
		t.Fatalf("got no causes under %q, want some", heading)
	}
	return causes
}

// isExplained reports whether one of the causes is part of an error.
func isExplained(text string, causes []string) bool {
	return slices.ContainsFunc(causes, func(cause string) bool { return strings.Contains(text, cause) })
}

// causesInCode returns the texts of all errors that the files create, with their positions.
func causesInCode(t *testing.T) map[string]token.Position {
	t.Helper()
	found := map[string]token.Position{}
	fset := token.NewFileSet()
	for _, pattern := range causeFiles {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got %d files and %v, want some", pattern, len(paths), err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				for _, expr := range errorTexts(n) {
					if text := literalText(expr); text != "" {
						found[text] = fset.Position(n.Pos())
					}
				}
				return true
			})
		}
	}
	return found
}

// errorTexts returns the expressions in a node that become the text of an error.
func errorTexts(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch fun := n.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			name = fun.Sel.Name
			if pkg, ok := fun.X.(*ast.Ident); ok && name == "New" && pkg.Name != "errors" {
				name = ""
			}
		}
		switch name {
		case "New", "Errorf", "errBadResponse", "reject", "fail":
			return n.Args
		}
	case *ast.KeyValueExpr: // of a net.DNSError
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Err" {
			return []ast.Expr{n.Value}
		}
	case *ast.FuncDecl: // whose texts become those of an error elsewhere
		if n.Name.Name == "tooManyFields" {
			var texts []ast.Expr
			ast.Inspect(n.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok {
					texts = append(texts, r.Results...)
				}
				return true
			})
			return texts
		}
	}
	return nil
}

// literalText joins the string literals of an expression.
func literalText(expr ast.Expr) (text string) {
	ast.Inspect(expr, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			part, _ := strconv.Unquote(lit.Value)
			text += part
		}
		return true
	})
	return text
}

// TestTheRunbookExplainsEveryUpstreamErrorOfTheCode reads the texts from the source: a new cause needs a row in the
// runbook, or a reason why no UPSTREAM_ERROR line has it.
func TestTheRunbookExplainsEveryUpstreamErrorOfTheCode(t *testing.T) {
	causes := slices.Concat(runbookCauses(t, "502"), runbookCauses(t, "504"), runbookCauses(t, "A download or an upload is cut short"), runbookCauses(t, "An upstream is out of service"))
	found := causesInCode(t)
	if len(found) < 30 {
		t.Fatalf("got %d causes in the code, want some more", len(found))
	}
	for text, at := range found {
		if _, ok := causesOfOthers[text]; !ok && !isExplained(text, causes) {
			t.Errorf("%s: got no row for %q under 502, 504 or the section about broken downloads of docs/runbook.md, want one", at, text)
		}
	}
	for text := range causesOfOthers {
		if _, ok := found[text]; !ok {
			t.Errorf("got no error %q in the code, want one: it is listed as one of others", text)
		}
	}
}

// TestTheRunbookExplainsTheErrorsOfTheSystem does the same for the errors of the kernel, the resolver and crypto/tls,
// each under the status that the client gets.
func TestTheRunbookExplainsTheErrorsOfTheSystem(t *testing.T) {
	dial := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	for _, err := range []error{
		dial(syscall.ECONNREFUSED), dial(syscall.EHOSTUNREACH), dial(syscall.ENETUNREACH), dial(syscall.ENETDOWN), dial(syscall.ETIMEDOUT),
		dial(syscall.EPERM), dial(syscall.EACCES), dial(syscall.EADDRNOTAVAIL), dial(syscall.EMFILE), dial(syscall.ENFILE),
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		&net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)},
		&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, os.ErrDeadlineExceeded,
		io.EOF, io.ErrUnexpectedEOF, errUpstreamClosed{io.EOF}, errNoCloseNotify, errBrokenOff, errNamesClosed,
		&net.DNSError{Err: "no such host", Name: "a.test", IsNotFound: true},
		&net.DNSError{Err: "server misbehaving", Name: "a.test", IsTemporary: true},
		&net.DNSError{Err: "i/o timeout", Name: "a.test", IsTimeout: true},
		x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a.test"}, x509.UnknownAuthorityError{},
		x509.CertificateInvalidError{Reason: x509.Expired},
		tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		fmt.Errorf("remote error: %w", tls.AlertError(40)),
		errUpstreamTimeout, errBodyIdle, errUpstreamHandshake,
	} {
		heading := "502"
		if isTimeout(err) || clockOf(err) != "" {
			heading = "504"
		}
		if text := wording.Cause(err).Error(); !isExplained(text, runbookCauses(t, heading)) {
			t.Errorf("got no row for %q under %s of docs/runbook.md, want one", text, heading)
		}
	}
}

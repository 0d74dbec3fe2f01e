package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"reverse-proxy/proxy/access"
)

// Thousands of routes may inherit a key. A bad file is read only for the first of them, so that a file that is
// repaired meanwhile is not used for some routes and refused for others.
func TestAnInheritedFileThatCannotBeUsedIsReadOnce(t *testing.T) {
	const users = "alice:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n"
	for _, test := range []struct {
		name, key, bad, good string
		read                 func(v *validator, key, path string) bool
	}{
		{"the file of an answer is missing", "maintenance_file", "", "back soon",
			func(v *validator, key, path string) bool { return v.answerFile(key, path) != nil }},
		{"the file of networks is missing", "trusted_proxies_file", "", "10.0.0.0/8\n",
			func(v *validator, key, path string) bool { return v.networkFile(key, path).networks != nil }},
		{"the file of networks has a faulty line", "trusted_proxies_file", "10.0.0.0/8\nnonsense\n", "10.0.0.0/8\n",
			func(v *validator, key, path string) bool {
				return len(v.networkFile(key, path).networks) == 1 && !v.failed(key)
			}},
		{"the file of passwords is missing", "access.basic_file", "", users,
			func(v *validator, key, path string) bool { return v.users(key, path) != (*access.Users)(nil) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems := newConfigProblems(nil)
			v := &validator{configProblems: problems, env: Environment{Now: time.Now}, answerFiles: map[string][]byte{},
				networkFiles: map[string]networkList{}, accessOf: newResolvedAccess()}
			path := filepath.Join(t.TempDir(), "file")
			if test.bad != "" {
				if err := os.WriteFile(path, []byte(test.bad), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			test.read(v, test.key, path)
			found := len(problems.errs)
			if found == 0 {
				t.Fatal("got no problem, want one")
			}
			if err := os.WriteFile(path, []byte(test.good), 0o600); err != nil {
				t.Fatal(err)
			}
			if test.read(v, test.key, path) || len(problems.errs) != found {
				t.Errorf("got another result the second time (%v), want the first one", problems.errs)
			}
		})
	}
}

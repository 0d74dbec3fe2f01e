package conformance_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// dockerStage is one stage of a Dockerfile.
type dockerStage struct {
	from, name string
	// steps are its instructions after FROM, in order: the keyword, and the rest of the line.
	steps [][2]string
}

// dockerStages reads a Dockerfile in which every instruction is on one line.
func dockerStages(t *testing.T, text string) []dockerStage {
	t.Helper()
	var stages []dockerStage
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "FROM" {
			from, name, _ := strings.Cut(rest, " AS ")
			stages = append(stages, dockerStage{from: from, name: name})
			continue
		}
		if len(stages) == 0 || strings.HasSuffix(line, `\`) {
			t.Fatalf("got the line %q, want a whole instruction after a FROM", line)
		}
		stages[len(stages)-1].steps = append(stages[len(stages)-1].steps, [2]string{word, rest})
	}
	return stages
}

// copyFlag matches a flag of COPY.
var copyFlag = regexp.MustCompile(`^--(from|chown|chmod)=(\S+) `)

// TestTheImage executes the Dockerfile's instructions without an engine: the first stage in a copy of this machine, which
// is a Debian with Go like its base image, the second in an empty directory, in which the program must then run.
func TestTheImage(t *testing.T) {
	needPrograms(t, "make", "git", "curl")
	s := newScratchRoot(t)
	s.clean()
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Fatalf("%v; install ca-certificates, which the image's base has", err)
	}
	root := projectRoot(t)
	text, err := os.ReadFile(filepath.Join(root, "deploy", "docker", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	stages := dockerStages(t, string(text))
	if len(stages) != 2 || !strings.HasPrefix(stages[0].from, "golang:1.26") || stages[1].from != "scratch" {
		t.Fatalf("got the stages %+v, want one that builds with Go 1.26, and one from scratch", stages)
	}
	work := "/"
	for _, step := range stages[0].steps {
		switch word, rest := step[0], step[1]; word {
		case "WORKDIR":
			work = rest
			s.run("rm -rf " + work + " && mkdir -p " + work)
		case "COPY":
			if rest != ". ." {
				t.Fatalf("COPY %s: want the whole tree copied, whose files exist in any case", rest)
			}
			checkoutOf(t, root, s.path(work))
		case "RUN":
			caches := strings.Fields(output(t, root, "go", "env", "GOCACHE", "GOMODCACHE")) // avoids building or fetching anything twice
			s.run(fmt.Sprintf("cd %s && export GOCACHE=%s GOMODCACHE=%s && %s", work, caches[0], caches[1], rest))
		default:
			t.Fatalf("got %s in the first stage, want an instruction that this test knows", word)
		}
	}
	image := &scratchRoot{t: t, dir: filepath.Join(s.dir, "scratch"), network: s.network}
	if err := os.Mkdir(image.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	uid, gid, entry, health := 0, 0, "", ""
	for _, step := range stages[1].steps {
		switch word, rest := step[0], step[1]; word {
		case "COPY":
			copyIntoImage(t, s, stages[0].name, rest)
		case "USER":
			if _, err := fmt.Sscanf(rest, "%d:%d", &uid, &gid); err != nil {
				t.Fatalf("USER %s: %v; want ids, because the image has no list of users", rest, err)
			}
		case "ENTRYPOINT":
			entry = firstOfList(t, rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(rest, "CMD ")
			health = firstOfList(t, command)
		case "EXPOSE", "VOLUME":
		default:
			t.Fatalf("got %s in the second stage, want an instruction that this test knows", word)
		}
	}
	if uid == 0 || gid == 0 || entry != "/usr/bin/reverse-proxy" || health != entry {
		t.Errorf("got the user %d:%d, the entry %q and the health check by %q, want no root, and the program for both", uid, gid, entry, health)
	}
	for name, want := range map[string]fs.FileMode{"/var/lib/reverse-proxy": 0o700, "/run/reverse-proxy": 0o755} {
		if u, g, mode := image.owner(name); u != uid || g != gid || mode != want {
			t.Errorf("%s: got the owner %d:%d and the mode %v, want the user and %v", name, u, g, mode, want)
		}
	}
	if info, err := os.Stat(image.path("/etc/ssl/certs/ca-certificates.crt")); err != nil || info.Size() < 10_000 {
		t.Errorf("got %v and %v, want the root certificates", info, err)
	}
	inImage := fmt.Sprintf("chroot --userspec=%d:%d /scratch /usr/bin/reverse-proxy ", uid, gid)
	if out := s.run(inImage + "--validate"); !strings.Contains(out, "configuration OK: ") {
		t.Errorf("got %q, want the image's configuration to be valid", out)
	}
	if out := s.run(inImage + "--version"); strings.Contains(out, "unknown") {
		t.Errorf("got %q, want the revision of the tree", out)
	}
	image.servesFor(s, uid, gid,
		"curl -sf http://127.0.0.1:9900/health",
		"curl -sfk https://localhost:8443/health",
		inImage+"status --json | grep -F '\"status\":\"ok\"'", // the health check must exit with 0
	)
}

// firstOfList returns the first string of a JSON list.
func firstOfList(t *testing.T, text string) string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil || len(words) == 0 {
		t.Fatalf("got %q (%v), want a list of words, because the image has no shell", text, err)
	}
	return words[0]
}

// copyIntoImage executes a COPY of a directory from the stage into the image.
func copyIntoImage(t *testing.T, s *scratchRoot, stage, rest string) {
	t.Helper()
	flags := map[string]string{}
	for found := copyFlag.FindStringSubmatch(rest); found != nil; found = copyFlag.FindStringSubmatch(rest) {
		flags[found[1]] = found[2]
		rest = rest[len(found[0]):]
	}
	from, to, ok := strings.Cut(rest, " ")
	if flags["from"] != stage || !ok || !strings.HasSuffix(from, "/") || !strings.HasSuffix(to, "/") {
		t.Fatalf("COPY %s: want a directory of the stage %s and one of the image", rest, stage)
	}
	s.run(fmt.Sprintf("mkdir -p /scratch%s && cp -R %s. /scratch%s", to, from, to))
	if owner := flags["chown"]; owner != "" {
		s.run(fmt.Sprintf("chown -R %s /scratch%s", owner, to))
	}
	if mode := flags["chmod"]; mode != "" {
		if _, err := strconv.ParseUint(mode, 8, 12); err != nil {
			t.Fatalf("COPY --chmod=%s: want an octal mode", mode)
		}
		s.run(fmt.Sprintf("chmod -R %s /scratch%s", mode, to))
	}
}

func TestTheComposeExampleIsValid(t *testing.T) {
	needPrograms(t, "docker-compose")
	dir := filepath.Join(projectRoot(t), "deploy", "docker")
	text := output(t, dir, "docker-compose", "-f", "compose.yaml", "config")
	for _, want := range []string{"cap_drop:", "- ALL", "no-new-privileges:true", "read_only: true", filepath.Join(dir, "etc") + ":/etc/reverse-proxy:ro"} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in:\n%s", want, text)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "etc", "config.toml")); err != nil {
		t.Errorf("%v; want the configuration that the example mounts", err)
	}
	// The cache directory is in a volume, which exists only in the container.
	here := t.TempDir()
	config, err := os.ReadFile(filepath.Join(dir, "etc", "config.toml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(here, "config.toml"), []byte(strings.ReplaceAll(string(config), "/var/lib/reverse-proxy", here)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(here, "reverse-proxy")
	goBuild(t, projectRoot(t), "-o", binary, "./cmd/reverse-proxy")
	if out := output(t, here, binary, "--validate", "--config", "config.toml"); !strings.Contains(out, "configuration OK: ") {
		t.Errorf("got %q, want the example's configuration to be valid", out)
	}
}

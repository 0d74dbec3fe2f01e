package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// checksumsName is the file with the checksums of all others, in the format of sha256sum(1).
const checksumsName = "SHA256SUMS"

// packages builds the binary, the SBOM and the packages of one architecture into dir.
func (p project) packages(ctx context.Context, r release, arch, dir string) error {
	base := filepath.Join(dir, fmt.Sprintf("%s_%s_linux_%s", program, r.version, arch))
	if err := p.build(ctx, r, arch, base); err != nil {
		return err
	}
	sbom, err := sbomOf(base, r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".cdx.json", sbom, 0o644); err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", program)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if err := p.stage(ctx, r, base, stage); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm"} {
		if err := p.nfpm(ctx, r, arch, kind, stage, dir); err != nil {
			return err
		}
	}
	return nil
}

// neutral returns an environment in which no setting of the user affects a build.
func neutral() []string {
	return []string{"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off"}
}

// build builds the static binary. It contains no path of this machine, no setting of this user and no state of Git: the
// version and the revision are linked in.
func (p project) build(ctx context.Context, r release, arch, path string) error {
	const version = "reverse-proxy/proxy.linkedVersion"
	const revision = "reverse-proxy/proxy.linkedRevision"
	env := append(neutral(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	_, err := command(ctx, p.root, env, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", fmt.Sprintf("-s -w -X %s=v%s -X %s=%s", version, r.version, revision, r.revision), "-o", path, "./cmd/reverse-proxy")
	return err
}

// nfpm makes one package from the contents of the stage.
func (p project) nfpm(ctx context.Context, r release, arch, kind, stage, dir string) error {
	module := filepath.Join(p.root, "deploy", "packages", "nfpm")
	path, err := command(ctx, module, neutral(), "go", "tool", "-n", "nfpm")
	if err != nil {
		return err
	}
	env := []string{"VERSION=" + r.version, "ARCH=" + arch, "MAINTAINER=" + maintainer, "HOMEPAGE=" + homepage, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix())}
	_, err = command(ctx, stage, env, strings.TrimSpace(path), "package", "--config", "deploy/packages/nfpm.yaml", "--packager", kind, "--target", dir)
	return err
}

// writeChecksums writes the checksums of all files in the directory.
func writeChecksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, entry := range entries {
		file, err := os.Open(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, file)
		_ = file.Close() // it was open only for reading
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum.Sum(nil), entry.Name())
	}
	return os.WriteFile(filepath.Join(dir, checksumsName), []byte(sums.String()), 0o644)
}

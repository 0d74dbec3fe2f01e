package acmecert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/wording"
)

// maxFileBytes bounds how much of one file of the cache directory is read.
const maxFileBytes = 1 << 20

// readFile reads a regular file of at most maxFileBytes. Anything else in its place is an error: opening a named pipe
// would wait for a writer that never comes.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, not a regular file", path, wording.FileKind(info.Mode()))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return data, nil
}

// writeFile replaces a file durably (S-5.11): after a crash, the path holds either the old or the new contents, and
// once writeFile has returned, the new ones. The mode is 0600. The next start removes the temporary file that a crash
// leaves.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := createTemp(dir, writingPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			f.Close()
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	// The file has its final name before Close unlocks it: see removeLeftovers.
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	f.Close() // which cannot lose what was synced
	return syncDir(dir)
}

// syncDir makes the latest changes to a directory's entries durable. A file system that does not support that is no
// error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// diskCache keeps certificates and the account key in a directory, in the files and format of autocert.DirCache.
// There are three differences: its writes are durable, it does not block on a named pipe, and it does not wait for a disk
// that hangs (S-5.8, S-5.11).
type diskCache struct{ *disk }

// path returns the file of a key. No key leads out of the directory.
func (d diskCache) path(key string) string {
	return filepath.Join(d.dir, filepath.Clean("/"+key))
}

// Get implements autocert.Cache.
func (d diskCache) Get(ctx context.Context, key string) ([]byte, error) {
	data, err := onDisk(ctx, d.disk, func() ([]byte, error) { return readFile(d.path(key)) }, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

// Put implements autocert.Cache.
func (d diskCache) Put(ctx context.Context, key string, data []byte) error {
	_, err := onDisk(ctx, d.disk, func() (struct{}, error) { return struct{}{}, writeFile(d.path(key), data) }, nil)
	return err
}

// Delete implements autocert.Cache.
func (d diskCache) Delete(ctx context.Context, key string) error {
	_, err := onDisk(ctx, d.disk, func() (struct{}, error) {
		err := os.Remove(d.path(key))
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return struct{}{}, err
	}, nil)
	return err
}

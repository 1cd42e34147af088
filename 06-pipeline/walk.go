package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A File is one entry of the tree on its way through the stages. It is handed
// over as a whole: only the stage that holds it writes to it, so it needs no lock.
type File struct {
	Path string // within the tree, with slashes
	Size int64  // bytes, when the walk saw it
	Sum  [sha256.Size]byte
	Err  error // why there is no Sum
}

// What is not read is passed on with one of these as its Err, and counted at
// the end. Other errors are the operating system's: no permission, or gone
// since the walk saw it.
var (
	ErrLink    = errors.New("a symbolic link, not followed")
	ErrSpecial = errors.New("not a regular file")
	ErrChanged = errors.New("changed while it was read")
)

// Walk is the source: it emits everything in the tree but the directories that
// it could read.
func Walk(tree fs.FS) func(ctx context.Context, emit func(File) error) error {
	return func(_ context.Context, emit func(File) error) error {
		return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil: // of a directory: what is in it is skipped, the walk goes on
				return emit(File{Path: path, Err: err})
			case entry.IsDir():
				return nil
			case entry.Type()&fs.ModeSymlink != 0:
				return emit(File{Path: path, Err: ErrLink})
			case !entry.Type().IsRegular(): // opening a named pipe, say, could wait for ever
				return emit(File{Path: path, Err: ErrSpecial})
			}
			info, err := entry.Info()
			if err != nil {
				return emit(File{Path: path, Err: err})
			}
			return emit(File{Path: path, Size: info.Size()})
		})
	}
}

// UpTo is the same walk, and ends before the file that would make it more than so
// many bytes. The first file comes in any case.
func UpTo(bytes int64, walk func(context.Context, func(File) error) error) func(context.Context, func(File) error) error {
	return func(ctx context.Context, emit func(File) error) error {
		first, left := true, bytes
		return walk(ctx, func(f File) error {
			if left -= f.Size; left < 0 && !first {
				return fs.SkipAll
			}
			first = false
			return emit(f)
		})
	}
}

// DefaultTree returns the installed Go's source, or else the current directory.
func DefaultTree() (path, name string) {
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		src := filepath.Join(strings.TrimSpace(string(out)), "src")
		if info, err := os.Stat(src); err == nil && info.IsDir() {
			return src, "Go's own source tree"
		}
	}
	return ".", "the current directory"
}

// OpenTree opens a directory; the caller closes it. The tree can't be left through
// a symbolic link, not even by one that appears after the walk has looked.
func OpenTree(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	return os.OpenRoot(dir)
}

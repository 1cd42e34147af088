package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
)

// A File is one entry of the tree on its way through the stages. Only the stage
// that holds it writes to it: ownership is passed on with it, so it needs no lock.
type File struct {
	Path string      // within the tree, with slashes
	Size int64       // bytes, when the walk saw it
	Info fs.FileInfo // when it was read; os.SameFile compares two of them
	Sum  [sha256.Size]byte
	Err  error // why there is no Sum
}

// What is not read is passed on with one of these as its Err, or with an error of
// the operating system, and is counted. ErrUnreadable only counts.
var (
	ErrLink       = errors.New("a symbolic link, not followed")
	ErrSpecial    = errors.New("not a regular file")
	ErrPseudo     = errors.New("a pseudo file system, not entered")
	ErrChanged    = errors.New("changed while it was read")
	ErrSize       = errors.New("its size is not the number of its bytes")
	ErrUnreadable = errors.New("unreadable")
)

// Walk returns a source that emits everything in the tree except directories, and each
// directory that it cannot read. It checks ctx even if there are no files.
func Walk(tree fs.FS) func(ctx context.Context, emit func(File) error) error {
	return func(ctx context.Context, emit func(File) error) error {
		return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil: // of a directory: the entries that were not read are skipped
				return emit(File{Path: path, Err: err})
			case entry.IsDir():
				return nil
			case entry.Type()&fs.ModeSymlink != 0:
				return emit(File{Path: path, Err: ErrLink})
			case !entry.Type().IsRegular(): // a device or a named pipe, which could block
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

// UpTo returns a source that ends before the file that would make its total more
// than the given number of bytes. It emits the first regular file in any case.
func UpTo(bytes int64, walk func(context.Context, func(File) error) error) func(context.Context, func(File) error) error {
	return func(ctx context.Context, emit func(File) error) error {
		first, left := true, bytes
		return walk(ctx, func(f File) error {
			if left -= f.Size; left < 0 && !first {
				return fs.SkipAll
			}
			first = first && f.Err != nil
			return emit(f)
		})
	}
}

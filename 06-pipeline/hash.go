package main

import (
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"sync"
)

// bufferSize is how much of a file is in memory at a time, however large the file
// is. os.ReadFile would need as much memory as the file has bytes.
const bufferSize = 64 << 10

// Hash returns the work of the slow stage: it reads a file of the tree and fills in
// its Sum. A file that cannot be read is a result like any other, with its Err.
// Hash returns an error only if ctx is done.
func Hash(tree fs.FS) func(ctx context.Context, f File) (File, error) {
	// A worker takes a buffer for one file and puts it back. So there are about as
	// many as workers, and no two goroutines use the same one at the same time.
	buffers := sync.Pool{New: func() any { return new([bufferSize]byte) }}
	return func(ctx context.Context, f File) (File, error) {
		if f.Err == nil {
			buffer := buffers.Get().(*[bufferSize]byte)
			defer buffers.Put(buffer)
			f.Err = f.read(ctx, tree, buffer[:])
		}
		return f, context.Cause(ctx)
	}
}

// read reads f to its end, in pieces of the size of the buffer, and closes it. It
// returns early if ctx is done: a large file does not delay the stop.
func (f *File) read(ctx context.Context, tree fs.FS, buffer []byte) error {
	file, err := tree.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() { // it has been replaced since the walk saw it
		return ErrSpecial
	}
	hash, size := sha256.New(), int64(0)
	for size <= f.Size && ctx.Err() == nil { // not forever, if a file grows while it is read
		n, err := file.Read(buffer)
		hash.Write(buffer[:n])
		size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	f.Info, err = file.Stat()
	switch {
	case err != nil:
		return err
	case f.Info.Size() != f.Size || !f.Info.ModTime().Equal(before.ModTime()):
		return ErrChanged // its checksum could be of no version of the file
	case size != f.Size:
		return ErrSize
	}
	hash.Sum(f.Sum[:0])
	return nil
}

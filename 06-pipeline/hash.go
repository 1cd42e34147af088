package main

import (
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"sync"
)

// bufferSize is how much of a file is in memory at once, however large the file
// is. Reading it whole (os.ReadFile) would need as much memory as its size.
const bufferSize = 64 << 10

// Hash is the work of the slow stage: it reads a file of the tree and fills in
// its Sum. A file that can't be read is a result like any other, with its Err.
// The error that stops the pipeline is only ever the cancellation of ctx.
func Hash(tree fs.FS) func(ctx context.Context, f File) (File, error) {
	// A worker borrows a buffer for one file and gives it back. So there are
	// about as many as workers, and no two goroutines ever use the same one.
	buffers := sync.Pool{New: func() any { return new([bufferSize]byte) }}
	return func(ctx context.Context, f File) (File, error) {
		if f.Err == nil {
			buffer := buffers.Get().(*[bufferSize]byte)
			defer buffers.Put(buffer)
			f.Sum, f.Err = sum(ctx, tree, f, buffer[:])
		}
		return f, context.Cause(ctx)
	}
}

// sum reads f from its beginning to its end, in pieces of the buffer's size. It
// gives up when ctx is cancelled: a large file must not hold up the stop.
func sum(ctx context.Context, tree fs.FS, f File, buffer []byte) (sum [sha256.Size]byte, err error) {
	file, err := tree.Open(f.Path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	hash, size := sha256.New(), int64(0)
	for size <= f.Size && ctx.Err() == nil { // not for ever in a file that grows as fast as we read
		n, err := file.Read(buffer)
		hash.Write(buffer[:n])
		size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return sum, err
		}
	}
	if size != f.Size {
		return sum, ErrChanged
	}
	hash.Sum(sum[:0])
	return sum, nil
}

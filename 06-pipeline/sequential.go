package main

import (
	"context"
	"io/fs"
)

// Sequential does what Find does, without concurrency: one file at a time. The
// result and the speed of the pipeline are compared with it.
func Sequential(ctx context.Context, tree fs.FS, add func(File)) error {
	hash := Hash(tree)
	return Walk(tree)(ctx, func(f File) error {
		f, err := hash(ctx, f)
		if err == nil {
			add(f)
		}
		return err
	})
}

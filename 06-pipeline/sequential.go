package main

import (
	"context"
	"io/fs"
)

// Sequential does what Find does without any concurrency: one file after the
// other. It is what the pipeline's result and speed are compared with.
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

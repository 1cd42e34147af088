package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// A ReportRequest asks for a report on a directory below the root.
type ReportRequest struct {
	Dir string `json:"dir"`
}

// Check returns what is wrong with a request: the directory must be there, and
// nothing outside the root can be reached, by dots or by links.
func (q ReportRequest) Check(root string) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	if info, err := r.Stat(filepath.FromSlash(q.Dir)); err != nil || !info.IsDir() {
		return fmt.Errorf("dir must be a directory below the root, got %q", q.Dir)
	}
	return nil
}

// Reports makes reports on directories below Root, and writes them into Out.
type Reports struct{ Root, Out string }

// Report is a handler in which chapters 05 and 06 come together, inside a job: a
// pipeline walks the directory, hashes its files with a pool of workers, and adds
// up. The first error stops all stages; so does ctx, which ends when the job is
// cancelled or has had its time.
func (r Reports) Report(ctx context.Context, t *Task) error {
	var q ReportRequest
	if err := json.Unmarshal(t.Payload, &q); err != nil {
		return err
	}
	root, err := os.OpenRoot(r.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	tree, err := fs.Sub(root.FS(), filepath.ToSlash(filepath.Clean(q.Dir)))
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var found atomic.Int64
	paths, sums := make(chan string, 16), make(chan [sha256.Size]byte, 16)
	var stages sync.WaitGroup
	stages.Go(func() {
		defer close(paths)
		err := fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			found.Add(1)
			select {
			case paths <- path:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if err != nil {
			stop(err)
		}
	})
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for path := range paths {
				sum, err := hash(tree, path)
				if err != nil {
					stop(err)
					return
				}
				select {
				case sums <- sum:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	stages.Go(func() {
		workers.Wait()
		close(sums)
	})
	files, different := 0, make(map[[sha256.Size]byte]bool)
	for sum := range sums {
		files++
		different[sum] = true
		t.Progress(files, int(found.Load()))
	}
	stages.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	text := fmt.Sprintf("%s: %d files, %d of them different\n", q.Dir, files, len(different))
	return errors.Join(os.MkdirAll(r.Out, 0o700), os.WriteFile(filepath.Join(r.Out, t.ID+".txt"), []byte(text), 0o600))
}

func hash(tree fs.FS, path string) (sum [sha256.Size]byte, err error) {
	file, err := tree.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	return [sha256.Size]byte(h.Sum(nil)), err
}

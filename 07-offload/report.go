package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// A ReportRequest asks for a report on a directory below the root.
type ReportRequest struct {
	Dir string `json:"dir"`
}

// Check returns what is wrong with a request, or nil.
func (q ReportRequest) Check() error {
	if !fs.ValidPath(q.Dir) || len(q.Dir) > 1000 {
		return invalid("dir must be a path such as a/b, below the root of the reports")
	}
	return nil
}

// Reports makes reports on directories below Root and delivers them into Out.
type Reports struct {
	Root string
	Out  Maildir
}

// Report is a handler in which chapters 05 and 06 come together: it walks the
// directory, and a pool of workers hashes the files. The first error stops all of
// it. So does ctx, which is done when the job is canceled, its deadline passes, or
// the worker stops.
func (r Reports) Report(ctx context.Context, t *Task) error {
	var q ReportRequest
	if err := json.Unmarshal(t.Payload, &q); err != nil {
		return fmt.Errorf("%w: malformed payload: %w", ErrPermanent, err)
	}
	root, err := os.OpenRoot(r.Root) // no path leads out of it, by dots or by links
	if err != nil {
		return err
	}
	defer root.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	paths := make(chan string, 16)
	var found atomic.Int64
	var mu sync.Mutex // guards files and different
	files, different := 0, make(map[[sha256.Size]byte]bool)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for path := range paths {
				sum, err := hash(ctx, root, path)
				if err != nil {
					stop(err)
					return
				}
				mu.Lock()
				files++
				different[sum] = true
				t.Progress(files, int(found.Load()))
				mu.Unlock()
			}
		})
	}
	err = fs.WalkDir(root.FS(), q.Dir, func(path string, e fs.DirEntry, err error) error {
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
	close(paths)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	text := fmt.Sprintf("%s: %s, %d of them different\n", q.Dir, plural(files, "file"), len(different))
	return r.Out.Deliver(t.ID+".txt", text)
}

func hash(ctx context.Context, root *os.Root, path string) (sum [sha256.Size]byte, err error) {
	file, err := root.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	defer context.AfterFunc(ctx, func() { file.Close() })() // to read a large file may take long
	h := sha256.New()
	_, err = io.Copy(h, file)
	return [sha256.Size]byte(h.Sum(nil)), err
}

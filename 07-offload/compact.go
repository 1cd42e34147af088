package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// maintain rewrites the journal when it has grown, and when the disk has failed: then
// it tries every second.
func (b *Broker) maintain(ctx context.Context) {
	for sleep(ctx, time.Second) {
		failed := b.journal.failed.Load()
		if !failed && b.journal.size.Load() < b.compactAt {
			continue
		}
		level, err := slog.LevelInfo, b.compact()
		if err != nil {
			level = slog.LevelWarn
		}
		b.compactAt = max(1<<20, 3*b.journal.size.Load())
		b.log.Log(ctx, level, "rewrite of the journal", "bytes", b.journal.size.Load(), "had failed", failed, "error", err)
	}
}

func (b *Broker) compact() error {
	return b.journal.Rewrite(func() (records []byte) {
		b.copies(func(jobs change) { records = record(records, jobs.encode()) })
		return records
	})
}

// copies calls add with copies of all jobs, some at a time, so that the lock is soon free
// again. Jobs that come meanwhile are copied, too: a job that is done must not be on
// disk without the next one of its series.
func (b *Broker) copies(add func(change)) {
	var numbers []uint64
	var last uint64
	b.locked(func(time.Time) { numbers, last = slices.Collect(maps.Keys(b.queue.jobs)), b.queue.last })
	slices.Sort(numbers)
	for len(numbers) > 0 {
		var jobs change
		b.locked(func(time.Time) {
			some := numbers[:min(500, len(numbers))]
			for _, n := range some {
				if j := b.queue.jobs[n]; j != nil {
					jobs = append(jobs, *j)
				}
			}
			for numbers = numbers[len(some):]; last < b.queue.last; last++ {
				numbers = append(numbers, last+1)
			}
		})
		add(jobs)
	}
}

// Rewrite replaces the file with a new one that has the records that are still needed.
// What is appended meanwhile follows them. After an error the old file is used, or the
// journal accepts nothing.
func (j *Journal) Rewrite(needed func() (records []byte)) error {
	j.turn <- struct{}{} // so appends wait
	defer func() { <-j.turn }()
	fresh, err := j.files.create()
	if err != nil {
		return err
	}
	all, file := append(needed(), mark...), j.file
	if _, err = fresh.WriteAt(all, 0); err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		file, err = j.files.replace(j.file, fresh)
	}
	if file == j.file {
		fresh.Truncate(0) // the disk may be full
		fresh.Close()
		return err
	}
	j.file = file
	if j.failed.Store(err != nil); err == nil {
		j.size.Store(int64(len(all)))
	}
	return err
}

// files creates the new file of a Rewrite, and puts it in the place of the old one,
// which is intact until then. replace returns the file that is used from now on.
type files interface {
	create() (storage, error)
	replace(old, fresh storage) (storage, error)
}

type osFiles string

func (path osFiles) create() (storage, error) {
	return os.OpenFile(string(path)+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// replace renames the new file while both are open: so it needs no descriptor,
// of which there may be none left. Windows cannot rename an open file.
func (path osFiles) replace(old, fresh storage) (storage, error) {
	if runtime.GOOS == "windows" {
		old.Close()
		fresh.Close()
		renamed := os.Rename(string(path)+".new", string(path))
		file, err := os.OpenFile(string(path), os.O_RDWR, 0o600)
		return file, cmp.Or(renamed, err)
	}
	if err := os.Rename(string(path)+".new", string(path)); err != nil {
		return old, err
	}
	old.Close()
	return fresh, syncDir(filepath.Dir(string(path)))
}

// makeDir creates a directory, with its parents, and syncs each parent that has a new
// name in it: the directory could be gone after a power loss, with all its files.
func makeDir(path string) error {
	_, err := os.Stat(path)
	parent := filepath.Dir(path)
	if err == nil || parent == path { // a root has no parent: such as . without permission, or a missing drive on Windows
		return err
	}
	if err = makeDir(parent); err == nil {
		err = os.Mkdir(path, 0o700)
	}
	if err == nil || errors.Is(err, os.ErrExist) {
		if err = syncDir(parent); err != nil {
			os.Remove(path) // so that the next call syncs it
		}
	}
	return err
}

// syncDir syncs the names in a directory. It is a variable for tests.
var syncDir = func(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	if errors.Is(err, errors.ErrUnsupported) || runtime.GOOS == "windows" { // which cannot sync a directory
		return nil
	}
	return err
}

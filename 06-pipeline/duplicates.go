package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// Find is the pipeline of this chapter: it walks the tree, hashes the files with
// several workers, and calls add for each of them. It calls add in its caller's
// goroutine, one file at a time, so add needs no lock.
//
// It hashes every file, to keep the stage busy. A real tool would hash only those
// whose size occurs more than once.
func Find(ctx context.Context, tree fs.FS, workers int, add func(File)) error {
	return Run(ctx, func(p *Pipeline) error {
		files := Source(p, Walk(tree))
		hashed := Stage(p, workers, files, Hash(tree))
		for f := range hashed {
			add(f)
		}
		return nil
	})
}

// A Report is what is known about a tree. Unlike the items in flight it grows with
// the tree: it is the result.
type Report struct {
	Files   int   // hashed
	Bytes   int64 // their sizes, added up
	Equal   map[[sha256.Size]byte][]File
	Skipped []File // with the reason in Err
}

// NewReport returns an empty report.
func NewReport() *Report { return &Report{Equal: make(map[[sha256.Size]byte][]File)} }

// Add adds a file to the report.
func (r *Report) Add(f File) {
	if f.Err != nil {
		r.Skipped = append(r.Skipped, f)
		return
	}
	r.Files++
	r.Bytes += f.Size
	r.Equal[f.Sum] = append(r.Equal[f.Sum], f)
}

// Duplicates returns the groups of identical files, beginning with the one that wastes
// most, and how many more names (hard links) these and other files have. A file
// with two names is not a duplicate: its bytes are stored once. Within a group the
// files are in the order of their paths.
func (r *Report) Duplicates() (groups [][]File, hardLinks int) {
	for _, all := range r.Equal {
		slices.SortFunc(all, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
		group := distinct(all)
		hardLinks += len(all) - len(group)
		if len(group) > 1 {
			groups = append(groups, group)
		}
	}
	slices.SortFunc(groups, func(a, b []File) int {
		return cmp.Or(cmp.Compare(Wasted(b), Wasted(a)), cmp.Compare(a[0].Path, b[0].Path))
	})
	return groups, hardLinks
}

// distinct keeps the first name of each file and drops its other hard links.
func distinct(files []File) (group []File) {
	seen := make(map[time.Time][]File) // a file has one for all its names, unless it changes meanwhile
	for _, f := range files {
		if f.Info != nil && len(files) > 1 {
			same := seen[f.Info.ModTime()]
			if slices.ContainsFunc(same, func(g File) bool { return os.SameFile(f.Info, g.Info) }) {
				continue
			}
			seen[f.Info.ModTime()] = append(same, f)
		}
		group = append(group, f)
	}
	return group
}

// Wasted returns how many bytes deleting all files of the group but one would free.
func Wasted(group []File) int64 { return int64(len(group)-1) * group[0].Size }

// Reasons counts the files that were skipped by their reasons. An error of the
// operating system counts as ErrUnreadable, unless the file or its directory no longer exists.
func (r *Report) Reasons() map[error]int {
	counts := make(map[error]int)
	for _, f := range r.Skipped {
		switch {
		case errors.Is(f.Err, fs.ErrNotExist), errors.Is(f.Err, syscall.ENOTDIR): // removed since the walk saw it
			counts[ErrChanged]++
		case slices.Contains([]error{ErrLink, ErrSpecial, ErrPseudo, ErrChanged, ErrSize}, f.Err):
			counts[f.Err]++
		default:
			counts[ErrUnreadable]++
		}
	}
	return counts
}

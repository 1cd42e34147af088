package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"slices"
)

// Find is the pipeline of this chapter: walk, hash with that many workers, and
// give each file to add, which runs in the caller's goroutine. So add is never
// called twice at once, and needs no lock.
//
// It hashes every file, so that the stage has something to do. A real tool would
// hash only those of which there are two of the same size.
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

// A Report is what is known of a tree. Unlike what is under way in the stages,
// it grows with the tree: it is the result.
type Report struct {
	Files   int   // hashed
	Bytes   int64 // their size
	Equal   map[[sha256.Size]byte][]File
	Skipped []File // with the reason in Err
}

// NewReport returns an empty report.
func NewReport() *Report { return &Report{Equal: make(map[[sha256.Size]byte][]File)} }

// Add is the last stage's work.
func (r *Report) Add(f File) {
	if f.Err != nil {
		r.Skipped = append(r.Skipped, f)
		return
	}
	r.Files++
	r.Bytes += f.Size
	r.Equal[f.Sum] = append(r.Equal[f.Sum], f)
}

// Duplicates returns the groups of equal files, those first that waste most.
// Within a group the files are in the order of their paths.
func (r *Report) Duplicates() [][]File {
	var groups [][]File
	for _, group := range r.Equal {
		if len(group) > 1 {
			slices.SortFunc(group, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
			groups = append(groups, group)
		}
	}
	slices.SortFunc(groups, func(a, b []File) int {
		return cmp.Or(cmp.Compare(Wasted(b), Wasted(a)), cmp.Compare(a[0].Path, b[0].Path))
	})
	return groups
}

// Wasted returns how many bytes would be free with only one file of the group left.
func Wasted(group []File) int64 { return int64(len(group)-1) * group[0].Size }

// Reasons counts what was skipped, by reason.
func (r *Report) Reasons() (links, special, changed, unreadable int) {
	for _, f := range r.Skipped {
		switch {
		case errors.Is(f.Err, ErrLink):
			links++
		case errors.Is(f.Err, ErrSpecial):
			special++
		case errors.Is(f.Err, ErrChanged), errors.Is(f.Err, fs.ErrNotExist):
			changed++ // gone or different since the walk saw it
		default:
			unreadable++
		}
	}
	return
}

// Differ returns the paths of which two reports say different things, in order.
func Differ(a, b *Report) []string {
	var paths []string
	says := maps.Collect(a.all)
	for path, what := range b.all {
		if says[path] != what {
			paths = append(paths, path)
		}
		delete(says, path)
	}
	for path := range says { // in a only
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// all yields every path with its sum, or with the reason why there is none.
func (r *Report) all(yield func(path, what string) bool) {
	for sum, group := range r.Equal {
		for _, f := range group {
			if !yield(f.Path, string(sum[:])) {
				return
			}
		}
	}
	for _, f := range r.Skipped {
		if !yield(f.Path, f.Err.Error()) {
			return
		}
	}
}

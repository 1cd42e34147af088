package main

import (
	"maps"
	"slices"
)

// Differ returns the paths, in order, that two reports disagree about.
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

// all yields every path with its checksum, or with the reason why it has none. It
// is an iterator: a function that calls yield for each pair, and stops when yield
// returns false. Range accepts it, and iter.Seq2 is the name of its type.
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

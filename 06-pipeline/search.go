package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"
)

// A search is of one tree. Its methods are the sections that read the tree.
type search struct {
	tree    fs.FS
	name    string // of the tree, in a sentence
	workers int
	report  *Report // of the whole tree
}

// sample is how many bytes of a large tree the comparisons of 6.1 and 6.3 read.
const sample = 512 << 20

// find runs the whole pipeline once, as an application would. After it the tree is
// in the file cache of the system, so the sections compare like with like.
func (s *search) find(ctx context.Context) {
	fmt.Printf("\n     walk ───> hash ───> group       the files of %s\n", s.name)
	s.report = NewReport()
	took := timed(func(add func(File)) error { return Find(ctx, s.tree, s.workers, add) }, s.report.Add)
	fmt.Printf("     %s, %s, in %s\n", plural(s.report.Files, "file"), size(s.report.Bytes), measured(short(took)))
}

func (s *search) part(r *Report) string {
	if r.Files == s.report.Files {
		return "the files"
	}
	return fmt.Sprintf("the first %s (%s)", strings.TrimPrefix(plural(r.Files, "file"), "1 "), size(r.Bytes))
}

// timed returns how long a search takes, and shows its progress on a terminal.
func timed(search func(add func(File)) error, add func(File)) time.Duration {
	var n atomic.Int64
	stop := Progress(&n)
	began := time.Now()
	err := search(func(f File) {
		add(f)
		n.Add(1)
	})
	took := time.Since(began)
	stop()
	if err != nil {
		fail(err)
	}
	return took
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// growTree makes a directory of 300 files in which many are equal, some empty,
// one is large, and one is a symbolic link, where there are such things.
func growTree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	write := func(path string, data []byte) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 300 {
		content := random.IntN(100)
		write(filepath.Join(dir, fmt.Sprint("d", i%7), fmt.Sprint("e", i%3), fmt.Sprint("f", i)), make([]byte, content*content))
	}
	write(filepath.Join(dir, "large"), make([]byte, 3*bufferSize+1))
	if err := os.Symlink("large", filepath.Join(dir, "link")); err != nil {
		t.Logf("without a symbolic link: %v", err)
	}
	return dir
}

// TestPipelineFindsWhatAPlainWalkFinds compares their reports file by file, path
// and sum (claim 6.6), with one and with many workers. The plain walk itself is
// compared with sums made right here, of whole files.
func TestPipelineFindsWhatAPlainWalkFinds(t *testing.T) {
	dir := growTree(t)
	root, err := OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() // Windows removes no directory that is open
	tree := root.FS()
	plain := NewReport()
	if err := Sequential(t.Context(), tree, plain.Add); err != nil {
		t.Fatal(err)
	}
	if plain.Files != 301 {
		t.Errorf("the plain walk found %d files of 301", plain.Files)
	}
	for want, group := range plain.Equal {
		for _, f := range group {
			data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
			if err != nil || sha256.Sum256(data) != want {
				t.Errorf("the plain walk has a wrong sum for %s (%v)", f.Path, err)
			}
		}
	}
	for _, workers := range []int{1, 2, 8, 64} {
		report := NewReport()
		if err := Find(t.Context(), tree, workers, report.Add); err != nil {
			t.Fatal(err)
		}
		if paths := Differ(plain, report); len(paths) > 0 {
			t.Errorf("with %d workers the pipeline's result is not the plain walk's: it differs in %d files, the first is %s", workers, len(paths), paths[0])
		}
		if a, b := fmt.Sprint(plain.Duplicates()), fmt.Sprint(report.Duplicates()); a != b {
			t.Errorf("with %d workers the pipeline found other groups of equal files", workers)
		}
	}
}

// TestWhatCannotBeReadIsCountedAndNeverFatal walks a tree that changes and
// refuses (claim 6.6). Nothing of that stops the pipeline, and everything else is
// found as ever.
func TestWhatCannotBeReadIsCountedAndNeverFatal(t *testing.T) {
	tree := unwilling{fstest.MapFS{
		"a/good":      {Data: []byte("equal")},
		"b/good":      {Data: []byte("equal")},
		"a/link":      {Data: []byte("good"), Mode: fs.ModeSymlink},
		"a/pipe":      {Mode: fs.ModeNamedPipe},
		"a/secret":    {Data: []byte("secret")},
		"a/vanishes":  {Data: []byte("vanishes")},
		"a/grows":     {Data: []byte("grows")},
		"a/shrinks":   {Data: []byte("shrinks")},
		"closed/file": {Data: []byte("unseen")},
	}}
	for _, search := range []func(context.Context, func(File)) error{
		func(ctx context.Context, add func(File)) error { return Find(ctx, tree, 4, add) },
		func(ctx context.Context, add func(File)) error { return Sequential(ctx, tree, add) },
	} {
		report := NewReport()
		if err := search(t.Context(), report.Add); err != nil {
			t.Fatalf("a file that can't be read should not stop the others: %v", err)
		}
		links, special, changed, unreadable := report.Reasons()
		if report.Files != 2 || links != 1 || special != 1 || changed != 3 || unreadable != 2 {
			t.Errorf("%d files, %d links, %d special, %d changed, %d unreadable; want 2, 1, 1, 3, 2", report.Files, links, special, changed, unreadable)
		}
		if groups := report.Duplicates(); len(groups) != 1 || len(groups[0]) != 2 {
			t.Errorf("equal files: %v, want the two good ones", groups)
		}
	}
}

// unwilling is a tree with trouble in it.
type unwilling struct{ fstest.MapFS }

func (u unwilling) Open(path string) (fs.File, error) {
	switch path {
	case "a/secret", "closed":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	case "a/vanishes":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case "a/grows":
		return fstest.MapFS{path: {Data: make([]byte, 10*bufferSize)}}.Open(path)
	case "a/shrinks":
		return fstest.MapFS{path: {}}.Open(path)
	}
	return u.MapFS.Open(path)
}

func (u unwilling) ReadDir(path string) ([]fs.DirEntry, error) {
	if path == "closed" {
		_, err := u.Open(path)
		return nil, err
	}
	return u.MapFS.ReadDir(path)
}

// TestCancelledInAFileGivesItUp cancels in the middle of the largest file that an int
// can count (claim 6.5): the stop does not wait for its end.
func TestCancelledInAFileGivesItUp(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	reads := 0
	tree := &oneFile{size: math.MaxInt, onRead: func() {
		if reads++; reads == 3 {
			cancel(interrupted)
		}
		if reads == 1000 {
			t.Fatal("cancelled during read 3 of a large file, it still reads")
		}
	}}
	if _, err := Hash(tree)(ctx, File{Path: "large", Size: math.MaxInt}); err != interrupted || reads != 3 {
		t.Errorf("cancelled during read 3 of a large file, it ended after read %d with %v", reads, err)
	}
}

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
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// growTree makes a directory of 300 files of which many are identical, some empty, one
// is large, and one is a symbolic link, if the system allows it.
func growTree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		content := random.IntN(100)
		write(t, filepath.Join(dir, fmt.Sprint("d", i%7), fmt.Sprint("e", i%3), fmt.Sprint("f", i)), make([]byte, content*content))
	}
	write(t, filepath.Join(dir, "large"), make([]byte, 3*bufferSize+1))
	if err := os.Symlink("large", filepath.Join(dir, "link")); err != nil {
		t.Logf("without a symbolic link: %v", err)
	}
	return dir
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// open opens a directory, for the length of the test.
func open(t testing.TB, dir string) *Tree {
	t.Helper()
	tree, err := OpenTree(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

// reportOf returns what Find finds.
func reportOf(t *testing.T, tree fs.FS) *Report {
	t.Helper()
	r := NewReport()
	if err := Find(t.Context(), tree, 4, r.Add); err != nil {
		t.Fatal(err)
	}
	return r
}

// paths returns groups of files as text.
func paths(groups [][]File) string {
	var b strings.Builder
	for _, group := range groups {
		for _, f := range group {
			fmt.Fprintf(&b, "%s ", f.Path)
		}
		b.WriteString("| ")
	}
	return b.String()
}

// TestPipelineFindsWhatASequentialWalkFinds compares their reports file by file,
// path and checksum, with one and with many workers (claim 6.6). The sequential
// walk itself is compared with checksums of whole files.
func TestPipelineFindsWhatASequentialWalkFinds(t *testing.T) {
	dir := growTree(t)
	tree := open(t, dir)
	plain := NewReport()
	if err := Sequential(t.Context(), tree, plain.Add); err != nil {
		t.Fatal(err)
	}
	var bytes int64
	for want, group := range plain.Equal {
		for _, f := range group {
			data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
			if err != nil || sha256.Sum256(data) != want {
				t.Errorf("the sequential walk has a wrong checksum for %s (%v)", f.Path, err)
			}
			bytes += int64(len(data))
		}
	}
	if plain.Files != 301 || plain.Bytes != bytes || bytes == 0 {
		t.Errorf("the sequential walk found %d files of %d bytes, want 301 of %d", plain.Files, plain.Bytes, bytes)
	}
	groups, _ := plain.Duplicates()
	for _, workers := range []int{1, 2, 8, 64} {
		report := NewReport()
		if err := Find(t.Context(), tree, workers, report.Add); err != nil {
			t.Fatal(err)
		}
		if differ := Differ(plain, report); len(differ) > 0 {
			t.Errorf("with %d workers the result of the pipeline differs from the sequential one in %d files, the first is %s", workers, len(differ), differ[0])
		}
		if found, _ := report.Duplicates(); paths(found) != paths(groups) {
			t.Errorf("with %d workers the pipeline found other groups of identical files", workers)
		}
	}
}

// TestDuplicatesAreGroupsOfSeveralFiles has two groups and a single file (claim 6.6).
func TestDuplicatesAreGroupsOfSeveralFiles(t *testing.T) {
	tree := fstest.MapFS{"b": {Data: []byte("one")}, "a": {Data: []byte("one")}, "single": {Data: []byte("a single file")},
		"x/large1": {Data: make([]byte, 100)}, "x/large2": {Data: make([]byte, 100)}, "x/large3": {Data: make([]byte, 100)}}
	r := reportOf(t, tree)
	groups, hardLinks := r.Duplicates()
	if got, want := paths(groups), "x/large1 x/large2 x/large3 | a b | "; got != want || hardLinks != 0 {
		t.Errorf("got %q and %d hard links, want %q and 0", got, hardLinks, want)
	}
	if r.Files != 6 || r.Bytes != 319 || len(groups) > 0 && Wasted(groups[0]) != 200 {
		t.Errorf("got %d files, %d bytes, want 6 and 319; the first group wastes 200", r.Files, r.Bytes)
	}
}

// TestGroupThatWastesMostIsFirst has three files of 60 bytes, two of 100, and two of 200
// (claim 6.6).
func TestGroupThatWastesMostIsFirst(t *testing.T) {
	r := NewReport()
	for path, size := range map[string]int64{"b/1": 60, "b/2": 60, "b/3": 60, "a/1": 100, "a/2": 100, "c/1": 200, "c/2": 200} {
		r.Add(File{Path: path, Size: size, Sum: [sha256.Size]byte{byte(size)}})
	}
	if groups, _ := r.Duplicates(); paths(groups) != "c/1 c/2 | b/1 b/2 b/3 | a/1 a/2 | " {
		t.Errorf("got %s: two files of 200 bytes waste 200, three of 60 waste 120, two of 100 waste 100", paths(groups))
	}
}

// TestFindAddsInTheGoroutineOfItsCaller has add panic: only there the caller can
// recover.
func TestFindAddsInTheGoroutineOfItsCaller(t *testing.T) {
	defer func() {
		if v := recover(); v != "add" {
			t.Errorf("add panicked, and Find's caller recovered %v", v)
		}
	}()
	err := Find(t.Context(), fstest.MapFS{"file": {}}, 4, func(File) { panic("add") })
	t.Errorf("add panicked, and Find returned %v", err)
}

// TestGroupsThatWasteTheSameAreInTheOrderOfTheirPaths has ten such groups, and the files
// of each in the opposite order (claim 6.6).
func TestGroupsThatWasteTheSameAreInTheOrderOfTheirPaths(t *testing.T) {
	r := NewReport()
	var want strings.Builder
	for i := range 10 {
		for _, name := range []string{"z", "copy"} { // not in the order of the names
			r.Add(File{Path: fmt.Sprintf("%d/%s", i, name), Size: 3, Sum: [sha256.Size]byte{byte(i)}})
		}
		fmt.Fprintf(&want, "%[1]d/copy %[1]d/z | ", i)
	}
	if groups, _ := r.Duplicates(); paths(groups) != want.String() {
		t.Errorf("got %s, want %s", paths(groups), want.String())
	}
}

// TestFindHashesWithAllWorkers has files that can be opened only by four workers
// at the same time (claim 6.6).
func TestFindHashesWithAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 4
		tree := &together{MapFS: fstest.MapFS{}, all: make(chan struct{})}
		tree.missing.Store(workers)
		for i := range workers {
			tree.MapFS[fmt.Sprint(i)] = &fstest.MapFile{}
		}
		if r := reportOf(t, tree); r.Files != workers {
			t.Errorf("%d workers hash %d of %d files at the same time", workers, r.Files, workers)
		}
	})
}

// together is a tree whose files open when all are being opened, or after an hour
// not at all.
type together struct {
	fstest.MapFS
	missing atomic.Int64
	all     chan struct{}
}

func (f *together) Open(path string) (fs.File, error) {
	if path != "." {
		if f.missing.Add(-1) == 0 {
			close(f.all)
		}
		select {
		case <-f.all:
		case <-time.After(time.Hour):
			return nil, errors.New("an hour has passed")
		}
	}
	return f.MapFS.Open(path)
}

// TestSequentialWalkIsCanceledLikeThePipeline cancels during the read of the only
// file (claim 6.6): neither returns nil.
func TestSequentialWalkIsCanceledLikeThePipeline(t *testing.T) {
	for name, search := range map[string]func(context.Context, fs.FS, func(File)) error{
		"Sequential": Sequential,
		"Find":       func(ctx context.Context, tree fs.FS, add func(File)) error { return Find(ctx, tree, 4, add) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		tree := opening{fstest.MapFS{"file": {Data: []byte("x")}}, func() { cancel(errBroken) }}
		if err := search(ctx, tree, func(f File) { t.Errorf("%s was canceled, but has added %s", name, f.Path) }); err != errBroken {
			t.Errorf("%s was canceled during the read of its only file, and returned %v, want %v", name, err, errBroken)
		}
	}
}

// opening is a tree that calls a function before it opens a file.
type opening struct {
	fstest.MapFS
	before func()
}

func (o opening) Open(path string) (fs.File, error) {
	if path != "." {
		o.before()
	}
	return o.MapFS.Open(path)
}

// TestReportStopsWhenTheLoopOverItDoes breaks out of a range over the report. If
// all called yield once more, the runtime would panic.
func TestReportStopsWhenTheLoopOverItDoes(t *testing.T) {
	r := NewReport()
	for _, f := range []File{{Path: "a"}, {Path: "b"}, {Path: "c", Err: ErrLink}, {Path: "d", Err: ErrLink}} {
		r.Add(f)
	}
	for last := 1; last <= 4; last++ {
		n := 0
		for range r.all {
			if n++; n == last {
				break
			}
		}
		if n != last {
			t.Errorf("the report has %d paths, want at least %d", n, last)
		}
	}
}

// TestDifferNamesEachPathThatDiffers compares reports that differ in a checksum,
// in a reason, and in files that only one of them has (claim 6.6).
func TestDifferNamesEachPathThatDiffers(t *testing.T) {
	one, two := NewReport(), NewReport()
	for _, f := range []File{{Path: "same"}, {Path: "sum"}, {Path: "only one"}, {Path: "reason", Err: ErrLink}, {Path: "same reason", Err: ErrLink}} {
		one.Add(f)
	}
	for _, f := range []File{{Path: "same"}, {Path: "sum", Sum: [32]byte{31: 1}}, {Path: "only two"}, {Path: "reason", Err: ErrChanged}, {Path: "same reason", Err: ErrLink}} {
		two.Add(f)
	}
	if got, want := strings.Join(Differ(one, two), ", "), "only one, only two, reason, sum"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for i := range 100 {
		one.Add(File{Path: fmt.Sprintf("%02d", i*37%100), Sum: [32]byte{byte(i)}})
	}
	if got := Differ(one, NewReport()); len(got) != 105 || !slices.IsSorted(got) {
		t.Errorf("a report of 105 paths differs from an empty one in %d, want all of them in order: %q", len(got), got)
	}
}

// TestFileThatCannotBeReadIsCountedAndNeverFatal walks a tree that changes and
// refuses (claim 6.6). All other files are found.
func TestFileThatCannotBeReadIsCountedAndNeverFatal(t *testing.T) {
	tree := unwilling{fstest.MapFS{
		"a/good":      {Data: []byte("equal")},
		"b/good":      {Data: []byte("equal")},
		"a/link":      {Data: []byte("good"), Mode: fs.ModeSymlink},
		"a/pipe":      {Mode: fs.ModeNamedPipe},
		"a/secret":    {Data: []byte("secret")},
		"a/vanishes":  {Data: []byte("vanishes")},
		"a/no info":   {Data: []byte("vanishes earlier")},
		"a/moved":     {Data: []byte("in a directory that a file has replaced")},
		"a/grows":     {Data: []byte("grows")},
		"a/shrinks":   {Data: []byte("shrinks")},
		"a/replaced":  {Data: []byte("by a named pipe")},
		"a/broken":    {Data: []byte("broken")},
		"a/.hidden":   {Data: []byte("hidden")},
		".git/config": {Data: []byte("in a hidden directory")},
		"a/empty":     {},
		"closed/file": {Data: []byte("not seen")},
		"proc/file":   {Data: []byte("not seen")},
	}}
	for _, search := range []func(context.Context, func(File)) error{
		func(ctx context.Context, add func(File)) error { return Find(ctx, tree, 4, add) },
		func(ctx context.Context, add func(File)) error { return Sequential(ctx, tree, add) },
	} {
		report := NewReport()
		if err := search(t.Context(), report.Add); err != nil {
			t.Fatalf("a file that cannot be read stopped the others: %v", err)
		}
		got := fmt.Sprint(report.Files, report.Bytes, report.Reasons())
		want := fmt.Sprint(5, 37, map[error]int{ErrLink: 1, ErrSpecial: 2, ErrChanged: 5, ErrPseudo: 1, ErrUnreadable: 3})
		if got != want {
			t.Errorf("got %s, want %s\n%s", got, want, skipped(report))
		}
		if groups, _ := report.Duplicates(); paths(groups) != "a/good b/good | " {
			t.Errorf("identical files: %s, want the two good ones", paths(groups))
		}
		var reasons []string
		for _, f := range report.Skipped {
			reasons = append(reasons, fmt.Sprintf("%s: %v", f.Path, reason(f.Err)))
		}
		slices.Sort(reasons)
		if got, want := strings.Join(reasons, "\n"), `a/broken: I/O error
a/grows: changed while it was read
a/link: a symbolic link, not followed
a/moved: not a directory
a/no info: file does not exist
a/pipe: not a regular file
a/replaced: not a regular file
a/secret: permission denied
a/shrinks: changed while it was read
a/vanishes: file does not exist
closed: permission denied
proc: a pseudo file system, not entered`; got != want {
			t.Errorf("not read:\n%s\nwant\n%s", got, want)
		}
	}
}

// unwilling is a tree with problems.
type unwilling struct{ fstest.MapFS }

func (u unwilling) Open(path string) (fs.File, error) {
	switch path {
	case "a/secret", "closed":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	case "a/moved":
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	case "a/vanishes":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case "a/grows":
		return fstest.MapFS{path: {Data: make([]byte, 10*bufferSize)}}.Open(path)
	case "a/shrinks":
		return fstest.MapFS{path: {}}.Open(path)
	case "a/replaced":
		return fstest.MapFS{path: {Mode: fs.ModeNamedPipe}}.Open(path)
	case "a/broken":
		tree := &oneFile{size: 6, onRead: func() error { return errors.New("I/O error") }}
		return tree.Open(path)
	}
	return u.MapFS.Open(path)
}

func (u unwilling) ReadDir(path string) ([]fs.DirEntry, error) {
	switch path {
	case "closed":
		_, err := u.Open(path)
		return nil, err
	case "proc":
		return nil, ErrPseudo
	}
	entries, err := u.MapFS.ReadDir(path)
	for i, e := range entries {
		if e.Name() == "no info" {
			entries[i] = noInfo{e}
		}
	}
	return entries, err
}

// noInfo is an entry of a file that was removed after its directory was read.
type noInfo struct{ fs.DirEntry }

func (noInfo) Info() (fs.FileInfo, error) { return nil, fs.ErrNotExist }

// TestErrorOfStatIsTheReasonOfAFile has Stat fail before the read, and after it (claim 6.6).
func TestErrorOfStatIsTheReasonOfAFile(t *testing.T) {
	for fails := range 2 {
		calls := 0
		tree := &oneFile{size: 1, statErr: func() error {
			if calls++; calls == fails+1 {
				return errBroken
			}
			return nil
		}}
		if f, err := Hash(tree)(t.Context(), File{Path: "zeros", Size: 1}); err != nil || f.Err != errBroken || tree.closed != 1 {
			t.Errorf("call %d of Stat fails: the reason is %v (%v), want %v; the file is closed %d times", fails+1, f.Err, err, errBroken, tree.closed)
		}
	}
}

// TestInfoIsOfTheFileThatWasRead has a file replaced by another one of the same size after the
// walk.
func TestInfoIsOfTheFileThatWasRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"file", "new"} {
		write(t, filepath.Join(dir, name), []byte(name)[:3])
	}
	tree := open(t, dir)
	if err := Walk(tree)(t.Context(), func(f File) error {
		if f.Path != "file" {
			return nil
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "file")); err != nil {
			t.Fatal(err)
		}
		f, err := Hash(tree)(t.Context(), f)
		now, _ := os.Stat(filepath.Join(dir, "file"))
		if err != nil || f.Err != nil || f.Info == nil || !os.SameFile(f.Info, now) {
			t.Errorf("the file that was read has the information %v (%v, %v), want that of the new file", f.Info, f.Err, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestCancellationStopsReadingALargeFile cancels in the middle of a file of the
// largest size that an int can count (claim 6.5), and closes it.
func TestCancellationStopsReadingALargeFile(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reads := 0
	tree := &oneFile{size: math.MaxInt, onRead: func() error {
		if reads++; reads == 3 {
			cancel(errBroken)
		}
		if reads == 1000 {
			t.Fatal("canceled during read 3 of a large file, but it still reads")
		}
		return nil
	}}
	if _, err := Hash(tree)(ctx, File{Path: "large", Size: math.MaxInt}); err != errBroken || reads != 3 {
		t.Errorf("canceled during read 3 of a large file: it ended after read %d with %v, want 3 and %v", reads, err, errBroken)
	}
	if tree.closed != tree.opened {
		t.Errorf("%d of %d files were closed", tree.closed, tree.opened)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// TestHardLinkIsNoDuplicate has a file with three names and one copy, of the same time,
// and another one with two names (claim 6.6). Deleting a name would free nothing.
func TestHardLinkIsNoDuplicate(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), []byte("equal"))
	write(t, filepath.Join(dir, "copy"), []byte("equal"))
	write(t, filepath.Join(dir, "other"), []byte("other"))
	for _, name := range []string{"b", "z"} { // z comes after the copy
		if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, name)); err != nil {
			t.Skipf("this file system has no hard links: %v", err)
		}
	}
	if err := os.Link(filepath.Join(dir, "other"), filepath.Join(dir, "third")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "copy"} {
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	r := reportOf(t, open(t, dir))
	groups, hardLinks := r.Duplicates()
	if got, want := paths(groups), "a copy | "; got != want || hardLinks != 3 {
		t.Fatalf("got %q and %d hard links, want %q and 3", got, hardLinks, want)
	}
	if wasted := Wasted(groups[0]); wasted != 5 || r.Files != 6 {
		t.Errorf("%d files waste %d bytes, want 6 and 5", r.Files, wasted)
	}
	if text := skipped(r); !strings.Contains(text, "hard links           3 files: ") {
		t.Errorf("the listing does not count the hard links:\n%s", text)
	}
}

// TestNameThatIsNotUTF8IsRead has a directory and files with such names (claim
// 6.6). io/fs calls them invalid, but most systems allow them.
func TestNameThatIsNotUTF8IsRead(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "caf\xe9")
	if err := os.Mkdir(bad, 0o755); err != nil || runtime.GOOS == "windows" {
		t.Skipf("this system refuses the name: %v", err)
	}
	write(t, filepath.Join(bad, "\xff"), []byte("equal"))
	write(t, filepath.Join(dir, "line\nbreak"), []byte("equal"))
	r := reportOf(t, open(t, dir))
	if groups, _ := r.Duplicates(); r.Files != 2 || len(groups) != 1 {
		t.Errorf("%d files were read, want 2\n%s", r.Files, skipped(r))
	}
}

// TestNoPathLeadsOutOfTheTree opens a file outside, by its path and through a
// symbolic link that was made after the walk, and reads the directory in which it is
// (claim 6.6).
func TestNoPathLeadsOutOfTheTree(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "out", "side"), []byte("secret"))
	write(t, filepath.Join(dir, "tree", "inside"), []byte("known"))
	tree := open(t, filepath.Join(dir, "tree"))
	paths := []string{"../out"}
	if err := os.Symlink(filepath.Join("..", "out"), filepath.Join(dir, "tree", "link")); err != nil {
		t.Logf("without a symbolic link: %v", err)
	} else {
		paths = append(paths, "link")
	}
	for _, path := range paths {
		if f, err := tree.Open(path + "/side"); err == nil {
			f.Close()
			t.Errorf("Open(%q) opened a file outside of the tree", path+"/side")
		}
		if entries, err := tree.ReadDir(path); err == nil {
			t.Errorf("ReadDir(%q) returned the entries %v of a directory outside of the tree", path, entries)
		}
	}
	if f, err := tree.Open("inside"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	tree.Close()
	if f, err := tree.Open("inside"); err == nil {
		f.Close()
		t.Error("Open opened a file of a tree that is closed")
	}
}

// TestSpecialFileIsNotOpened walks over a named pipe, devices and other files that are
// not regular (claim 6.6): to open one can block, or have an effect.
func TestSpecialFileIsNotOpened(t *testing.T) {
	tree := fstest.MapFS{"pipe": {Mode: fs.ModeNamedPipe}, "device": {Mode: fs.ModeDevice},
		"terminal": {Mode: fs.ModeDevice | fs.ModeCharDevice}, "socket": {Mode: fs.ModeSocket}, "other": {Mode: fs.ModeIrregular}}
	n := 0
	if err := Walk(tree)(t.Context(), func(f File) error {
		if n++; f.Err != ErrSpecial {
			t.Errorf("the walk emits %s with the error %v, want %q", f.Path, f.Err, ErrSpecial)
		}
		return nil
	}); err != nil || n != len(tree) {
		t.Errorf("the walk returned %v after %d files, want %d", err, n, len(tree))
	}
}

// TestOpenDoesNotBlockOnANamedPipe opens one that has replaced a file since the walk, and
// reads it as a directory, which it may have replaced, too. If that blocks for a minute, or
// until shortly before go test's own time limit, the test fails.
func TestOpenDoesNotBlockOnANamedPipe(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mkfifo", filepath.Join(dir, "pipe")).CombinedOutput(); err != nil {
		t.Skipf("mkfifo: %v %s", err, out)
	}
	limit := time.Minute
	if deadline, ok := t.Deadline(); ok {
		limit = min(limit, time.Until(deadline)*3/4)
	}
	blocked := time.AfterFunc(limit, func() {
		t.Errorf("a named pipe blocks the walk, for %s by now", limit.Round(time.Second))
		writer, err := os.OpenFile(filepath.Join(dir, "pipe"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			writer.Close() // the call that blocks returns
		}
	})
	tree := open(t, dir)
	if entries, err := tree.ReadDir("pipe"); err == nil {
		t.Errorf("a named pipe is read as a directory with the entries %v", entries)
	}
	f, err := Hash(tree)(t.Context(), File{Path: "pipe", Size: 5})
	blocked.Stop()
	if err != nil || f.Err != ErrSpecial {
		t.Errorf("got %v, %v; want %q", f.Err, err, ErrSpecial)
	}
}

// TestFileThatChangesWhileItIsReadHasNoChecksum writes to a file during a read, so
// that its size stays the same (claim 6.6). A clock that is set back counts, too.
func TestFileThatChangesWhileItIsReadHasNoChecksum(t *testing.T) {
	for _, later := range []time.Duration{time.Second, -time.Second} {
		info := fileInfo{size: 10}
		tree := &oneFile{size: 10, info: func() fs.FileInfo { return info }}
		tree.onRead = func() error { info.modified = info.modified.Add(later); return nil }
		f, err := Hash(tree)(t.Context(), File{Path: "zeros", Size: 10})
		if err != nil || f.Err != ErrChanged || f.Sum != [32]byte{} {
			t.Errorf("modified %v later: got %v, %v; want %q and no checksum", later, f.Err, err, ErrChanged)
		}
	}
}

// TestSizeOfZeroWithContentIsNoChange reads a file as /proc has them: its size is
// 0, and a read returns some bytes (claim 6.6). It has not changed.
func TestSizeOfZeroWithContentIsNoChange(t *testing.T) {
	tree, reads := &oneFile{size: 1 << 40, info: func() fs.FileInfo { return fileInfo{} }}, 0
	tree.onRead = func() error {
		if reads++; reads == 100 {
			return errBroken // otherwise it would read forever
		}
		return nil
	}
	f, err := Hash(tree)(t.Context(), File{Path: "stat"})
	if err != nil || f.Err != ErrSize || f.Sum != [32]byte{} {
		t.Errorf("got %v, %v after %d reads; want %q and no checksum", f.Err, err, reads, ErrSize)
	}
}

// TestPseudoFileSystemsAreNotEntered reads lists of mounts (claim 6.6).
func TestPseudoFileSystemsAreNotEntered(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("only Linux has such a list")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ mounts, want string }{
		{"/ ext4", "map[]"},
		{"/ ext4, DIR/proc proc, DIR/a/sys sysfs", "map[a/sys:sysfs proc:proc]"},
		{`/ ext4, DIR/a\040b\134c proc`, `map[a b\c:proc]`},
		{"/ ext4, DIR/data ext4, DIR/home nfs4", "map[]"},
		{"/ ext4, DIR/net autofs, DIR/net nfs4", "map[]"},
		{"/ ext4, DIRx proc, DIR/../proc proc", "map[]"},
		{"/ ext4, DIR/.. proc", "is in a pseudo file system (proc)"},
		{"/ ext4, DIR sysfs", "is in a pseudo file system (sysfs)"},
		{"/ ext4, DIR/.. proc, DIR tmpfs", "map[]"},
		{"/ ext4, DIR tmpfs, DIR/.. proc", "map[]"},
		{"/ ext4, DIR proc, DIR tmpfs", "map[]"},
		{"/ ext4, DIR tmpfs, DIR proc", "is in a pseudo file system (proc)"},
		{"no list", "map[]"},
		{"", "map[]"},
	} {
		var list strings.Builder
		for mount := range strings.SplitSeq(strings.ReplaceAll(test.mounts, "DIR/..", filepath.Dir(dir)), ", ") {
			point, kind, _ := strings.Cut(strings.ReplaceAll(mount, "DIR", dir), " ")
			fmt.Fprintf(&list, "22 27 0:21 / %s rw,relatime shared:1 - %s none rw\n", point, kind)
		}
		mounts, err := pseudoMounts(list.String(), dir)
		if got := fmt.Sprint(mounts); err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %s, %v; want %s", test.mounts, got, err, test.want)
		}
	}
	if mounts, err := pseudoMounts("22 27 0:21 / - proc none rw\n\n", dir); err != nil || len(mounts) != 0 {
		t.Errorf("lines of another form: got %v, %v; want them skipped", mounts, err)
	}
	write(t, filepath.Join(dir, "proc", "kmsg"), []byte("must not be read"))
	tree := open(t, dir)
	tree.pseudo = map[string]string{"proc": "proc", "file": "proc"}
	write(t, filepath.Join(dir, "file"), []byte("must not be read"))
	r := reportOf(t, tree)
	if text := skipped(r); r.Files != 0 || r.Reasons()[ErrPseudo] != 2 || !strings.Contains(text, "2 pseudo file systems: not entered") {
		t.Errorf("%d files were read, want none\n%s", r.Files, text)
	}
}

// TestPseudoFileSystemsOfLinuxAreKnown has a list with the mounts of several machines
// (claim 6.6).
func TestPseudoFileSystemsOfLinuxAreKnown(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("only Linux has such a list")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kinds := strings.Fields("sysfs proc devpts securityfs cgroup cgroup2 pstore efivarfs bpf configfs selinuxfs autofs mqueue " +
		"debugfs tracefs hugetlbfs fusectl binfmt_misc nsfs rpc_pipefs fuse.lxcfs")
	var list strings.Builder
	for _, kind := range append(kinds, "ext4", "tmpfs", "overlay", "devtmpfs", "fuse.sshfs") {
		fmt.Fprintf(&list, "22 27 0:21 / %s/%s rw - %s none rw\n", dir, kind, kind)
	}
	mounts, err := pseudoMounts(list.String(), dir)
	for _, kind := range kinds {
		if mounts[kind] != kind {
			t.Errorf("%s is not taken for a pseudo file system", kind)
		}
	}
	if err != nil || len(mounts) != len(kinds) {
		t.Errorf("%d pseudo file systems (%v), want %d: %v", len(mounts), err, len(kinds), mounts)
	}
}

// TestProcIsRefusedUnlessAsked opens the real one (claim 6.6).
func TestProcIsRefusedUnlessAsked(t *testing.T) {
	if _, err := os.Stat("/proc/self/mountinfo"); err != nil {
		t.Skip("only Linux has it")
	}
	for _, dir := range []string{"/proc", "/proc/self/fdinfo"} {
		if _, err := OpenTree(dir, false); err == nil || !strings.Contains(err.Error(), "in a pseudo file system (proc)") {
			t.Errorf("OpenTree(%q, false) returned %v, want an error that names proc", dir, err)
		}
	}
	tree, err := OpenTree("/proc", true)
	if err != nil {
		t.Fatalf("OpenTree(/proc, true) returned %v", err)
	}
	tree.Close()
	if out := child(t, t.TempDir(), "6.4 -dir /proc/self/fdinfo", 2); !strings.Contains(out, "; -pseudo reads it\n") {
		t.Errorf("without -pseudo the program prints\n%s", out)
	}
	if out := child(t, t.TempDir(), "6.4 -pseudo -dir /proc/self/fdinfo", 0); !strings.Contains(out, `the files of "/proc/self/fdinfo"`) {
		t.Errorf("with -pseudo the program prints\n%s", out)
	}
}

// TestTreeOfTheWholeMachineDoesNotEnterProc unless it is asked to (its other pseudo file
// systems differ from machine to machine).
func TestTreeOfTheWholeMachineDoesNotEnterProc(t *testing.T) {
	if _, err := os.Stat("/proc/self/mountinfo"); err != nil {
		t.Skip("only Linux has it")
	}
	for _, pseudo := range []bool{false, true} {
		tree, err := OpenTree("/", pseudo)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		if _, err := tree.ReadDir("proc"); errors.Is(err, ErrPseudo) == pseudo {
			t.Errorf("pseudo is %t, and the tree of / reads the directory proc with the error %v", pseudo, err)
		}
	}
}

// TestDirectoryThatCannotBeOpenedIsQuoted has an empty name, a missing directory
// with a control character in its name, and a file.
func TestDirectoryThatCannotBeOpenedIsQuoted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	for dir, want := range map[string]string{"": `"": `, "no\x1b[31msuch": `"no\x1b[31msuch": `, file: "is not a directory"} {
		_, err := OpenTree(dir, false)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") || strings.Contains(err.Error(), "stat") {
			t.Errorf("OpenTree(%q) returned %q, want %q and the reason", dir, err, want)
		}
	}
}

// TestCancellationStopsTheWalkAtTheNextDirectory cancels in a tree of directories
// without a file, where the source never sends (claim 6.5).
func TestCancellationStopsTheWalkAtTheNextDirectory(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	tree := &directories{MapFS: fstest.MapFS{}, third: func() { cancel(errBroken) }}
	for i := range 1000 {
		tree.MapFS[fmt.Sprintf("d%d/e/f", i)] = &fstest.MapFile{Mode: fs.ModeDir}
	}
	err := Find(ctx, tree, 4, func(File) {})
	if err != errBroken || tree.read != 3 {
		t.Errorf("canceled in the third directory: Find returned %v after %d directories, want %v after 3", err, tree.read, errBroken)
	}
	if err := Sequential(ctx, tree, func(File) {}); err != errBroken {
		t.Errorf("canceled before it began: Sequential returned %v, want %v", err, errBroken)
	}
}

// directories is a tree that counts the directories that are read.
type directories struct {
	fstest.MapFS
	read  int
	third func()
}

func (d *directories) ReadDir(path string) ([]fs.DirEntry, error) {
	if d.read++; d.read == 3 {
		d.third()
	}
	return d.MapFS.ReadDir(path)
}

// TestFindCanceledAtAnyFileReturnsTheCause cancels after each number of files, as
// Ctrl-C can at any moment (claim 6.5). No goroutine remains. If Find returns nil,
// every file was found before.
func TestFindCanceledAtAnyFileReturnsTheCause(t *testing.T) {
	tree := fstest.MapFS{}
	for i := range 50 {
		tree[fmt.Sprint(i)] = &fstest.MapFile{Data: make([]byte, i)}
	}
	for after := range 50 {
		ctx, cancel := context.WithCancelCause(t.Context())
		found := 0
		err := Find(ctx, tree, 4, func(File) {
			if found == after {
				cancel(errBroken)
			}
			found++
		})
		if err != errBroken && !(err == nil && found == 50) {
			t.Errorf("canceled after %d of 50 files: Find returned %v with %d files", after, err, found)
		}
		if n := StagesAlive(); n != 0 {
			t.Errorf("canceled after %d of 50 files: %d goroutines remain", after, n)
		}
	}
}

// TestUpToEndsBeforeTheLimit walks files of 10 bytes each, and one huge first file.
func TestUpToEndsBeforeTheLimit(t *testing.T) {
	tree := fstest.MapFS{"a": {Data: make([]byte, 10)}, "b": {Data: make([]byte, 10)}, "c": {Data: make([]byte, 10)}}
	for limit, want := range map[int64]int{0: 1, 1: 1, 10: 1, 19: 1, 20: 2, 29: 2, 30: 3, 1000: 3} {
		n := 0
		if err := UpTo(limit, Walk(tree))(t.Context(), func(File) error { n++; return nil }); err != nil || n != want {
			t.Errorf("up to %d bytes: %d files, %v; want %d", limit, n, err, want)
		}
	}
	n := 0
	tree = fstest.MapFS{"link": {Mode: fs.ModeSymlink, Data: []byte("z")}, "z": {Data: make([]byte, 10)}, "zz": {Data: make([]byte, 10)}}
	if err := UpTo(1, Walk(tree))(t.Context(), func(File) error { n++; return nil }); err != nil || n != 2 {
		t.Errorf("a symbolic link and two files that exceed the limit: %d are emitted, %v; want the link and the first file", n, err)
	}
	large := &directories{MapFS: fstest.MapFS{"a/file": {Data: make([]byte, 10)}, "b/file": {Data: make([]byte, 10)}, "c/file": {}, "d/file": {}}, third: func() {}}
	if err := UpTo(10, Walk(large))(t.Context(), func(File) error { return nil }); err != nil || large.read != 3 {
		t.Errorf("the limit is reached in the second of four directories: the walk read %d with the root, want 3 (%v)", large.read, err)
	}
}

// TestEntriesAreSortedAndTheirDirectoriesClosed has a hundred directories of one
// file, whose names are made in no order, and one of many files (claim 6.6).
func TestEntriesAreSortedAndTheirDirectoriesClosed(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d", i*37%100), "file"), nil)
	}
	for i := range 300 {
		write(t, filepath.Join(dir, "many", fmt.Sprint(i)), nil)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would close files that are out of reach
	tree := open(t, dir)
	before := openFiles()
	var walked []string
	if err := Walk(tree)(t.Context(), func(f File) error { walked = append(walked, f.Path); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(walked) != 400 || !slices.IsSorted(walked) {
		t.Errorf("%d files in the order %q, want 400, sorted", len(walked), walked)
	}
	if n := openFiles() - before; n > 50 {
		t.Errorf("101 directories have been read, and %d more files are open than before", n)
	}
}

// openFiles returns how many files this process has open, on systems that list them.
func openFiles() int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// TestPseudoFileSystemsAreFoundThroughASymbolicLink opens a directory by its other
// name (claim 6.6). The list of mounts has the real one.
func TestPseudoFileSystemsAreFoundThroughASymbolicLink(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil || runtime.GOOS == "windows" {
		t.Skipf("without a symbolic link: %v", err)
	}
	mounts, err := pseudoMounts(fmt.Sprintf("22 27 0:21 / %s/proc rw - proc none rw\n", dir), link)
	if err != nil || mounts["proc"] != "proc" {
		t.Errorf("got %v, %v; want proc", mounts, err)
	}
}

// TestDefaultTreeIsGosSourceOrTheCurrentDirectory looks with and without a Go command.
func TestDefaultTreeIsGosSourceOrTheCurrentDirectory(t *testing.T) {
	if path, name := DefaultTree(); name == "Go's own source tree" {
		if _, err := os.Stat(filepath.Join(path, "runtime", "proc.go")); err != nil {
			t.Errorf("%q is not Go's source: %v", path, err)
		}
	} else {
		t.Logf("there is no Go command: %q", path)
	}
	t.Setenv("PATH", t.TempDir())
	if path, name := DefaultTree(); path != "." || name != "the current directory" {
		t.Errorf("without a Go command: %q (%s), want the current directory", path, name)
	}
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script")
	}
	dir := t.TempDir()
	for _, name := range []string{"complete/src/file", "file/src", "none/file"} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), nil)
	}
	t.Setenv("PATH", dir)
	for goroot, want := range map[string]string{"complete": filepath.Join(dir, "complete", "src"), "file": ".", "none": "."} {
		script := fmt.Sprintf("#!/bin/sh\necho '%s'\n", filepath.Join(dir, goroot))
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if path, name := DefaultTree(); path != want || (name == "the current directory") != (want == ".") {
			t.Errorf("GOROOT is %s: got %q (%s), want %q", goroot, path, name, want)
		}
	}
}

// TestPartSaysWhatIsRead has a whole tree, its huge first file, and an empty tree.
func TestPartSaysWhatIsRead(t *testing.T) {
	huge := File{Path: "huge", Size: 100 << 30}
	s := &search{report: NewReport()}
	if got, want := s.part(NewReport()), "the files"; got != want {
		t.Errorf("an empty tree: got %q, want %q", got, want)
	}
	s.report.Add(huge)
	s.report.Add(File{Path: "other", Size: 28 << 30})
	if got, want := s.part(s.report), "the files"; got != want {
		t.Errorf("all of two files: got %q, want %q", got, want)
	}
	first := NewReport()
	first.Add(huge)
	if got, want := s.part(first), "the first file (100.0 GB)"; got != want {
		t.Errorf("one of two files: got %q, want %q", got, want)
	}
}

// TestListingOfTenHasNoMore has ten groups of ten identical files, the limit of both.
func TestListingOfTenHasNoMore(t *testing.T) {
	r := NewReport()
	for i := range 100 {
		r.Add(File{Path: fmt.Sprintf("%02d", i), Size: 1, Sum: [32]byte{byte(i % 10)}})
	}
	if out := printed(t, func() { listDuplicates(r) }); strings.Contains(out, "more") || strings.Count(out, "       \"") != 100 {
		t.Errorf("want 100 files, and no more, in\n%s", out)
	}
}

// TestListingNamesWhatWasNotRead has one and several of each, and a control
// character in a name.
func TestListingNamesWhatWasNotRead(t *testing.T) {
	r := NewReport()
	r.Add(File{Path: "a\x1b[31m", Err: fmt.Errorf("wrapped: %w", &fs.PathError{Op: "open", Path: "a\x1b[31m", Err: fs.ErrPermission})})
	r.Add(File{Path: "link", Err: ErrLink})
	r.Add(File{Path: "pipe", Err: ErrSpecial})
	r.Add(File{Path: "size", Err: ErrSize})
	text := skipped(r)
	for _, want := range []string{" 1 link, 1 special, 0 changed, 1 unreadable\n", " 1 file with a size", `not read: "a\x1b[31m": permission denied`} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "hard links") || strings.Contains(text, "pseudo") {
		t.Errorf("control characters, or a line about what there is none of:\n%s", text)
	}
	for range 3 {
		r.Add(File{Path: "changed", Err: ErrChanged})
	}
	if text := skipped(r); strings.Count(text, "not read: ") != 5 {
		t.Errorf("want exactly 5 files by name, and none more, in\n%s", text)
	}
	for range 2 {
		r.Add(File{Path: "changed", Err: ErrChanged})
	}
	r.Add(File{Path: "gone", Err: errors.Join(fs.ErrNotExist)})
	if text := skipped(r); !strings.Contains(text, " 6 changed, ") || !strings.Contains(text, "not read: 3 more files\n") || strings.Count(text, `not read: "`) != 5 {
		t.Errorf("want 6 changed, 5 files by name and 3 more in\n%s", text)
	}
}

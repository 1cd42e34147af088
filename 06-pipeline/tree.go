package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A Tree is an open directory as a file system. No path leads out of it, not even
// through a symbolic link that appears after the walk. Unlike os.Root.FS, it also
// opens names that are not valid UTF-8: most systems allow them.
type Tree struct {
	root   *os.Root
	pseudo map[string]string // mount points that are not entered or read, and their types
}

// OpenTree opens a directory. If pseudo is false, it refuses one that is in a
// pseudo file system such as /proc, and the tree does not enter those below it:
// reading a file there can have effects. The caller closes the tree.
func OpenTree(dir string, pseudo bool) (*Tree, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("%q: %v", dir, reason(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%q is not a directory", dir)
	}
	t := new(Tree)
	if !pseudo {
		mounts, _ := os.ReadFile("/proc/self/mountinfo") // only Linux has it
		if t.pseudo, err = pseudoMounts(string(mounts), dir); err != nil {
			return nil, err
		}
	}
	if t.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("%q: %v", dir, reason(err))
	}
	return t, nil
}

// Close closes the directory. Windows cannot remove one that is open.
func (t *Tree) Close() error { return t.root.Close() }

// Open opens a file or a directory. It does not block, even if the file has been
// replaced by a named pipe since the walk saw it.
func (t *Tree) Open(path string) (fs.File, error) {
	if _, ok := t.pseudo[path]; ok { // a file of a pseudo file system can be mounted alone
		return nil, ErrPseudo
	}
	return t.root.OpenFile(filepath.FromSlash(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// ReadDir returns the entries of a directory, sorted by name: all of them are in memory. Like
// Open, it does not block on a named pipe.
func (t *Tree) ReadDir(path string) ([]fs.DirEntry, error) {
	if _, ok := t.pseudo[path]; ok {
		return nil, ErrPseudo
	}
	dir, err := t.root.OpenFile(filepath.FromSlash(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}

// pseudoTypes are file systems whose files are an interface to the kernel.
var pseudoTypes = strings.Fields("autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fuse.lxcfs " +
	"fusectl hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs")

// pseudoMounts returns the mount points of pseudo file systems below dir, relative
// to it, from a list of mounts in the form of Linux's /proc/self/mountinfo. It
// returns an error if dir itself is in one.
func pseudoMounts(mountinfo, dir string) (map[string]string, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %v", dir, reason(err))
	}
	below, mounted, within := make(map[string]string), "", ""
	for line := range strings.Lines(mountinfo) {
		place, device, ok := strings.Cut(line, " - ")
		fields := strings.Fields(place)
		if !ok || len(fields) < 5 {
			continue
		}
		point := octal.ReplaceAllStringFunc(fields[4], func(s string) string { // "\040" is a space
			n, _ := strconv.ParseUint(s[1:], 8, 8)
			return string([]byte{byte(n)})
		})
		kind, _, _ := strings.Cut(device, " ")
		if rel, err := filepath.Rel(point, abs); err == nil && filepath.IsLocal(rel) && len(point) >= len(mounted) {
			mounted, within = point, kind // dir is in this one, the innermost so far
		} else if rel, err := filepath.Rel(abs, point); err == nil && filepath.IsLocal(rel) {
			if delete(below, filepath.ToSlash(rel)); slices.Contains(pseudoTypes, kind) {
				below[filepath.ToSlash(rel)] = kind
			}
		}
	}
	if slices.Contains(pseudoTypes, within) {
		return nil, fmt.Errorf("%q is in a pseudo file system (%s), where reading a file can have effects; -pseudo reads it", dir, within)
	}
	return below, nil
}

var octal = regexp.MustCompile(`\\[0-3][0-7][0-7]`)

// DefaultTree returns the directory of the installed Go's source, or the current
// directory if there is none, and its name in a sentence.
func DefaultTree() (path, name string) {
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		src := filepath.Join(strings.TrimSpace(string(out)), "src")
		if info, err := os.Stat(src); err == nil && info.IsDir() {
			return src, "Go's own source tree"
		}
	}
	return ".", "the current directory"
}

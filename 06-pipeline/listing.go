package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const summaryRow = "     %-15s %12s %9s   %-24s %9s\n"

// summary returns a row about a report for the table of 6.6.
func summary(name string, r *Report) string {
	groups, _ := r.Duplicates()
	files, wasted := 0, int64(0)
	for _, g := range groups {
		files, wasted = files+len(g), wasted+Wasted(g)
	}
	return fmt.Sprintf(summaryRow, name, plural(r.Files, "file"), size(r.Bytes), plural(files, "file")+" in "+plural(len(groups), "group"), size(wasted))
}

// listDuplicates prints the groups of identical files that waste most.
func listDuplicates(report *Report) {
	const most = 10
	groups, _ := report.Duplicates()
	if len(groups) == 0 {
		fmt.Print("\n     no identical files\n")
	}
	for _, group := range groups[:min(len(groups), most)] {
		fmt.Printf("\n     identical, %s each:\n", size(group[0].Size))
		for _, f := range group[:min(len(group), most)] {
			fmt.Printf("       %q\n", f.Path)
		}
		if len(group) > most {
			fmt.Printf("       and %s\n", plural(len(group)-most, "more file"))
		}
	}
	if len(groups) > most {
		fmt.Printf("\n     and %s\n", plural(len(groups)-most, "more group"))
	}
}

// skipped returns a row with how many files were not read, by reason, and lines
// about up to five of those that could not be read.
func skipped(r *Report) string {
	n := r.Reasons()
	_, hardLinks := r.Duplicates()
	var text strings.Builder
	fmt.Fprintf(&text, "     %-15s %12s, %s special, %s changed, %s unreadable\n", "not read",
		plural(n[ErrLink], "link"), count(n[ErrSpecial]), count(n[ErrChanged]), count(n[ErrUnreadable]))
	if n[ErrPseudo] > 0 {
		fmt.Fprintf(&text, "     %-15s %12s: not entered; with -pseudo they are\n", "", plural(n[ErrPseudo], "pseudo file system"))
	}
	if n[ErrSize] > 0 {
		fmt.Fprintf(&text, "     %-15s %12s with a size that is not the number of its bytes\n", "", plural(n[ErrSize], "file"))
	}
	if hardLinks > 0 {
		fmt.Fprintf(&text, "     %-15s %12s: another name of a file, not a duplicate\n", "hard links", plural(hardLinks, "file"))
	}
	shown := 0
	for _, f := range r.Skipped {
		if errors.Is(f.Err, ErrLink) || errors.Is(f.Err, ErrSpecial) {
			continue
		}
		if shown++; shown <= 5 {
			fmt.Fprintf(&text, "     not read: %q: %v\n", f.Path, reason(f.Err))
		}
	}
	if shown > 5 {
		fmt.Fprintf(&text, "     not read: %s\n", plural(shown-5, "more file"))
	}
	return text.String()
}

// reason returns what went wrong, without the path.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// fail prints what went wrong and exits with status 1.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "06-pipeline:", err)
	os.Exit(1)
}

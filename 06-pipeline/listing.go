package main

import (
	"errors"
	"fmt"
	"io/fs"
)

const summaryRow = "     %-15s %12s %9s   %-24s %9s\n"

// summary returns a row about a report for the table of 6.6.
func summary(name string, r *Report) string {
	groups := r.Duplicates()
	files, wasted := 0, int64(0)
	for _, g := range groups {
		files, wasted = files+len(g), wasted+Wasted(g)
	}
	return fmt.Sprintf(summaryRow, name, plural(r.Files, "file"), size(r.Bytes), plural(files, "file")+" in "+plural(len(groups), "group"), size(wasted))
}

// listDuplicates prints the groups of equal files that waste most.
func listDuplicates(report *Report) {
	groups := report.Duplicates()
	for _, group := range groups[:min(len(groups), 10)] {
		fmt.Printf("\n     equal, %s each:\n", size(group[0].Size))
		for _, f := range group[:min(len(group), 10)] {
			fmt.Printf("       %q\n", f.Path)
		}
		if len(group) > 10 {
			fmt.Printf("       and %s more\n", count(len(group)-10))
		}
	}
}

// listSkipped prints how many files were skipped, and up to five of those that
// could not be read, with the reason.
func listSkipped(report *Report) {
	links, special, changed, unreadable := report.Reasons()
	fmt.Printf("     %-15s %12s, %s special, %s changed, %s unreadable\n", "skipped", plural(links, "link"), count(special), count(changed), count(unreadable))
	shown := 0
	for _, f := range report.Skipped {
		if errors.Is(f.Err, ErrLink) || errors.Is(f.Err, ErrSpecial) {
			continue
		}
		if shown++; shown <= 5 {
			fmt.Printf("     skipped: %q: %v\n", f.Path, reason(f.Err))
		}
	}
	if shown > 5 {
		fmt.Printf("     skipped: %s more\n", count(shown-5))
	}
}

// reason returns what went wrong, without the path.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

package main

import (
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
)

// Blocked returns how many goroutines a profile lists whose stack contains a
// function with the prefix, such as "(*Leaky).sendWelcome", and the line of that
// function. It parses the text that /debug/pprof/NAME?debug=1 sends. It reports
// false if this build of Go does not have the profile.
func Blocked(profile, prefix string) (goroutines int, line string, ok bool) {
	p := pprof.Lookup(profile) // such as "goroutine"
	if p == nil {
		return 0, "", false
	}
	var text strings.Builder
	p.WriteTo(&text, 1) // one record for each distinct stack
	for record := range strings.SplitSeq(text.String(), "\n\n") {
		head, frames, _ := strings.Cut(record, " @ ")
		n, _ := strconv.Atoi(head[strings.LastIndex(head, "\n")+1:])
		for frame := range strings.Lines(frames) { // # address function+offset file:line
			if f := strings.Fields(frame); len(f) == 4 && strings.Contains(f[2], "."+prefix) {
				goroutines, line = goroutines+n, filepath.Base(f[3])
				break
			}
		}
	}
	return goroutines, line, true
}

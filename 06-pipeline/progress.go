package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Progress keeps a line about n files up to date until stop is called, which
// wipes it out again. It does so only on a terminal: in a file or a pipe it would be noise.
func Progress(n *atomic.Int64) (stop func()) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	told, wiped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(wiped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		line := ""
		for {
			select {
			case <-tick.C:
				line = fmt.Sprintf("     hashed so far: %s files", count(int(n.Load())))
				fmt.Fprint(os.Stderr, "\r", line)
			case <-told:
				fmt.Fprint(os.Stderr, "\r", strings.Repeat(" ", len(line)), "\r")
				return
			}
		}
	}()
	return func() {
		close(told)
		<-wiped // before anything else is printed
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Progress keeps a line with n up to date, only on a terminal. The caller must call
// stop, which erases the line before it returns.
func Progress(n *atomic.Int64) (stop func()) {
	if !terminal(os.Stderr) {
		return func() {}
	}
	return progress(os.Stderr, n)
}

func progress(w io.Writer, n *atomic.Int64) (stop func()) {
	done, erased := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(erased)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		line := ""
		for {
			select {
			case <-tick.C:
				line = "     hashed so far: " + plural(int(n.Load()), "file")
				fmt.Fprint(w, "\r", line)
			case <-done:
				fmt.Fprint(w, "\r", strings.Repeat(" ", len(line)), "\r")
				return
			}
		}
	}()
	return func() {
		close(done)
		<-erased
	}
}

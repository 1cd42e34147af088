package main

import (
	"fmt"
	"strings"
	"time"
)

// drawSends draws how long each send blocked, and what the receiver read.
func drawSends(sends []Sent, texts []string, whole time.Duration) {
	const width = 28
	for i, s := range sends {
		first, last := column(s.Began, whole, width), column(s.Done, whole, width)
		lane := strings.Repeat("·", first) + strings.Repeat("░", last-first) + strings.Repeat("·", width-last)
		fmt.Printf("     send %d  %s  blocked %7s  text %q\n", i+1, lane, measured(short(s.Done-s.Began)), texts[i])
	}
	fmt.Printf("             0%27s\n", short(whole))
}

// drawCalls draws a tree of calls, with when and why the context of each was done.
func drawCalls(c *Call, branch, below string) {
	name := branch + c.Name
	if c.Timeout > 0 {
		name += fmt.Sprintf(", asks for %s", short(c.Timeout))
	}
	fmt.Printf("     %-34s %8s   %v\n", name, measured(short(c.After)), c.Cause)
	for i, call := range c.Calls {
		if i == len(c.Calls)-1 {
			drawCalls(call, below+"└─ ", below+"   ")
		} else {
			drawCalls(call, below+"├─ ", below+"│  ")
		}
	}
}

// show prints what wait returns, and after how long.
func show(what string, wait func() (string, error)) {
	began := time.Now()
	got, err := wait()
	if err != nil {
		got = err.Error()
	}
	fmt.Printf("     %-34s %-22s after %s\n", what, got, measured(short(time.Since(began))))
}

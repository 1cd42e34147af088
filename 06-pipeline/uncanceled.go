package main

import (
	"context"
	"runtime"
	"strings"
)

// RunUncanceled is the WRONG Run: when body returns early, it does not cancel the
// stages. Each of them blocks forever in the send of the item that it holds. It
// prints nothing and nothing crashes: a server that does this with every request
// grows until it is out of memory.
func RunUncanceled(body func(p *Pipeline) error) error {
	p := &Pipeline{outer: context.Background(), ctx: context.Background(), cancel: func(error) {}}
	return body(p)
}

// StagesAlive counts the goroutines of all stages by their stacks: each was
// started by start, in a function such as main.start[...].func2.
func StagesAlive() int {
	stacks := make([]byte, 1<<20)
	n := runtime.Stack(stacks, true)
	for n == len(stacks) { // there may be more
		stacks = make([]byte, 2*len(stacks))
		n = runtime.Stack(stacks, true)
	}
	alive := 0
	for stack := range strings.SplitSeq(string(stacks[:n]), "\n\n") {
		if strings.Contains(stack, ".start[...].func") {
			alive++
		}
	}
	return alive
}

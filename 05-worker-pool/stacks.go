package main

import (
	"runtime"
	"strings"
)

// Inside returns how many goroutines are in the function, such as
// "forgottenWorker[...]", at this moment: it looks at all their stacks.
// The goroutine profile (net/http/pprof) shows the same over the network.
func Inside(function string) (goroutines int) {
	stacks := make([]byte, 1<<20)
	n := runtime.Stack(stacks, true)
	for n == len(stacks) { // there may be more
		stacks = make([]byte, 2*len(stacks))
		n = runtime.Stack(stacks, true)
	}
	for stack := range strings.SplitSeq(string(stacks[:n]), "\n\n") {
		// Goexit ends a goroutine, but leaves its functions on the stack until then.
		if strings.Contains(stack, "."+function+"(") && !strings.Contains(stack, "runtime.Goexit(") {
			goroutines++
		}
	}
	return goroutines
}

package main

import (
	"runtime"
	"strings"
)

// Blocked returns how many goroutines are blocked in a call of function, by what
// blocks them, such as "sync.Mutex.Lock", "chan send" or "select". In your own
// server the goroutine profile of net/http/pprof has the same.
func Blocked(function string) map[string]int {
	stacks := make([]byte, 1<<20)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) {
			stacks = stacks[:n]
			break
		}
		stacks = make([]byte, 2*len(stacks)) // the text did not fit
	}
	blocked := make(map[string]int)
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		head, calls, _ := strings.Cut(stack, "\n") // goroutine 7 [sync.Mutex.Lock, 2 minutes]:
		_, state, _ := strings.Cut(head, "[")
		state, _, _ = strings.Cut(state, "]")
		state, _, _ = strings.Cut(state, ",")
		state = strings.TrimSuffix(state, " (durable)") // in a synctest bubble
		if strings.Contains(calls, function+"(") && state != "running" && state != "runnable" {
			blocked[state]++
		}
	}
	return blocked
}

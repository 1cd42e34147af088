package main

import (
	"runtime"
	"strings"
)

// Inside returns how many goroutines are inside the function, such as
// "(*Leaky).sendWelcome", at this moment. (The goroutine profile in profile.go
// shows the same in a running server.)
func Inside(function string) (goroutines int) {
	return strings.Count(allStacks(), "."+function+"(")
}

// StartedBy returns how many of the goroutines that a go statement in the function has
// started have not ended. The function is named as in "(*Leaky).ServeHTTP". A goroutine
// that has not run yet counts, too: its stack names the function that created it.
func StartedBy(function string) (goroutines int) {
	return strings.Count(allStacks(), "."+function+" in goroutine ")
}

func allStacks() string {
	stacks := make([]byte, 1<<20)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) {
			return string(stacks[:n])
		}
		stacks = make([]byte, 2*len(stacks)) // the text was cut off
	}
}

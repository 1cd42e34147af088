package main

import (
	"context"
	"runtime"
	"strings"
)

// RunUntold is the WRONG Run: when body leaves early, nobody tells the stages.
// Each of them waits for ever to hand over the item it holds. Nothing is
// printed and nothing crashes: a server that does this with every request just
// grows until it is out of memory.
func RunUntold(body func(p *Pipeline) error) error {
	p := &Pipeline{ctx: context.Background(), stop: func(error) {}}
	return body(p)
}

// StagesAlive counts the goroutines of all stages, by their stacks. Those of a
// stage have a line such as main.Stage[...].func1.
func StagesAlive() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	alive := 0
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, ".Source[") || strings.Contains(stack, ".Stage[") {
			alive++
		}
	}
	return alive
}

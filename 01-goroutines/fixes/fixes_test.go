package exercise_test

import (
	_ "embed"
	"io"
	"log"
)

// The files to change. A fix is open until its file differs from the one that is checked in.
var (
	//go:embed background.go
	backgroundSource string
	//go:embed newsletter.go
	newsletterSource string
	//go:embed profile.go
	profileSource string
	//go:embed search.go
	searchSource string
)

var tasks = []task{
	{name: "Newsletter", file: "newsletter.go", source: newsletterSource, untouched: 0x6aaec515, solution: "SOLUTION.md",
		learned: "Wait waits only for what was counted before. Count a goroutine before it starts: WaitGroup.Go does so.", interleave: true},
	{name: "Search", file: "search.go", source: searchSource, untouched: 0x74ef7a8f, solution: "SOLUTION.md",
		learned: "append reads and writes the slice variable, so two goroutines that append to one slice lose results. Give each goroutine its own element, or lock.", interleave: true},
	{name: "Profile", file: "profile.go", source: profileSource, untouched: 0x8d2ecc40, solution: "SOLUTION.md",
		learned: "A closure shares the variables that it captures, err included. Give each goroutine its own error, and look at all of them after Wait."},
	{name: "Background", file: "background.go", source: backgroundSource, untouched: 0x4aa5503d, solution: "SOLUTION.md",
		learned: "recover stops only a panic of its own goroutine. Defer it in the function that the goroutine runs.", interleave: true},
}

func init() { log.SetOutput(io.Discard) } // the checks make tasks fail on purpose

package exercise_test

import (
	_ "embed"
	"io"
	"log"
)

// The files to change. A fix is open until its file differs from the one that is checked in.
var (
	//go:embed broadcast.go
	broadcastSource string
	//go:embed outbox.go
	outboxSource string
	//go:embed quote.go
	quoteSource string
	//go:embed refresh.go
	refreshSource string
	//go:embed transfer.go
	transferSource string
)

var tasks = []task{
	{name: "Broadcast", file: "broadcast.go", source: broadcastSource, untouched: 0x74778c35, solution: "SOLUTION.md",
		learned: "A range over a channel ends only when the channel is closed. The sender closes it, after its last send."},
	{name: "Quote", file: "quote.go", source: quoteSource, untouched: 0x076e6cbc, solution: "SOLUTION.md",
		learned: "A send on an unbuffered channel blocks until a receiver takes the value, and this receiver may have left. A buffer for the one answer lets the goroutine end.", interleave: true},
	{name: "Outbox", file: "outbox.go", source: outboxSource, untouched: 0x6120895f, solution: "SOLUTION.md",
		learned: "If several cases of a select are ready, it takes one at random. Check ctx.Err() first if cancellation must win."},
	{name: "Refresh", file: "refresh.go", source: refreshSource, untouched: 0x76ff60d5, solution: "SOLUTION.md",
		learned: "A deferred call runs when the function returns, not at the end of the loop's body. Call cancel as soon as the context's work is done."},
	{name: "Transfer", file: "transfer.go", source: transferSource, untouched: 0x5dcbd356, solution: "SOLUTION.md",
		learned: "Two goroutines that take two locks in two orders can block each other forever. Take locks in one order everywhere.", interleave: true},
}

func init() { log.SetOutput(io.Discard) } // the checks make tasks fail on purpose

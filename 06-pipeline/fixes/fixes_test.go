package exercise_test

import _ "embed"

// The files to change. A fix is open until its file differs from the one that is checked in.
var (
	//go:embed export.go
	exportSource string
	//go:embed import.go
	importSource string
	//go:embed thumbnails.go
	thumbnailsSource string
)

var tasks = []task{
	{name: "Thumbnails", file: "thumbnails.go", source: thumbnailsSource, untouched: 0x9677bd4a, solution: "SOLUTION.md",
		learned: "With several senders, one of them must close the channel, after the last send of all. A WaitGroup, or an atomic counter, says which one is the last.", interleave: true},
	{name: "Export", file: "export.go", source: exportSource, untouched: 0xa91544d8, solution: "SOLUTION.md",
		learned: "A stage that checks ctx only between two items blocks in its send or its receive. Each of them needs a select with ctx.Done()."},
	{name: "Import", file: "import.go", source: importSource, untouched: 0x7b96796a, solution: "SOLUTION.md",
		learned: "A goroutine that sends its error on a channel needs a receiver, or a free slot. After the first error there is no receiver any more.", interleave: true},
}

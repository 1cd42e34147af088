package exercise_test

import _ "embed"

// The files to change. A fix is open until its file differs from the one that is checked in.
var (
	//go:embed thumbnails.go
	thumbnailsSource string
	//go:embed prices.go
	pricesSource string
	//go:embed sitemap.go
	sitemapSource string
)

var tasks = []task{
	{name: "Thumbnails", file: "thumbnails.go", source: thumbnailsSource, untouched: 0x826a987b, solution: "SOLUTION.md",
		learned: "A worker that ranges over a channel ends only when the channel is closed. The goroutine that sends the tasks closes it, after the last one."},
	{name: "Prices", file: "prices.go", source: pricesSource, untouched: 0x4d5793a0, solution: "SOLUTION.md",
		learned: "Goroutines that send on an unbuffered channel end only when a receiver takes the values. Receive while they run; wait and close in another goroutine, or give the channel a buffer for all results."},
	{name: "Sitemap", file: "sitemap.go", source: sitemapSource, untouched: 0x82cc8a44, solution: "SOLUTION.md",
		learned: "A semaphore that is acquired inside the goroutine limits the work, but not the goroutines. Acquire before the go statement: then the loop is no faster than the work."},
}

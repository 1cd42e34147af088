package exercise_test

import (
	_ "embed"
	"io"
	"log"
)

// The files to change. A fix is open until its file differs from the one that is checked in.
var (
	//go:embed shipping.go
	shippingSource string
	//go:embed points.go
	pointsSource string
	//go:embed webhook.go
	webhookSource string
)

var tasks = []task{
	{name: "Shipping", file: "shipping.go", source: shippingSource, untouched: 0xf3eadd6d, solution: "SOLUTION.md",
		learned: "Acknowledge a job after the work, not before: then a crash in between repeats the job instead of losing it. At least once needs this order, and an idempotent task."},
	{name: "Points", file: "points.go", source: pointsSource, untouched: 0x1df25c24, solution: "SOLUTION.md",
		learned: "The check, the effect and the note that it happened belong in one transaction. Between two transactions the process can crash, or another worker can do the same job.", interleave: true},
	{name: "Webhook", file: "webhook.go", source: webhookSource, untouched: 0xb9995ccf, solution: "SOLUTION.md",
		learned: "Backoff needs a cap, so that no retry comes hours late, and full jitter, so that what failed together does not come back together. A wait must observe cancellation."},
}

func init() { log.SetOutput(io.Discard) } // the checks make tasks fail on purpose

package exercise_test

import (
	_ "embed"
	"io"
	"log"
)

// The files to change. A fix is open until its file differs from the one that is checked in.
var (
	//go:embed feed.go
	feedSource string
	//go:embed limit.go
	limitSource string
	//go:embed report.go
	reportSource string
	//go:embed voucher.go
	voucherSource string
)

var tasks = []task{
	{name: "Voucher", file: "voucher.go", source: voucherSource, untouched: 0xd5859c68, solution: "SOLUTION.md",
		learned: "A panic and an early return leave a function, too, and only a deferred Unlock covers every way out. net/http recovers the panic, and nothing reports the lock.", interleave: true},
	{name: "Report", file: "report.go", source: reportSource, untouched: 0x3d405952, solution: "SOLUTION.md",
		learned: "A map and a pointer are references: what is returned from under a lock must be a copy, to its last level. The copy is made with the lock held.", interleave: true},
	{name: "Limit", file: "limit.go", source: limitSource, untouched: 0x0c31eb4f, solution: "SOLUTION.md",
		learned: "A handler cannot be stopped from outside: it needs a ResponseWriter of its own, a context that is canceled, and a way for its panic. http.TimeoutHandler has all three."},
	{name: "Feed", file: "feed.go", source: feedSource, untouched: 0x5bfe5c92, solution: "SOLUTION.md",
		learned: "A send can block, so it does not belong under a lock, unless a default makes it give way. A slow subscriber then misses events, and the others do not.", interleave: true},
}

func init() { log.SetOutput(io.Discard) } // the checks make tasks fail on purpose

// Command 01-goroutines measures what a goroutine costs and shows what follows.
//
//	go run ./01-goroutines            the demo
//	go run ./01-goroutines 1.4        one section
//	go run ./01-goroutines -ask       the demo, with a question before each section
//	go test -race -v ./01-goroutines  the tests of its claims
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

const fewest, most = 100, 10_000_000

var crowdSize = flag.Int("n", 100_000, fmt.Sprintf("how many `goroutines` to keep alive, from %d to %d;\n1000000 take about 3 GB, on Windows 9 GB", fewest, most))

func main() {
	if playRole() { // a child process of this program: see roles.go
		return
	}
	l := &lesson{
		folder: "01-goroutines",
		title:  "01 · Goroutines: what they cost, what they share, and when they end",
		about:  "Measures what goroutines cost and shows what follows.",
		next:   "go run ./02-channels",
		ask:    quizzes,
		sections: []section{
			{"1.1", "A goroutine costs a few kilobytes; an OS thread costs far more.",
				code{"(c *Crowd) Grow", "c.members.Go(", 1}, memoryPerGoroutine},
			{"1.2", "A hundred thousand goroutines, or a million, can be alive at the same time.",
				code{"(c *Crowd) Grow", "c.alive.Add(1)", 3}, aliveTogether},
			{"1.3", "The scheduler runs them on a few OS threads.",
				code{"(c *Crowd) Grow", "runtime.LockOSThread", 1}, fewThreads},
			{"1.4", "A busy or blocked goroutine does not stop the others, even on one CPU.",
				code{"OthersRun", "go ran.Store", 2}, preemption},
			{"1.5", "When main returns, the program ends; it does not wait for goroutines.",
				code{"MainWaits", "wg.Wait", 1}, mainReturns},
			{"1.6", "Concurrency is not parallelism.",
				code{"Share", "wg.Go(func() {", 2}, concurrencyIsNotParallelism},
			{"1.7", "An unrecovered panic in any goroutine ends the whole program.",
				code{"Result", "if v := recover()", 3}, unrecoveredPanic},
			{"1.8", "Goroutines share the variables that they capture.",
				code{"OwnErrors", "for i, task", 3}, capturedVariables},
		},
	}
	l.parse()
	if *crowdSize < fewest || *crowdSize > most {
		l.usageError("-n must be from %d to %d, got %d", fewest, most, *crowdSize)
	}
	l.teach(context.Background())
}

func memoryPerGoroutine(context.Context) string {
	const row = "     %10s    %11s    %10s    %17s\n"
	fmt.Printf(row, "goroutines", "memory each", "all memory", "time to start all")
	n := *crowdSize
	rows := slices.Compact([]int{max(100, n/1000), max(100, n/100), max(100, n/10), n})
	crowd, before := NewCrowd(), memory()
	var each uint64
	var took time.Duration
	for i, alive := range rows {
		took += crowd.Grow(alive)
		used := memory() - before
		each = used / uint64(alive)
		fmt.Printf(row, count(alive), measured(size(each)), measured(size(used)), measured(short(took)))
		if i == len(rows)-2 {
			fmt.Printf("     (the next row will take about %s)\n", size(each*uint64(n)))
		}
	}
	crowd.Leave()
	takeaway("Each has a small stack, which grows when needed, and some bookkeeping.",
		"The last one costs as much as the first. 1.3 compares them with threads.")
	switch {
	case each < 1<<10:
		return "a"
	case each < 100<<10:
		return "b"
	}
	return "c"
}

func aliveTogether(context.Context) string {
	var each, alive, added int
	out, _, err := runRole("crowd", fmt.Sprint(*crowdSize))
	if _, scanErr := fmt.Sscan(out, &each, &alive, &added); err != nil || scanErr != nil {
		fmt.Println("    ", cmp.Or(err, scanErr))
		return ""
	}
	fmt.Printf("     alive at the same time: %s, in %s\n", measured(count(alive)), measured(size(each*alive)))
	takeaway("All have started and none has ended: they are blocked on one channel.",
		fmt.Sprintf("A million would take %s: go run ./01-goroutines -n 1000000", size(each*1_000_000)))
	if alive < 1000 { // with -n
		return ""
	}
	return "c"
}

func fewThreads(context.Context) string {
	const locked = 1000
	const row = "     %-37s %13s    %17s\n"
	crowd := NewCrowd()
	took, blocked := crowd.Grow(*crowdSize), threads()
	crowd.Leave()
	fmt.Printf(row, "goroutines", "OS threads", "time to start one")
	fmt.Printf(row, count(*crowdSize)+", blocked", measured(count(blocked)+" threads"), measured(short(took/time.Duration(*crowdSize))))
	if used, took, err := threadEach(locked, runRole); err != nil {
		fmt.Printf("     %s, each locked to a thread: %v\n", count(locked), err)
	} else {
		fmt.Printf(row, count(locked)+", each locked to a thread", measured(count(used)+" threads"), measured(short(took/locked)))
	}
	takeaway("A blocked goroutine does not occupy a thread. A few threads run all",
		"goroutines that are ready.")
	if blocked < 500 {
		return "a"
	}
	return "b"
}

func preemption(context.Context) string {
	blocked := make(chan bool)
	go func() { <-blocked }()
	before := runtime.GOMAXPROCS(1)
	turns, steps := TakeTurns(2, 100*time.Millisecond)
	cpus := runtime.GOMAXPROCS(before) // as it was for the turns
	close(blocked)
	all := turns[len(turns)-1].End
	fmt.Printf("     three goroutines, one CPU (GOMAXPROCS=%d); █ has the CPU\n", cpus)
	for who, name := range []string{"computes", "computes", "blocks"} {
		fmt.Printf("     %-8s  %s\n", name, lane(turns, who, 56))
	}
	fmt.Printf("               0%55s\n", measured(short(all)))
	fmt.Println("     while one goroutine is busy, does another one run?")
	for _, row := range []struct{ with, env string }{
		{"with preemption", ""},
		{"GODEBUG=asyncpreemptoff=1 (wrong)", "GODEBUG=asyncpreemptoff=1"},
	} {
		ran, _, err := runRole("busy", "100000000", row.env)
		if err != nil {
			ran = err.Error()
		}
		fmt.Printf("       %-34s  %s\n", row.with, measured(ran))
	}
	takeaway("The runtime looks at least every 10 ms for a goroutine that has had its",
		fmt.Sprintf("CPU for 10 ms, and preempts it. A turn lasted %s on average.", short(all/time.Duration(len(turns)))))
	switch {
	case len(turns) == 2:
		return "a"
	case steps/int64(len(turns)) > 100:
		return "b"
	}
	return "c"
}

// lane draws the turns of one goroutine in width columns.
func lane(turns []Turn, who, width int) string {
	cells := []rune(strings.Repeat("·", width))
	all := turns[len(turns)-1].End
	for _, t := range turns {
		if t.Who == who {
			first := column(t.Start, all, width)
			for i := first; i < min(max(column(t.End, all, width), first+1), width); i++ {
				cells[i] = '█'
			}
		}
	}
	return string(cells)
}

func mainReturns(context.Context) string {
	const row = "     %-34s %-14q exit status %d\n"
	var printed [2]string
	for i, main := range []struct{ role, does string }{
		{"main returns first", "main returns immediately (wrong)"},
		{"main waits", "main waits with wg.Wait"},
	} {
		out, status, err := runRole(main.role, "")
		if err != nil {
			fmt.Println("    ", err)
			return ""
		}
		printed[i] = strings.TrimSpace(out)
		fmt.Printf(row, main.does, measured(fmt.Sprintf("%q", printed[i])), status)
	}
	takeaway("The quotes contain what the goroutine printed. The wrong main exits with",
		"status 0 and no error, but the work is lost. Use WaitGroup.Go and Wait.")
	if printed[0] == "" {
		return "c"
	}
	return "a"
}

func concurrencyIsNotParallelism(context.Context) string {
	const pieces, sleepers, sleep = 64, 1000, 100 * time.Millisecond
	const row = "     %-39s %10s  %9s\n"
	cpus := runtime.GOMAXPROCS(0)
	fmt.Printf(row, "the same work, by", "took", "speed")
	rows := []struct {
		by         string
		goroutines int
		took       time.Duration
	}{
		{"1 goroutine", 1, time.Hour},
		{"1 goroutine for each CPU", cpus, time.Hour},
		{"8 goroutines for each CPU", 8 * cpus, time.Hour},
	}
	for range 5 { // The best of five: other programs can only slow it down.
		for i := range rows {
			rows[i].took = min(rows[i].took, Share(pieces, rows[i].goroutines, hash))
		}
	}
	for _, r := range rows {
		fmt.Printf(row, r.by, measured(short(r.took)), measured(times(rows[0].took, r.took)))
	}
	took := Share(sleepers, sleepers, func() { time.Sleep(sleep) })
	fmt.Printf(row, fmt.Sprintf("%s goroutines that sleep %s each", count(sleepers), short(sleep)),
		measured(short(took)), measured(times(sleepers*sleep, took)))
	takeaway(fmt.Sprintf("GOMAXPROCS is %d, of %s. Speed is compared with one goroutine.", cpus, plural(runtime.NumCPU(), "CPU")),
		"Computation runs in parallel: it gains up to GOMAXPROCS, and less while",
		"other programs use the CPUs. Goroutines that sleep need no CPU.")
	if took < sleepers*sleep/10 {
		return "a"
	}
	return "b"
}

func unrecoveredPanic(context.Context) string {
	out, status, err := runRole("panic", "")
	if err != nil {
		fmt.Println("    ", err)
		return ""
	}
	first, _, _ := strings.Cut(out, "\n")
	const row = "     %-28s %s\n     %28s %s\n"
	fmt.Printf(row, wrong("recovered in main (wrong)"), measured(first), "", fmt.Sprint("and the program exits with status ", status))
	if p, ok := errors.AsType[*PanicError](<-Result(func() error { return openMailbox(nil) })); ok {
		fmt.Printf(row, "recovered in its goroutine", measured(p.Error()), "", "as an error, and this program continues")
	}
	takeaway("recover has no effect on other goroutines. Recover in the goroutine that",
		"panics, and turn the panic into an error.")
	if status != 0 {
		return "c"
	}
	return "a"
}

func capturedVariables(context.Context) string {
	values := LoopVariables(3)
	const row = "     %-42s %s\n"
	fmt.Printf(row, "three goroutines that capture", "result")
	fmt.Printf(row, "i of for i := range 3", measured(fmt.Sprint(values)))
	fmt.Printf(row, wrong("one i for all, read after the loop (wrong)"), measured(fmt.Sprint(OldLoopVariables(3))))
	fmt.Printf(row, "an element of errs each", measured(fmt.Sprint(len(unjoin(OwnErrors(tasksThatFail))), " of 3 errors")))
	if out, _, err := runRole("shared error", ""); err != nil {
		fmt.Println("    ", err)
	} else {
		line, _, _ := strings.Cut(out, "\n")
		fmt.Printf(row, wrong("one err for all (wrong)"), measured(line))
	}
	takeaway("A function literal captures variables, not values. Since Go 1.22 each",
		"iteration has its own; before, all shared one. One err that several",
		"goroutines assign is a data race (chapter 02), and loses errors.")
	switch {
	case slices.Equal(values, []int{0, 1, 2}):
		return "a"
	case slices.Equal(values, []int{3, 3, 3}):
		return "b"
	}
	return ""
}

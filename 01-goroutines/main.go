// Command 01-goroutines measures what a goroutine costs and shows what that allows.
//
//	go run ./01-goroutines            the lesson
//	go test -race -v ./01-goroutines  its proofs
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if playRole() { // a child process of this very program: see roles.go
		return
	}
	const most = 10_000_000
	n := flag.Int("n", 100_000, "how many `goroutines` to keep alive at once, from 100; 1000000 take about 3 GB,\nand 9 GB on Windows")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./01-goroutines [flags]\n\n"+
			"Measures what goroutines cost, and shows that one program can have a great many.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("takes no arguments, got %q", flag.Args())
	}
	if *n < 100 || *n > most {
		usageError("-n must be from 100 to %s, got %d", count(most), *n)
	}

	fmt.Println("01 · Goroutines: so cheap that everything may have its own")
	crowd := NewCrowd()
	memoryEach, timeEach := cheap(crowd, *n)
	manyAtOnce(crowd, memoryEach)
	fewThreads(crowd, timeEach)
	crowd.Leave()
	nobodyIsStopped()
	nobodyIsWaitedFor()
	notParallel()
	panicEndsAll()
	fmt.Print("\nProof:  go test -race -v ./01-goroutines\nRead:   01-goroutines/README.md, and do its exercise\nNext:   go run ./02-channels\n")
}

// cheap grows the crowd row by row to n goroutines, measures each row, and
// returns the bytes that one takes, and the time to start it.
func cheap(crowd *Crowd, n int) (memoryEach uint64, timeEach time.Duration) {
	claim("1.1", "A goroutine costs kilobytes.")
	fmt.Println("     goroutines    memory each    all memory    time to start all")
	rows := slices.Compact([]int{max(100, n/1000), max(100, n/100), max(100, n/10), n})
	before := memory()
	var used uint64
	var took time.Duration
	for i, size := range rows {
		took += crowd.Grow(size) // from the row before to this one
		used = memory() - before
		fmt.Printf("     %10s    %11s    %10s    %17s\n", count(size), bytes(used/uint64(size)), bytes(used), short(took))
		if i == len(rows)-2 {
			fmt.Printf("     (the next row will take about %s)\n", bytes(used/uint64(size)*uint64(n)))
		}
	}
	read("Memory each is a small stack, which grows when it must, and some",
		"bookkeeping: as much for the last of the crowd as for the first.")
	return used / uint64(n), took / time.Duration(n)
}

// manyAtOnce counts the crowd while it is there.
func manyAtOnce(crowd *Crowd, memoryEach uint64) {
	claim("1.2", "Thousands live at once, even a million.")
	fmt.Printf("     alive at this moment: %s\n", count(crowd.Alive()))
	read("Each has started and none has ended: they wait on one channel.",
		fmt.Sprintf("A million would take %s: go run ./01-goroutines -n 1000000", bytes(memoryEach*1_000_000)))
}

// fewThreads compares the crowd with goroutines that insist on a thread of their own.
func fewThreads(crowd *Crowd, timeEach time.Duration) {
	claim("1.3", "Goroutines share a few OS threads.")
	const locked = 1000
	row := "     %-38s %12s    %17s\n"
	fmt.Printf(row, "goroutines", "OS threads", "time to start one")
	fmt.Printf(row, count(crowd.Alive())+" that wait", fmt.Sprint(threads(), " threads"), short(timeEach))
	if used, took, err := threadEach(locked); err != nil {
		fmt.Printf("     %s, each with a thread of its own: %v\n", count(locked), err)
	} else {
		fmt.Printf(row, count(locked)+", each locked to a thread", fmt.Sprint(used, " threads"), short(took/locked))
	}
	read("A waiting goroutine needs no thread: a few of them run whichever have",
		"something to do. One that asks for a thread of its own is for some C",
		"libraries (runtime.LockOSThread), and costs what a thread costs.")
}

// nobodyIsStopped lets two greedy goroutines share one processor.
func nobodyIsStopped() {
	claim("1.4", "A busy goroutine does not stop the others, on one processor either.")
	before := runtime.GOMAXPROCS(1)
	turns, _ := TakeTurns(2, 100*time.Millisecond)
	runtime.GOMAXPROCS(before)
	fmt.Print("     two goroutines that compute, and one processor for both\n\n")
	for me, name := range []string{"first ", "second"} {
		fmt.Printf("     %s  %s\n", name, lane(turns, me, 56))
	}
	all := turns[len(turns)-1].End
	fmt.Printf("             0%55s\n", short(all))
	read("Both compute without a pause and never offer to stop. The runtime takes",
		"the processor away from the one that has had it for more than 10 ms:",
		fmt.Sprintf("here a turn lasts %s on average.", short(all/time.Duration(len(turns)))))
}

// lane draws the time from the first turn to the end of the last in width cells, filled where me had the processor.
func lane(turns []Turn, me, width int) string {
	cells := []rune(strings.Repeat("·", width))
	all := turns[len(turns)-1].End
	for _, t := range turns {
		if t.Who != me {
			continue
		}
		first, last := int(t.Start*time.Duration(width)/all), int(t.End*time.Duration(width)/all)
		for i := first; i < min(max(last, first+1), width); i++ {
			cells[i] = '█'
		}
	}
	return string(cells)
}

// nobodyIsWaitedFor runs the program whose main returns first, and the one that waits.
func nobodyIsWaitedFor() {
	claim("1.5", "The program does not wait for its goroutines: you do.")
	fmt.Println("     main                    what its goroutine printed     exit status")
	for _, row := range []struct{ role, does string }{
		{"returns first", "returns at once (wrong)"},
		{"waits", "waits with wg.Wait()"},
	} {
		out, status, err := runRole(row.role, "")
		if err != nil {
			fmt.Println("     could not start a child process:", err)
			continue
		}
		fmt.Printf("     %-23s %-30q %d\n", row.does, strings.TrimSpace(out), status)
	}
	read("When main returns, the process ends. No error, status 0: the work is",
		"just not done. sync.WaitGroup's Go and Wait are the mend.")
}

// notParallel does the same computing with more and more goroutines, and the same waiting.
func notParallel() {
	claim("1.6", "Concurrency is not parallelism.")
	const pieces, waiters, wait = 64, 1000, 100 * time.Millisecond
	processors := runtime.GOMAXPROCS(0)
	fmt.Printf("     %-39s %10s  %9s\n", "the same computing, done by", "took", "speed")
	rows := []struct {
		who        string
		goroutines int
		took       time.Duration
	}{
		{"1 goroutine", 1, time.Hour},
		{"1 goroutine for each processor", processors, time.Hour},
		{"8 goroutines for each processor", 8 * processors, time.Hour},
	}
	for range 5 { // The best of five: whatever else this machine does can only slow it down.
		for i := range rows {
			rows[i].took = min(rows[i].took, Compute(pieces, rows[i].goroutines))
		}
	}
	for _, row := range rows {
		fmt.Printf("     %-39s %10s  %9s\n", row.who, short(row.took), times(rows[0].took, row.took))
	}
	took := Wait(waiters, wait)
	fmt.Printf("     %-39s %10s  %9s\n", fmt.Sprintf("%s goroutines that wait %s each", count(waiters), short(wait)), short(took), times(waiters*wait, took))
	read(fmt.Sprintf("Processors here: %d. Computing gains up to that number and no", processors),
		"further (and less while other programs use them). Waiting needs none, so",
		"all can do it at once.")
}

// panicEndsAll shows what one goroutine's panic does to a whole program, and the mend.
func panicEndsAll() {
	claim("1.7", "A panic in any goroutine ends the whole program.")
	out, status, err := runRole("panics", "")
	if err != nil {
		fmt.Println("     could not start a child process:", err)
	} else {
		first, _, _ := strings.Cut(out, "\n")
		fmt.Printf("     not recovered   %s\n                     exit status %d\n", first, status)
	}
	if p, ok := errors.AsType[*PanicError](<-Result(func() error { return openMailbox(nil) })); ok {
		fmt.Printf("     recovered       %v\n                     an error like any other, and this program goes on\n", p)
	}
	read("A deferred recover in main is of no use: it must stand in the goroutine",
		"that panics. There it becomes an error, to be handled like any other.")
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "01-goroutines: "+format+"\n", args...)
	os.Exit(2)
}

// count writes n with a comma after each group of thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytes writes a size in KB, MB or GB (1 KB is 1,024 bytes).
func bytes(n uint64) string {
	switch f := float64(n); {
	case f >= 1<<30:
		return fmt.Sprintf("%.1f GB", f/(1<<30))
	case f >= 1<<20:
		return fmt.Sprintf("%.1f MB", f/(1<<20))
	default:
		return fmt.Sprintf("%.1f KB", f/(1<<10))
	}
}

// short writes d with three figures and its unit.
func short(d time.Duration) string {
	if d == 0 {
		return "0 s" // less than a tick of the clock: Windows has some of half a millisecond and more
	}
	value, unit := float64(d), "ns"
	for _, larger := range []string{"µs", "ms", "s"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, larger
	}
	figures := 0
	for limit := 99.95; figures < 2 && value < limit; limit /= 10 {
		figures++
	}
	return fmt.Sprintf("%.*f %s", figures, value, unit)
}

// times writes how many times as long a took as b.
func times(a, b time.Duration) string { return fmt.Sprintf("%.1f×", a.Seconds()/b.Seconds()) }

// Command 06-pipeline finds the identical files of a directory with a pipeline: one
// stage walks, one reads and hashes, one groups. It shows what pipelines guarantee.
//
//	go run ./06-pipeline            every section
//	go run ./06-pipeline 6.4        one section
//	go run ./06-pipeline -ask       with a question before each section
//	go run ./06-pipeline -dir .     with a directory of yours
//	go test -race -v ./06-pipeline  the tests of its claims
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"time"
)

var (
	dir     = flag.String("dir", "", "the `directory` whose identical files to find and list (default Go's own source\ntree, or the current directory if there is none)")
	pseudo  = flag.Bool("pseudo", false, "also read pseudo file systems such as /proc and /sys. Reading there can have effects,\nand can block")
	workers = flag.Int("workers", runtime.GOMAXPROCS(0), "how many `goroutines` read and hash, from 1 to 1000 (default GOMAXPROCS)")
)

func main() {
	s := new(search)
	l := &lesson{
		folder: "06-pipeline",
		title:  "06 · Pipelines: stages that are linked by channels",
		about: "Shows how the stages of a pipeline overlap, in bounded memory, while it finds\n" +
			"the identical files of a directory. It only reads. Ctrl-C stops it.",
		next: "go run ./07-offload",
		ask:  quizzes,
		sections: []section{
			{"6.1", "Stages overlap: the total nears the slowest stage, not the sum.",
				code{"Find", "files := Source", 2}, s.overlap},
			{"6.2", "Memory is bounded by the stages, not by the input.",
				code{"start", "out := make", 1}, inFlight},
			{"6.3", "Fan out the slow stage, fan in its results; the order can be kept.",
				code{"Ordered", "j := job", 4}, s.fanOut},
			{"6.4", "A consumer that stops early must cancel the stages.",
				code{"send", "select { //", 4}, leaveEarly},
			{"6.5", "An error or a panic in one stage stops them all, and Run returns it.",
				code{"start", "if !returned", 4}, failing},
			{"6.6", "The result is right: the same as a sequential walk.",
				code{"Differ", "if says[path] != what", 3}, s.compare},
		},
	}
	flag.Lookup("workers").DefValue = "0" // its description has the default in words
	l.parse()
	if *workers < 1 || *workers > 1000 {
		l.usageError("-workers must be from 1 to 1000, got %d", *workers)
	}
	path, name, dirGiven := *dir, strconv.Quote(*dir), false
	if flag.Visit(func(f *flag.Flag) { dirGiven = dirGiven || f.Name == "dir" }); !dirGiven {
		path, name = DefaultTree()
	}
	tree, err := OpenTree(path, *pseudo)
	if err != nil {
		l.usageError("-dir: %v", err)
	}
	defer tree.Close()
	s.tree, s.name, s.workers = tree, name, *workers

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, func() {
		stop() // a second Ctrl-C ends the program, wherever it blocks
		if l.asking {
			fmt.Fprintln(os.Stderr, "\n     Press Ctrl-C again to end the program.")
		}
	})
	l.before = func() { s.find(ctx) }
	if dirGiven {
		l.after = func() { listDuplicates(s.report) }
	}
	l.teach(ctx)
}

// overlap draws when each stage is busy: three stages that only block, which any
// machine can overlap, and the stages that search the tree.
func (s *search) overlap(ctx context.Context) string {
	const items, wait = 20, 5 * time.Millisecond
	slow := func(_ context.Context, n int) (int, error) {
		time.Sleep(wait) // as a call to a database or to another server would
		return n, nil
	}
	passed, collected, files := newChart("first", "second", "third"), newChart("first", "second", "third"), newChart("walk", "hash", "group")
	three := func(c *chart, between func(p *Pipeline, in <-chan int) <-chan int) {
		c.run(func() error {
			return Run(ctx, func(p *Pipeline) error {
				first := Stage(p, 1, countTo(p, items), watched(c, 0, slow))
				second := Stage(p, 1, between(p, first), watched(c, 1, slow))
				for range Stage(p, 1, between(p, second), watched(c, 2, slow)) {
				}
				return nil
			})
		})
	}
	three(passed, func(_ *Pipeline, in <-chan int) <-chan int { return in })
	three(collected, Collecting)
	read := NewReport()
	files.run(func() error {
		timed(func(add func(File)) error {
			return Run(ctx, func(p *Pipeline) error {
				walked := Source(p, WatchSource(&files.lanes[0], UpTo(sample, Walk(s.tree))))
				group := watched(files, 2, func(_ context.Context, f File) (File, error) { add(f); return f, nil })
				for f := range Stage(p, 1, walked, watched(files, 1, Hash(s.tree))) {
					group(ctx, f)
				}
				return nil
			})
		}, read.Add)
		return nil
	})
	const width = 46
	fmt.Printf("     %d items, three stages, and each stage takes %s for an item\n", items, short(wait))
	passed.draw("each item passed on immediately", max(1, column(passed.took(), collected.took(), width)))
	collected.draw(wrong("all items collected between the stages (wrong)"), width)
	files.draw(s.part(read)+", 1 worker", width)
	lines := []string{
		"█ busy, ▓ most of the time, ▒ half of it, ░ less, · idle. Stages that",
		"block overlap on any machine; stages that compute need a free CPU each.",
	}
	if 2*files.lanes[1].Busy() > files.took() {
		lines = append(lines, "Hash does most of the work on the files: overlap gains little. See 6.3.")
	}
	takeaway(lines...)
	switch {
	case 2*passed.took() < collected.took():
		return "b"
	case 5*passed.took() > 4*collected.took():
		return "c"
	}
	return ""
}

func inFlight(ctx context.Context) string {
	const row = "     %13v    %11v %10v       %12v %10v\n"
	fmt.Printf("     items of 4 KB    %-22s       %s\n", "passed on one by one", wrong("collected on the way (wrong)"))
	const full = 4 + 3*slack // one in each goroutine, and the buffers of three channels
	var most int
	for _, items := range []int{200, 2000, 20_000} {
		n, held, err := MostInFlight(ctx, items, full, func(_ *Pipeline, in <-chan *page) <-chan *page { return in })
		if err != nil {
			fail(err)
		}
		all, allHeld, err := MostInFlight(ctx, items, items, Collecting)
		if err != nil {
			fail(err)
		}
		most = n
		fmt.Printf(row, count(items), measured(count(n)+" held"), measured(size(held)), measured(count(all)+" held"), measured(size(allHeld)))
	}
	takeaway("The consumer keeps its first item until all buffers are full. Then the",
		fmt.Sprintf("source, two stages and the consumer hold 1 each, and 3 channels %d each.", slack))
	switch most {
	case 100:
		return "a"
	case 20_000:
		return "c"
	}
	return "" // slack has been changed
}

func (s *search) fanOut(ctx context.Context) string {
	fmt.Println("     the hash stage                   took      speed       busy       in place")
	rows := []*fanned{
		{name: "1 worker", start: Stage[File, File], workers: 1},
		{name: "all workers", start: Stage[File, File], workers: s.workers},
		{name: "all workers, Ordered", start: Ordered[File, File], workers: s.workers},
	}
	for _, row := range rows {
		row.report = NewReport()
		row.took = timed(func(add func(File)) error {
			return Run(ctx, func(p *Pipeline) error {
				walk := UpTo(sample, Walk(s.tree))
				files := Source(p, func(ctx context.Context, emit func(File) error) error {
					return walk(ctx, func(f File) error {
						row.walked = append(row.walked, f.Path)
						return emit(f)
					})
				})
				for f := range row.start(p, row.workers, files, Watch(&row.lane, Hash(s.tree))) {
					add(f)
				}
				return nil
			})
		}, func(f File) {
			row.arrived = append(row.arrived, f.Path)
			row.report.Add(f)
		})
		fmt.Println(row.row(rows[0].took))
	}
	if part := s.part(rows[0].report); part != "the files" {
		fmt.Printf("     (%s)\n", part)
	}
	takeaway("In place: the nth file to enter the stage was also the nth to leave it.",
		"All workers: GOMAXPROCS of them, or -workers. Workers that are not busy",
		"wait for another stage, for a CPU, or (Ordered) for a place in the queue.",
		fmt.Sprintf("Then more of them do not help. GOMAXPROCS is %d, of %s.", runtime.GOMAXPROCS(0), plural(runtime.NumCPU(), "CPU")))
	if rows[1].inPlace() < len(rows[1].walked) {
		return "b"
	}
	return "" // with one worker, or by luck
}

func leaveEarly(ctx context.Context) string {
	takeOne := func(p *Pipeline) error {
		numbers := countTo(p, 1_000_000)
		for range Stage(p, 1, Stage(p, 1, Stage(p, 1, numbers, same), same), same) {
			break
		}
		return nil
	}
	const row = "     %-42s %s\n"
	before := StagesAlive() // if this section has run before
	fmt.Printf(row, "takes 1 item of 1,000,000 and returns", "goroutines of stages left")
	if err := Run(ctx, takeOne); err != nil {
		fail(err)
	}
	fmt.Printf(row, "Run cancels the stages", measured(fmt.Sprint(StagesAlive()-before, " of 4")))
	RunUncanceled(takeOne)
	left := StagesAlive() - before
	fmt.Printf(row, wrong("they are not canceled (wrong)"), measured(fmt.Sprint(left, " of 4")))
	takeaway("Each of the four blocks forever in a send, because no goroutine receives:",
		"a goroutine leak. Run cancels all stages when the consumer returns.")
	if left == 4 {
		return "c"
	}
	return "a"
}

func failing(ctx context.Context) string {
	before := StagesAlive() // those that 6.4 has leaked
	const row = "     %-34s %-34s %v\n"
	fmt.Printf(row, "what happens", "Run returns", "left")
	show := func(what string, err error) error {
		if ctx.Err() != nil {
			fail(err) // Ctrl-C
		}
		text := fmt.Sprint(err)
		if len(text) > 33 {
			text = text[:30] + "..."
		}
		fmt.Printf(row, what, measured(text), measured(fmt.Sprint(StagesAlive()-before)))
		return err
	}
	show("a stage fails at item 100", through(ctx, 1, fullAt100(1)))
	err := show("7 more workers fail because of it", through(ctx, 8, fullAt100(8)))
	show("a stage panics at item 100", through(ctx, 1, panicAt100))
	show("the caller cancels, with a cause", canceled(ctx))
	show("a nested pipeline is cut short", nested(ctx))
	takeaway("The first error is returned; errors that follow from it do not hide it.",
		"A panic is returned as an error with its stack. When the caller cancels,",
		"the cause of its context is returned (2.9). Left: the goroutines of",
		"stages that have not ended.")
	if err == errFull {
		return "a"
	}
	return ""
}

func (s *search) compare(ctx context.Context) string {
	plain := NewReport()
	timed(func(add func(File)) error { return Sequential(ctx, s.tree, add) }, plain.Add)
	fmt.Printf(summaryRow, "", "read", "", "identical", "wasted")
	fmt.Print(summary("pipeline", s.report), summary("sequential walk", plain))
	differ := Differ(s.report, plain)
	fmt.Printf("     %-15s %12s, compared one by one: path and SHA-256\n", "different", plural(len(differ), "file"))
	fmt.Print(skipped(s.report))
	for _, path := range differ[:min(len(differ), 5)] {
		fmt.Printf("     different: %q (changed between the two walks, or a bug)\n", path)
	}
	switch {
	case len(differ) > 0:
		takeaway("The directory has changed between the two walks: those files differ. All", "others are identical.")
		return ""
	case s.report.Files == 0:
		takeaway("There is no file that can be read, so there is nothing to compare.")
		return ""
	}
	takeaway("The same files with the same checksums. Only the order in which they", "arrive depends on the workers.")
	return "c"
}

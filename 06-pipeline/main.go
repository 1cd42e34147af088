// Command 06-pipeline finds the equal files of a directory with a pipeline: one
// stage walks, one reads and hashes, one groups. It shows what pipelines guarantee.
//
//	go run ./06-pipeline            the lesson
//	go run ./06-pipeline 6.4        one section
//	go run ./06-pipeline -ask       the lesson, with a question before each section
//	go run ./06-pipeline -dir .     the lesson, with a directory of yours
//	go test -race -v ./06-pipeline  the tests of its claims
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"time"
)

var (
	dir     = flag.String("dir", "", "the `directory` whose equal files to find and list (default Go's own source\ntree, or the current directory where that is absent)")
	workers = flag.Int("workers", runtime.GOMAXPROCS(0), "how many `goroutines` read and hash, from 1 to 1000 (default GOMAXPROCS)")
)

func main() {
	s := new(search)
	l := &lesson{
		folder: "06-pipeline",
		title:  "06 · Pipelines: stages that overlap, in memory that stays small",
		about: "Shows how the stages of a pipeline overlap, in bounded memory, while it finds\n" +
			"the equal files of a directory. It only reads. Ctrl-C stops it.",
		next: "go run ./07-offload",
		ask:  quizzes,
		sections: []section{
			{"6.1", "Stages overlap: the total nears the slowest stage, not the sum.",
				code{"Find", "files := Source", 2}, s.overlap},
			{"6.2", "Memory is bounded by the stages, not by the input.",
				code{"Stage", "out := make", 1}, inFlight},
			{"6.3", "Fan out the slow stage, fan in its results; the order can be kept.",
				code{"Ordered", "if !send(p, queue", 3}, s.fanOut},
			{"6.4", "A consumer that stops early must cancel the stages.",
				code{"send", "case <-p.ctx.Done()", 2}, leaveEarly},
			{"6.5", "An error in one stage stops them all and is the error returned.",
				code{"Stage", "if err != nil", 4}, failing},
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
	root, err := OpenTree(path)
	if err != nil {
		l.usageError("-dir: %v", err)
	}
	defer root.Close()
	s.tree, s.name, s.workers = root.FS(), name, *workers

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, func() {
		stop() // a second Ctrl-C ends the program, whatever it waits for
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

// overlap draws when each stage is busy: of three that only block, so that any
// machine can overlap them, and of those that search the tree.
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
		}, NewReport().Add)
		return nil
	})
	const width = 46
	fmt.Printf("     %d items, three stages, and each takes %s for an item\n", items, short(wait))
	passed.draw("each item passed on immediately", max(1, column(passed.took(), collected.took(), width)))
	collected.draw(wrong("all items collected between the stages (wrong)"), width)
	title := "the files, passed on immediately"
	if s.cut {
		title = fmt.Sprintf("the first %s of files, passed on immediately", size(sample))
	}
	files.draw(title, width)
	lines := []string{
		"Time goes to the right. █ busy, ▓▒░ less and less, · idle. Bars one above",
		"the other are work at the same time. Blocking overlaps anywhere, but",
		"computation only as far as there are CPUs.",
	}
	if 2*files.lanes[1].Busy() > files.took() {
		lines = append(lines, "With the files, hash has most of the work. So overlapping saves little:", "what helps is 6.3.")
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

// inFlight counts how many items are in flight when the consumer is slow.
func inFlight(ctx context.Context) string {
	const row = "     %13v    %11v %10v       %12v %10v\n"
	fmt.Printf("     items of 4 KB    %-22s       %s\n", "passed on one by one", wrong("collected on the way (wrong)"))
	const full = 4 + 3*slack // one with each goroutine, and what the three channels hold
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
	takeaway("The consumer waits until no more items fit in. Then the source, two",
		fmt.Sprintf("stages and the consumer hold one item each, the three channels %d each.", slack))
	switch most {
	case 100:
		return "a"
	case 20_000:
		return "c"
	}
	return "" // slack has been changed
}

// fanOut gives the slow stage more workers, without and with the order kept.
func (s *search) fanOut(ctx context.Context) string {
	fmt.Println("     the hash stage                   took      speed       busy       in place")
	rows := []*fanned{
		{name: "1 worker", start: Stage[File, File], workers: 1},
		{name: "all workers", start: Stage[File, File], workers: s.workers},
		{name: "all workers, Ordered", start: Ordered[File, File], workers: s.workers},
	}
	for _, row := range rows {
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
		}, func(f File) { row.arrived = append(row.arrived, f.Path) })
		fmt.Println(row.row(rows[0].took))
	}
	if s.cut {
		fmt.Printf("     (of the first %s)\n", size(sample))
	}
	takeaway("In place: what went into the stage as the nth and came out as the nth.",
		"All workers: GOMAXPROCS of them, or as many as -workers says. If they are",
		"not busy all the time, they wait: for another stage, their turn (Ordered)",
		"or a CPU. Then more of them are of no use. All stages share the CPUs:",
		fmt.Sprintf("GOMAXPROCS is %d, of %s.", runtime.GOMAXPROCS(0), plural(runtime.NumCPU(), "CPU")))
	if rows[1].inPlace() < len(rows[1].walked) {
		return "b"
	}
	return "" // with one worker, or by luck
}

// leaveEarly takes one item of very many and returns, with and without canceling the stages.
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
	fmt.Printf(row, wrong("nothing cancels them (wrong)"), measured(fmt.Sprint(left, " of 4")))
	takeaway("Each of the four blocks in a send that no goroutine will receive, for as",
		"long as the program lives: a goroutine leak. Run cancels the context of",
		"all stages when the consumer returns.")
	if left == 4 {
		return "c"
	}
	return "a"
}

// failing has a stage fail, and the caller cancel.
func failing(ctx context.Context) string {
	before := StagesAlive() // those that 6.4 has leaked
	const row = "     %-37s %-22s %v\n"
	fmt.Printf(row, "what happens", "Run returns", "stages left")
	show := func(what string, runCtx context.Context, body func(p *Pipeline) error) error {
		err := Run(runCtx, body)
		if ctx.Err() != nil {
			fail(err) // Ctrl-C
		}
		fmt.Printf(row, what, measured(strconv.Quote(err.Error())), measured(fmt.Sprint(StagesAlive()-before)))
		return err
	}
	show("a stage fails at item 100", ctx, func(p *Pipeline) error {
		for range Stage(p, 1, Stage(p, 1, countTo(p, 1000), fullAt100(1)), same) {
		}
		return nil
	})
	err := show("and 7 more workers because of that", ctx, func(p *Pipeline) error {
		for range Stage(p, 1, Stage(p, 8, countTo(p, 1000), fullAt100(8)), same) {
		}
		return nil
	})
	canceled, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	show("the caller cancels, with a cause", canceled, func(p *Pipeline) error {
		for n := range Stage(p, 1, countTo(p, 1000), same) {
			if n == 100 {
				cancel(errors.New("the client left"))
			}
		}
		return nil
	})
	takeaway("The first error is returned. Errors that follow from it do not hide it.")
	if err == errFull {
		return "a"
	}
	return ""
}

// compare compares the pipeline's report with that of a sequential walk.
func (s *search) compare(ctx context.Context) string {
	plain := NewReport()
	timed(func(add func(File)) error { return Sequential(ctx, s.tree, add) }, plain.Add)
	fmt.Printf(summaryRow, "", "read", "", "equal", "to save")
	fmt.Print(summary("pipeline", s.report), summary("sequential walk", plain))
	differ := Differ(s.report, plain)
	fmt.Printf("     %-15s %12s, compared one by one: path and SHA-256\n", "different", plural(len(differ), "file"))
	listSkipped(s.report)
	for _, path := range differ[:min(len(differ), 5)] {
		fmt.Printf("     different: %q (changed between the two walks, or a bug)\n", path)
	}
	if len(differ) > 0 {
		takeaway("The directory has changed between the two walks: those files differ. All", "others are the same.")
		return ""
	}
	takeaway("The same files with the same checksums. Only the order in which they", "arrive depends on the workers.")
	return "c"
}

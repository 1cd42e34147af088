// Command 06-pipeline finds the equal files of a directory with a pipeline: one
// stage walks, one reads and hashes, one groups. And it shows what pipelines promise.
//
//	go run ./06-pipeline            the lesson
//	go test -race -v ./06-pipeline  its proofs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	dir := flag.String("dir", "", "the `directory` whose equal files to find and list (default Go's own source\ntree, or the current directory where that is absent)")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many `goroutines` read and hash, from 1 to 1000 (default the number of\nprocessors)")
	flag.Lookup("workers").DefValue = "0" // said in words above
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./06-pipeline [flags]\n\n"+
			"Shows how the stages of a pipeline overlap, in bounded memory, while it finds\nthe equal files of a directory. It only reads. Ctrl-C stops it.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("takes no arguments, got %q", flag.Args())
	}
	if *workers < 1 || *workers > 1000 {
		usageError("-workers must be from 1 to 1000, got %d", *workers)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program, however stuck it is

	path, name := *dir, strconv.Quote(*dir)
	if !isSet("dir") {
		path, name = DefaultTree()
	}
	root, err := OpenTree(path)
	if err != nil {
		fail(err)
	}
	defer root.Close()
	l := &lesson{ctx: ctx, tree: root.FS(), workers: *workers}

	fmt.Println("06 · Pipelines: steps that overlap, in memory that stays small")
	report := l.find(name)
	l.overlap()     // 6.1
	l.inFlight()    // 6.2
	l.fanOut()      // 6.3
	l.leaveEarly()  // 6.4
	l.fails()       // 6.5
	l.right(report) // 6.6
	if isSet("dir") {
		list(report)
	}
	fmt.Print("\nProof:  go test -race -v ./06-pipeline\nRead:   06-pipeline/README.md, and do its exercise\nNext:   go run ./07-offload\n")
}

// A lesson is about one tree.
type lesson struct {
	ctx     context.Context // cancelled by Ctrl-C
	tree    fs.FS
	workers int
	cut     bool // 6.1 and 6.3 do not read all of it
}

// find runs the whole pipeline once, as an application would. So the tree is in
// the system's file cache afterwards, and the comparisons below are fair.
func (l *lesson) find(name string) *Report {
	fmt.Printf("\n     walk ───> hash ───> group       the files of %s\n", name)
	report := NewReport()
	took := l.timed(func(add func(File)) error { return Find(l.ctx, l.tree, l.workers, add) }, report.Add)
	fmt.Printf("     %s files, %s, in %s\n", count(report.Files), bytes(report.Bytes), short(took))
	l.cut = report.Bytes > sample
	return report
}

// timed runs a search, with a progress line on a terminal.
func (l *lesson) timed(search func(add func(File)) error, add func(File)) time.Duration {
	var n atomic.Int64
	stop := Progress(&n)
	began := time.Now()
	err := search(func(f File) {
		add(f)
		n.Add(1)
	})
	took := time.Since(began)
	stop()
	if err != nil {
		fail(err)
	}
	return took
}

// sample is how much of a large tree the comparisons of 6.1 and 6.3 read.
const sample = 512 << 20

// overlap draws when each stage is busy: of three that only wait, so that any
// machine can overlap them, and of those that search the tree.
func (l *lesson) overlap() {
	claim("6.1", "Stages overlap: the time nears that of the slowest, not the sum.")
	const items, wait = 20, 5 * time.Millisecond
	slow := func(_ context.Context, n int) (int, error) {
		time.Sleep(wait) // as for a database, or somebody's API
		return n, nil
	}
	atOnce, collected, search := newChart("first", "second", "third"), newChart("first", "second", "third"), newChart("walk", "hash", "group")
	three := func(c *chart, between func(p *Pipeline, in <-chan int) <-chan int) {
		c.run(func() error {
			return Run(l.ctx, func(p *Pipeline) error {
				first := Stage(p, 1, countTo(p, items), Watch(&c.lanes[0], slow))
				second := Stage(p, 1, between(p, first), Watch(&c.lanes[1], slow))
				for range Stage(p, 1, between(p, second), Watch(&c.lanes[2], slow)) {
				}
				return nil
			})
		})
	}
	three(atOnce, func(_ *Pipeline, in <-chan int) <-chan int { return in })
	three(collected, Collecting)
	report := NewReport()
	search.run(func() error {
		l.timed(func(add func(File)) error {
			return Run(l.ctx, func(p *Pipeline) error {
				files := Source(p, WatchSource(&search.lanes[0], UpTo(sample, Walk(l.tree))))
				for f := range Stage(p, 1, files, Watch(&search.lanes[1], Hash(l.tree))) {
					from := time.Now()
					add(f)
					search.lanes[2].add(from, time.Now())
				}
				return nil
			})
		}, report.Add)
		return nil
	})
	const width = 46
	fmt.Printf("     %d items, three stages, and each waits %s for an item\n", items, short(wait))
	atOnce.draw("each handed on at once", max(1, int(width*atOnce.took()/collected.took())))
	collected.draw("all collected between the stages (wrong)", width)
	files := "the files"
	if l.cut {
		files = fmt.Sprintf("the first %s of files", bytes(sample))
	}
	search.draw(files+", handed on at once", width)
	read("Time goes to the right. █ busy, ░ now and then, · waiting. Full bars one",
		"above the other are work at the same time. Waiting overlaps anywhere,",
		"computing as far as there are processors for it. Among the files hash has",
		"most of the work, so overlapping saves little: what helps is 6.3.")
}

// A chart is one run of three stages.
type chart struct {
	names [3]string
	lanes [3]Lane
	whole Span
}

func newChart(names ...string) *chart { return &chart{names: [3]string(names)} }

func (c *chart) took() time.Duration { return c.whole.To.Sub(c.whole.From) }

func (c *chart) run(stages func() error) {
	c.whole.From = time.Now()
	if err := stages(); err != nil {
		fail(err)
	}
	c.whole.To = time.Now()
}

func (c *chart) draw(title string, width int) {
	fmt.Printf("\n     %-61s busy\n", title)
	for i, name := range c.names {
		fmt.Printf("     %-7s %-46s  %10s\n", name, draw(c.lanes[i].Cells(c.whole, width)), short(c.lanes[i].Busy()))
	}
	fmt.Printf("     %-7s %46s  %10s\n", "all", "", short(c.took()))
}

// draw shows how full each cell is.
func draw(cells []float64) string {
	var b strings.Builder
	for _, c := range cells {
		switch {
		case c == 0:
			b.WriteRune('·')
		case c < 0.35:
			b.WriteRune('░')
		case c < 0.65:
			b.WriteRune('▒')
		case c < 0.95:
			b.WriteRune('▓')
		default:
			b.WriteRune('█')
		}
	}
	return b.String()
}

// inFlight counts how many items are under way when the consumer is slow.
func (l *lesson) inFlight() {
	claim("6.2", "Memory is bounded by the stages, not by the input.")
	fmt.Println("     items of 4 KB    handed on one by one         collected on the way (wrong)")
	const full = 4 + 3*slack // one with each goroutine, and what waits in the three channels
	for _, items := range []int{200, 2000, 20_000} {
		most, held, err := MostInFlight(l.ctx, items, full, func(_ *Pipeline, in <-chan *page) <-chan *page { return in })
		if err != nil {
			fail(err)
		}
		collected, all, err := MostInFlight(l.ctx, items, items, Collecting)
		if err != nil {
			fail(err)
		}
		fmt.Printf("     %13s    %7s held    %10s    %7s held    %10s\n", count(items), count(most), bytes(held), count(collected), bytes(all))
	}
	read("The consumer waits until no more fits in. Then the source, two stages and",
		fmt.Sprintf("the consumer hold one item each, and the three channels %d each.", slack))
}

// fanOut gives the slow stage more workers, without and with the order kept.
func (l *lesson) fanOut() {
	claim("6.3", "The slow stage can be fanned out and merged; order can be kept.")
	fmt.Println("     the hash stage                    took    speed    busy     still in place")
	type starter func(*Pipeline, int, <-chan File, func(context.Context, File) (File, error)) <-chan File
	var alone time.Duration
	for _, row := range []struct {
		name    string
		start   starter
		workers int
	}{
		{"1 worker", Stage[File, File], 1},
		{"all workers", Stage[File, File], l.workers},
		{"all workers, Ordered", Ordered[File, File], l.workers},
	} {
		var walked, arrived []string
		var lane Lane
		took := l.timed(func(add func(File)) error {
			return Run(l.ctx, func(p *Pipeline) error {
				walk := UpTo(sample, Walk(l.tree))
				files := Source(p, func(ctx context.Context, emit func(File) error) error {
					return walk(ctx, func(f File) error {
						walked = append(walked, f.Path)
						return emit(f)
					})
				})
				for f := range row.start(p, row.workers, files, Watch(&lane, Hash(l.tree))) {
					add(f)
				}
				return nil
			})
		}, func(f File) { arrived = append(arrived, f.Path) })
		if alone == 0 {
			alone = took
		}
		inPlace := 0
		for i, path := range arrived {
			if path == walked[i] {
				inPlace++
			}
		}
		fmt.Printf("     %-25s %12s %8s %7s %18s\n", row.name, short(took), times(alone, took),
			percent(float64(lane.Busy()), float64(took)*float64(row.workers)), percent(float64(inPlace), float64(len(walked))))
	}
	if l.cut {
		fmt.Printf("     (of the first %s)\n", bytes(sample))
	}
	read("Still in place: what went into the stage as the nth and came out as the",
		"nth. All workers: one for each processor, or as many as -workers says. If",
		"they are not busy all the time they wait: for another stage, their turn",
		"(Ordered) or a processor. Then more of them are of no use.",
		fmt.Sprintf("Processors here: %d, and all stages share them.", runtime.GOMAXPROCS(0)))
}

// leaveEarly takes one item of very many and leaves, with and without telling the stages.
func (l *lesson) leaveEarly() {
	claim("6.4", "A consumer that leaves early must tell the stages.")
	takeOne := func(p *Pipeline) error {
		numbers := countTo(p, 1_000_000)
		for range Stage(p, 1, Stage(p, 1, Stage(p, 1, numbers, same), same), same) {
			break
		}
		return nil
	}
	fmt.Println("     it takes 1 item of 1,000,000 and leaves    goroutines of stages left")
	if err := Run(l.ctx, takeOne); err != nil {
		fail(err)
	}
	fmt.Printf("     Run tells the stages                       %d of 4\n", StagesAlive())
	RunUntold(takeOne)
	fmt.Printf("     nobody tells them (wrong)                  %d of 4\n", StagesAlive())
	read("Each of the four waits to hand over an item, to nobody, for as long as",
		"the program lives. Run itself tells them when the consumer returns.")
}

// fails lets a stage fail, and the caller give up.
func (l *lesson) fails() {
	claim("6.5", "One stage's error stops them all and is the error returned.")
	stuck := StagesAlive() // from 6.4, for ever
	show := func(what string, ctx context.Context, body func(p *Pipeline) error) {
		err := Run(ctx, body)
		if l.ctx.Err() != nil {
			fail(err)
		}
		fmt.Printf("     %-37s %-22q %d\n", what, err.Error(), StagesAlive()-stuck)
	}
	failAt100 := func(workers int) func(context.Context, int) (int, error) {
		var others sync.WaitGroup
		others.Add(workers - 1)
		return func(ctx context.Context, n int) (int, error) {
			switch {
			case n < 100:
				return n, nil
			case n == 100:
				others.Wait() // until each of them has an item too
				return 0, errors.New("item 100: disk full")
			}
			others.Done()
			<-ctx.Done()
			return 0, fmt.Errorf("item %d: %w", n, ctx.Err())
		}
	}
	fmt.Println("     what happens                          Run returns            stages left")
	show("a stage fails at item 100", l.ctx, func(p *Pipeline) error {
		for range Stage(p, 1, Stage(p, 1, countTo(p, 1000), failAt100(1)), same) {
		}
		return nil
	})
	show("and 7 more workers because of that", l.ctx, func(p *Pipeline) error {
		for range Stage(p, 1, Stage(p, 8, countTo(p, 1000), failAt100(8)), same) {
		}
		return nil
	})
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	show("the caller cancels, and says why", ctx, func(p *Pipeline) error {
		for n := range Stage(p, 1, countTo(p, 1000), same) {
			if n == 100 {
				cancel(errors.New("the client left"))
			}
		}
		return nil
	})
	read("The first reason wins. The errors that only follow from it don't hide it.")
}

// countTo is a source of the numbers from 1 to n.
func countTo(p *Pipeline, n int) <-chan int {
	return Source(p, func(_ context.Context, emit func(int) error) error {
		for i := range n {
			if err := emit(i + 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// same is the work of a stage that passes its items on.
func same(_ context.Context, n int) (int, error) { return n, nil }

// right compares the pipeline's report with that of a plain walk.
func (l *lesson) right(report *Report) {
	claim("6.6", "Its result is the same as a plain sequential walk's.")
	plain := NewReport()
	l.timed(func(add func(File)) error { return Sequential(l.ctx, l.tree, add) }, plain.Add)
	fmt.Println("                    read                      equal                     to save")
	for _, row := range []struct {
		name string
		*Report
	}{{"pipeline", report}, {"plain walk", plain}} {
		groups := row.Duplicates()
		files, wasted := 0, int64(0)
		for _, g := range groups {
			files, wasted = files+len(g), wasted+Wasted(g)
		}
		fmt.Printf("     %-10s %9s files %10s    %s files in %s groups %9s\n", row.name, count(row.Files), bytes(row.Bytes), count(files), count(len(groups)), bytes(wasted))
	}
	differ := Differ(report, plain)
	links, special, changed, unreadable := report.Reasons()
	fmt.Printf("     different  %9s files, compared one by one: path and SHA-256\n", count(len(differ)))
	fmt.Printf("     skipped    %9s links, %s special, %s changed, %s unreadable files\n", count(links), count(special), count(changed), count(unreadable))
	for _, path := range differ[:min(len(differ), 5)] {
		fmt.Printf("     different: %q (it changed between the two, or something is wrong here)\n", path)
	}
	shown := 0
	for _, f := range report.Skipped {
		if errors.Is(f.Err, ErrLink) || errors.Is(f.Err, ErrSpecial) {
			continue
		}
		if shown++; shown <= 5 {
			fmt.Printf("     skipped: %q: %v\n", f.Path, reason(f.Err))
		}
	}
	if shown > 5 {
		fmt.Printf("     skipped: %s more\n", count(shown-5))
	}
	if len(differ) > 0 {
		read("The directory has changed between the two walks: those differ, and all", "others are the same.")
		return
	}
	read("The same files with the same sums. Only the order in which they arrive is",
		"up to the workers.")
}

// list names the groups of equal files that waste most.
func list(report *Report) {
	groups := report.Duplicates()
	for _, group := range groups[:min(len(groups), 10)] {
		fmt.Printf("\n     equal, %s each:\n", bytes(group[0].Size))
		for _, f := range group[:min(len(group), 10)] {
			fmt.Printf("       %q\n", f.Path)
		}
		if len(group) > 10 {
			fmt.Printf("       and %s more\n", count(len(group)-10))
		}
	}
}

// reason returns what went wrong, without the path.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// isSet reports whether the flag was given.
func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "06-pipeline: "+format+"\n", args...)
	os.Exit(2)
}

// fail says what went wrong and exits with 1.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "06-pipeline:", err)
	os.Exit(1)
}

// count writes n with a comma after each group of thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytes writes a size in B, KB, MB or GB (1 KB is 1,024 bytes).
func bytes(n int64) string {
	switch f := float64(n); {
	case f >= 1<<30:
		return fmt.Sprintf("%.1f GB", f/(1<<30))
	case f >= 1<<20:
		return fmt.Sprintf("%.1f MB", f/(1<<20))
	case f >= 1<<10:
		return fmt.Sprintf("%.1f KB", f/(1<<10))
	default:
		return fmt.Sprintf("%d B", n)
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

// percent writes a as a part of b, and 100 % if b is 0.
func percent(a, b float64) string {
	if b == 0 {
		return "100 %"
	}
	return fmt.Sprintf("%.0f %%", 100*a/b)
}

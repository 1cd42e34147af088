// Command 05-worker-pool scales images and calls a slow server with a fixed
// number of goroutines, and shows what a worker pool guarantees.
//
//	go run ./05-worker-pool            the demo
//	go run ./05-worker-pool 5.3        one section
//	go run ./05-worker-pool -ask       the demo, with a question before each section
//	go test -race -v ./05-worker-pool  the tests of its claims
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"os"
	"runtime"
	"runtime/trace"
	"slices"
	"time"
)

var (
	poolSize   = flag.Int("workers", 4, "how many `goroutines` run the tasks in 5.1, 5.3 and 5.4, from 1 to 64")
	imageCount = flag.Int("tasks", 64, "how many `images` 5.1 scales, from 1 to 2000")
)

func main() {
	l := &lesson{
		folder: "05-worker-pool",
		title:  "05 · Worker pools: many tasks, and a few goroutines that run them",
		about:  "Shows what a worker pool guarantees, and how many workers are worth having.",
		next:   "go run ./06-pipeline",
		ask:    quizzes,
		sections: []section{
			{"5.1", "A fixed number of goroutines, whatever the number of tasks.",
				code{"NewPool", "for range max(c.Workers", 3}, fixedNumber},
			{"5.2", "Every task runs once; results come in order, or as they complete.",
				code{"Map", "if i = int(next.Add", 3}, onceEach},
			{"5.3", "A full queue pushes back: Submit blocks, TrySubmit refuses.",
				code{"(p *Pool[T]) TrySubmit", "if busy", 3}, backpressure},
			{"5.4", "The first failure stops the rest, or all are collected; no worker leaks.",
				code{"(f *failures) add", "f.errs = append", 4}, stopOrCollect},
			{"5.5", "CPU-bound work stops gaining at GOMAXPROCS, blocking work does not.",
				code{"TimePerTask", "return time.Since", 1}, howMany},
		},
		further: []section{
			{"5.6", "A task must not wait for a slot of the pool that runs it.",
				code{"CrawlInside", "if p.Submit(ctx, link)", 3}, poolInPool},
			{"5.7", "The same limit in four lines is a semaphore; it is not a rate limit.",
				code{"Limited", "slots <- struct{}{}", 4}, limits},
		},
	}
	l.parse()
	if *poolSize < 1 || *poolSize > 64 {
		l.usageError("-workers must be from 1 to 64, got %d", *poolSize)
	}
	if *imageCount < 1 || *imageCount > 2000 {
		l.usageError("-tasks must be from 1 to 2000, got %d", *imageCount)
	}
	l.teach(context.Background())
}

const thumbnail = 64 // pixels

func fixedNumber(ctx context.Context) string {
	images := photos(*imageCount)
	var pool, each Lanes
	began := time.Now()
	first := meeting(min(*poolSize, *imageCount)) // otherwise one worker may do two images before another one starts
	// With a slot for each image no worker waits for the goroutine that submits, which needs a CPU, too.
	p := NewPool(ctx, Config{Workers: *poolSize, Queue: *imageCount}, func(ctx context.Context, photo *image.Gray) error {
		defer trace.StartRegion(ctx, "pool").End()
		defer pool.Enter()()
		first()
		Scale(photo, thumbnail)
		return nil
	})
	for _, photo := range images {
		check(p.Submit(ctx, photo))
	}
	check(p.Close())
	took := time.Since(began)

	all := meeting(*imageCount)
	PerTask(ctx, images, func(ctx context.Context, photo *image.Gray) {
		defer trace.StartRegion(ctx, "goroutine each (wrong)").End()
		defer each.Enter()()
		all() // makes it certain; without it, only tasks that block are sure to overlap
		Scale(photo, thumbnail)
	})

	fmt.Printf("     %s to scale, %s\n", plural(*imageCount, "image"), plural(*poolSize, "worker"))
	drawLanes(pool.Spans(), began, took)
	const row = "     %-32s %-26s %5s\n"
	fmt.Printf(row, "images in progress, at most", "pool", measured(count(pool.Peak())))
	fmt.Printf(row, "", wrong("a goroutine each (wrong)"), measured(count(each.Peak())))
	takeaway("A line is a worker. █ and ▒ alternate from image to image; · is idle.",
		"A worker that has finished an image takes the next one from the queue.")
	if pool.Peak() != *poolSize || *poolSize == *imageCount {
		return "" // with a worker for each image the two do not differ
	}
	return "b"
}

func onceEach(ctx context.Context) string {
	tasks := []int{1, 2, 3, 4, 5, 6, 7, 8}
	const row = "     %-26s %s\n"
	fmt.Printf(row, "the tasks, as given", fmt.Sprint(tasks))
	b := NewBackwards(len(tasks))
	var done, ran []int
	for r := range AsDone(ctx, len(tasks), tasks, b.Do) {
		done = append(done, r.Value)
		b.End(r.Value)
	}
	for _, task := range tasks {
		ran = append(ran, int(b.Runs[task].Load()))
	}
	fmt.Printf(row, "AsDone's results", measured(fmt.Sprint(done)))
	fmt.Printf(row, "how often each has run", measured(fmt.Sprint(ran)))
	b = NewBackwards(len(tasks))
	inOrder, err := Map(ctx, len(tasks), tasks, func(ctx context.Context, task int) (int, error) {
		defer b.End(task)
		return b.Do(ctx, task)
	})
	check(err)
	fmt.Printf(row, "Map's results", measured(fmt.Sprint(inOrder)))
	takeaway("Two ways to run a slice of tasks (slice.go); here the last task ends",
		"first. AsDone yields each result when it is there. Map keeps the order,",
		"so it returns nothing before all tasks are done.")
	switch {
	case slices.Equal(inOrder, tasks):
		return "a"
	case slices.Equal(inOrder, done):
		return "b"
	}
	return "c"
}

func backpressure(ctx context.Context) string {
	const slots, arriving = 8, 20
	free := make(chan struct{})
	p := NewPool(ctx, Config{Workers: *poolSize, Queue: slots}, func(context.Context, int) error { <-free; return nil })
	for task := range *poolSize {
		check(p.TrySubmit(task)) // an idle worker for each
	}
	fmt.Printf("     %s busy; a queue with %d slots; %d tasks arrive\n", plural(*poolSize, "worker"), slots, arriving)
	accepted, refused := 0, 0
	began := time.Now()
	for task := range arriving {
		switch err := p.TrySubmit(task); err {
		case nil:
			accepted++
		case ErrFull:
			refused++
		default:
			check(err)
		}
	}
	took := time.Since(began)
	const row = "     %-22s %s\n"
	fmt.Printf(row, "TrySubmit", measured(fmt.Sprintf("%d accepted, %d refused, all in %s", accepted, refused, short(took))))
	time.AfterFunc(20*time.Millisecond, func() { free <- struct{}{} })
	began = time.Now()
	check(p.Submit(ctx, arriving))
	fmt.Printf("     %-22s %v, until a slot was free\n", "Submit", measured("blocked for "+short(time.Since(began))))
	close(free)
	check(p.Close())
	fmt.Printf(row, wrong("unbounded (wrong)"), "all accepted; the backlog fills the memory:")
	drawBacklog(100, 1000, 10_000)
	takeaway("This is backpressure. A web handler whose task is refused answers 503",
		"(load shedding). A loop that reads a file blocks in Submit: it reads no",
		"faster than the workers work.")
	if refused > 0 {
		return "d"
	}
	return "a"
}

func stopOrCollect(ctx context.Context) string {
	fmt.Printf("     1 worker, 8 tasks; task 3 fails, task 6 panics, task 7 calls Goexit\n")
	fmt.Printf("     %-28s %11s    %s\n", "", "tasks begun", "Close returns")
	begun := drawFailing(ctx, "stop at the first", false, 0)
	drawFailing(ctx, "collect all (KeepGoing)", true, 0)
	drawFailing(ctx, "the caller cancels in task 2", false, 2)
	drawFailing(ctx, "the caller cancels in task 8", false, 8)
	const left = "       %-30s %3d\n"
	fmt.Printf("     workers left when all tasks are done\n")
	fmt.Printf(left, "pool", Inside("(*Pool[...]).work"))
	before := Inside("forgottenWorker[...]") // if this section has run before
	all := meeting(*poolSize)
	DoAndForget(*poolSize, make([]int, *poolSize), func(int) { all() })
	fmt.Printf(left, wrong("never closed (wrong)"), Inside("forgottenWorker[...]")-before)
	takeaway("Stop at the first error if the results are only useful together. Collect",
		"all errors if each task counts for itself. Close ends the workers; a pool",
		"that is never closed leaks them.")
	return map[int]string{8: "a", 3: "b"}[begun]
}

func howMany(ctx context.Context) string {
	const wait = 20 * time.Millisecond
	server, err := StartSlowServer(wait)
	check(err)
	defer server.Close()
	photo := Photo(600)
	scale := func(context.Context, struct{}) (struct{}, error) { Scale(photo, thumbnail); return struct{}{}, nil }
	call := func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, server.Call(ctx) }

	alone, each, err := drawCurves(ctx, scale, call, wait)
	check(err)
	takeaway(fmt.Sprintf("GOMAXPROCS is %d, of %s. For CPU-bound work, take as many workers;", runtime.GOMAXPROCS(0), plural(runtime.NumCPU(), "CPU")),
		"for blocking work, as many as the server can bear.")
	return gained(alone, each)
}

func poolInPool(ctx context.Context) (supported string) {
	fmt.Println("     2 workers, a queue with 2 slots; a site of 31 pages, up to 2 links on each")
	drawUntil(ctx, wrong("a task submits its links (wrong)"), func(ctx context.Context) (string, error) {
		visited, err := crawl(func(visit func(*Page)) error {
			return CrawlInside(ctx, Config{Workers: 2, Queue: 2}, site(5), visit)
		})
		supported = map[bool]string{true: "c"}[errors.Is(err, context.DeadlineExceeded)]
		return visited, err
	})
	drawUntil(ctx, "the caller submits them", func(ctx context.Context) (string, error) {
		return crawl(func(visit func(*Page)) error { return Crawl(ctx, 2, site(5), visit) })
	})
	fmt.Println("     database/sql, SetMaxOpenConns(1)")
	db := OpenShop(1)
	defer db.Close()
	drawQuery(ctx, wrong("query inside a row loop (wrong)"), db, NamesInLoop)
	drawQuery(ctx, "all rows, then the queries", db, Names)
	drawQuery(ctx, wrong("query outside the open tx (wrong)"), db, PayOutsideTx)
	drawQuery(ctx, "query in the transaction", db, Pay)
	takeaway("A task waits for a worker of its own pool, a query for a connection. When",
		"all wait, none is left to free a slot. Here a deadline of 100 ms ends the",
		"deadlock; without one it lasts forever. Often it occurs only under load.")
	return supported
}

func limits(context.Context) string {
	const tasks = 1000
	before := goroutinesOf(tasks, Limited, "Limited.func1")
	inside := goroutinesOf(tasks, LimitedInside, "LimitedInside.func1")
	const row = "     %-34s %17s %17s\n"
	fmt.Printf("     %s tasks, a semaphore with 4 slots; goroutines at the same time\n", count(tasks))
	fmt.Printf("       %-36s %5s\n", "acquired before go", measured(count(before)))
	fmt.Printf("       %-36s %5s\n", wrong("acquired in the goroutine (wrong)"), measured(count(inside)))
	fmt.Printf(row, "20 tasks: peak, throughput", "tasks of 5 ms", "tasks of 95 ms")
	drawLimit(row, "4 slots: a concurrency limit", atMostFour)
	drawLimit(row, "100 per second: a rate limit", perSecond)
	takeaway("A concurrency limit protects what a task holds: memory, a connection. A",
		"rate limit keeps a quota, such as 100 calls per second of an API. Each",
		"bounds one side of Little's law: in progress = rate × duration.")
	return map[bool]string{true: "b", false: "a"}[inside > before]
}

// check ends the program if the machine does not let it do its work.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "05-worker-pool:", err)
		os.Exit(1)
	}
}

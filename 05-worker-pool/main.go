// Command 05-worker-pool scales images and calls a slow server with a fixed
// number of goroutines, and shows what a worker pool guarantees.
//
//	go run ./05-worker-pool            the lesson
//	go run ./05-worker-pool 5.3        one section
//	go run ./05-worker-pool -ask       the lesson, with a question before each section
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
	"strings"
	"sync"
	"time"
)

var (
	poolSize   = flag.Int("workers", 4, "how many `goroutines` do the tasks in 5.1, 5.3 and 5.4, from 1 to 64")
	imageCount = flag.Int("tasks", 64, "how many `images` 5.1 scales, from 1 to 2000")
)

func main() {
	l := &lesson{
		folder: "05-worker-pool",
		title:  "05 · Worker pools: many tasks, and a few goroutines that do them",
		about:  "Shows what a worker pool guarantees, and how many workers are worth having.",
		next:   "go run ./06-pipeline",
		ask:    quizzes,
		sections: []section{
			{"5.1", "A fixed number of goroutines, whatever the number of tasks.",
				code{"NewPool", "for range max(c.Workers", 3}, fixedNumber},
			{"5.2", "Every task runs once; results come in order, or as they complete.",
				code{"Map", "i := next.Add(1) - 1", 4}, onceEach},
			{"5.3", "A full queue pushes back: Submit blocks, or is refused.",
				code{"(p *Pool[T]) put", "case p.tasks <- task", 4}, backpressure},
			{"5.4", "The first failure stops the rest, or all are collected; no worker leaks.",
				code{"(p *Pool[T]) failed", "if !p.keepGoing", 4}, failures},
			{"5.5", "CPU-bound work stops gaining at GOMAXPROCS, blocking work does not.",
				code{"TimePerTask", "began :=", 3}, howMany},
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

// thumbnail is the side, in pixels, to which all images are scaled.
const thumbnail = 64

// fixedNumber scales the same images with a pool, and with a goroutine each.
func fixedNumber(ctx context.Context) string {
	var photos []*image.Gray
	for _, side := range []int{1000, 600, 1400, 800} {
		photos = append(photos, Photo(side))
	}
	var images []*image.Gray
	for i := range *imageCount {
		images = append(images, photos[i%len(photos)])
	}

	var pool, each Lanes
	began := time.Now()
	first := meeting(min(*poolSize, *imageCount)) // otherwise one worker might do two images before another one starts
	// With a slot for each image, no worker waits for the goroutine that submits, which needs a CPU, too.
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
		all() // certain here; without it, certain only for tasks that block
		Scale(photo, thumbnail)
	})

	fmt.Printf("     %s to scale, %s\n\n", plural(*imageCount, "image"), plural(*poolSize, "worker"))
	drawLanes(pool.Spans(), began, took)
	const row = "     %-32s %-26s %5s\n"
	fmt.Printf(row, "images in progress, at most", "pool", measured(count(pool.Peak())))
	fmt.Printf(row, "", wrong("a goroutine each (wrong)"), measured(count(each.Peak())))
	takeaway("A line is a worker: █ and ▒ alternate with its images, · is without one.",
		"A worker that is done takes the next image from the queue. A long block",
		"is a large image, or an image whose worker waits for a CPU.")
	if pool.Peak() != *poolSize || *poolSize == *imageCount {
		return "" // there are no more images than workers
	}
	return "b"
}

// onceEach has tasks end in the opposite order, and shows the order of the results.
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
	takeaway("Two ways to do a slice of tasks (slice.go). Here the last task ends first",
		"and the first task last. AsDone yields each result when it is there. Map",
		"keeps the order, so it returns nothing before all tasks are done.")
	switch {
	case slices.Equal(inOrder, tasks):
		return "a"
	case slices.Equal(inOrder, done):
		return "b"
	}
	return "c"
}

// backpressure fills a queue.
func backpressure(ctx context.Context) string {
	const slots, arriving = 8, 20
	var busy sync.WaitGroup
	busy.Add(*poolSize)
	free := make(chan struct{})
	p := NewPool(ctx, Config{Workers: *poolSize, Queue: slots}, func(_ context.Context, task int) error {
		if task < *poolSize {
			busy.Done()
		}
		<-free
		return nil
	})
	for task := range *poolSize {
		check(p.Submit(ctx, task))
	}
	busy.Wait()
	fmt.Printf("     %s, all busy; a queue with %d slots; %d tasks arrive\n\n", plural(*poolSize, "worker"), slots, arriving)
	accepted, refused := 0, 0
	began := time.Now()
	for range arriving {
		switch err := p.TrySubmit(*poolSize); err {
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
	time.AfterFunc(20*time.Millisecond, func() { free <- struct{}{} }) // one task ends then
	began = time.Now()
	check(p.Submit(ctx, *poolSize))
	fmt.Printf("     %-22s %v, until a slot was free\n", "Submit", measured("blocked for "+short(time.Since(began))))
	close(free)
	check(p.Close())

	fmt.Printf(row, wrong("unbounded (wrong)"), "all accepted; what waits fills the memory:")
	type message [4 << 10]byte
	var queue Unbounded[*message]
	before := memory()
	for _, n := range []int{100, 1000, 10_000} {
		for queue.Len() < n {
			queue.Submit(new(message))
		}
		fmt.Printf("     %29s messages of 4 KB  %12s\n", count(n), measured(size(memory()-before)))
	}
	runtime.KeepAlive(&queue)
	takeaway("This is backpressure. A web handler that is refused answers 503 (load",
		"shedding). A loop that reads a file or a queue blocks in Submit, so it",
		"reads no faster than the workers work.")
	if refused > 0 {
		return "d"
	}
	return "a"
}

// failures has tasks fail and panic, and the caller cancel.
func failures(ctx context.Context) string {
	const tasks = 8
	fmt.Printf("     1 worker, %d tasks; task 3 fails, task 6 panics\n\n", tasks)
	const row = "     %-28s %11s    %s\n"
	fmt.Printf(row, "", "tasks begun", "Close returns")
	try := func(what string, keepGoing bool, cancelAt int) (begun int) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		p := NewPool(ctx, Config{Workers: 1, Queue: tasks, KeepGoing: keepGoing}, func(_ context.Context, task int) error {
			begun++ // by the only worker, and read after it has ended
			switch task {
			case cancelAt:
				cancel(errors.New("the client disconnected"))
			case 3:
				return errors.New("task 3: mailbox full")
			case 6:
				panic("no such user")
			}
			return nil
		})
		for task := 1; task <= tasks; task++ {
			if p.Submit(ctx, task) != nil {
				break // stopped: Close returns the reason
			}
		}
		lines := strings.Split(p.Close().Error(), "\n")
		fmt.Printf(row, what, measured(fmt.Sprint(begun)), measured(lines[0]))
		for _, line := range lines[1:] {
			fmt.Printf(row, "", "", measured(line))
		}
		return begun
	}
	begun := try("stop at the first", false, 0)
	try("collect all (KeepGoing)", true, 0)
	try("the caller cancels in task 2", false, 2)
	const left = "       %-30s %3d\n"
	fmt.Printf("\n     workers left when all tasks are done\n")
	fmt.Printf(left, "pool", Inside("(*Pool[...]).work"))
	before := Inside("forgottenWorker[...]") // if this section has run before
	all := meeting(*poolSize)
	DoAndForget(*poolSize, make([]int, *poolSize), func(int) { all() })
	fmt.Printf(left, wrong("never closed (wrong)"), Inside("forgottenWorker[...]")-before)
	takeaway("Stop at the first error if the other results are useless without that",
		"one. Collect all errors if each task counts for itself. Close lets the",
		"workers end; a pool that is never closed leaks them.")
	switch begun {
	case tasks:
		return "a"
	case 3:
		return "b"
	}
	return "c"
}

// howMany measures the throughput of more and more workers, for both kinds of work.
func howMany(ctx context.Context) string {
	const wait = 20 * time.Millisecond
	server, err := StartSlowServer(wait)
	check(err)
	defer server.Close()
	photo := Photo(600)
	scale := func(context.Context, struct{}) (struct{}, error) { Scale(photo, thumbnail); return struct{}{}, nil }
	call := func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, server.Call(ctx) }

	fmt.Println("     workers  scaling images: CPU-bound")
	_, _, err = drawCurve(ctx, 3, func(int) int { return 128 }, scale)
	check(err)
	fmt.Printf("     workers  calls to a server that takes %s: blocking\n", short(wait))
	alone, each, err := drawCurve(ctx, 1, func(workers int) int { return 5 * workers }, call)
	check(err)
	fmt.Printf("     → GOMAXPROCS is %d, of %s. For CPU-bound work, take a worker for each;\n", runtime.GOMAXPROCS(0), plural(runtime.NumCPU(), "CPU"))
	fmt.Println("       for blocking work, as many as the other side can bear. Other programs")
	fmt.Println("       use the CPUs, too: what they take from one row, and not from another,")
	fmt.Println("       shows here.")
	switch {
	case alone > 16*each:
		return "a"
	case alone < 2*each:
		return "c"
	}
	return ""
}

// check ends the program if the machine does not let it do its work.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "05-worker-pool:", err)
		os.Exit(1)
	}
}

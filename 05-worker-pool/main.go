// Command 05-worker-pool has pictures scaled and a slow server called by a fixed
// number of goroutines, and shows what a worker pool promises.
//
//	go run ./05-worker-pool            the lesson
//	go test -race -v ./05-worker-pool  its proofs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	workers := flag.Int("workers", 4, "how many `goroutines` do the tasks, from 1 to 64")
	tasks := flag.Int("tasks", 64, "how many `pictures` 5.1 has them scale, from 1 to 2000")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run ./05-worker-pool [flags]\n\n"+
			"Shows what a worker pool promises, and how many workers are worth having.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("takes no arguments, got %q", flag.Args())
	}
	if *workers < 1 || *workers > 64 {
		usageError("-workers must be from 1 to 64, got %d", *workers)
	}
	if *tasks < 1 || *tasks > 2000 {
		usageError("-tasks must be from 1 to 2000, got %d", *tasks)
	}

	fmt.Println("05 · Worker pools: much to do, and a few goroutines that do it")
	fixedNumber(*workers, *tasks)
	onceEach()
	backpressure(*workers)
	failures(*workers)
	howMany()
	fmt.Print("\nProof:  go test -race -v ./05-worker-pool\nRead:   05-worker-pool/README.md, and do its exercise\nNext:   go run ./06-pipeline\n")
}

// thumbnail is the side, in pixels, to which all pictures are scaled.
const thumbnail = 64

// fixedNumber has the same pictures scaled by a pool, and by a goroutine each.
func fixedNumber(workers, tasks int) {
	claim("5.1", "A fixed number of goroutines, whatever the number of tasks.")
	var photos []*image.Gray
	for _, side := range []int{1000, 600, 1400, 800} {
		photos = append(photos, Photo(side))
	}
	var pictures []*image.Gray
	for i := range tasks {
		pictures = append(pictures, photos[i%len(photos)])
	}

	var pool, each Lanes
	began := time.Now()
	first := meeting(min(workers, tasks)) // or a quick worker could do two before a late one begins
	// With room for all, nobody waits for the goroutine that submits: it wants a processor, too.
	p := NewPool(context.Background(), Config{Workers: workers, Queue: tasks}, func(_ context.Context, picture *image.Gray) error {
		leave := pool.Enter()
		defer leave()
		first()
		Scale(picture, thumbnail)
		return nil
	})
	for _, picture := range pictures {
		check(p.Submit(context.Background(), picture))
	}
	check(p.Close())
	took := time.Since(began)

	all := meeting(tasks)
	PerTask(context.Background(), pictures, func(_ context.Context, picture *image.Gray) {
		leave := each.Enter()
		defer leave()
		all() // as it happens anyway when tasks wait for something
		Scale(picture, thumbnail)
	})

	fmt.Printf("     %s to scale, %s\n\n", some(tasks, "picture"), some(workers, "worker"))
	for i, lane := range pool.Spans() {
		if i == 16 {
			fmt.Printf("     and %d more\n", workers-i)
			break
		}
		fmt.Printf("     %2d  %s\n", i+1, draw(lane, began, took, 60))
	}
	fmt.Printf("         0%59s\n\n", short(took))
	fmt.Printf("     most pictures in work at once   pool                         %5s\n", count(pool.Peak()))
	fmt.Printf("                                     a goroutine each (wrong)     %5s\n", count(each.Peak()))
	read("A line is a worker: █ and ▒ are its pictures by turns, · is without one.",
		"Whoever is free takes the next: none waits for work while there is some.")
}

// meeting returns a function that waits, the first n times it is called, until
// all n are there.
func meeting(n int) func() {
	var here atomic.Int64
	complete := make(chan struct{})
	return func() {
		if here.Add(1) == int64(n) {
			close(complete)
		}
		<-complete
	}
}

// draw shows the tasks of a lane, one dark, the next less so.
func draw(lane []Span, began time.Time, took time.Duration, width int) string {
	cells := []rune(strings.Repeat("·", width))
	for i, task := range lane {
		first := int(task.From.Sub(began) * time.Duration(width) / took)
		last := int(task.To.Sub(began) * time.Duration(width) / took)
		for c := first; c < min(last+1, width); c++ {
			cells[c] = []rune("█▒")[i%2]
		}
	}
	return string(cells)
}

// onceEach has tasks end in the opposite order, and looks at the order of the results.
func onceEach() {
	claim("5.2", "Every task runs once. Results come in order, or as they are done.")
	tasks := []int{1, 2, 3, 4, 5, 6, 7, 8}
	var runs [9]atomic.Int64 // by task
	var after [10]chan struct{}
	doAll := func() func(context.Context, int) (int, error) {
		for i := range after {
			after[i] = make(chan struct{})
		}
		close(after[len(tasks)+1]) // the last task waits for none
		return func(_ context.Context, task int) (int, error) {
			runs[task].Add(1)
			<-after[task+1] // each of the others waits until the one after it is done
			return task, nil
		}
	}

	fmt.Printf("     the tasks, as given        %s\n", numbers(tasks))
	var done []int
	for r := range AsDone(context.Background(), len(tasks), tasks, doAll()) {
		done = append(done, r.Value)
		close(after[r.Value])
	}
	fmt.Printf("     AsDone's results           %s\n", numbers(done))
	var often []int
	for _, task := range tasks {
		often = append(often, int(runs[task].Load()))
	}
	fmt.Printf("     how often each has run     %s\n", numbers(often))
	do := doAll()
	inOrder, err := Map(context.Background(), len(tasks), tasks, func(ctx context.Context, task int) (int, error) {
		defer close(after[task])
		return do(ctx, task)
	})
	check(err)
	fmt.Printf("     Map's results              %s\n", numbers(inOrder))
	read("Two ways to do a slice of tasks (slice.go). Here the last one ends first,",
		"and the first one last. AsDone hands over what is there; Map keeps the",
		"order, and so can give nothing before all is done.")
}

// backpressure fills a queue.
func backpressure(workers int) {
	claim("5.3", "A full queue pushes back: submitting waits, or is refused.")
	const room, coming = 8, 20
	ctx := context.Background()
	var busy sync.WaitGroup
	busy.Add(workers)
	free := make(chan struct{})
	p := NewPool(ctx, Config{Workers: workers, Queue: room}, func(_ context.Context, task int) error {
		if task < workers {
			busy.Done()
		}
		<-free
		return nil
	})
	for task := range workers {
		check(p.Submit(ctx, task))
	}
	busy.Wait()

	fmt.Printf("     %s, all busy; a queue with room for %d; %d tasks come\n\n", some(workers, "worker"), room, coming)
	taken, refused := 0, 0
	var took time.Duration
	for range coming {
		began := time.Now()
		switch err := p.TrySubmit(workers); err {
		case nil:
			taken++
		case ErrFull:
			refused++
			took += time.Since(began)
		default:
			check(err)
		}
	}
	fmt.Printf("     TrySubmit            %d taken, %d refused, after %s each\n", taken, refused, short(took/time.Duration(refused)))
	time.AfterFunc(20*time.Millisecond, func() { free <- struct{}{} }) // one task ends then
	began := time.Now()
	check(p.Submit(ctx, workers))
	fmt.Printf("     Submit               waited %s: a task ended then, and made room\n", short(time.Since(began)))
	close(free)
	check(p.Close())

	fmt.Println("     no bound (wrong)     all taken; what waits fills the memory:")
	type message [4 << 10]byte
	var queue Unbounded[*message]
	before := memory()
	for _, n := range []int{100, 1000, 10_000} {
		for queue.Len() < n {
			queue.Submit(new(message))
		}
		fmt.Printf("                          %6s messages of 4 KB  %12s\n", count(n), bytes(memory()-before))
	}
	runtime.KeepAlive(&queue)
	read("A web handler says 503 when it is refused. A reader of a file or a queue",
		"just waits: then it reads no faster than the work is done.")
}

// failures has tasks fail, panic and be cancelled.
func failures(workers int) {
	claim("5.4", "The first failure stops the rest, or all are collected: you choose.")
	const tasks = 8
	fmt.Printf("     1 worker, %d tasks; task 3 fails, task 6 panics\n\n", tasks)
	const row = "     %-28s %11s    %s\n"
	fmt.Printf(row, "", "tasks begun", "Close returns")
	show := func(what string, begun int, err error) {
		lines := strings.Split(err.Error(), "\n")
		fmt.Printf(row, what, fmt.Sprint(begun), lines[0])
		for _, line := range lines[1:] {
			fmt.Printf(row, "", "", line)
		}
	}
	try := func(keepGoing bool, cancelAt int) (begun int, err error) {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		p := NewPool(ctx, Config{Workers: 1, Queue: tasks, KeepGoing: keepGoing}, func(_ context.Context, task int) error {
			begun++ // by the only worker, and read when it has ended
			switch task {
			case cancelAt:
				cancel(errors.New("the client has left"))
			case 3:
				return errors.New("task 3: mailbox full")
			case 6:
				panic("no such user")
			}
			return nil
		})
		for task := 1; task <= tasks; task++ {
			if p.Submit(ctx, task) != nil {
				break // stopped: Close says why
			}
		}
		err = p.Close()
		return begun, err
	}
	begun, err := try(false, 0)
	show("stop at the first", begun, err)
	begun, err = try(true, 0)
	show("collect all (KeepGoing)", begun, err)
	begun, err = try(false, 2)
	show("the caller cancels in task 2", begun, err)

	fmt.Printf("\n     workers left when all is done\n")
	fmt.Printf("       pool                            %2d\n", Inside("(*Pool[...]).work"))
	all := meeting(workers)
	DoAndForget(workers, make([]int, workers), func(int) { all() })
	fmt.Printf("       never closed (wrong)            %2d\n", Inside("forgottenWorker[...]"))
	read("An error in one of many: stop when the rest is of no use without it, go",
		"on when each counts for itself. Close is what lets the workers end.")
}

// howMany measures the throughput of more and more workers, for both kinds of work.
func howMany() {
	claim("5.5", "Computing gains up to the processors, waiting far beyond.")
	const wait = 20 * time.Millisecond
	server, err := StartSlowServer(wait)
	check(err)
	defer server.Close()
	photo := Photo(600)
	scale := func(context.Context, struct{}) (struct{}, error) { Scale(photo, thumbnail); return struct{}{}, nil }
	call := func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, server.Call(ctx) }

	for _, kind := range []struct {
		name  string
		do    func(context.Context, struct{}) (struct{}, error)
		tasks func(workers int) int
		runs  int // of which the best counts: whatever else this machine does can only slow it down
	}{
		{"scaling pictures: computing", scale, func(int) int { return 128 }, 3},
		{fmt.Sprintf("calls to a server that takes %s: waiting", short(wait)), call, func(workers int) int { return 5 * workers }, 1},
	} {
		fmt.Printf("     workers  %s\n", kind.name)
		var alone float64
		for _, workers := range []int{1, 2, 4, 8, 16, 32} {
			best := 0.0
			for range kind.runs {
				rate, err := Throughput(workers, kind.tasks(workers), kind.do)
				check(err)
				best = max(best, rate)
			}
			if alone == 0 {
				alone = best
			}
			gain := best / alone
			bar := strings.Repeat("█", min(max(1, int(gain+0.5)), 36))
			fmt.Printf("     %7d  %-36s %9s/s %6.1f×\n", workers, bar, count(int(best+0.5)), gain)
		}
		fmt.Println()
	}
	fmt.Printf("     → Processors here: %d. For computing, take a worker for each; for waiting,\n", runtime.GOMAXPROCS(0))
	fmt.Println("       as many as the other side can bear. Other programs want the processors,")
	fmt.Println("       too: what they take from one row, and not from another, shows here.")
}

// Throughput has that many tasks done and returns how many were done in a second.
func Throughput(workers, tasks int, do func(context.Context, struct{}) (struct{}, error)) (perSecond float64, err error) {
	began := time.Now()
	_, err = Map(context.Background(), workers, make([]struct{}, tasks), do)
	return float64(tasks) / time.Since(began).Seconds(), err
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "05-worker-pool: "+format+"\n", args...)
	os.Exit(2)
}

// check ends the program when the machine does not let it do its work.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "05-worker-pool:", err)
		os.Exit(1)
	}
}

// memory returns how many bytes of the heap are in use.
func memory() int64 {
	runtime.GC()
	runtime.GC() // the second one frees what every sync.Pool has kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func numbers(n []int) string { return strings.Trim(fmt.Sprint(n), "[]") }

// count writes n with a comma after each group of thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// some writes a number of things.
func some(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

// bytes writes a size in KB or MB (1 KB is 1,024 bytes).
func bytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
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

package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// blocked is what a child process reports of its crowd of 100,000 goroutines.
type blocked struct{ bytesEach, alive, threadsAdded int }

const crowd100k = 100_000

// block has a child process grow a crowd. The child is built without the race
// detector, which would add some 20 KB to each goroutine.
func block(t *testing.T) (b blocked) {
	t.Helper()
	out, status, err := runRoleOf(withoutRaceDetector(t), "crowd", fmt.Sprint(crowd100k))
	if _, scanErr := fmt.Sscan(out, &b.bytesEach, &b.alive, &b.threadsAdded); scanErr != nil || status != 0 || err != nil {
		t.Fatalf("the child with %d goroutines ended with status %d, %v:\n%s", crowd100k, status, err, out)
	}
	t.Logf("%d goroutines alive: %d bytes each, %d threads added", b.alive, b.bytesEach, b.threadsAdded)
	return b
}

// TestBlockedGoroutineTakesAFewKilobytes measures each goroutine of a crowd (claim 1.1).
func TestBlockedGoroutineTakesAFewKilobytes(t *testing.T) {
	each, limit := block(t).bytesEach, 4<<10
	if runtime.GOOS == "windows" {
		limit = 10 << 10 // the smallest stack is 8 KB there
	}
	if each > limit {
		t.Errorf("a blocked goroutine takes %d bytes; the limit is %d: its stack has grown, or it keeps something alive", each, limit)
	}
	if each < 1<<10 {
		t.Errorf("a blocked goroutine takes %d bytes, less than its stack: not all were alive", each)
	}
}

// TestThreadTakesManyTimesLongerToStart compares the time to start a thousand
// goroutines with that of a thousand threads, each the shortest in ten
// processes: other programs can only make it longer (claim 1.1).
func TestThreadTakesManyTimesLongerToStart(t *testing.T) {
	const n = 1000
	plain := func(role, argument string, env ...string) (string, int, error) {
		return runRoleOf(withoutRaceDetector(t), role, argument, env...)
	}
	goroutines, threads, fewest := time.Hour, time.Hour, 10*n
	for range 10 {
		all, took, err := threadEach(n, plain)
		if err != nil {
			t.Skipf("%d threads in one process: %v", n, err)
		}
		fewest = min(fewest, all)
		threads = min(threads, took)
		out, status, err := plain("start", fmt.Sprint(n))
		took, parseErr := time.ParseDuration(strings.TrimSpace(out))
		if parseErr != nil || status != 0 || err != nil {
			t.Fatalf("the child that starts %d goroutines ended with status %d, %v:\n%s", n, status, err, out)
		}
		goroutines = min(goroutines, took)
	}
	t.Logf("%d goroutines in %v, %d threads in %v", n, goroutines, n, threads)
	if fewest <= n {
		t.Errorf("a process with %d goroutines on a thread each has %d threads, want more: the runtime has some of its own", n, fewest)
	}
	if (goroutines <= 0 || threads <= 0) && runtime.GOOS != "windows" { // whose clock may be too coarse
		t.Errorf("%d goroutines start in %v and %d threads in %v, want more than nothing", n, goroutines, n, threads)
	}
	if threads < 5*goroutines {
		t.Errorf("%d threads start in %v, and %d goroutines in %v: a thread should cost many times more", n, threads, n, goroutines)
	}
}

// TestHundredThousandGoroutinesAreAliveTogether counts a crowd (claim 1.2).
func TestHundredThousandGoroutinesAreAliveTogether(t *testing.T) {
	if alive := block(t).alive; alive != crowd100k {
		t.Errorf("started %d goroutines; %d are alive at the same time", crowd100k, alive)
	}
}

// TestBlockedGoroutinesNeedNoThreads counts the threads that a crowd adds (claim 1.3).
func TestBlockedGoroutinesNeedNoThreads(t *testing.T) {
	if added := block(t).threadsAdded; added > 100 {
		t.Errorf("%d blocked goroutines added %d OS threads; they should share a few", crowd100k, added)
	}
}

// TestThreadLockedGoroutinesNeedAThreadEach runs the wrong crowd (negative control of 1.1 and 1.3).
func TestThreadLockedGoroutinesNeedAThreadEach(t *testing.T) {
	const n = 1000
	used, took, err := threadEach(n, runRole)
	if err != nil {
		t.Skipf("%d threads in one process: %v", n, err)
	}
	t.Logf("%d goroutines locked to their threads: %d threads, started in %v", n, used, took)
	if used < n {
		t.Errorf("%d goroutines that are locked to their threads have %d threads; some share one", n, used)
	}
}

// TestThreadEachReportsARefusal has a child that the system ends, before or after it has
// printed the number of its threads.
func TestThreadEachReportsARefusal(t *testing.T) {
	for _, child := range []struct {
		first  string
		status int
	}{{"no more threads", 2}, {"1000 1ms", 2}, {"no more threads", 0}, {"1000 milliseconds", 0}} {
		refused := func(string, string, ...string) (string, int, error) { return child.first + "\nmore", child.status, nil }
		if _, _, err := threadEach(1, refused); err == nil || err.Error() != "refused by this system: "+child.first {
			t.Errorf("the child printed %q and ended with status %d; got the error %v, want that line", child.first, child.status, err)
		}
	}
}

func init() {
	roles["crowd among others"] = func(argument string) {
		runtime.GOMAXPROCS(1)
		object := make([]byte, 128<<20)
		NewThreadCrowd().Grow(20)
		roles["crowd"](argument)
		runtime.KeepAlive(object)
	}
}

// TestCrowdIsMeasuredWithoutTheRestOfItsProcess, here an object of 128 MB and 20 threads.
func TestCrowdIsMeasuredWithoutTheRestOfItsProcess(t *testing.T) {
	out, status, err := runRole("crowd among others", "1000")
	var b blocked
	if _, scanErr := fmt.Sscan(out, &b.bytesEach, &b.alive, &b.threadsAdded); scanErr != nil || status != 0 || err != nil {
		t.Fatalf("the child ended with status %d, %v:\n%s", status, err, out)
	}
	if b.bytesEach > 64<<10 || b.threadsAdded > 10 {
		t.Errorf("a crowd of 1000 takes %d bytes each and added %d threads; want it without the object and the threads that were there before", b.bytesEach, b.threadsAdded)
	}
}

// TestCrowdGrowsToNAndLeaves follows a crowd from 0 to 8 goroutines and back.
// The bubble ends only when every goroutine in it has ended.
func TestCrowdGrowsToNAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := NewCrowd()
		if n := crowd.Alive(); n != 0 {
			t.Errorf("a new crowd has %d goroutines, want none", n)
		}
		counted := make(chan int)
		go func() { // concurrently, for the race detector
			most := 0
			for range 1000 {
				most = max(most, crowd.Alive())
			}
			counted <- most
		}()
		for _, step := range []struct{ grow, alive int }{{5, 5}, {5, 5}, {8, 8}, {3, 8}} {
			if crowd.Grow(step.grow); crowd.Alive() != step.alive {
				t.Errorf("after Grow(%d) %d goroutines are alive, want %d", step.grow, crowd.Alive(), step.alive)
			}
		}
		if time.Sleep(24 * time.Hour); crowd.Alive() != 8 {
			t.Errorf("a day later %d goroutines are alive, want 8 until Leave is called", crowd.Alive())
		}
		if most := <-counted; most > 8 {
			t.Errorf("Alive returned %d in a crowd of 8", most)
		}
		if crowd.Leave(); crowd.Alive() != 0 {
			t.Errorf("after Leave %d goroutines are alive", crowd.Alive())
		}
		crowd.Grow(3)
		if synctest.Wait(); crowd.Alive() != 0 {
			t.Errorf("the crowd has left, and %d goroutines are alive again", crowd.Alive())
		}
	})
}

// TestGrowReturnsWhenAllAreAlive looks at Alive right after Grow, many times.
func TestGrowReturnsWhenAllAreAlive(t *testing.T) {
	for range 1000 {
		crowd := NewCrowd()
		crowd.Grow(4)
		alive := crowd.Alive()
		if crowd.Leave(); alive != 4 {
			t.Fatalf("Grow(4) returned when %d were alive", alive)
		}
	}
}

// TestGrowReturnsTheTimeItTook compares it with a clock around the call, and with the
// time in which another goroutine sees the crowd grow: from its first goroutine until
// just before its last. On a single CPU it may see nothing of that.
func TestGrowReturnsTheTimeItTook(t *testing.T) {
	const n = 2000
	for range 5 {
		crowd := NewCrowd()
		grew := make(chan time.Duration)
		var returned atomic.Bool
		go func() {
			for crowd.Alive() == 0 {
				runtime.Gosched()
			}
			first := time.Now()
			last := first
			for now := first; crowd.Alive() < n && !returned.Load(); now = time.Now() {
				last = now
				runtime.Gosched()
			}
			grew <- last.Sub(first)
		}()
		began := time.Now()
		took := crowd.Grow(n)
		all, alive := time.Since(began), crowd.Alive()
		returned.Store(true)
		seen := <-grew
		if alive != n {
			t.Errorf("Grow(%d) returned when %d were alive", n, alive)
		}
		if took <= 0 && runtime.GOOS != "windows" || took > all {
			t.Errorf("Grow says it took %v; a clock around it says %v", took, all)
		}
		if took < seen {
			t.Errorf("Grow says it took %v, but the crowd was seen to grow for %v", took, seen)
		}
		if crowd.Leave(); crowd.Alive() != 0 {
			t.Errorf("after Leave %d of %d goroutines are alive", crowd.Alive(), n)
		}
	}
}

// TestMemoryCountsLiveObjectsAndStacks allocates both, and frees them.
func TestMemoryCountsLiveObjectsAndStacks(t *testing.T) {
	const megabytes = 16 << 20
	settled := func() (bytes int) { // what earlier tests left behind takes some cycles
		for range 3 {
			bytes = int(memory())
		}
		return bytes
	}
	before := settled()
	object := make([]byte, megabytes)
	with := settled()
	if grown := with - before; grown < megabytes*3/4 || grown > 2*megabytes {
		t.Errorf("an object of %d bytes adds %d to memory()", megabytes, grown)
	}
	runtime.KeepAlive(object)
	object = nil
	before = int(memory())
	if before > with-megabytes/2 {
		t.Errorf("memory() is %d while an object of %d bytes is alive, and %d after that: it counts garbage", with, megabytes, before)
	}
	before = settled()
	var deep func(n int, leave chan struct{}) byte
	deep = func(n int, leave chan struct{}) byte { // needs a stack of n KB
		var frame [1 << 10]byte
		if n == 0 {
			leave <- struct{}{}
			<-leave
			return 0
		}
		frame[n%len(frame)] = deep(n-1, leave)
		return frame[0]
	}
	leave := make(chan struct{})
	go deep(megabytes>>10, leave)
	<-leave
	if grown := settled() - before; grown < megabytes*3/4 || grown > 8*megabytes {
		t.Errorf("a stack of over %d bytes adds %d to memory()", megabytes, grown)
	}
	close(leave)
}

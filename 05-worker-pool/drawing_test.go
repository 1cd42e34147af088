package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLaneIsDrawnToScale draws two tasks in ten columns, and then on a clock on
// which all of it took no time.
func TestLaneIsDrawnToScale(t *testing.T) {
	began := time.Now()
	at := func(second int) time.Time { return began.Add(time.Duration(second) * time.Second) }
	lane := []Span{{at(0), at(4)}, {at(5), at(8)}}
	if got, want := drawLane(lane, began, 10*time.Second, 10), "█████▒▒▒▒·"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	lane = []Span{{began, began}, {began, began}}
	if got, want := drawLane(lane, began, 0, 10), "▒·········"; got != want {
		t.Errorf("all within one tick of the clock: got %s, want %s", got, want)
	}
}

// TestSixteenLanesAreDrawnAndTheOthersCounted has one lane too many, and 16.
func TestSixteenLanesAreDrawnAndTheOthersCounted(t *testing.T) {
	for lanes, want := range map[int]string{16: "", 20: "     and 4 more\n"} {
		began := time.Now()
		spans := make([][]Span, lanes)
		spans[1] = []Span{{began, began.Add(time.Second / 2)}}
		text := printed(t, func() { drawLanes(spans, began, time.Second) })
		if want := "\n      2  " + strings.Repeat("█", 31) + strings.Repeat("·", 29) + "\n      3  ·"; !strings.Contains(text, want) {
			t.Errorf("the second lane was busy half of the time, want%s in\n%s", want, text)
		}
		if n := strings.Count(text, "·\n"); n != 16 || !strings.Contains(text, want+"         0"+strings.Repeat(" ", 53)+"1.00 s\n") || want == "" && strings.Contains(text, "more") {
			t.Errorf("of %d lanes %d are drawn, want 16 and %q\n%s", lanes, n, want, text)
		}
	}
}

// printed returns what f prints.
func printed(t *testing.T, f func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdout")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func(stdout *os.File, c bool) { os.Stdout, colored = stdout, c }(os.Stdout, colored)
		os.Stdout, colored = file, false
		f()
	}()
	file.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBacklogIsWeighedAlone has 256 MB in use by the rest of the program: the memory that
// is shown is that of 10,000 messages of 4 KB.
func TestBacklogIsWeighedAlone(t *testing.T) {
	others := make([]byte, 256<<20)
	fields := strings.Fields(printed(t, func() { drawBacklog(10_000) }))
	runtime.KeepAlive(others)
	var shown float64
	if len(fields) == 7 {
		fmt.Sscan(fields[5], &shown)
	}
	// A half, and twice as much: what earlier tests have left behind may be freed meanwhile.
	if shown < 20 || shown > 80 || fields[6] != "MB" {
		t.Errorf("10,000 messages of 4 KB are shown as %q, want about 40 MB", fields)
	}
}

// TestInsideCountsThousandsOfGoroutines has more of them than one megabyte of
// stacks shows.
func TestInsideCountsThousandsOfGoroutines(t *testing.T) {
	const goroutines = 3000
	var here, ended sync.WaitGroup
	free := make(chan struct{})
	here.Add(goroutines)
	for range goroutines {
		ended.Go(func() { blockedInside(&here, free) })
	}
	here.Wait()
	if n := Inside("blockedInside"); n != goroutines {
		t.Errorf("%d of %d goroutines are seen", n, goroutines)
	}
	for _, part := range []string{"blocked", "lockedInside"} {
		if n := Inside(part); n != 0 {
			t.Errorf("%d goroutines are in blockedInside, but are counted for %q", n, part)
		}
	}
	close(free)
	ended.Wait()
}

// TestInsideCountsNoGoroutineThatGoexitEnds has a goroutine call Goexit, and blocks it
// in a deferred call. WaitGroup.Go counts down there, so Wait can return before the
// stack is gone.
func TestInsideCountsNoGoroutineThatGoexitEnds(t *testing.T) {
	var here, ended sync.WaitGroup
	free := make(chan struct{})
	here.Add(1)
	ended.Go(func() { exitInside(&here, free) })
	here.Wait()
	if n := Inside("exitInside"); n != 0 {
		t.Errorf("%d goroutines are counted, want 0: Goexit ends the only one", n)
	}
	close(free)
	ended.Wait()
}

func exitInside(here *sync.WaitGroup, free <-chan struct{}) {
	defer blockedInside(here, free)
	runtime.Goexit()
}

//go:noinline
func blockedInside(here *sync.WaitGroup, free <-chan struct{}) {
	here.Done()
	<-free
}

// TestInsideCountsAGoroutineOnce has a function that calls itself: it is on the stack three times.
func TestInsideCountsAGoroutineOnce(t *testing.T) {
	if n := calledInside(3); n != 1 {
		t.Errorf("one goroutine is in calls of calledInside, but %d are counted", n)
	}
}

//go:noinline
func calledInside(calls int) int {
	if calls > 1 {
		return calledInside(calls - 1)
	}
	return Inside("calledInside")
}

// TestDrawingsSayWhatHasEndedTheWork has a caller cancel, and a deadline pass.
func TestDrawingsSayWhatHasEndedTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := printed(t, func() {
			drawFailing(t.Context(), "canceled", false, 2)
			drawUntil(t.Context(), "blocks", func(ctx context.Context) (string, error) { <-ctx.Done(); return "4 pages", ctx.Err() })
		})
		for _, want := range []string{"2    the client has left\n", "4 pages, then blocked for 100 ms\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q in\n%s", want, text)
			}
		}
	})
}

// TestBackwardsTaskBlocksUntilTheNextOneHasEnded runs the first of two tasks, and then
// the second one, twice: it does not block.
func TestBackwardsTaskBlocksUntilTheNextOneHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := NewBackwards(2), time.Now()
		time.AfterFunc(time.Second, func() { b.End(2) })
		if task, err := b.Do(t.Context(), 1); task != 1 || err != nil || time.Since(began) != time.Second {
			t.Errorf("Do returned %d, %v after %v, want task 1 after 1s", task, err, time.Since(began))
		}
		for range 2 {
			if task, err := b.Do(t.Context(), 2); task != 2 || err != nil {
				t.Errorf("Do returned %d, %v, want task 2", task, err)
			}
		}
		if one, two := b.Runs[1].Load(), b.Runs[2].Load(); one != 1 || two != 2 {
			t.Errorf("task 1 has run %d times and task 2 %d times, want 1 and 2", one, two)
		}
	})
}

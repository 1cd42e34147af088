package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWaitGroupWaitsForItsGoroutines runs the main that waits (claim 1.5).
func TestWaitGroupWaitsForItsGoroutines(t *testing.T) {
	out, status, err := runRole("main waits", "")
	if out != "email sent\n" || status != 0 || err != nil {
		t.Errorf("main did not wait for its goroutine: it printed %q, exit status %d, %v", out, status, err)
	}
}

// TestMainWaitsExactlyAsLongAsItsGoroutine measures it in fake time (claim 1.5).
func TestMainWaitsExactlyAsLongAsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if MainWaits(); time.Since(began) != time.Millisecond {
			t.Errorf("main returned after %v, want 1ms: when its goroutine has ended", time.Since(began))
		}
	})
}

// TestMainThatReturnsFirstLosesTheWork runs the main that does not wait
// (negative control of 1.5): no output and no error.
func TestMainThatReturnsFirstLosesTheWork(t *testing.T) {
	out, status, err := runRole("main returns first", "")
	if out != "" || status != 0 || err != nil {
		t.Errorf("got output %q, exit status %d, %v; want the work lost, and status 0", out, status, err)
	}
}

// TestMainThatReturnsFirstLeavesABlockedGoroutine: in fake time it prints its line an hour
// later, so that no run of the program has the line.
func TestMainThatReturnsFirstLeavesABlockedGoroutine(t *testing.T) {
	var early []byte
	all := printed(t, func() {
		synctest.Test(t, func(t *testing.T) {
			MainReturnsFirst()
			time.Sleep(time.Minute) // longer than any program takes to end
			early, _ = os.ReadFile(os.Stdout.Name())
			time.Sleep(2 * time.Hour)
		})
	})
	if len(early) > 0 || all != "email sent\n" {
		t.Errorf("the goroutine printed %q within a minute after main returned, and %q in the end; want nothing, and its line", early, all)
	}
}

// TestBusyLoopEndsAtItsLimit: without an iteration, on one CPU, another goroutine hardly
// ever runs before the loop has ended. This test is before those that would not end if
// the loop had no limit.
func TestBusyLoopEndsAtItsLimit(t *testing.T) {
	onOneCPU(t)
	for range 100 {
		if !OthersRun(0) {
			return
		}
	}
	t.Error("a loop of no iterations went on until another goroutine had run, 100 times")
}

// TestRecoveredPanicBecomesAnError recovers in the goroutine that panics (claim 1.7).
func TestRecoveredPanicBecomesAnError(t *testing.T) {
	err := <-Result(func() error { return openMailbox(nil) })
	p, ok := errors.AsType[*PanicError](err)
	if !ok {
		t.Fatalf("got %v, want a *PanicError", err)
	}
	if got, want := fmt.Sprint(p.Value), "assignment to entry in nil map"; got != want {
		t.Errorf("the panic's value is %q, want %q", got, want)
	}
	if got, want := err.Error(), "panic: assignment to entry in nil map"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	full := errors.New("disk full")
	if p, ok := errors.AsType[*PanicError](<-Result(func() error { panic(full) })); !ok || p.Value != full {
		t.Errorf("panic was called with an error; the *PanicError is %+v, want that very error as its value", p)
	}
	if !strings.Contains(string(p.Stack), "openMailbox") {
		t.Errorf("the stack does not contain the function that panicked:\n%s", p.Stack)
	}
}

// TestResultDeliversTheErrorOfF returns an error, nil, and something that the
// caller never receives. The bubble ends only if the goroutine has ended, too.
func TestResultDeliversTheErrorOfF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("disk full")
		for _, want := range []error{full, nil} {
			blocked := make(chan struct{})
			result := Result(func() error { <-blocked; return want })
			close(blocked) // not reached if Result called f itself
			if err := <-result; err != want {
				t.Errorf("f returned %v; Result delivers %v", want, err)
			}
		}
		Result(func() error { return full })
		result := Result(func() error { runtime.Goexit(); return full })
		synctest.Wait()
		select {
		case err := <-result:
			t.Errorf("f called runtime.Goexit; Result delivers %v, want nothing", err)
		default:
		}
	})
}

// TestUnrecoveredPanicEndsTheProgram runs the program that recovers in the
// wrong goroutine (negative control of 1.7).
func TestUnrecoveredPanicEndsTheProgram(t *testing.T) {
	out, status, err := runRole("panic", "")
	t.Logf("exit status %d\n%s", status, out)
	if status != 2 || err != nil {
		t.Errorf("got exit status %d, %v; want 2: a panic in any goroutine ends the program", status, err)
	}
	if !strings.HasPrefix(out, "panic: assignment to entry in nil map\n") || strings.Contains(out, "never printed") {
		t.Error("want the panic's message first, and no output of main")
	}
	text, err := source.ReadFile("panics.go")
	_, text, _ = bytes.Cut(text, []byte("func PanicEndsProgram() {"))
	if before, _, ok := bytes.Cut(text, []byte("go func()")); err != nil || !ok || !bytes.Contains(before, []byte("recover()")) {
		t.Errorf("%v; main must call recover before it starts the goroutine that panics", err)
	}
}

// TestEachIterationHasItsOwnVariable captures a loop variable (claim 1.8).
func TestEachIterationHasItsOwnVariable(t *testing.T) {
	for _, want := range [][]int{nil, {0}, {0, 1, 2}} {
		if got := LoopVariables(len(want)); !slices.Equal(got, want) {
			t.Errorf("%d goroutines captured i and saw %v, want %v", len(want), got, want)
		}
	}
	before := goroutinesCreated()
	if got := LoopVariables(100); !slices.IsSorted(got) {
		t.Errorf("the values that 100 goroutines saw are not sorted: %v", got)
	}
	if n := goroutinesCreated() - before; n < 100 {
		t.Errorf("in 100 iterations %d goroutines were started", n)
	}
}

// goroutinesCreated returns how many goroutines have been started so far.
func goroutinesCreated() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestOldLoopVariableIsShared does the same as Go 1.21 (negative control of 1.8).
func TestOldLoopVariableIsShared(t *testing.T) {
	if got, want := OldLoopVariables(3), []int{3, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("three goroutines captured i, as in Go 1.21, and saw %v, want %v", got, want)
	}
}

// TestOwnErrorsKeepsEveryError runs tasks that all wait for one another, so they
// must run concurrently (claim 1.8).
func TestOwnErrorsKeepsEveryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met := make(chan struct{})
		var tasks []func() error
		for _, fail := range tasksThatFail {
			tasks = append(tasks, func() error { <-met; return fail() })
		}
		tasks = append(tasks, func() error { close(met); return nil })
		for i, task := range tasks {
			tasks[i] = func() error { defer time.Sleep(time.Duration(len(tasks)-i) * time.Second); return task() } // the first one ends last
		}
		err := OwnErrors(tasks)
		if got, want := fmt.Sprint(err), "disk full\nconnection refused\nno such user"; got != want {
			t.Errorf("got the errors %q, want %q", got, want)
		}
		if got := unjoin(err); len(got) != 3 || fmt.Sprint(got[2]) != "no such user" {
			t.Errorf("unjoin found the errors %v, want the three that are joined", got)
		}
		if n := len(unjoin(nil)) + len(unjoin(errors.New("one"))); n != 0 {
			t.Errorf("unjoin found %d errors where none are joined", n)
		}
		if err := OwnErrors(tasks[:0]); err != nil {
			t.Errorf("no tasks gave the error %v", err)
		}
	})
}

// TestSharedErrorIsADataRace runs the wrong version (negative control of 1.8):
// the race detector reports it, and of three errors one is left.
func TestSharedErrorIsADataRace(t *testing.T) {
	needsRaceDetector(t)
	out, status, err := runRole("shared error", "")
	t.Logf("exit status %d\n%s", status, out)
	if status != 66 || err != nil || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, ".SharedError.") {
		t.Errorf("got exit status %d, %v; want a report of the race detector that names SharedError", status, err)
	}
	if !strings.Contains(out, "1 of 3 errors") {
		t.Error("want one error of three left")
	}
}

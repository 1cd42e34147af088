package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A test in a bubble of testing/synctest also tests for leaks: it fails if a
// goroutine of the bubble is still blocked when the test returns.

var (
	errFull = errors.New("disk full")
	errLeft = errors.New("the client has left")
)

// TestFirstErrorStopsTheRest has one of two workers fail (claim 5.4): the context
// of the other one's task is canceled, the tasks in the queue are dropped, and
// Close returns the first error, not those that follow from it.
func TestFirstErrorStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, canceled []int // by the two workers at different seconds
		p := NewPool(t.Context(), Config{Workers: 2, Queue: 10}, func(ctx context.Context, task int) error {
			begun = append(begun, task)
			time.Sleep(time.Duration(task) * time.Second)
			if task == 2 {
				return errFull
			}
			select {
			case <-ctx.Done():
				canceled = append(canceled, task)
				return ctx.Err() // follows from the first error
			case <-time.After(time.Hour):
				return nil
			}
		})
		began := time.Now()
		for _, task := range []int{1, 2, 3, 4, 5} {
			if err := p.Submit(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := p.Submit(t.Context(), 6); err != ErrStopped {
			t.Errorf("after the first error, Submit returned %v, want %v", err, ErrStopped)
		}
		if err := p.TrySubmit(6); err != ErrStopped {
			t.Errorf("after the first error, TrySubmit returned %v, want %v", err, ErrStopped)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Submit(done, 6); err != ErrStopped {
			t.Errorf("after the first error, Submit with a context that is done returned %v, want %v", err, ErrStopped)
		}
		err := p.Close()
		if failed, ok := errors.AsType[*TaskError](err); !ok || failed.Task != 2 || !errors.Is(err, errFull) || err.Error() != "task 2: disk full" {
			t.Errorf("Close returned %q, want only the first error: task 2: disk full", err)
		}
		if len(begun) != 2 || len(canceled) != 1 || time.Since(began) != 2*time.Second {
			t.Errorf("task 2 failed after 2 s; %d tasks had begun, %d of them were canceled, and Close returned after %v: the error did not stop the rest", len(begun), len(canceled), time.Since(began))
		}
		if again := p.Close(); again != err {
			t.Errorf("Close returned %v, and the second time %v", err, again)
		}
	})
}

// TestFirstErrorIsReturnedAlone has a task fail, and then the task of another worker
// with an error of its own (claim 5.4). A cancellation that comes later changes nothing.
func TestFirstErrorIsReturnedAlone(t *testing.T) {
	do := func(ctx context.Context, task int) (int, error) {
		if task == 0 {
			return 0, errFull
		}
		<-ctx.Done()
		return 0, errLeft
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := NewPool(ctx, Config{Workers: 2}, func(ctx context.Context, task int) error { _, err := do(ctx, task); return err })
		for _, task := range []int{1, 0} {
			if err := p.Submit(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // it has begun, and task 0 has failed
		}
		cancel()
		pool := p.Close()
		_, slice := Map(t.Context(), 2, []int{0, 1}, func(ctx context.Context, task int) (int, error) {
			time.Sleep(time.Second) // so that both have begun
			return do(ctx, task)
		})
		for who, err := range map[string]error{"Close": pool, "Map": slice} {
			if err == nil || err.Error() != "task 0: disk full" {
				t.Errorf("%s returned %v, want only the first error: task 0: disk full", who, err)
			}
		}
	})
}

// TestKeepGoingCollectsEveryError is the other choice (claim 5.4).
func TestKeepGoingCollectsEveryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := 0
		errs := []error{nil, errors.New("one"), nil, errors.New("three"), nil}
		p := NewPool(t.Context(), Config{Workers: 1, Queue: len(errs), KeepGoing: true}, func(_ context.Context, task int) error {
			done++
			return errs[task]
		})
		submitAll(t, p, len(errs))
		err := p.Close()
		if done != len(errs) {
			t.Errorf("%d of %d tasks were done: an error stopped the rest", done, len(errs))
		}
		if want := "task 1: one\ntask 3: three"; err == nil || err.Error() != want || !errors.Is(err, errs[1]) || !errors.Is(err, errs[3]) {
			t.Errorf("Close returned %q, want both errors: %q", err, want)
		}
	})
}

// TestPanicIsAnErrorWithItsStack has a task panic, with each of the three ways to
// run tasks (claim 5.4): the others, and the program, go on. The panic's value is
// an error that wraps another one: errors.Is finds both.
func TestPanicIsAnErrorWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for from, err := range eachWay(t, func() { panicking(fmt.Errorf("saving: %w", errFull)) }) {
			if failed, ok := errors.AsType[*TaskError](err); from != "AsDone" && (!ok || failed.Task != 1) {
				t.Errorf("%s: task 1 panics, and the error is %q", from, err)
			}
			p, ok := errors.AsType[*PanicError](err)
			if !ok || !strings.Contains(string(p.Stack), "panicking") || !strings.Contains(err.Error(), "panic: saving: disk full") {
				t.Errorf("%s: the panic is the error %q, want a *PanicError with its stack", from, err)
			}
			if !errors.Is(err, errFull) {
				t.Errorf("%s: errors.Is does not find the error that the task panicked with in %q", from, err)
			}
		}
		for from, err := range eachWay(t, func() { panic("no such user") }) {
			if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != "no such user" || errors.Unwrap(p) != nil {
				t.Errorf("%s: panic(string) is the error %q", from, err)
			}
		}
	})
}

func panicking(v any) { panic(v) }

// TestGoexitIsAnError has a task call runtime.Goexit, as t.FailNow does, with each
// of the three ways to run tasks (claim 5.4). It must not cost a worker: there is
// only one, and tasks follow.
func TestGoexitIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for from, err := range eachWay(t, runtime.Goexit) {
			if !errors.Is(err, ErrGoexit) {
				t.Errorf("%s: Goexit is the error %v, want %v", from, err, ErrGoexit)
			}
		}
	})
}

// eachWay runs three tasks, the second one fails, with one worker and in each of
// the ways to run tasks. It returns the errors.
func eachWay(t *testing.T, fail func()) map[string]error {
	ran := 0
	do := func(_ context.Context, task int) (int, error) {
		if ran++; task == 1 { // by one worker at a time
			fail()
		}
		return task, nil
	}
	p := NewPool(t.Context(), Config{Workers: 1, Queue: 3, KeepGoing: true}, func(ctx context.Context, task int) error { _, err := do(ctx, task); return err })
	submitAll(t, p, 3)
	errs := map[string]error{"Pool": p.Close()}
	if ran != 3 {
		t.Errorf("Pool: %d of 3 tasks ran: the failure has cost the worker", ran)
	}
	var results []int
	if results, errs["Map"] = Map(t.Context(), 1, []int{0, 1, 2}, do); results != nil {
		t.Errorf("Map returned the results %v with an error, want nil", results)
	}
	yielded := make([]Result[int], 3)
	for r := range AsDone(t.Context(), 1, []int{0, 1, 2}, do) {
		yielded[r.Task] = r
	}
	if yielded[0].Err != nil || yielded[2].Err != nil || yielded[2].Value != 2 {
		t.Errorf("AsDone: a failure in one task changed the others: %+v", yielded)
	}
	errs["AsDone"] = yielded[1].Err
	return errs
}

// TestCancelStopsThePool cancels while a task runs, two are in the queue and one
// is being submitted (claim 5.4).
func TestCancelStopsThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		begun := 0
		p := NewPool(ctx, Config{Workers: 1, Queue: 2, KeepGoing: true}, func(ctx context.Context, task int) error {
			begun++
			<-ctx.Done()
			return nil
		})
		time.AfterFunc(time.Second, func() { cancel(errLeft) })
		submitted := 0
		var err error
		for err == nil && submitted < 100 {
			if err = p.Submit(ctx, submitted); err == nil {
				submitted++
			}
		}
		if err != ErrStopped || submitted != 3 {
			t.Errorf("%d tasks were accepted, then Submit returned %v, want 3 and %v", submitted, err, ErrStopped)
		}
		if err := p.TrySubmit(4); err != ErrStopped {
			t.Errorf("TrySubmit to a stopped pool returned %v, want %v", err, ErrStopped)
		}
		if err := p.Close(); !errors.Is(err, errLeft) || begun != 1 {
			t.Errorf("%d tasks had begun, want 1; Close returned %v, want the cause of the cancellation", begun, err)
		}
	})
}

// TestContextOfTheTasksIsCanceledInTheEnd looks at it when Close and Map have
// returned, and after the loop over AsDone: a context that goes on would stay in
// the memory of its parent (claim 5.4). It has the values of the caller's context.
func TestContextOfTheTasksIsCanceledInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, 42)
		var given context.Context
		check := func(who string, err error) {
			t.Helper()
			if err != nil || given.Err() == nil {
				t.Errorf("%s returned %v, and the context of the tasks is done: %v, want true", who, err, given.Err() != nil)
			}
			if v := given.Value(key{}); v != 42 {
				t.Errorf("%s: the context of the tasks has the value %v, want 42, that of the caller's context", who, v)
			}
		}
		p := NewPool(ctx, Config{}, func(ctx context.Context, _ int) error { given = ctx; return ctx.Err() })
		submitAll(t, p, 1)
		check("Close", p.Close())
		do := func(ctx context.Context, _ int) (int, error) { given = ctx; return 0, ctx.Err() }
		_, err := Map(ctx, 1, []int{1}, do)
		check("Map", err)
		for r := range AsDone(ctx, 1, []int{1}, do) {
			err = r.Err
		}
		check("AsDone", err)
	})
}

// TestCancelingTheContextBoundsClose allows tasks of an hour ten seconds (claim
// 5.4). Close waits for the running task, which takes one more second to stop.
func TestCancelingTheContextBoundsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		begun := 0
		p := NewPool(ctx, Config{Queue: 5}, func(ctx context.Context, _ int) error {
			begun++
			select {
			case <-ctx.Done():
				time.Sleep(time.Second)
				return ctx.Err()
			case <-time.After(time.Hour):
				return nil
			}
		})
		submitAll(t, p, 5)
		began := time.Now()
		time.AfterFunc(10*time.Second, func() { cancel(errLeft) })
		if err := p.Close(); !errors.Is(err, errLeft) || begun != 1 || time.Since(began) != 11*time.Second {
			t.Errorf("canceled after 10s, Close returned %v after %v and %d tasks, want the cause after 11s and 1 task", err, time.Since(began), begun)
		}
	})
}

// TestFinishedWorkIsNotReportedAsCanceled cancels in the last task, which then
// succeeds, and between its end and Close (claim 5.4).
func TestFinishedWorkIsNotReportedAsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ keepGoing, inTask bool }{{false, true}, {true, true}, {false, false}, {true, false}} {
			ctx, cancel := context.WithCancelCause(t.Context())
			p := NewPool(ctx, Config{Queue: 2, KeepGoing: c.keepGoing}, func(_ context.Context, task int) error {
				if task == 1 && c.inTask {
					cancel(errLeft)
				}
				return nil
			})
			submitAll(t, p, 2)
			synctest.Wait()
			cancel(errLeft)
			if err := p.Close(); err != nil {
				t.Errorf("every task succeeded, but Close returned %v", err)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		results, err := Map(ctx, 1, []int{7, 8}, func(_ context.Context, task int) (int, error) {
			if task == 8 {
				cancel(errLeft)
			}
			return task, nil
		})
		if err != nil || !slices.Equal(results, []int{7, 8}) {
			t.Errorf("every task succeeded, but Map returned %v, %v", results, err)
		}
	})
}

// TestWorkThatIsCutShortReturnsTheCause cancels before the last task is submitted,
// or begun: the caller must not take the work for complete (claim 5.4).
func TestWorkThatIsCutShortReturnsTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := NewPool(ctx, Config{}, func(context.Context, int) error { return nil })
		submitAll(t, p, 1)
		cancel(errLeft)
		if err := p.Submit(ctx, 1); err != ErrStopped {
			t.Errorf("Submit to a pool whose context is done returned %v, want %v", err, ErrStopped)
		}
		if err := p.Close(); !errors.Is(err, errLeft) {
			t.Errorf("a task was refused because of the cancellation; Close returned %v, want its cause", err)
		}
		p = NewPool(ctx, Config{}, func(context.Context, int) error { return nil })
		if err := p.TrySubmit(1); err != ErrStopped {
			t.Errorf("TrySubmit to a pool whose context is done returned %v, want %v", err, ErrStopped)
		}
		if err := p.Close(); !errors.Is(err, errLeft) {
			t.Errorf("TrySubmit refused a task because of the cancellation; Close returned %v, want its cause", err)
		}
		if results, err := Map(ctx, 1, []int{1}, sleepFor); !errors.Is(err, errLeft) || results != nil {
			t.Errorf("a task was not begun because of the cancellation; Map returned %v, %v, want its cause", results, err)
		}
		ran := 0
		for r := range AsDone(ctx, 1, []int{0, 0, 0}, func(context.Context, int) (int, error) { ran++; return 0, nil }) {
			if r.Err != errLeft {
				t.Errorf("a task was not begun because of the cancellation; its result is %+v, want its cause", r)
			}
		}
		if ran != 0 {
			t.Errorf("AsDone began %d tasks with a context that is done", ran)
		}
	})
}

// TestRealErrorIsJoinedWithTheCancellation has a deadline pass and then a task
// fail, after another one that only reports the deadline (claim 5.4).
func TestRealErrorIsJoinedWithTheCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		do := func(ctx context.Context, task int) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Duration(task) * time.Second)
			if task == 2 {
				return 0, errFull
			}
			return 0, ctx.Err()
		}
		for _, keepGoing := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			p := NewPool(ctx, Config{Workers: 3, KeepGoing: keepGoing}, func(ctx context.Context, task int) error { _, err := do(ctx, task); return err })
			submitAll(t, p, 3)
			requireBoth(t, "Close", p.Close())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Map(ctx, 3, []int{0, 1, 2}, do)
		requireBoth(t, "Map", err)
	})
}

// TestErrorThatFollowsFromTheCancellationIsNotRepeated has the only task return
// the error of its context, or its cause (claim 5.4): Map returns the cause alone.
func TestErrorThatFollowsFromTheCancellationIsNotRepeated(t *testing.T) {
	for name, follows := range map[string]func(context.Context) error{"its error": context.Context.Err, "its cause": context.Cause, "both": bothOf} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errLeft)
			defer cancel()
			_, err := Map(ctx, 1, []int{0}, func(ctx context.Context, _ int) (int, error) {
				<-ctx.Done()
				return 0, fmt.Errorf("reading: %w", follows(ctx))
			})
			if err == nil || err.Error() != errLeft.Error() {
				t.Errorf("the context was canceled, and the task returned %s; Map returned %q, want only %q", name, err, errLeft)
			}
		})
	}
}

func bothOf(ctx context.Context) error { return errors.Join(ctx.Err(), context.Cause(ctx)) }

// TestErrorThatIsJoinedToTheCancellationIsReturned has a task return the error of its
// context and one of its own, as when a rollback fails (claim 5.4).
func TestErrorThatIsJoinedToTheCancellationIsReturned(t *testing.T) {
	for how, join := range map[string]func(error) error{
		"errors.Join": func(err error) error { return errors.Join(err, errFull) },
		"two %w":      func(err error) error { return fmt.Errorf("saving: %w; rolling back: %w", err, errFull) },
		"wrapped":     func(err error) error { return fmt.Errorf("saving: %w", errors.Join(err, errFull)) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err := Map(ctx, 1, []int{0}, func(ctx context.Context, _ int) (int, error) {
			cancel(errLeft)
			return 0, join(ctx.Err())
		})
		if !errors.Is(err, errFull) || !errors.Is(err, errLeft) {
			t.Errorf("%s: Map returned %q, want the error of the task's own and the cause", how, err)
		}
	}
}

// TestCauseIsReturnedBeforeTheContextOfTheTasksIsDone: a context is done a moment before
// those that are derived from it. A task may observe it in that moment, and no other task is
// begun (claim 5.4).
func TestCauseIsReturnedBeforeTheContextOfTheTasksIsDone(t *testing.T) {
	for _, test := range []struct {
		who    string
		fails  bool // the task returns the error of the context
		result func(ctx context.Context, do func() error) error
	}{
		{"Map", false, onMap},
		{"Map", true, onMap},
		{"Close", false, onPool},
		{"Close", true, onPool},
		{"AsDone", false, onAsDone},
	} {
		parent, cancel := context.WithCancelCause(t.Context())
		begun := 0
		err := test.result(ahead{parent}, func() error {
			begun++
			cancel(errLeft)
			if test.fails {
				return parent.Err()
			}
			return nil
		})
		if begun != 1 || err == nil || err.Error() != errLeft.Error() {
			t.Errorf("the context is canceled in the first of two tasks, which fails: %t. %d tasks are begun, and %s returns %v; want 1 and %q", test.fails, begun, test.who, err, errLeft)
		}
	}
}

func onMap(ctx context.Context, do func() error) error {
	_, err := Map(ctx, 1, []int{0, 0}, func(context.Context, int) (int, error) { return 0, do() })
	return err
}

func onPool(ctx context.Context, do func() error) error {
	submitted := make(chan struct{})
	p := NewPool(ctx, Config{Queue: 2}, func(context.Context, int) error { <-submitted; return do() })
	err := errors.Join(p.Submit(ctx, 0), p.Submit(ctx, 0))
	close(submitted)
	return errors.Join(err, p.Close())
}

// onAsDone returns the error of the second task.
func onAsDone(ctx context.Context, do func() error) (err error) {
	for r := range AsDone(ctx, 1, []int{0, 0}, func(context.Context, int) (int, error) { return 0, do() }) {
		err = r.Err
	}
	return err
}

// TestTimeoutOfATasksOwnIsAnError has a task return its own timeout after the cancellation
// of its context: this error does not follow from the cancellation.
func TestTimeoutOfATasksOwnIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Map(ctx, 1, []int{0}, func(context.Context, int) (int, error) {
		cancel(errLeft)
		return 0, context.DeadlineExceeded
	})
	if want := "task 0: context deadline exceeded\nthe client has left"; err == nil || err.Error() != want {
		t.Errorf("Map returned %q, want the timeout of the task and the cause of the cancellation: %q", err, want)
	}
}

// TestKeepGoingReturnsTheCauseOfWhatWasCutShort has the only task return the error of
// its canceled context (claim 5.4): with KeepGoing this is one of the errors, and the
// cause says why.
func TestKeepGoingReturnsTheCauseOfWhatWasCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errLeft)
		defer cancel()
		p := NewPool(ctx, Config{KeepGoing: true}, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		submitAll(t, p, 1)
		if err, want := p.Close(), "task 0: context deadline exceeded\nthe client has left"; err == nil || err.Error() != want || !errors.Is(err, errLeft) {
			t.Errorf("Close returned %q, want %q", err, want)
		}
	})
}

// TestMethodsOfAnErrorAreCalledWithoutTheLock has a task return an error of a type of its
// own after the cancellation (claim 5.4). If one of its methods blocked, or called the
// pool, the pool would block, too.
func TestMethodsOfAnErrorAreCalledWithoutTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := NewPool(ctx, Config{}, func(ctx context.Context, err error) error { <-ctx.Done(); return err })
		err := p.Submit(t.Context(), examined{func() {
			if !p.failures.mu.TryLock() {
				t.Error("the pool examines the error of a task and holds its lock")
				return
			}
			p.failures.mu.Unlock()
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); !strings.Contains(err.Error(), "examined") || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close returned %v, want the error of the task and the deadline", err)
		}
	})
}

// examined is an error that calls a function when errors.Is and errors.AsType examine it.
type examined struct{ call func() }

func (e examined) Error() string   { return "examined" }
func (e examined) Is(error) bool   { e.call(); return false }
func (e examined) As(any) bool     { e.call(); return false }
func (e examined) Unwrap() []error { e.call(); return nil }

// TestMethodOfAnErrorThatPanicsEndsNothing has a task return such an error after the
// cancellation, to a pool and to Map (claim 5.4): it is an error of the task's own, and
// neither the program nor the worker ends.
func TestMethodOfAnErrorThatPanicsEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failing := examined{func() { panic("a bug in a method") }}
		p := NewPool(ctx, Config{}, func(ctx context.Context, _ int) error { <-ctx.Done(); return failing })
		submitAll(t, p, 1)
		pool := p.Close()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, slice := Map(ctx, 1, []int{0}, func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, failing })
		for who, err := range map[string]error{"Close": pool, "Map": slice} {
			if want := "task 0: examined\ncontext deadline exceeded"; err == nil || err.Error() != want {
				t.Errorf("a task returned an error with methods that panic, and %s returned %v, want %q", who, err, want)
			}
		}
	})
}

// TestOneErrorIsTheFirst although ten tasks fail at the same moment (claim 5.4).
func TestOneErrorIsTheFirst(t *testing.T) {
	f := failures{parent: t.Context()}
	ctx, stop := context.WithCancelCause(t.Context())
	compete(&f.mu, "(*failures).add", 10, func() { f.add(ctx, stop, 0, errFull) })
	if len(f.errs) != 1 {
		t.Errorf("ten tasks fail at the same time, and %d errors are the first one", len(f.errs))
	}
}

// TestNoCallEntersAPoolWhoseChannelIsClosed has no call left in the pool: the last
// one has closed the channel, on which a send would panic.
func TestNoCallEntersAPoolWhoseChannelIsClosed(t *testing.T) {
	if new(Pool[int]).enter() {
		t.Error("a call that may send has entered after the channel was closed")
	}
}

// TestTaskErrorPrintsTheTaskWithItsStringMethod has a task that is 90 seconds
// (claim 5.4): "90000000000" would not say which one.
func TestTaskErrorPrintsTheTaskWithItsStringMethod(t *testing.T) {
	err := &TaskError{90 * time.Second, errFull}
	if got, want := err.Error(), "task 1m30s: disk full"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func requireBoth(t *testing.T, from string, err error) {
	t.Helper()
	if !errors.Is(err, errFull) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "task 2: ") {
		t.Errorf("%s returned %q, want the real error, with its task, and the deadline", from, err)
	}
}

// TestPanicIsNotTakenForTheCancellation panics with the error of the context that
// was canceled before (claim 5.4).
func TestPanicIsNotTakenForTheCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Map(ctx, 1, []int{0}, func(ctx context.Context, _ int) (int, error) {
			cancel()
			panic(ctx.Err())
		})
		if _, ok := errors.AsType[*PanicError](err); !ok {
			t.Errorf("Map returned %v, want the panic", err)
		}
	})
}

// TestPoolInsideATaskReportsWhatCutItShort has a pool whose context comes from a
// task of another pool, which is closed first (claim 5.4). Causes go on to derived
// contexts: a pool that took the other one's for its own would return nil.
func TestPoolInsideATaskReportsWhatCutItShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inner *Pool[int]
		ran := 0
		outer := NewPool(t.Context(), Config{}, func(ctx context.Context, _ int) error {
			inner = NewPool(ctx, Config{Queue: 5}, func(context.Context, int) error {
				ran++
				time.Sleep(time.Second)
				return nil
			})
			submitAll(t, inner, 5)
			synctest.Wait()
			return nil
		})
		submitAll(t, outer, 1)
		if err := outer.Close(); err != nil {
			t.Errorf("the outer pool returned %v", err)
		}
		if err := inner.Close(); !errors.Is(err, errEnded) || ran != 1 {
			t.Errorf("%d of 5 tasks ran, want 1, and Close returned %v, want %v", ran, err, errEnded)
		}
	})
}

// TestErrorOfATaskIsNotTakenForThePools has a task return another pool's ErrFull,
// and then ErrClosed (claim 5.4): Submit must not accept tasks that are dropped.
func TestErrorOfATaskIsNotTakenForThePools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, own := range []error{ErrFull, ErrClosed, ErrStopped} {
			p := NewPool(t.Context(), Config{Queue: 1}, func(context.Context, int) error { return own })
			submitAll(t, p, 1)
			synctest.Wait()
			for range 100 {
				if err := p.Submit(t.Context(), 1); err != ErrStopped {
					t.Fatalf("a task returned %q; after it Submit returned %v, want %v", own, err, ErrStopped)
				}
				if err := p.TrySubmit(1); err != ErrStopped {
					t.Fatalf("a task returned %q; after it TrySubmit returned %v, want %v", own, err, ErrStopped)
				}
			}
			if err := p.Close(); !errors.Is(err, own) {
				t.Errorf("Close returned %v, want the error of the task, %v", err, own)
			}
		}
	})
}

// TestMapStopsAtTheFirstError begins no task after it (claim 5.4).
func TestMapStopsAtTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lanes Lanes
		began := time.Now()
		numbers := make([]int, 100)
		for i := range numbers {
			numbers[i] = i
		}
		results, err := Map(t.Context(), 2, numbers, func(ctx context.Context, task int) (int, error) {
			defer lanes.Enter()()
			if task == 5 {
				time.Sleep(time.Second / 2)
				return 0, errFull
			}
			time.Sleep(time.Second)
			return 0, nil
		})
		tasks := 0
		for _, lane := range lanes.Spans() {
			tasks += len(lane)
		}
		if !errors.Is(err, errFull) || results != nil || tasks != 6 || time.Since(began) != 3*time.Second {
			t.Errorf("two tasks a second, and task 5 fails after 2.5 s: %d tasks were done in %v, want 6 in 3s; Map returned %v", tasks, time.Since(began), err)
		}
	})
}

// TestMapCancelsTheOthersAndWaitsForThem has one task fail while another runs (claim 5.4).
func TestMapCancelsTheOthersAndWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := Map(t.Context(), 2, []int{10, 20}, func(ctx context.Context, task int) (int, error) {
			if task == 20 {
				time.Sleep(time.Second) // until the other task has begun
				return 0, errFull
			}
			<-ctx.Done()
			time.Sleep(time.Second)
			return 0, ctx.Err()
		})
		if failed, ok := errors.AsType[*TaskError](err); !ok || failed.Task != 1 || time.Since(began) != 2*time.Second {
			t.Errorf("Map returned %v after %v, want the error of the task with index 1, after the other task", err, time.Since(began))
		}
	})
}

// TestAsDoneGoesOnAfterAnError has the first of three tasks fail (claim 5.4).
func TestAsDoneGoesOnAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var results []Result[int]
		for r := range AsDone(t.Context(), 1, []int{1, 2, 3}, func(ctx context.Context, task int) (int, error) {
			if task == 1 {
				return 0, errFull
			}
			return task, ctx.Err()
		}) {
			results = append(results, r)
		}
		if want := []Result[int]{{0, 0, errFull}, {1, 2, nil}, {2, 3, nil}}; !slices.Equal(results, want) {
			t.Errorf("the results are %+v, want %+v", results, want)
		}
	})
}

// TestAsDoneYieldsEveryResultThatExists cancels while tasks run that succeed
// nevertheless: each is yielded, in each of a thousand rounds (claim 5.4).
func TestAsDoneYieldsEveryResultThatExists(t *testing.T) {
	for range 1000 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			n, succeeded := 0, 0
			for r := range AsDone(ctx, 2, []int{1, 2, 3, 4}, func(_ context.Context, task int) (int, error) {
				time.Sleep(time.Second)
				cancel(errLeft)
				return task, nil
			}) {
				if n++; r.Err == nil {
					succeeded++
				} else if r.Err != errLeft {
					t.Errorf("a task that was not begun has the error %v, want %v", r.Err, errLeft)
				}
			}
			if n != 4 || succeeded != 2 {
				t.Fatalf("%d of 4 results, %d of them good, want 2: the cancellation must not drop one", n, succeeded)
			}
		})
	}
}

// TestAsDoneCancelsTheTasksThatRun has the deadline pass while the first of two tasks
// runs (claim 5.4). The task gets the values of the context, too.
func TestAsDoneCancelsTheTasksThatRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithTimeoutCause(context.WithValue(t.Context(), key{}, 42), time.Second, errLeft)
		defer cancel()
		var results []Result[int]
		for r := range AsDone(ctx, 1, []int{1, 2}, func(ctx context.Context, _ int) (int, error) {
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
			return ctx.Value(key{}).(int), ctx.Err()
		}) {
			results = append(results, r)
		}
		if want := []Result[int]{{0, 42, context.DeadlineExceeded}, {1, 0, errLeft}}; !slices.Equal(results, want) {
			t.Errorf("the results are %+v, want %+v", results, want)
		}
	})
}

// TestLeavingAsDoneCancelsAndLeaksNothing leaves its loop in every way: break, a
// panic and Goexit in the body (claim 5.4).
func TestLeavingAsDoneCancelsAndLeaksNothing(t *testing.T) {
	for name, leave := range map[string]func(){"break": func() {}, "panic": func() { panic("the body") }, "Goexit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var begun, running atomic.Int64
			left := make(chan any)
			go func() {
				defer func() { v := recover(); left <- v }()
				for range AsDone(t.Context(), 3, make([]int, 100), func(ctx context.Context, _ int) (int, error) {
					running.Add(1)
					defer running.Add(-1)
					if begun.Add(1) == 1 {
						time.Sleep(time.Second)
						return 0, nil
					}
					<-ctx.Done()
					time.Sleep(time.Second)
					return 0, ctx.Err()
				}) {
					leave()
					break
				}
			}()
			if v := <-left; (v != nil) != (name == "panic") {
				t.Errorf("%s: recover returned %v", name, v)
			}
			if n := running.Load(); n != 0 || time.Since(began) != 2*time.Second || begun.Load() > 4 {
				t.Errorf("%s: the loop ended after %v with %d tasks running and %d begun: it did not stop its workers and wait for them", name, time.Since(began), n, begun.Load())
			}
		})
	}
}

// TestPoolThatIsNeverClosedLeaksItsWorkers counts them when all the work is done
// (negative control of 5.4). They stay until the program ends. Until then
// DoAndForget waits for the tasks: that is not what is wrong with it.
func TestPoolThatIsNeverClosedLeaksItsWorkers(t *testing.T) {
	const workers = 5
	before, waiting := Inside("forgottenWorker[...]"), Inside("(*WaitGroup).Wait")
	free, returned := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(returned)
		DoAndForget(workers, make([]int, workers), func(int) { <-free })
	}()
	for began := time.Now(); Inside("(*WaitGroup).Wait") == waiting; {
		select {
		case <-returned:
			t.Fatal("DoAndForget returned while its tasks were running")
		default:
			if time.Since(began) > 30*time.Second {
				t.Fatalf("after 30 s, DoAndForget has no worker for each of %d tasks", workers)
			}
			runtime.Gosched()
		}
	}
	close(free)
	<-returned
	if left := Inside("forgottenWorker[...]") - before; left != workers {
		t.Errorf("%d of %d workers are left, want the leak of all of them", left, workers)
	}
}

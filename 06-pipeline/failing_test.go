package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errBroken = errors.New("broken")

// failAt returns work that takes 1 s for each item and calls fail for item n.
func failAt(n int, fail func() error) func(context.Context, int) (int, error) {
	return func(ctx context.Context, item int) (int, error) {
		if _, err := taking(time.Second)(ctx, item); err != nil {
			return 0, err
		}
		if item == n {
			return 0, fail()
		}
		return item, nil
	}
}

// consume receives everything.
func consume(in <-chan int) error {
	for range in {
	}
	return nil
}

// failures are the ways to fail, and what each calls.
var failures = []struct {
	how  string
	fail func() error
}{
	{"returns an error", func() error { return errBroken }},
	{"panics", func() error { panic("a bug") }},
	{"panics with nil", func() error { panic(nil) }},
	{"panics with err", func() error { panic(fmt.Errorf("wrapped: %w", errBroken)) }},
	{"calls Goexit", func() error { runtime.Goexit(); return nil }}, // as t.FailNow does
}

// checkFailure compares what Run or Err returned with what the failure called how should cause.
func checkFailure(t *testing.T, how string, err error) {
	t.Helper()
	e, panicked := errors.AsType[*PanicError](err)
	text := fmt.Sprint(err)
	switch how {
	case "returns an error":
		if err != errBroken {
			t.Errorf("got %v, want %v", err, errBroken)
		}
		return
	case "panics":
		panicked = panicked && e.Value == "a bug" && text == "panic: a bug"
	case "panics with nil":
		panicked = panicked && strings.Contains(text, "panic called with nil argument")
	case "panics with err":
		panicked = panicked && errors.Is(err, errBroken)
	case "calls Goexit":
		panicked = panicked && e.Value == nil && text == "a stage called runtime.Goexit"
	}
	if !panicked || !strings.Contains(string(e.Stack), "failing_test.go") {
		t.Errorf("got %v, want a *PanicError with the value and with the stack of the stage", err)
	}
}

// TestStageEndsWhenItsInputIsClosed has an empty input, and one of three items. Work after
// those would not end, so it fails.
func TestStageEndsWhenItsInputIsClosed(t *testing.T) {
	for name, start := range starters {
		for items := range 4 {
			in, calls := make(chan int, 3), new(atomic.Int64)
			for range items {
				in <- 7
			}
			close(in)
			err := Run(t.Context(), func(p *Pipeline) error {
				return consume(start(p, 2, in, func(_ context.Context, n int) (int, error) {
					if calls.Add(1); n != 7 {
						return 0, errBroken
					}
					return n, nil
				}))
			})
			if n := calls.Load(); err != nil || int(n) != items {
				t.Errorf("%s has an input of %d items: %d calls of work, and Run returned %v", name, items, n, err)
			}
		}
	}
}

// TestSourceThatReturnsNilWhenCanceledIsCutShort has the source return nil, not
// the error, as soon as its context is done (claim 6.5).
func TestSourceThatReturnsNilWhenCanceledIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := Run(ctx, func(p *Pipeline) error {
			return consume(Source(p, func(ctx context.Context, emit func(int) error) error {
				<-ctx.Done()
				if emit(1) == nil {
					t.Error("emit returned nil after the stop")
				}
				return nil
			}))
		})
		if err != context.DeadlineExceeded {
			t.Errorf("Run returned %v, want %v: the source was cut short", err, context.DeadlineExceeded)
		}
	})
}

// TestFailureInAnyStageStopsAllStages has each part of a pipeline with an endless
// source return an error, panic, and call runtime.Goexit (claim 6.5). Run returns
// that, at the instant at which it happens, and no goroutine remains: the bubble
// would panic. The consumer whose loop ends early sees it, too, by Err.
func TestFailureInAnyStageStopsAllStages(t *testing.T) {
	slow := taking(time.Second)
	for _, test := range []struct {
		fails string
		at    time.Duration
		last  func(p *Pipeline, fail func() error) <-chan int
	}{
		{"the source", 7 * time.Second, func(p *Pipeline, fail func() error) <-chan int {
			return Stage(p, 1, Source(p, func(ctx context.Context, emit func(int) error) error {
				time.Sleep(7 * time.Second)
				return fail()
			}), slow)
		}},
		{"the first stage", 7 * time.Second, func(p *Pipeline, fail func() error) <-chan int {
			return Stage(p, 1, Stage(p, 1, Source(p, endless), failAt(7, fail)), slow)
		}},
		{"the last stage", 8 * time.Second, func(p *Pipeline, fail func() error) <-chan int {
			return Stage(p, 1, Stage(p, 1, Source(p, endless), slow), failAt(7, fail))
		}},
		{"one of four workers", 2 * time.Second, func(p *Pipeline, fail func() error) <-chan int {
			return Stage(p, 1, Stage(p, 4, Source(p, endless), failAt(7, fail)), same)
		}},
		{"one of four workers of Ordered", 2 * time.Second, func(p *Pipeline, fail func() error) <-chan int {
			return Stage(p, 1, Ordered(p, 4, Source(p, endless), failAt(7, fail)), same)
		}},
		// The next result waits for the worker that fails, and for no other one.
		{"the first of the workers of Ordered", time.Second, func(p *Pipeline, fail func() error) <-chan int {
			return Stage(p, 1, Ordered(p, 4, Source(p, endless), failAt(1, fail)), same)
		}},
	} {
		for _, f := range failures {
			how, fail := f.how, f.fail
			t.Run(test.fails+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					err := Run(t.Context(), func(p *Pipeline) error {
						n := 0
						for range test.last(p, fail) {
							if n++; n == 100 { // otherwise it would go on forever
								break
							}
						}
						if p.Err() == nil {
							t.Error("the consumer takes the stream for complete: after its loop Err returns nil")
						}
						return nil
					})
					if checkFailure(t, how, err); t.Failed() {
						t.Errorf("%s %s, and Run returned %v", test.fails, how, err)
					}
					if took := time.Since(began); took != test.at {
						t.Errorf("Run returned after %v, want %v: a stage did not stop", took, test.at)
					}
				})
			})
		}
	}
}

// TestErrIsSetBeforeTheChannelIsClosed has a source and a stage return an error that
// takes Run a second to examine (claim 6.5). If the channel were closed meanwhile,
// the consumer would take the stream for complete.
func TestErrIsSetBeforeTheChannelIsClosed(t *testing.T) {
	for name, start := range map[string]func(*Pipeline) <-chan int{
		"Source": func(p *Pipeline) <-chan int {
			return Source(p, func(context.Context, func(int) error) error { return slowToExamine{} })
		},
		"Stage": func(p *Pipeline) <-chan int {
			return Stage(p, 2, countTo(p, 2), func(_ context.Context, n int) (int, error) { return 0, slowToExamine{} })
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			err := Run(t.Context(), func(p *Pipeline) error {
				for n := range start(p) {
					t.Errorf("%s has failed, but has sent the result %d", name, n)
				}
				if p.Err() != (slowToExamine{}) {
					t.Errorf("%s has failed and closed its channel, but Err returns %v", name, p.Err())
				}
				return nil
			})
			if err != (slowToExamine{}) {
				t.Errorf("%s: Run returned %v", name, err)
			}
		})
	}
}

// slowToExamine is an error whose As, which errors.AsType calls, takes a second.
type slowToExamine struct{}

func (slowToExamine) Error() string { return "slow to examine" }
func (slowToExamine) As(any) bool   { time.Sleep(time.Second); return false }

// TestFailuresOfTheProgramEndAsItShows runs the pipelines of section 6.5 (claim 6.5).
func TestFailuresOfTheProgramEndAsItShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{1, 8} {
			var failed atomic.Int64
			work := fullAt100(workers)
			err := through(t.Context(), workers, func(ctx context.Context, n int) (int, error) {
				result, err := work(ctx, n)
				if err != nil {
					failed.Add(1)
				}
				if err == errFull && n != 100 {
					t.Errorf("item %d fails with %q, want item 100", n, err)
				}
				return result, err
			})
			if err != errFull || int(failed.Load()) != workers {
				t.Errorf("%d of %d workers fail: Run returned %v, want all of them and %v", failed.Load(), workers, err, errFull)
			}
		}
		var items, stages int
		if err := through(t.Context(), 1, func(_ context.Context, n int) (int, error) {
			if items++; items == 1 {
				synctest.Wait() // until each stage has started, and is blocked
				stages = StagesAlive()
			}
			return n, nil
		}); err != nil || items != 1000 || stages != 3 {
			t.Errorf("%d items went through %d stages (%v), want 1000, 3", items, stages, err)
		}
		if p, ok := errors.AsType[*PanicError](through(t.Context(), 1, panicAt100)); !ok || !strings.Contains(p.Error(), "index out of range [100]") {
			t.Errorf("a stage panics: Run returned %v", p)
		}
		if err := canceled(t.Context()); err == nil || err.Error() != "the client left" {
			t.Errorf("the caller cancels: Run returned %v, want the cause", err)
		}
		if err := nested(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("a nested pipeline is cut short: its Run returned %v, want an error", err)
		}
		if t.Failed() {
			return // another item than 100 may fail, and panic below
		}
		ctx, cancel := context.WithCancel(t.Context())
		work := fullAt100(2)
		go func() { work(ctx, 100); cancel() }()
		if synctest.Wait(); ctx.Err() != nil {
			t.Error("item 100 has failed, but the other worker has no item yet")
		}
		if _, err := work(ctx, 101); err == errFull || !errors.Is(err, context.Canceled) {
			t.Errorf("item 101 fails because item 100 has failed: got %v, want an error of its own that follows from the cancellation", err)
		}
	})
}

// TestErrorOfTheConsumerStopsAllStages has body return an error after 7.5 s, while a
// stage that ignores cancellation works on item 8 (claim 6.5). Run waits for it.
func TestErrorOfTheConsumerStopsAllStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := Run(t.Context(), func(p *Pipeline) error {
			for n := range Stage(p, 1, Source(p, endless), func(_ context.Context, n int) (int, error) {
				time.Sleep(time.Second)
				return n, nil
			}) {
				if n == 7 {
					time.Sleep(time.Second / 2) // so that the stage has taken item 8
					return errBroken
				}
			}
			return nil
		})
		if took := time.Since(began); err != errBroken || took != 8*time.Second {
			t.Errorf("Run returned %v after %v, want %v after 8s", err, took, errBroken)
		}
	})
}

// TestFirstErrorIsReturned has four workers fail: one first, two because of that,
// and one later with an error of its own (claim 6.5). Run waits for all of them.
func TestFirstErrorIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := errors.New("the first error")
		began := time.Now()
		err := Run(t.Context(), func(p *Pipeline) error {
			return consume(Stage(p, 4, Source(p, endless), func(ctx context.Context, n int) (int, error) {
				switch n {
				case 1:
					time.Sleep(time.Second)
					return 0, first
				case 2:
					time.Sleep(2 * time.Second) // ignores cancellation
					return 0, errBroken
				}
				<-ctx.Done()
				return 0, fmt.Errorf("item %d: %w", n, ctx.Err())
			}))
		})
		if err != first {
			t.Errorf("Run returned %q, want %q, which came first", err, first)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("Run returned after %v, want 2s: a call was in progress", took)
		}
	})
}

// TestNoCallBeginsAfterTheStop fails at item 1 while 99 items are in the buffer
// of an input that is never closed (claim 6.5).
func TestNoCallBeginsAfterTheStop(t *testing.T) {
	for name, start := range starters {
		synctest.Test(t, func(t *testing.T) {
			in, calls := make(chan int, 100), make(chan int, 100)
			for n := range 100 {
				in <- n + 1
			}
			err := Run(t.Context(), func(p *Pipeline) error {
				return consume(start(p, 2, in, func(_ context.Context, n int) (int, error) {
					calls <- n
					if n == 1 {
						time.Sleep(time.Second)
						return 0, errBroken
					}
					time.Sleep(2 * time.Second) // ignores cancellation
					return n, nil
				}))
			})
			if n := len(calls); err != errBroken || n != 2 {
				t.Errorf("%s: Run returned %v after %d calls, want %v after the 2 that had begun", name, err, n, errBroken)
			}
		})
	}
}

// TestCancellationReturnsItsCause cancels the context of Run, and no stage returns
// why (claim 6.5).
func TestCancellationReturnsItsCause(t *testing.T) {
	for name, start := range starters {
		synctest.Test(t, func(t *testing.T) {
			clientLeft := errors.New("the client left")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(90*time.Second, func() { cancel(clientLeft) })
			began := time.Now()
			err := Run(ctx, func(p *Pipeline) error {
				consume(start(p, 4, Source(p, endless), taking(time.Minute)))
				if p.Err() != clientLeft {
					t.Errorf("%s: after the loop Err returned %v, want %q", name, p.Err(), clientLeft)
				}
				return nil
			})
			if took := time.Since(began); err != clientLeft || took != 90*time.Second {
				t.Errorf("%s: Run returned %v after %v, want %q after 1m30s", name, err, took, clientLeft)
			}
		})
	}
}

// TestEmitThatBlocksReturnsAnErrorAtTheStop has a source fill the buffer, and body
// return (claim 6.5): the item that the source holds has no receiver.
func TestEmitThatBlocksReturnsAnErrorAtTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emitted, stopped := 0, error(nil)
		err := Run(t.Context(), func(p *Pipeline) error {
			Source(p, func(_ context.Context, emit func(int) error) error {
				for stopped == nil && emitted < 1000 {
					if stopped = emit(emitted); stopped == nil {
						emitted++
					}
				}
				return stopped
			})
			time.Sleep(time.Second)
			return nil
		})
		if err != nil || emitted != slack || stopped == nil {
			t.Errorf("emit returned nil for %d items, want %d, those in the buffer, and then %v, want an error; Run returned %v", emitted, slack, stopped, err)
		}
	})
}

// TestCancellationAfterTheLastStageChangesNothing cancels when every stage has
// ended, but Run has not returned (claim 6.5): all results are there.
func TestCancellationAfterTheLastStageChangesNothing(t *testing.T) {
	for range 100 {
		ctx, cancel := context.WithCancelCause(t.Context())
		n := 0
		err := Run(ctx, func(p *Pipeline) error {
			for range Ordered(p, 2, Stage(p, 2, countTo(p, 100), same), same) {
				n++
			}
			cancel(errBroken)
			return p.Err()
		})
		if err != nil || n != 100 {
			t.Fatalf("%d items of 100 arrived, then the caller canceled, and Run returned %v; want nil", n, err)
		}
	}
}

// TestCancellationAfterTheStopChangesNothing cancels while a stage that ignores
// cancellation works, and the other one has failed, or body has returned (claim 6.5).
func TestCancellationAfterTheStopChangesNothing(t *testing.T) {
	for _, want := range []error{errBroken, nil} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			began := time.Now()
			err := Run(ctx, func(p *Pipeline) error {
				Stage(p, 1, countTo(p, 1), func(context.Context, int) (int, error) { time.Sleep(3 * time.Second); return 0, nil })
				time.Sleep(time.Second)
				return want
			})
			if took := time.Since(began); err != want || took != 3*time.Second {
				t.Errorf("stopped after 1s and canceled after 2s, Run returned %v after %v, want %v after 3s", err, took, want)
			}
		})
	}
}

// TestMethodOfAnErrorThatPanicsEndsNothing has a stage, or body, return such an error: after a
// cancellation, after body has returned, and before (claim 6.5). In none of these cases does it
// end the program or leave a stage running.
func TestMethodOfAnErrorThatPanicsEndsNothing(t *testing.T) {
	late := errors.New("too late")
	for _, test := range []struct {
		name        string
		stage, body error
		late        bool // body returns after the stage
		want        string
	}{
		{"a stage, after the cancellation", panicking{}, nil, true, "too late\na method panics"},
		{"body, after the cancellation", nil, panicking{}, true, "too late\na method panics"},
		{"a stage, after body has returned", panicking{}, nil, false, "<nil>"},
		{"body, before the cancellation", nil, panicking{}, false, "a method panics"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, late)
			defer cancel()
			err := Run(ctx, func(p *Pipeline) error {
				stage := Source(p, func(ctx context.Context, _ func(int) error) error { <-ctx.Done(); return test.stage })
				if test.late {
					<-stage
				}
				return test.body
			})
			if fmt.Sprint(err) != test.want {
				t.Errorf("%s returns an error with methods that panic, and Run returns %v; want %s", test.name, err, test.want)
			}
		})
	}
}

// panicking is an error with methods that panic when errors.Is and errors.AsType call them.
type panicking struct{}

func (panicking) Error() string { return "a method panics" }
func (panicking) Is(error) bool { panic("a bug in a method") }
func (panicking) As(any) bool   { panic("a bug in a method") }

// TestErrorOfItsOwnIsJoinedToTheCause has a stage fail after the cancellation
// (claim 6.5). An error that follows from the cancellation is dropped.
func TestErrorOfItsOwnIsJoinedToTheCause(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails func(ctx context.Context) error
		both  bool
	}{
		{"an error of its own", func(context.Context) error { return errBroken }, true},
		{"a cancellation of its own", func(context.Context) error { return errors.Join(errBroken, context.Canceled) }, true},
		{"an error of its own, joined", func(ctx context.Context) error { return fmt.Errorf("read: %w", errors.Join(ctx.Err(), errBroken)) }, true},
		{"a panic", func(ctx context.Context) error { panic(ctx.Err()) }, true},
		{"the error of ctx", func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) }, false},
		{"the cause of ctx", func(ctx context.Context) error { return fmt.Errorf("read: %w", context.Cause(ctx)) }, false},
		{"both errors of ctx", func(ctx context.Context) error { return errors.Join(ctx.Err(), context.Cause(ctx)) }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			late := errors.New("too late")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, late)
			defer cancel()
			err := Run(ctx, func(p *Pipeline) error {
				return consume(Stage(p, 1, countTo(p, 1), func(ctx context.Context, n int) (int, error) {
					<-ctx.Done()
					return 0, test.fails(ctx)
				}))
			})
			_, panicked := errors.AsType[*PanicError](err)
			if !errors.Is(err, late) || (panicked || errors.Is(err, errBroken)) != test.both || err != late && !test.both {
				t.Errorf("%s: Run returned %q; want %q, joined with an error of its own", test.name, err, late)
			}
		})
	}
}

// An ahead context is done, but the contexts that are derived from it are not yet.
type ahead struct{ context.Context }

func (ahead) Done() <-chan struct{} { return nil }

// TestCauseIsReturnedBeforeTheContextOfTheStagesIsDone: a context is done a moment before
// those that are derived from it. Body or a stage may observe it in that moment (claim 6.5).
func TestCauseIsReturnedBeforeTheContextOfTheStagesIsDone(t *testing.T) {
	late := errors.New("too late")
	for _, inBody := range []bool{false, true} {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx := ahead{parent}
		err := Run(ctx, func(p *Pipeline) error {
			cancel(late)
			if inBody {
				return ctx.Err()
			}
			return consume(Source(p, func(context.Context, func(int) error) error { return ctx.Err() }))
		})
		if err != late {
			t.Errorf("the error of the caller's context is returned in body: %t; Run returned %v, want %v", inBody, err, late)
		}
	}
}

// TestCancellationStopsASourceThatNeverBlocks cancels an endless source whose
// items are received immediately, so that the channel always has a free slot
// (claim 6.5).
func TestCancellationStopsASourceThatNeverBlocks(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	taken := make(chan struct{}, 1)
	afterwards := 0
	err := Run(ctx, func(p *Pipeline) error {
		for n := range Source(p, func(_ context.Context, emit func(int) error) error {
			for n := 1; ; n++ {
				if err := emit(n); err != nil {
					return err
				}
				<-taken
			}
		}) {
			if n == 100 {
				cancel(errBroken)
			}
			if n > 100 {
				afterwards++
			}
			if afterwards == 10 { // otherwise it would go on forever
				close(taken)
				break
			}
			taken <- struct{}{}
		}
		return nil
	})
	if err != errBroken || afterwards > 0 {
		t.Errorf("after the stop %d more items arrived, want 0; Run returned %v", afterwards, err)
	}
}

// TestInputThatIsNeverClosedDoesNotHoldRun reads from a ticker (claim 6.5).
func TestInputThatIsNeverClosedDoesNotHoldRun(t *testing.T) {
	for name, start := range starters {
		for _, test := range []struct {
			name string
			want error
			body func(in <-chan int) error
		}{
			{"the consumer returns", nil, func(in <-chan int) error { <-in; <-in; return nil }},
			{"the consumer fails", errBroken, func(in <-chan int) error { <-in; <-in; return errBroken }},
			{"its deadline passes", context.DeadlineExceeded, consume},
		} {
			synctest.Test(t, func(t *testing.T) {
				ticker := time.NewTicker(time.Minute)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Second)
				defer cancel()
				began := time.Now()
				err := Run(ctx, func(p *Pipeline) error {
					ticks := Stage(p, 1, ticker.C, func(context.Context, time.Time) (int, error) { return 1, nil })
					return test.body(start(p, 3, ticks, same))
				})
				if took := time.Since(began).Truncate(time.Minute); err != test.want || took != 2*time.Minute {
					t.Errorf("%s, %s: Run returned %v after %v, want %v after 2m0s", name, test.name, err, took, test.want)
				}
			})
		}
	}
}

// TestNestedPipelineReportsThatItWasCutShort runs a pipeline in a stage of another
// one, whose consumer returns after one item (claim 6.5). The outer Run returns
// nil, the inner one an error: it has not had all of its items.
func TestNestedPipelineReportsThatItWasCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var items int
		var inner error
		err := Run(t.Context(), func(p *Pipeline) error {
			<-Stage(p, 1, countTo(p, 2), func(ctx context.Context, n int) (int, error) {
				if n == 1 {
					return n, nil
				}
				inner = Run(ctx, func(p *Pipeline) error {
					for range Stage(p, 1, countTo(p, 1_000_000), taking(time.Second)) {
						items++
					}
					return nil
				})
				return n, inner
			})
			time.Sleep(10*time.Second + 1)
			return nil
		})
		if err != nil {
			t.Errorf("the consumer returned early, and Run returned %v; want nil", err)
		}
		if items != 10 || !errors.Is(inner, context.Canceled) {
			t.Errorf("the inner pipeline was cut short after %d of 1,000,000 items, and its Run returned %v; want an error", items, inner)
		}
	})
}

// TestFailureAfterTheConsumerReturned has a worker fail when body has returned
// (claim 6.5): an error is dropped, because no goroutine needs the result. A panic
// is a bug in any case.
func TestFailureAfterTheConsumerReturned(t *testing.T) {
	for _, f := range failures {
		how, fail := f.how, f.fail
		synctest.Test(t, func(t *testing.T) {
			err := Run(t.Context(), func(p *Pipeline) error {
				Stage(p, 1, countTo(p, 2), func(ctx context.Context, n int) (int, error) {
					<-ctx.Done()
					return 0, fail()
				})
				time.Sleep(time.Second)
				return nil
			})
			if how == "returns an error" {
				if err != nil {
					t.Errorf("%s: Run returned %v, want nil", how, err)
				}
				return
			}
			checkFailure(t, how, err)
		})
	}
	wrapped := fmt.Errorf("a nested pipeline: %w", newPanicError("a bug"))
	if err := Run(t.Context(), func(p *Pipeline) error {
		Source(p, func(ctx context.Context, _ func(int) error) error { <-ctx.Done(); return wrapped })
		return nil
	}); err != wrapped {
		t.Errorf("a stage returns %q after body has returned, and Run returned %v", wrapped, err)
	}
}

// TestFirstErrorIsThatOfBodyOrOfAStage has a stage fail before body does, and panic after
// it.
func TestFirstErrorIsThatOfBodyOrOfAStage(t *testing.T) {
	err := Run(t.Context(), func(p *Pipeline) error {
		<-Source(p, func(context.Context, func(int) error) error { return errBroken })
		return errors.New("later")
	})
	if err != errBroken {
		t.Errorf("a stage fails and then body: Run returned %q, want %q", err, errBroken)
	}
	err = Run(t.Context(), func(p *Pipeline) error {
		Source(p, func(ctx context.Context, _ func(int) error) error { <-ctx.Done(); panic("later") })
		return errBroken
	})
	if err != errBroken {
		t.Errorf("body fails, and then a stage panics: Run returned %q, want %q", err, errBroken)
	}
}

// TestErrorsAtTheSameTimeHaveOneFirst has two sources fail, both at the same time: Run
// returns the one that has canceled the context.
func TestErrorsAtTheSameTimeHaveOneFirst(t *testing.T) {
	var came, met atomic.Int64
	meet := func() { // with the other source; not for long: the machine may be busy
		if n := came.Add(1); n%2 == 1 {
			for range 10_000 {
				if came.Load() != n {
					met.Add(1)
					return
				}
			}
		}
	}
	for range 20_000 {
		if met.Load() >= 1000 {
			return
		}
		var cause error
		err := Run(t.Context(), func(p *Pipeline) error {
			for _, fails := range []error{errBroken, errFull} {
				Source(p, func(context.Context, func(int) error) error {
					meet()
					return fails
				})
			}
			<-p.ctx.Done()
			cause = context.Cause(p.ctx)
			return nil
		})
		if err != cause {
			t.Fatalf("two sources fail: Run returned %q, and has canceled the context because of %q", err, cause)
		}
		if runtime.GOMAXPROCS(0) == 1 {
			return // they hardly ever meet
		}
	}
}

// TestLastWorkerClosesTheChannel of a thousand that end at the same time. If they were counted
// in two steps, counts would get lost, and no worker would close it: in some of the rounds, and
// on a single CPU hardly ever.
func TestLastWorkerClosesTheChannel(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), min(2, runtime.NumCPU()))))
	const workers = 1000
	for range 50 {
		if err := Run(t.Context(), func(p *Pipeline) error {
			finish := make(chan struct{})
			out := start(p, workers, func(context.Context, func(int) error) error { <-finish; return nil })
			close(finish)
			p.stages.Wait()
			select {
			case <-out:
			default:
				t.Errorf("%d workers have ended, but their channel is not closed", workers)
			}
			return nil
		}); err != nil || t.Failed() {
			t.Fatal(err)
		}
	}
}

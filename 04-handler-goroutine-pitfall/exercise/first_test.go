package exercise_test

import (
	"context"
	_ "embed"
	"errors"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/04-handler-goroutine-pitfall/exercise"
)

//go:embed first.go
var firstSource string

var tasks = []task{{
	file: "first.go", source: firstSource, untouched: 0xb6237262,
	solution:   "SOLUTION.md",
	learned:    "The slower goroutines can end only if each of them is canceled and can always deliver its result. An error decides only when no other mirror can still succeed.",
	interleave: true,
}}

// answers is a mirror that answers after a time, and observes cancellation.
func answers(after time.Duration, text string, err error) Mirror {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(after):
			return text, err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// slowToCancel is a mirror that answers after a minute, even if it is canceled.
func slowToCancel(context.Context) (string, error) {
	time.Sleep(time.Minute)
	return "late", nil
}

// reportLeft waits a minute, so that every mirror has returned, and reports goroutines that are left.
func reportLeft(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	blocked := make(map[string]int)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if m := inBubble.FindStringSubmatch(stack); m != nil && !strings.Contains(stack, "created by testing") {
			blocked[m[1]]++
		}
	}
	for state, n := range blocked {
		what, ok := map[string]string{
			"chan send":    "a send; no goroutine receives\n→ section 2.2 in chapter 02: a send blocks until the value is received or the buffer has a free slot. How many values are never received?",
			"chan receive": "a receive; no goroutine sends\n→ section 2.3 in chapter 02: a receive blocks until there is a value or the channel is closed. Which goroutine sends the last value?",
		}[state]
		if !ok {
			what = state
		}
		t.Errorf("all mirrors have returned, but goroutines are left behind (4.1): %d, blocked in %s", n, what)
	}
}

var inBubble = regexp.MustCompile(`^goroutine \d+ \[([\w.]+(?: [\w.]+)*).*, synctest bubble`)

func TestAllMirrorsAreAskedAtTheSameTime(t *testing.T) {
	alone(t, "section 1.6 in chapter 01: waits overlap if each has a goroutine", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const mirrors = 100
			var asked atomic.Int64
			ask := func(ctx context.Context) (string, error) {
				asked.Add(1)
				return answers(time.Second, "", errors.New("down"))(ctx)
			}
			go First(t.Context(), slices.Repeat([]Mirror{ask}, mirrors)...)
			synctest.Wait()
			if n := asked.Load(); n != mirrors {
				t.Errorf("First has %d mirrors, but asks only %d of them at the same time", mirrors, n)
			}
			time.Sleep(mirrors * time.Second)
			reportLeft(t)
		})
	})
}

func TestFirstGoodAnswerWinsImmediately(t *testing.T) {
	alone(t, "section 2.5 in chapter 02: select takes the case that is ready first. Which goroutines does First wait for?", func(t *testing.T) {
		for _, slow := range []Mirror{answers(3*time.Second, "slow", nil), slowToCancel} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				const quick = 1234567 * time.Microsecond // no multiple of a polling interval
				text, err := First(t.Context(), slow, answers(quick, "quick", nil), answers(2*time.Second, "middle", nil))
				switch took := time.Since(began); {
				case took >= 2*time.Second:
					t.Errorf("the first good answer arrives after %v, but First returns after %v: it waits for the slower mirrors", quick, took)
				case took != quick:
					t.Errorf("the first good answer arrives after %v, but First returns after %v: it polls instead of blocking until the answer arrives", quick, took)
				}
				if text != "quick" || err != nil {
					t.Errorf("the first good answer is \"quick\", but First returns %q, %v", text, err)
				}
				reportLeft(t)
			})
		}
	})
}

func TestGoodAnswerMayBeEmpty(t *testing.T) {
	alone(t, "the condition that tells an answer from a failure: only err says which one it is", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			text, err := First(t.Context(), answers(time.Second, "", nil), answers(time.Minute, "slow", nil))
			if took := time.Since(began); text != "" || err != nil || took != time.Second {
				t.Errorf("a mirror finds nothing and returns \"\", nil after 1s, but First returns %q, %v after %v: an empty answer is a good answer", text, err, took)
			}
			reportLeft(t)
		})
	})
}

func TestMirrorsGetTheValuesOfTheContext(t *testing.T) {
	alone(t, "section 4.5: context.WithCancel(ctx) keeps the values of ctx, context.Background() has none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			type traceID struct{}
			var trace any
			First(context.WithValue(t.Context(), traceID{}, "trace 7"), func(ctx context.Context) (string, error) {
				trace = ctx.Value(traceID{})
				return "good", nil
			})
			if trace != "trace 7" {
				t.Errorf("ctx has a value, the ID of the request's trace, but the context of the mirror has lost it: got %v", trace)
			}
			reportLeft(t)
		})
	})
}

func TestSlowerMirrorsAreCanceled(t *testing.T) {
	alone(t, "section 4.1, and mail.go: what ends a call that takes long?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var canceled atomic.Bool
			slow := func(ctx context.Context) (string, error) {
				text, err := answers(time.Minute, "slow", nil)(ctx)
				canceled.Store(err != nil)
				return text, err
			}
			First(t.Context(), slow, answers(time.Second, "quick", nil))
			synctest.Wait()
			if !canceled.Load() {
				t.Error("First has returned its answer, but a slower mirror is still working: it was not canceled")
			}
			reportLeft(t)
		})
	})
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	alone(t, "section 4.9, abandoned.go: no goroutine receives after First has returned. Which of the sends can then block?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			First(t.Context(), slowToCancel, answers(time.Second, "quick", nil), answers(time.Second/2, "", errors.New("down")), answers(2*time.Second, "middle", nil))
			reportLeft(t)
		})
	})
}

// TestTwoMirrorsAnswerAtTheSameMoment also runs on a copy with runtime.Gosched()
// between the statements: there First returns between any two steps of the second one.
func TestTwoMirrorsAnswerAtTheSameMoment(t *testing.T) {
	alone(t, "section 4.9, abandoned.go: what if First returns just before the send?", func(t *testing.T) {
		for steps := range 100 {
			synctest.Test(t, func(t *testing.T) {
				second := func(context.Context) (string, error) {
					time.Sleep(time.Second)
					for range steps / 4 {
						runtime.Gosched()
					}
					return "good", nil
				}
				text, err := First(t.Context(), answers(time.Second, "good", nil), second)
				if text != "good" || err != nil {
					t.Fatalf("two mirrors answer \"good\" at the same moment, but First returns %q, %v", text, err)
				}
				reportLeft(t)
			})
			if t.Failed() {
				return
			}
		}
	})
}

func TestErrorDecidesOnlyIfAllMirrorsFail(t *testing.T) {
	alone(t, "section 4.2: how many results does First receive before it decides, and where do the errors go?", func(t *testing.T) {
		down, full := errors.New("down"), errors.New("full")
		synctest.Test(t, func(t *testing.T) {
			text, err := First(t.Context(), answers(time.Second, "", down), answers(2*time.Second, "good", nil))
			switch {
			case errors.Is(err, context.Canceled):
				t.Error("one mirror fails after 1s, and then the mirror that would answer after 2s is canceled: one failure must not cancel the others")
			case errors.Is(err, down):
				t.Errorf("one mirror fails after 1s, one answers after 2s, but First returns %q, %v: the error came first and decided", text, err)
			case text != "good" || err != nil:
				t.Errorf("one mirror fails after 1s, one answers \"good\" after 2s, but First returns %q, %v", text, err)
			}
			reportLeft(t)
		})
		synctest.Test(t, func(t *testing.T) {
			text, err := First(t.Context(), answers(time.Second, "", down), answers(time.Hour, "good", nil))
			if text != "good" {
				t.Errorf("one mirror answers \"good\" after an hour, and the caller waits that long, but First returns %q, %v: it has a deadline of its own", text, err)
			}
			reportLeft(t)
		})
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := First(ctx, slices.Repeat([]Mirror{answers(time.Second, "", down)}, 100)...); !errors.Is(err, down) {
				t.Errorf("100 mirrors fail at the same moment, and a minute later First returns %v: it blocked for a result that was dropped", err)
			}
			reportLeft(t)
		})
		for _, failures := range [][2]error{{down, full}, {context.DeadlineExceeded, context.Canceled}} {
			synctest.Test(t, func(t *testing.T) {
				_, err := First(t.Context(), answers(time.Second, "", failures[0]), answers(2*time.Second, "", failures[1]))
				if !errors.Is(err, failures[0]) || !errors.Is(err, failures[1]) {
					t.Errorf("both mirrors fail, with %q and %q, but First returns the error %v: it must contain both", failures[0], failures[1], err)
				}
				reportLeft(t)
			})
		}
	})
}

func TestCallerWhoLeavesDoesNotWait(t *testing.T) {
	alone(t, "section 2.5 in chapter 02: a result or a cancellation. This work is for the request, so it is canceled with the request's context", func(t *testing.T) {
		for _, ask := range []Mirror{slowToCancel, answers(time.Minute, "late", nil)} {
			synctest.Test(t, func(t *testing.T) {
				var canceled atomic.Int64
				mirror := func(ctx context.Context) (string, error) {
					context.AfterFunc(ctx, func() { canceled.Add(1) })
					return ask(ctx)
				}
				left := errors.New("the client disconnected")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(left) })
				began := time.Now()
				text, err := First(ctx, mirror, mirror)
				if took := time.Since(began); took != time.Second {
					t.Errorf("the client disconnects after 1s, but First returns after %v: it still waits for its mirrors", took)
				}
				if !errors.Is(err, left) {
					t.Errorf("the client disconnected, but First returns %q, %v: want the cause, %q (context.Cause)", text, err, left)
				}
				synctest.Wait()
				if n := canceled.Load(); n != 2 {
					t.Errorf("the client disconnected, but %d of 2 mirrors are still working: they were not canceled", 2-n)
				}
				reportLeft(t)
			})
		}
	})
}

// A caller's context whose Done takes a second: by then all results have arrived,
// and a select takes any case that is ready.
type slowDone struct{ context.Context }

func (s slowDone) Done() <-chan struct{} {
	time.Sleep(time.Second)
	return s.Context.Done()
}

func TestSeveralThingsHappenAtTheSameTime(t *testing.T) {
	alone(t, "your select: if several of its cases are ready, it takes one at random (section 2.5 in chapter 02). Is the result right for each of them?", func(t *testing.T) {
		down, left := errors.New("down"), errors.New("the client disconnected")
		for n := 0; n < 30 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				text, err := First(slowDone{t.Context()}, answers(0, "", down), answers(0, "good", nil))
				if text != "good" || err != nil {
					t.Errorf("one mirror failed, one answered \"good\", but First returns %q, %v", text, err)
				}
				reportLeft(t)
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(1500*time.Millisecond, func() { cancel(left) })
				if text, err := First(slowDone{ctx}, answers(time.Minute, "late", nil)); !errors.Is(err, left) {
					t.Errorf("the client disconnected, and the mirror failed because of that, but First returns %q, %v: want the cause, %q", text, err, left)
				}
				reportLeft(t)
			})
		}
		for n := 0; n < 300 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(left) })
				if text, err := First(ctx, answers(time.Second, "", down), answers(time.Minute, "late", nil)); !errors.Is(err, left) {
					t.Errorf("one mirror fails at the moment when the client disconnects, the other one because of that, but First returns %q, %v: want the cause, %q", text, err, left)
				}
				time.Sleep(time.Minute)
			})
		}
	})
}

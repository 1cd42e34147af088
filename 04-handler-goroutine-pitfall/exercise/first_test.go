package exercise

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
)

//go:embed first.go
var firstSource string

var tasks = []task{{
	file: "first.go", source: firstSource, untouched: 0xa4a05fb8,
	solution: "SOLUTION.md",
	learned:  "The slower goroutines can end only if each of them is canceled and can always deliver its result. An error decides only when no other mirror can still succeed.",
}}

// answers is a mirror that needs so long, and stops at once when it is told to.
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

// slowToHear is a mirror that answers after a minute, whatever it is told.
func slowToHear(context.Context) (string, error) {
	time.Sleep(time.Minute)
	return "late", nil
}

// reportLeft looks a minute later, when every mirror has ended, for goroutines that are still there.
func reportLeft(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	waits := make(map[string]int)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if m := inBubble.FindStringSubmatch(stack); m != nil && !strings.Contains(stack, "created by testing") {
			waits[m[1]]++
		}
	}
	for state, n := range waits {
		what, ok := map[string]string{
			"chan send":    "to send an answer that nobody receives",
			"chan receive": "to receive what nobody sends",
		}[state]
		if !ok {
			what = "in " + state
		}
		t.Errorf("goroutines left behind (as in 4.1) when all mirrors have ended: %d, waiting %s", n, what)
	}
}

var inBubble = regexp.MustCompile(`^goroutine \d+ \[([\w.]+(?: [\w.]+)*).*, synctest bubble`)

func TestAllAreAskedAtTheSameTime(t *testing.T) {
	alone(t, "1.6 in chapter 01: waits overlap when each has a goroutine", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int64
			ask := func(ctx context.Context) (string, error) {
				asked.Add(1)
				return answers(time.Second, "", errors.New("down"))(ctx)
			}
			go First(t.Context(), ask, ask, ask)
			synctest.Wait()
			if n := asked.Load(); n != 3 {
				t.Errorf("First has 3 mirrors, and began by asking %d of them: they are asked one after the other", n)
			}
			reportLeft(t)
		})
	})
}

func TestFirstGoodAnswerWinsAtOnce(t *testing.T) {
	alone(t, "2.5 in chapter 02's program: what comes first, and who waits for the others?", func(t *testing.T) {
		for _, slow := range []Mirror{answers(3*time.Second, "slow", nil), slowToHear} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				const quick = 1234567 * time.Microsecond // nobody looks just then by chance
				text, err := First(t.Context(), slow, answers(quick, "quick", nil), answers(2*time.Second, "middle", nil))
				switch took := time.Since(began); {
				case took >= 2*time.Second:
					t.Errorf("the first good answer is there after %v, and First returns after %v: it waits for the slower mirrors", quick, took)
				case took != quick:
					t.Errorf("the first good answer is there after %v, and First returns after %v: it looks now and then, and does not wait for it", quick, took)
				}
				if text != "quick" || err != nil {
					t.Errorf("the first good answer is \"quick\", and First returns %q, %v", text, err)
				}
				reportLeft(t)
			})
		}
	})
}

func TestSlowerMirrorsAreToldToStop(t *testing.T) {
	alone(t, "4.1 in the program, and mail.go: what ends a call that takes long?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var told atomic.Bool
			slow := func(ctx context.Context) (string, error) {
				text, err := answers(time.Minute, "slow", nil)(ctx)
				told.Store(err != nil)
				return text, err
			}
			First(t.Context(), slow, answers(time.Second, "quick", nil))
			synctest.Wait()
			if !told.Load() {
				t.Error("First has its answer, and a slower mirror is still at work: nobody told it to stop")
			}
			reportLeft(t)
		})
	})
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	alone(t, "4.1 in the program: its goroutines, too, wait for somebody who never comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			First(t.Context(), slowToHear, answers(time.Second, "quick", nil), answers(time.Second/2, "", errors.New("down")), answers(2*time.Second, "middle", nil))
			reportLeft(t)
		})
	})
}

func TestAnErrorDecidesOnlyWhenAllHaveFailed(t *testing.T) {
	alone(t, "how many answers First takes before it decides, and what becomes of the errors (4.2 in the program)", func(t *testing.T) {
		down, full := errors.New("down"), errors.New("full")
		synctest.Test(t, func(t *testing.T) {
			text, err := First(t.Context(), answers(time.Second, "", down), answers(2*time.Second, "good", nil))
			switch {
			case errors.Is(err, down) && errors.Is(err, context.Canceled):
				t.Error("one mirror fails after 1s, and the other, which would have answered after 2s, was told to stop then: one that fails must not cancel the others")
			case errors.Is(err, down):
				t.Errorf("one mirror fails after 1s, one answers after 2s, and First returns %q, %v: the error came first, and it won", text, err)
			case text != "good" || err != nil:
				t.Errorf("one mirror fails after 1s, one answers \"good\" after 2s, and First returns %q, %v", text, err)
			}
			reportLeft(t)
		})
		synctest.Test(t, func(t *testing.T) {
			text, err := First(t.Context(), answers(time.Second, "", down), answers(time.Hour, "good", nil))
			if text != "good" {
				t.Errorf("one mirror answers \"good\" after an hour, which is as long as the caller waits, and First returns %q, %v: it has a deadline of its own", text, err)
			}
			reportLeft(t)
		})
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := First(ctx, slices.Repeat([]Mirror{answers(time.Second, "", down)}, 100)...); !errors.Is(err, down) {
				t.Errorf("100 mirrors fail at the same moment, and a minute later First returns %v: it waited for an answer that was thrown away", err)
			}
			reportLeft(t)
		})
		synctest.Test(t, func(t *testing.T) {
			_, err := First(t.Context(), answers(time.Second, "", down), answers(2*time.Second, "", full))
			if !errors.Is(err, down) || !errors.Is(err, full) {
				t.Errorf("both mirrors fail, with %q and %q, and First's error is %v: not what each of them said", down, full, err)
			}
			reportLeft(t)
		})
	})
}

func TestCallerWhoLeavesDoesNotWait(t *testing.T) {
	alone(t, "2.5 in chapter 02's program: an answer or a cancellation. This work is for the request, so it ends with the request's context", func(t *testing.T) {
		for _, ask := range []Mirror{slowToHear, answers(time.Minute, "late", nil)} {
			synctest.Test(t, func(t *testing.T) {
				var told atomic.Int64
				mirror := func(ctx context.Context) (string, error) {
					context.AfterFunc(ctx, func() { told.Add(1) })
					return ask(ctx)
				}
				left := errors.New("the client has left")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(left) })
				began := time.Now()
				text, err := First(ctx, mirror, mirror)
				if took := time.Since(began); took != time.Second {
					t.Errorf("the client leaves after 1s, and First returns after %v: it waits for its mirrors all the same", took)
				}
				if !errors.Is(err, left) {
					t.Errorf("the client has left, and First returns %q, %v: that does not say why it left, as context.Cause does", text, err)
				}
				synctest.Wait()
				if n := told.Load(); n != 2 {
					t.Errorf("the client has left, and %d of 2 mirrors still work for it: nobody told them to stop", 2-n)
				}
				reportLeft(t)
			})
		}
	})
}

// A caller's context whose end one asks for slowly: until then all answers are there, and a select takes any of what is ready.
type slowToAsk struct{ context.Context }

func (s slowToAsk) Done() <-chan struct{} {
	time.Sleep(time.Second)
	return s.Context.Done()
}

func TestWhatIsThereAtTheSameTime(t *testing.T) {
	alone(t, "your select: if two of its cases are ready it takes either. What must be so whichever it takes?", func(t *testing.T) {
		down, left := errors.New("down"), errors.New("the client has left")
		for n := 0; n < 30 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				text, err := First(slowToAsk{t.Context()}, answers(0, "", down), answers(0, "good", nil))
				if text != "good" || err != nil {
					t.Errorf("one mirror has failed, one has answered \"good\", and First returns %q, %v", text, err)
				}
				reportLeft(t)
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(1500*time.Millisecond, func() { cancel(left) })
				if text, err := First(slowToAsk{ctx}, answers(time.Minute, "late", nil)); !errors.Is(err, left) {
					t.Errorf("the client has left, the mirror has failed because of that, and First returns %q, %v: not why the client left", text, err)
				}
				reportLeft(t)
			})
		}
	})
}

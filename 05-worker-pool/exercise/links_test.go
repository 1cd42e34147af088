package exercise_test

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/05-worker-pool/exercise"
)

//go:embed links.go
var linksSource string

var tasks = []task{{
	file: "links.go", source: linksSource, untouched: 0x2b200c68,
	solution:   "SOLUTION.md",
	learned:    "A fixed number of workers limits the concurrency, however many links there are. Record the first error before you cancel the other workers, otherwise you return a consequence instead of the cause.",
	interleave: true,
}}

// A web counts its fetches. A fetch takes one second, unless takes has another
// duration for the first, the second … fetch to start: the order of the links is free.
type web struct {
	takes   map[int]time.Duration
	broken  map[int]error
	ignores map[int]bool // its context, and succeeds

	mu       sync.Mutex // guards what follows
	running  int
	peak     int
	started  int
	canceled int
	times    map[string]int  // how often a link was fetched
	given    context.Context // of the last fetch
}

func (w *web) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *web) fetch(ctx context.Context, link string) error {
	var n int
	w.locked(func() {
		w.running++
		w.peak = max(w.peak, w.running)
		w.started++
		n = w.started
		w.times[link]++
		w.given = ctx
	})
	defer w.locked(func() { w.running-- })
	done := ctx.Done()
	if w.ignores[n] {
		done = nil // never ready
	}
	select {
	case <-time.After(cmp.Or(w.takes[n], time.Second)):
		return w.broken[n]
	case <-done:
		w.locked(func() { w.canceled++ })
		time.Sleep(100 * time.Millisecond) // it takes a moment to close a connection
		return fmt.Errorf("fetching %s: %w", link, ctx.Err())
	}
}

// check runs CheckLinks for n links, and reports what remains when it has returned.
func (w *web) check(ctx context.Context, t *testing.T, n, workers int) (took time.Duration, err error) {
	t.Helper()
	w.times = make(map[string]int)
	otherwise("%s", waitsForALock)
	began := time.Now()
	err = CheckLinks(ctx, site(n), workers, w.fetch)
	took = time.Since(began)
	var running, started int
	var given context.Context
	w.locked(func() { running, started, given = w.running, w.started, cmp.Or(w.given, ctx) })
	synctest.Wait()
	switch states := left(); {
	case started == 0 && w.started > 0:
		t.Error("CheckLinks returned before its first fetch has started\n→ section 1.5 in chapter 01: Wait blocks until the goroutines that are counted have ended. Are they counted before they start?")
	case running > 0:
		t.Errorf("CheckLinks returned, but %s: it does not wait for them", count(running, "fetch is still running", "fetches are still running"))
	case len(states) > 0:
		t.Errorf("CheckLinks returned, but %s, blocked in %q\n→ section 2.5 in chapter 02: what makes that goroutine stop?", count(len(states), "goroutine that it started is left", "goroutines that it started are left, one of them"), states[0])
	case given != ctx && given.Err() == nil:
		t.Error("CheckLinks returned, but the context that it made is not canceled: call its cancel function on every way out (defer)")
	}
	time.Sleep(time.Hour) // so that the goroutines that are left can end
	synctest.Wait()
	return took, err
}

// repeated returns a link that was fetched more than once.
func (w *web) repeated() (link string, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, link := range site(1000) {
		if w.times[link] > 1 {
			return link, w.times[link]
		}
	}
	return "", 0
}

// If no goroutine can proceed in fake time, one of them waits for a lock.
const waitsForALock = "the workers block, and one of them waits for a lock\n→ hold a lock only to take the next link or to record an error, not during a fetch, and release it on every way out"

// count returns "1 fetch" or "2 fetches".
func count(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func site(n int) (links []string) {
	for i := range n {
		links = append(links, fmt.Sprint("/page/", i))
	}
	return links
}

// left returns the state of each goroutine in the bubble, except for the test's own.
func left() (states []string) {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if m := inBubble.FindStringSubmatch(stack); m != nil && !strings.Contains(stack, "created by testing") {
			states = append(states, m[1])
		}
	}
	return states
}

var inBubble = regexp.MustCompile(`^goroutine \d+ \[([\w.]+(?: [\w.]+)*).*, synctest bubble`)

func TestAsManyFetchesAsWorkersNeverMore(t *testing.T) {
	alone(t, "section 5.1: a fixed number of workers, each of which takes the next link when it is free", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, workers := range []int{4, 7} {
				w := &web{takes: map[int]time.Duration{1: 10 * time.Second}}
				took, _ := w.check(t.Context(), t, 1+10*(workers-1), workers)
				link, times := w.repeated()
				switch {
				case t.Failed():
					return
				case times > 1:
					t.Fatalf("%d workers: %s was fetched %d times, want once", workers, link, times)
				case w.started == 0:
					t.Fatalf("CheckLinks got %d links, but returned without a fetch\n→ section 1.5 in chapter 01: Wait blocks until the goroutines that are counted have ended. Are they counted before they start?", 1+10*(workers-1))
				case w.peak > workers:
					t.Fatalf("%d fetches ran at the same time; the limit is %d workers", w.peak, workers)
				case w.peak < workers:
					t.Fatalf("at most %s at the same time, want %d, one for each worker", count(w.peak, "fetch ran", "fetches ran"), workers)
				case took != 10*time.Second:
					t.Fatalf("one fetch takes 10s, and meanwhile %d workers can do the %d others of 1s each; it took %v: a worker was free but did not start the next fetch", workers-1, 10*(workers-1), took)
				}
			}
		})
	})
}

func TestEachLinkIsFetchedOnce(t *testing.T) {
	alone(t, "section 5.2: every task runs once. How does a worker take the next link?", func(t *testing.T) {
		for _, n := range []int{0, 1, 3, 10} {
			synctest.Test(t, func(t *testing.T) {
				w := &web{takes: map[int]time.Duration{1: time.Hour}} // the caller decides how long it may take
				if _, err := w.check(t.Context(), t, n, 4); err != nil {
					t.Fatalf("no fetch failed, but CheckLinks returned the error %q\n→ the caller decides how long CheckLinks may take: has it a deadline of its own?", firstLine(err))
				}
				if t.Failed() {
					return
				}
				for _, link := range site(n) {
					if times := w.times[link]; times != 1 {
						t.Fatalf("CheckLinks got %s and 4 workers: %s was fetched %s, want once", count(n, "link", "links"), link, count(times, "time", "times"))
					}
				}
			})
		}
	})
}

// often runs a check thirty times: a select with two ready cases takes one at random.
func often(t *testing.T, check func(*testing.T)) {
	for n := 0; n < 30 && !t.Failed(); n++ {
		synctest.Test(t, check)
	}
}

const checkFirst = "check ctx.Err() immediately before each fetch. A select is not enough: if both cases are ready, it takes one at random"

func TestFirstErrorStopsTheRest(t *testing.T) {
	alone(t, "section 5.4, work in pool.go and add in failures.go: the workers check the context, and the first error cancels it", func(t *testing.T) {
		often(t, func(t *testing.T) {
			first := errors.New("404 Not Found")
			w := &web{broken: map[int]error{2: first}, takes: map[int]time.Duration{2: time.Second / 2}, ignores: map[int]bool{3: true}}
			_, err := w.check(t.Context(), t, 1000, 4)
			link, times := w.repeated()
			switch {
			case t.Failed():
			case times > 1:
				t.Errorf("a fetch failed, and %s was fetched %d times, want once: an error stops everything, it is not retried", link, times)
			case w.started == 1000:
				t.Error("one of the first 4 fetches failed, but the 996 others were started all the same: an error does not stop the workers")
			case w.started > 4:
				t.Errorf("one of the first 4 fetches failed, but then %s started: %s", count(w.started-4, "more was", "more were"), checkFirst)
			case w.peak > 1 && w.canceled == 0:
				t.Error("a fetch failed, but the fetches in flight were not canceled: their context is not done")
			default:
				requireError(t, err, first, "fetching")
			}
		})
	})
}

// slowToCancel is a caller's context that is slow to release a context derived from
// it: cancel of the derived context blocks there, after the fetches have been canceled.
type slowToCancel struct{ context.Context }

func (slowToCancel) Value(any) any { return nil } // otherwise package context does not call AfterFunc

func (c slowToCancel) AfterFunc(f func()) (stop func() bool) {
	release := context.AfterFunc(c.Context, f)
	return func() bool {
		for range 1000 {
			runtime.Gosched()
		}
		return release()
	}
}

func TestFirstErrorIsReturned(t *testing.T) {
	alone(t, "section 5.4, and add in failures.go: the first error is recorded before the others are canceled", func(t *testing.T) {
		for _, first := range []error{errors.New("404 Not Found"), fmt.Errorf("no answer: %w", context.DeadlineExceeded), context.Canceled} {
			often(t, func(t *testing.T) {
				otherwise("%s", waitsForALock)
				var started atomic.Int64
				err := CheckLinks(slowToCancel{t.Context()}, site(100), 4, func(ctx context.Context, link string) error {
					if started.Add(1) == 2 {
						time.Sleep(time.Second)
						return first
					}
					select {
					case <-ctx.Done():
						return fmt.Errorf("fetching %s: %w", link, ctx.Err())
					case <-time.After(time.Hour):
						return nil
					}
				})
				requireError(t, err, first, "fetching")
			})
		}
	})
}

// TestEarlierErrorIsReturned: the order of the links decides nothing, nor does the
// order in which the fetches have started.
func TestEarlierErrorIsReturned(t *testing.T) {
	alone(t, "point 3 of the task: of two errors, which one occurred first?", func(t *testing.T) {
		first, later := errors.New("404 Not Found"), errors.New("connection reset by peer")
		for _, failing := range []string{"/page/0", "/page/1", "/page/2", "/page/3"} {
			synctest.Test(t, func(t *testing.T) {
				otherwise("%s", waitsForALock)
				err := CheckLinks(t.Context(), site(4), 4, func(ctx context.Context, link string) error {
					if link == failing {
						time.Sleep(time.Second)
						return first
					}
					select {
					case <-ctx.Done():
						time.Sleep(100 * time.Millisecond)
					case <-time.After(time.Hour):
					}
					return later
				})
				requireError(t, err, first, later.Error())
			})
		}
	})
}

// requireError requires that err is the first error and has nothing of the later ones.
func requireError(t *testing.T, err, first error, later string) {
	t.Helper()
	switch {
	case !errors.Is(err, first):
		t.Errorf("the first error is %q, but CheckLinks returned %q", first, firstLine(err))
	case strings.Contains(err.Error(), later):
		t.Errorf("the first error is %q, but CheckLinks also returned errors that occurred later: %q", first, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func TestCanceledCallerStopsTheRest(t *testing.T) {
	alone(t, "section 5.4: the caller cancels; and context.Cause in slice.go", func(t *testing.T) {
		often(t, func(t *testing.T) {
			cause := errors.New("the editor closed the page")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(1500*time.Millisecond, func() { cancel(cause) })
			w := &web{}
			took, err := w.check(ctx, t, 1000, 4)
			link, times := w.repeated()
			switch {
			case t.Failed():
			case times > 1:
				t.Errorf("ctx was canceled, and %s was fetched %d times, want once", link, times)
			case w.started == 1000 || took > 2*time.Second:
				t.Errorf("ctx was canceled after 1.5s, but CheckLinks returned after %v and %d fetches: it ignores cancellation", took, w.started)
			case w.started > 8:
				t.Errorf("ctx was canceled when 8 fetches had started, but then %s started: %s", count(w.started-8, "more was", "more were"), checkFirst)
			case !errors.Is(err, cause):
				t.Errorf("ctx was canceled with the cause %q, but CheckLinks returned %q", cause, firstLine(err))
			}
			if t.Failed() {
				return
			}
			late := &web{}
			if _, err := late.check(ctx, t, 1000, 4); late.started > 0 {
				t.Errorf("ctx was canceled before the call, but %s started: %s", count(late.started, "fetch was", "fetches were"), checkFirst)
			} else if !errors.Is(err, cause) {
				t.Errorf("ctx was canceled before the call with the cause %q, but CheckLinks returned %q", cause, firstLine(err))
			}
		})
	})
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}

package exercise

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
)

//go:embed links.go
var linksSource string

var tasks = []task{{
	file: "links.go", source: linksSource, untouched: 0xf2351fb9,
	solution: "SOLUTION.md",
	learned:  "A fixed number of workers bounds the concurrency, however many links there are. Record the first error before you cancel the other workers, otherwise you return the cancellation instead of its cause.",
}}

// A web counts who fetches what. A fetch takes a second, if nothing else is said
// of the first, the second and so on to be begun: the order of the links is free.
type web struct {
	takes  map[int]time.Duration
	broken map[int]error
	deaf   map[int]bool // to its context: it goes on, and succeeds

	mu                    sync.Mutex      // guards what follows
	now, peak, begun, cut int             // fetches: under way, in all, and of those whose context ended
	times                 map[string]int  // that a link was fetched
	given                 context.Context // the last fetch's
}

func (w *web) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *web) fetch(ctx context.Context, link string) error {
	var me int
	w.note(func() {
		w.now++
		w.peak = max(w.peak, w.now)
		w.begun++
		me = w.begun
		w.times[link]++
		w.given = ctx
	})
	defer w.note(func() { w.now-- })
	heard := ctx.Done()
	if w.deaf[me] {
		heard = nil // and never ready
	}
	select {
	case <-time.After(cmp.Or(w.takes[me], time.Second)):
		return w.broken[me]
	case <-heard:
		w.note(func() { w.cut++ })
		time.Sleep(100 * time.Millisecond) // to close a connection takes a moment
		return fmt.Errorf("fetching %s: %w", link, ctx.Err())
	}
}

// check has CheckLinks check so many links, and looks what is still there when it has returned.
func (w *web) check(ctx context.Context, t *testing.T, links, workers int) (took time.Duration, err error) {
	t.Helper()
	w.times = make(map[string]int)
	began := time.Now()
	err = CheckLinks(ctx, site(links), workers, w.fetch)
	took = time.Since(began)
	var now int
	given := ctx
	w.note(func() { now, given = w.now, cmp.Or(w.given, ctx) })
	synctest.Wait()
	switch waits := left(); {
	case w.begun == 0 && links > 0 && ctx.Err() == nil:
		t.Error("CheckLinks has returned, and not one fetch was begun: did it wait? (who counts goroutines with Add does it before go)")
	case now > 0:
		t.Errorf("CheckLinks has returned, and %d fetches are still under way: nobody waited for them", now)
	case len(waits) > 0:
		t.Errorf("CheckLinks has returned, and goroutines are left: %d, waiting in %q", len(waits), waits[0])
	case given != ctx && given.Err() == nil:
		t.Error("CheckLinks has returned, and the context that it made goes on: whoever makes one ends it, whatever happens (defer)")
	}
	time.Sleep(time.Hour) // they end now, if they can
	synctest.Wait()
	return took, err
}

func site(n int) (links []string) {
	for i := range n {
		links = append(links, fmt.Sprint("/page/", i))
	}
	return links
}

// left returns what each goroutine in the bubble waits in, but for the test's own.
func left() (waits []string) {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if m := inBubble.FindStringSubmatch(stack); m != nil && !strings.Contains(stack, "created by testing") {
			waits = append(waits, m[1])
		}
	}
	return waits
}

var inBubble = regexp.MustCompile(`^goroutine \d+ \[([\w.]+(?: [\w.]+)*).*, synctest bubble`)

func TestAsManyAtOnceAsWorkersAndNeverMore(t *testing.T) {
	alone(t, "5.1 in the program, and pertask.go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, workers := range []int{4, 7} {
				w := &web{takes: map[int]time.Duration{1: 10 * time.Second}}
				took, _ := w.check(t.Context(), t, 1+10*(workers-1), workers)
				switch {
				case w.peak == 0: // and that was said
					return
				case w.peak > workers:
					t.Fatalf("%d workers, and %d fetches were under way at once: nothing bounds them, or not enough", workers, w.peak)
				case w.peak < workers:
					t.Fatalf("%d workers, and never more than %d at work: the others have nothing to do", workers, w.peak)
				case took != 10*time.Second:
					t.Fatalf("one fetch takes 10s, and %d workers can do %d others of 1s meanwhile; it took %v: who was free did not take the next link", workers-1, 10*(workers-1), took)
				}
			}
		})
	})
}

func TestEveryLinkIsFetchedOnce(t *testing.T) {
	alone(t, "5.2 in the program", func(t *testing.T) {
		for _, n := range []int{0, 1, 3, 10} {
			synctest.Test(t, func(t *testing.T) {
				w := &web{takes: map[int]time.Duration{1: time.Hour}} // how long it may take is for the caller to say
				if _, err := w.check(t.Context(), t, n, 4); err != nil {
					t.Errorf("all links are good, and CheckLinks returns %v", err)
				}
				for _, link := range site(n) {
					if w.times[link] != 1 {
						t.Errorf("of %d links, %s was fetched %d times", n, link, w.times[link])
					}
				}
			})
		}
	})
}

// often runs a check thirty times: a select of which two cases are ready takes either.
func often(t *testing.T, check func(*testing.T)) {
	for n := 0; n < 30 && !t.Failed(); n++ {
		synctest.Test(t, check)
	}
}

// A caller's context that takes a moment to let go of one made from it: whoever cancels that one is
// held up there, when the fetches have heard already.
type slowToLetGo struct{ context.Context }

func (slowToLetGo) Value(any) any { return nil } // or package context would not ask AfterFunc

func (c slowToLetGo) AfterFunc(f func()) (stop func() bool) {
	letGo := context.AfterFunc(c.Context, f)
	return func() bool {
		for range 1000 {
			runtime.Gosched()
		}
		return letGo()
	}
}

func TestTheFirstErrorIsReturned(t *testing.T) {
	alone(t, "5.4 in the program, and failed in pool.go", func(t *testing.T) {
		for _, gone := range []error{errors.New("404 Not Found"), fmt.Errorf("no answer: %w", context.DeadlineExceeded)} {
			often(t, func(t *testing.T) {
				var begun atomic.Int64
				err := CheckLinks(slowToLetGo{t.Context()}, site(100), 4, func(ctx context.Context, link string) error {
					if begun.Add(1) == 2 {
						time.Sleep(time.Second)
						return gone
					}
					select {
					case <-ctx.Done():
						return fmt.Errorf("fetching %s: %w", link, ctx.Err())
					case <-time.After(time.Hour):
						return nil
					}
				})
				if !errors.Is(err, gone) {
					t.Errorf("the first error is %q, and CheckLinks returns %s: note it before you cancel the others", gone, firstLine(err))
				}
			})
		}
	})
}

const eitherCase = "before each fetch ask a context that has ended by then (one that another goroutine ends later is too late), and not in a select of which two cases are ready: it takes either"

func TestFirstErrorStopsTheRest(t *testing.T) {
	alone(t, "5.4 in the program, and at work and failed in pool.go", func(t *testing.T) {
		often(t, func(t *testing.T) {
			gone := errors.New("404 Not Found")
			w := &web{broken: map[int]error{2: gone}, takes: map[int]time.Duration{2: time.Second / 2}, deaf: map[int]bool{3: true}}
			_, err := w.check(t.Context(), t, 1000, 4)
			if w.peak > 1 && w.cut == 0 {
				t.Error("a fetch has failed, and those under way were not told: their context goes on")
			}
			switch {
			case w.begun == 1000:
				t.Error("one of the first 4 fetches has failed, and the 996 others were begun all the same: an error stops nothing")
			case w.begun > 4:
				t.Errorf("one of the first 4 fetches has failed, and then others were begun: %d; %s", w.begun-4, eitherCase)
			}
			if !errors.Is(err, gone) || errors.Is(err, context.Canceled) {
				t.Errorf("the first error is %q, and CheckLinks returns %s", gone, firstLine(err))
			}
		})
	})
}

func TestCallerWhoGivesUpStopsIt(t *testing.T) {
	alone(t, "5.4 in the program: the caller cancels; and at context.Cause in Close, pool.go", func(t *testing.T) {
		often(t, func(t *testing.T) {
			why := errors.New("the editor has closed the page")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(1500*time.Millisecond, func() { cancel(why) })
			w := &web{}
			switch took, err := w.check(ctx, t, 1000, 4); {
			case w.begun == 1000 || took > 2*time.Second:
				t.Errorf("the caller gives up after 1.5s, and CheckLinks returns after %v and %d fetches: it does not listen", took, w.begun)
			case w.begun > 8:
				t.Errorf("the caller gives up when 8 fetches were begun, and then others were: %d; %s", w.begun-8, eitherCase)
			case !errors.Is(err, why):
				t.Errorf("the caller gives up because %q, and CheckLinks returns %s", why, firstLine(err))
			}
			late := &web{}
			if _, err := late.check(ctx, t, 1000, 4); late.begun > 0 {
				t.Errorf("the caller had given up before, and then fetches were begun: %d; %s", late.begun, eitherCase)
			} else if !errors.Is(err, why) {
				t.Errorf("the caller had given up before because %q, and CheckLinks returns %s", why, firstLine(err))
			}
		})
	})
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}

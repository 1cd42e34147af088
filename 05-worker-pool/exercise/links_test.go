package exercise

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The file to change, and its checksum as it came: the exercise is open until it differs.
//
//go:embed links.go
var source string

const (
	file      = "links.go"
	untouched = 0x8c49d263
)

// A web counts who fetches what. A fetch takes a second.
type web struct {
	mu     sync.Mutex
	now    int // under way
	peak   int
	times  map[string]int   // that a link was fetched
	broken map[string]error // links
	cut    int              // fetches whose context ended first
}

func (w *web) fetch(ctx context.Context, link string) error {
	w.mu.Lock()
	w.now++
	w.peak = max(w.peak, w.now)
	if w.times == nil {
		w.times = make(map[string]int)
	}
	w.times[link]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.now--
		w.mu.Unlock()
	}()
	select {
	case <-time.After(time.Second):
		return w.broken[link]
	case <-ctx.Done():
		w.mu.Lock()
		w.cut++
		w.mu.Unlock()
		time.Sleep(100 * time.Millisecond) // to close a connection takes a moment
		return context.Cause(ctx)
	}
}

// state returns how many fetches are under way, were begun, and were cut off.
func (w *web) state() (now, begun, cut int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now, len(w.times), w.cut
}

func site(n int) (links []string) {
	for i := range n {
		links = append(links, fmt.Sprint("/page/", i))
	}
	return links
}

func TestNeverMoreAtOnceThanWorkers(t *testing.T) {
	alone(t, "5.1 in the program, and pertask.go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &web{}
			began := time.Now()
			if err := CheckLinks(t.Context(), site(40), 4, w.fetch); err != nil {
				t.Errorf("all links are good, and it says: %v", err)
			}
			switch took := time.Since(began); {
			case w.peak > 4:
				t.Errorf("4 workers, and %d fetches were under way at once: nothing bounds them", w.peak)
			case w.peak < 4:
				t.Errorf("4 workers, and never more than %d at work: the others have nothing to do", w.peak)
			case took != 10*time.Second:
				t.Errorf("40 fetches of a second with 4 workers took %v: who is free should take the next one at once", took)
			}
		})
	})
}

func TestEveryLinkIsFetchedOnce(t *testing.T) {
	alone(t, "5.2 in the program", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, n := range []int{0, 1, 3, 10} {
				w := &web{}
				CheckLinks(t.Context(), site(n), 4, w.fetch)
				for _, link := range site(n) {
					if times := w.times[link]; times != 1 {
						t.Errorf("of %d links, %s was fetched %d times", n, link, times)
					}
				}
			}
		})
	})
}

func TestFirstErrorStopsTheRest(t *testing.T) {
	alone(t, "5.4 in the program, and pool.go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := errors.New("404 Not Found")
			w := &web{broken: map[string]error{"/page/1": gone}}
			err := CheckLinks(t.Context(), site(1000), 4, func(ctx context.Context, link string) error {
				if link != "/page/1" {
					time.Sleep(time.Millisecond) // so that others are under way when it fails
				}
				return w.fetch(ctx, link)
			})
			now, begun, cut := w.state()
			if now > 0 {
				t.Errorf("CheckLinks has returned, and %d fetches are still under way: nobody waited for them", now)
			}
			if err != gone {
				t.Errorf("the first fetch that failed said %q, and CheckLinks says: %v", gone, err)
			}
			if begun > 8 {
				t.Errorf("one of the first four fetches fails, and %d were begun: an error stops nothing", begun)
			}
			if cut+now == 0 {
				t.Error("a fetch has failed, and those under way were not told: their context goes on")
			}
			time.Sleep(time.Hour) // whatever is still there goes on now
		})
	})
}

func TestCallerWhoGivesUpStopsIt(t *testing.T) {
	alone(t, "5.4 in the program: the caller cancels", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			why := errors.New("the user has closed the page")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(1500*time.Millisecond, func() { cancel(why) })
			w := &web{}
			began := time.Now()
			err := CheckLinks(ctx, site(1000), 4, w.fetch)
			now, begun, _ := w.state()
			if took := time.Since(began); took > 2*time.Second || begun > 12 {
				t.Errorf("the caller gives up after 1.5s, and CheckLinks returns after %v and %d fetches: it does not listen", took, begun)
			}
			if !errors.Is(err, why) {
				t.Errorf("the caller gave up because %q, and CheckLinks says: %v", why, err)
			}
			if now > 0 {
				t.Errorf("CheckLinks has returned, and %d fetches are still under way: nobody waited for them", now)
			}
			time.Sleep(time.Hour)
		})
	})
}

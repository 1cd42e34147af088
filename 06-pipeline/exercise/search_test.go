package exercise

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

//go:embed search.go
var searchSource string

var tasks = []task{{
	file: "search.go", source: searchSource, untouched: 0x18b80971,
	solution: "SOLUTION.md",
	learned:  "A consumer that stops early must cancel the stages before it and wait until they have returned. Small channels bound the memory, whatever the size of the input.",
}}

// A log is a source that counts its lines. Every tenth line is an error.
type log struct {
	lines int           // it has; 0 means that it never ends
	pause time.Duration // to read one
	quiet int64         // before this line
	err   error         // at its end
	read  atomic.Int64
	ended atomic.Bool
}

func (l *log) source(yield func(string) bool) error {
	for n := int64(1); l.lines == 0 || n <= int64(l.lines); n++ {
		time.Sleep(l.pause)
		if n == l.quiet {
			time.Sleep(10 * time.Minute) // nobody writes: a log that is quiet has not ended
		}
		l.read.Store(n)
		level := "info"
		if n%10 == 0 {
			level = "error"
		}
		if !yield(fmt.Sprintf("%s line %d", level, n)) {
			time.Sleep(time.Hour) // to close a file takes its time: who waits for that waits for the right thing
			l.ended.Store(true)
			return nil
		}
		if n == 100_000 && l.lines == 0 {
			panic("100,000 lines were read of a log that has no end: nobody told its source to stop")
		}
	}
	l.ended.Store(true)
	return l.err
}

func isError(line string) bool { return strings.HasPrefix(line, "error") }

var three = []string{"error line 10", "error line 20", "error line 30"}

func TestItEndsAtTheLastHit(t *testing.T) {
	alone(t, "6.4 in the program, and untold.go: a consumer that leaves early must tell the stages", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{pause: time.Second, quiet: 25}
			ctx := context.WithoutCancel(t.Context()) // lives as long as a program: who waits for its end, waits for ever
			hits, err := Search(ctx, l.source, isError, 3)
			if !l.ended.Load() {
				t.Errorf("Search has returned, and its source is still reading: nobody has told it to stop, or nobody waited until it had")
			}
			if err != nil {
				t.Errorf("there were three hits, as many as wanted, and Search says: %v; to have enough is no error", err)
			}
			if !slices.Equal(hits, three) {
				t.Errorf("the first three hits are %q, and Search returns %q", three, hits)
			}
			if n := l.read.Load(); n > 100 { // a select that may send or stop does either: a few more are no wonder
				t.Errorf("the third hit is in line 30, and %d lines were read: it goes on although it has enough", n)
			}
		})
	})
}

// TestNeverMoreHitsThanWanted has every line match. Whether one more comes after
// the last is left to a select, so it tries often.
func TestNeverMoreHitsThanWanted(t *testing.T) {
	alone(t, "6.4 in the program: until the source has heard of it, it may send another line", func(t *testing.T) {
		for n := 0; n < 50 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				l := &log{pause: time.Second}
				hits, _ := Search(t.Context(), l.source, func(string) bool { return true }, 3)
				if len(hits) != 3 {
					t.Errorf("3 hits were wanted, and Search returns %d: a line that came after the last hit counts no more", len(hits))
				}
			})
		}
	})
}

func TestReadingAndMatchingOverlap(t *testing.T) {
	alone(t, "6.1 in the program: stages overlap", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 20, pause: time.Second}
			began := time.Now()
			hits, err := Search(t.Context(), l.source, func(line string) bool { time.Sleep(time.Second); return isError(line) }, 10)
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("20 lines, a second to read one and a second to match it, took %v: first the one, then the other", took)
			}
			if !slices.Equal(hits, three[:2]) || err != nil {
				t.Errorf("the log ends after two hits where ten were wanted, which is no error, and Search returns %q, %v", hits, err)
			}
		})
	})
}

func TestSourceIsHardlyAhead(t *testing.T) {
	alone(t, "6.2 in the program, and collecting.go: memory is bounded by the stages", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 10_000}
			var ahead, matched atomic.Int64
			Search(t.Context(), l.source, func(line string) bool {
				time.Sleep(time.Second)
				ahead.Store(max(ahead.Load(), l.read.Load()-matched.Add(1)))
				return isError(line)
			}, 3)
			if n := ahead.Load(); n > 100 {
				t.Errorf("the source was %d lines ahead of the matching: they are all in memory, or lost, and it is the log's size that decides how much", n)
			}
		})
	})
}

func TestErrorOfTheSourceIsReturned(t *testing.T) {
	alone(t, "6.5 in the program", func(t *testing.T) {
		for n := 0; n < 20 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				broken := errors.New("disk: read error")
				l := &log{lines: 10, err: broken}
				hits, err := Search(t.Context(), l.source, func(line string) bool { time.Sleep(time.Second); return isError(line) }, 3)
				if !errors.Is(err, broken) {
					t.Errorf("the source ended with %q, and Search says: %v", broken, err)
				}
				if !slices.Equal(hits, three[:1]) {
					t.Errorf("before the source failed there was one hit, and Search returns %q", hits)
				}
			})
		}
	})
}

func TestSlowMatchKeepsItsPlace(t *testing.T) {
	alone(t, "6.3 in the program: order can be kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 40, pause: time.Second}
			hits, _ := Search(t.Context(), l.source, func(line string) bool {
				if line == three[0] {
					time.Sleep(time.Minute)
				}
				return isError(line)
			}, 2)
			if !slices.Equal(hits, three[:2]) {
				t.Errorf("the first two hits are %q, the first takes a minute to match, and Search returns %q", three[:2], hits)
			}
		})
	})
}

func TestWaitsForTheEndThoughTheCallerGoes(t *testing.T) {
	alone(t, "6.4 in the program", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
			defer cancel()
			l := &log{pause: time.Second}
			Search(ctx, l.source, isError, 3)
			if !l.ended.Load() {
				t.Errorf("there were three hits, the page was closed while the source was ending, and Search has returned before it had")
			}
		})
	})
}

func TestCallerWhoGoesAwayStopsIt(t *testing.T) {
	alone(t, "6.4 in the program", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := errors.New("the page was closed")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(15500*time.Millisecond, func() { cancel(gone) })
			l := &log{pause: time.Second}
			began := time.Now()
			_, err := Search(ctx, l.source, isError, 100)
			if took := time.Since(began) - time.Hour; took > 90*time.Second { // to close it takes an hour, and a few lines more are no wonder
				t.Errorf("the page is closed after 15.5s, and Search returns after %v: it does not listen", took)
			}
			if !l.ended.Load() {
				t.Error("the page is closed, Search has returned, and its source is still reading")
			}
			if !errors.Is(err, gone) {
				t.Errorf("the page was closed, and Search says: %v; context.Cause knows why", err)
			}
		})
	})
}

package exercise_test

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

	. "concurrency/06-pipeline/exercise"
)

//go:embed search.go
var searchSource string

var tasks = []task{{
	file: "search.go", source: searchSource, untouched: 0x45894d85,
	solution: "SOLUTION.md",
	learned:  "A consumer that stops early must cancel the stages before it and wait until they have returned. Small channels bound the memory, whatever the size of the input.",
}}

// A log is a source that counts its lines. Every tenth line is an error.
type log struct {
	lines  int           // 0 means that it never ends
	pause  time.Duration // before each line
	silent int64         // for ten minutes before this line
	same   bool          // all lines are equal
	err    error         // after the last line
	read   atomic.Int64
	ended  atomic.Bool
}

const endless = 100_000 // lines that no check needs

func (l *log) source(yield func(string) bool) error {
	defer l.ended.Store(true)
	for n := int64(1); l.lines == 0 || n <= int64(l.lines); n++ {
		time.Sleep(l.pause)
		if n == l.silent {
			time.Sleep(10 * time.Minute)
		}
		l.read.Store(n)
		line := fmt.Sprintf("info line %d", n)
		if n%10 == 0 {
			line = fmt.Sprintf("error line %d", n)
		}
		if l.same {
			line = "error line"
		}
		if !yield(line) {
			time.Sleep(time.Hour) // to close a file takes time, and Search must wait for it
			return nil
		}
		if n == endless {
			panic("Search read 100,000 lines of a log, and yield never returned false: nothing stops the source")
		}
	}
	return l.err
}

func isError(line string) bool { return strings.HasPrefix(line, "error") }

var hits3 = []string{"error line 10", "error line 20", "error line 30"}

const stopIt = "section 6.4, and uncanceled.go: a consumer that stops early must cancel the stages before it. What makes yield return false?"

func TestLastHitStopsTheSource(t *testing.T) {
	alone(t, stopIt, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{pause: time.Second, silent: 25}
			ctx := context.WithoutCancel(t.Context()) // is never done
			hits, err := Search(ctx, l.source, isError, 3)
			switch n := l.read.Load(); {
			case !slices.Equal(hits, hits3):
				t.Errorf("the log was silent for ten minutes before line 25; Search returned %q, want %q\n→ point 1 of the task: only the return of the source is the end of the log, silence is not", hits, hits3)
			case n > 100: // a select with two ready cases takes one at random
				t.Errorf("the third hit is in line 30, but Search read %d lines: it does not stop the source", n)
			case !l.ended.Load():
				t.Error("Search returned, but its source is still running: stop it, and then wait until it has returned")
			case err != nil:
				t.Errorf("there are 3 hits, as many as the limit, but Search returned the error %q: to stop the source is not an error\n→ hint 4: which context is done, the caller's or the one that Search has made?", err)
			}
		})
	})
}

// TestNeverMoreHitsThanTheLimit has every line match. A select decides at random
// whether a line arrives after the last hit, so the check runs often.
func TestNeverMoreHitsThanTheLimit(t *testing.T) {
	alone(t, "section 6.4: until the source has returned, another line may arrive. It is no longer a hit", func(t *testing.T) {
		for n := 0; n < 50 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				l := &log{pause: time.Second}
				hits, _ := Search(t.Context(), l.source, func(string) bool { return true }, 3)
				if len(hits) != 3 {
					t.Errorf("every line matches and the limit is 3; hits returned: %d, want 3", len(hits))
				}
			})
		}
	})
}

func TestReadingAndMatchingOverlap(t *testing.T) {
	alone(t, "section 6.1: stages overlap if each has a goroutine", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 20, pause: time.Second}
			began := time.Now()
			hits, err := Search(t.Context(), l.source, func(line string) bool { time.Sleep(time.Second); return isError(line) }, 10)
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("20 lines, 1s to read each and 1s to match each, took %v, want about 21s: reading and matching do not overlap", took)
			}
			if !slices.Equal(hits, hits3[:2]) || err != nil {
				t.Errorf("the log ends after 2 hits and the limit is 10; Search returned %q and the error %v, want %q and no error\n→ point 4 of the task: to find fewer hits than the limit is not an error", hits, err, hits3[:2])
			}
		})
	})
}

func TestSourceIsOnlyAFewLinesAhead(t *testing.T) {
	alone(t, "section 6.2, and collecting.go: how many lines can be between the stages?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 10_000}
			var ahead, matched atomic.Int64
			Search(t.Context(), l.source, func(line string) bool {
				time.Sleep(time.Second)
				ahead.Store(max(ahead.Load(), l.read.Load()-matched.Add(1)))
				return isError(line)
			}, 3)
			if n := ahead.Load(); n > 100 {
				t.Errorf("the source was %d lines ahead of the matching, want a few: they are in memory, or lost", n)
			}
		})
	})
}

func TestErrorOfTheSourceIsReturned(t *testing.T) {
	alone(t, "section 6.5: what does Search return when the source has returned?", func(t *testing.T) {
		for n := 0; n < 20 && !t.Failed(); n++ {
			synctest.Test(t, func(t *testing.T) {
				broken := errors.New("disk: read error")
				l := &log{lines: 10, err: broken}
				hits, err := Search(t.Context(), l.source, func(line string) bool { time.Sleep(time.Second); return isError(line) }, 3)
				if !errors.Is(err, broken) {
					t.Errorf("the source returned the error %q, but Search returned %v", broken, err)
				}
				if !slices.Equal(hits, hits3[:1]) {
					t.Errorf("the source failed after the hit %q in its last line, but Search returned the hits %q", hits3[0], hits)
				}
			})
		}
	})
}

func TestSlowMatchKeepsTheOrder(t *testing.T) {
	alone(t, "section 6.3: the order can be kept. May a later line overtake one that is still being matched?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 40, pause: time.Second}
			hits, _ := Search(t.Context(), l.source, func(line string) bool {
				if line == hits3[0] {
					time.Sleep(time.Minute)
				}
				return isError(line)
			}, 2)
			if !slices.Equal(hits, hits3[:2]) {
				t.Errorf("it takes a minute to match %q; Search returned %q, want %q", hits3[0], hits, hits3[:2])
			}
		})
	})
}

func TestEqualLinesAreSeveralHits(t *testing.T) {
	alone(t, "point 1 of the task: every line that matches is a hit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 40, same: true}
			if hits, _ := Search(t.Context(), l.source, isError, 3); len(hits) != 3 {
				t.Errorf("40 equal lines match and the limit is 3; hits returned: %d, want 3", len(hits))
			}
		})
	})
}

func TestSearchWaitsForTheSourceEvenIfItsCallerLeaves(t *testing.T) {
	alone(t, "point 2 of the task: after the last hit there is one event to wait for, the return of the source", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
			defer cancel()
			l := &log{pause: time.Second}
			Search(ctx, l.source, isError, 3)
			if !l.ended.Load() {
				t.Error("after 3 hits, ctx was canceled while the source was closing its file: Search returned, but the source had not")
			}
		})
	})
}

func TestLimitOfZeroReadsAlmostNothing(t *testing.T) {
	alone(t, "point 1 of the task: when is the limit checked, before a line or after a hit?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &log{lines: 10_000}
			hits, err := Search(t.Context(), l.source, isError, 0)
			switch n := l.read.Load(); {
			case len(hits) > 0:
				t.Errorf("the limit is 0; hits returned: %d, want none", len(hits))
			case n > 100:
				t.Errorf("the limit is 0; lines read: %d, want a few at most", n)
			case err != nil:
				t.Errorf("the limit is 0, but Search returned the error %q: to stop the source is not an error", err)
			}
		})
	})
}

func TestCanceledCallerStopsTheSource(t *testing.T) {
	alone(t, stopIt, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("the page was closed")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(15500*time.Millisecond, func() { cancel(cause) })
			l := &log{pause: time.Second}
			began := time.Now()
			_, err := Search(ctx, l.source, isError, 100)
			switch took := time.Since(began); {
			case !l.ended.Load():
				t.Error("ctx was canceled and Search returned, but its source is still running: stop it, and then wait until it has returned")
			case took > time.Hour+90*time.Second: // the source takes an hour to close its file
				t.Errorf("ctx was canceled after 15.5s, but Search read lines until %v had passed: it ignores cancellation", took-time.Hour)
			case !errors.Is(err, cause):
				t.Errorf("ctx was canceled with the cause %q, but Search returned %v\n→ section 2.9 in chapter 02: context.Cause of the caller's context", cause, err)
			}
		})
	})
}

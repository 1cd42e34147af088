package main

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// onOneCPU sets GOMAXPROCS to 1 until the test ends.
func onOneCPU(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// TestBusyGoroutineIsPreempted has a goroutine compute until another one has
// run, on one CPU (claim 1.4).
func TestBusyGoroutineIsPreempted(t *testing.T) {
	if out, _, err := runRole("busy", "30000000000"); out != "true" || err != nil {
		t.Errorf("one goroutine was busy on the only CPU; did another one run? %q, %v", out, err)
	}
}

// TestWithoutPreemptionABusyGoroutineKeepsItsCPU switches preemption off
// (negative control of 1.4).
func TestWithoutPreemptionABusyGoroutineKeepsItsCPU(t *testing.T) {
	if out, _, err := runRoleOf(withoutRaceDetector(t), "busy", "100000000", "GODEBUG=asyncpreemptoff=1"); out != "false" || err != nil {
		t.Errorf("one goroutine was busy on the only CPU, without preemption; did another one run? %q, %v", out, err)
	}
}

// TestOnOneCPUGoroutinesTakeTurns counts how often the CPU changes hands between
// four goroutines that all compute: they are concurrent, but no two run in
// parallel (claim 1.6).
func TestOnOneCPUGoroutinesTakeTurns(t *testing.T) {
	onOneCPU(t)
	turns, steps := TakeTurns(4, 50*time.Millisecond)
	t.Logf("%d steps in %d turns; in parallel there would be nearly as many turns as steps", steps, len(turns))
	if steps/int64(len(turns)) < 100 {
		t.Errorf("%d steps in %d turns: the steps are interleaved, so the goroutines ran in parallel", steps, len(turns))
	}
}

// TestGoroutinesOnOneCPUHaveSeveralTurns: if the second one began when the first one has
// ended, each would have one. On a busy machine that may happen all the same, but not often.
func TestGoroutinesOnOneCPUHaveSeveralTurns(t *testing.T) {
	onOneCPU(t)
	for range 20 {
		if turns, _ := TakeTurns(2, 100*time.Millisecond); len(turns) > 2 {
			return
		}
	}
	t.Error("two goroutines that compute had one turn each, 20 times: they ran sequentially")
}

// TestTurnOfTheSameGoroutineGoesOn has goroutine 1 begin twice, as on several CPUs
// when another one has stepped in between but locks later.
func TestTurnOfTheSameGoroutineGoesOn(t *testing.T) {
	var turns []Turn
	for i, who := range []int{0, 1, 1, 0} {
		turns = nextTurn(turns, who, time.Duration(i))
	}
	if want := []Turn{{0, 0, 1}, {1, 1, 3}, {0, 3, 0}}; !slices.Equal(turns, want) {
		t.Errorf("got the turns %v, want %v", turns, want)
	}
}

// TestTurnsFollowOneAnother checks what TakeTurns promises of its turns.
func TestTurnsFollowOneAnother(t *testing.T) {
	const goroutines, d = 3, 20 * time.Millisecond
	began := time.Now()
	turns, steps := TakeTurns(goroutines, d)
	if end, took := turns[len(turns)-1].End, time.Since(began); end > took {
		t.Errorf("the last turn ends %v after TakeTurns began, which returned after %v", end, took)
	}
	ran := make(map[int]bool)
	for i, turn := range turns {
		ran[turn.Who] = true
		if turn.End < turn.Start || i > 0 && turn.Start != turns[i-1].End {
			t.Fatalf("turn %d is %+v, after %+v: want it to begin where that one ended", i, turn, turns[max(i-1, 0)])
		}
		if i > 0 && turn.Who == turns[i-1].Who {
			t.Fatalf("goroutine %d has two turns in sequence", turn.Who)
		}
	}
	if len(ran) != goroutines || !ran[0] || !ran[goroutines-1] {
		t.Errorf("the turns are of the goroutines %v, want 0 to %d", ran, goroutines-1)
	}
	longest := time.Duration(0)
	for range 40 { // on a busy machine, a run that ends too early may be long all the same
		const d = 3 * time.Millisecond
		one, _ := TakeTurns(1, d)
		longest = max(longest, one[0].End-one[0].Start)
		turns, _ := TakeTurns(goroutines, d)
		if end := turns[len(turns)-1].End; end < d {
			t.Fatalf("the last turn ends after %v; each goroutine should compute for %v", end, d)
		}
	}
	if longest <= 0 {
		t.Errorf("the only turn of a goroutine that computes alone lasted %v", longest)
	}
	if _, steps := TakeTurns(100, 0); steps < 6400 { // each reads the clock after 64 steps
		t.Errorf("100 goroutines made %d steps, want the steps of all of them", steps)
	}
	if steps < int64(len(turns)) {
		t.Errorf("%d steps in %d turns: each turn has at least one", steps, len(turns))
	}
}

// TestLaneIsDrawnToScale draws turns in ten columns; the second is very short, and the last
// one begins when the chart ends.
func TestLaneIsDrawnToScale(t *testing.T) {
	turns := []Turn{{0, 0, 5 * time.Second}, {1, 5 * time.Second, 5*time.Second + 1}, {0, 5*time.Second + 1, 9 * time.Second}, {2, 9 * time.Second, 10 * time.Second}, {3, 10 * time.Second, 10 * time.Second}}
	for who, want := range []string{"█████████·", "·····█····", "·········█", "··········", "··········"} {
		if got := lane(turns, who, 10); got != want {
			t.Errorf("goroutine %d: got %s, want %s", who, got, want)
		}
	}
}

// TestBlockedGoroutinesWaitTogether measures a thousand sleeps in fake time
// (claim 1.6).
func TestBlockedGoroutinesWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleep := func() { time.Sleep(time.Second) }
		for _, share := range []struct {
			pieces, goroutines int
			took               time.Duration
		}{{1000, 1000, time.Second}, {1000, 1, 1000 * time.Second}, {10, 3, 4 * time.Second}} {
			if took := Share(share.pieces, share.goroutines, sleep); took != share.took {
				t.Errorf("%d pieces of 1 s, shared by %d goroutines, took %v, want %v", share.pieces, share.goroutines, took, share.took)
			}
		}
	})
}

// TestFreeGoroutineTakesTheNextPiece has one piece that takes as long as all the others.
func TestFreeGoroutineTakesTheNextPiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		took := Share(11, 2, func() {
			if calls.Add(1) == 1 {
				time.Sleep(9 * time.Second)
			}
			time.Sleep(time.Second)
		})
		if took != 10*time.Second {
			t.Errorf("one piece of 10 s and ten of 1 s, shared by 2 goroutines, took %v, want 10s", took)
		}
	})
}

// pairs let their callers go on two at a time, so that what they do next overlaps. A caller
// whose partner does not come soon goes on alone: the machine may be busy.
type pairs struct{ came, met atomic.Int64 }

func (p *pairs) meet() {
	if n := p.came.Add(1); n%2 == 1 {
		for range 10_000 {
			if p.came.Load() != n {
				p.met.Add(1)
				return
			}
		}
	}
}

// until calls f until two hundred pairs have met. On a single CPU hardly any do.
func (p *pairs) until(f func()) {
	for range 300 {
		if f(); p.met.Load() >= 200 || runtime.GOMAXPROCS(0) == 1 {
			return
		}
	}
}

// TestEveryPieceIsDoneOnce counts the calls that Share makes: the speeds of 1.6
// compare the same amount of work. In the end two goroutines take pieces in pairs: if to
// take one were several operations, both would often take the same piece.
func TestEveryPieceIsDoneOnce(t *testing.T) {
	for _, goroutines := range []int{1, 2, 7, 100} {
		var done atomic.Int64
		if Share(64, goroutines, func() { done.Add(1) }); done.Load() != 64 {
			t.Errorf("%d goroutines did %d pieces of 64", goroutines, done.Load())
		}
	}
	const pieces = 10_000
	var together pairs
	together.until(func() {
		var done atomic.Int64
		Share(pieces, 2, func() {
			if done.Add(1)%100 == 0 {
				together.meet()
			}
		})
		if done.Load() != pieces {
			t.Errorf("2 goroutines, in pairs, did %d pieces of %d", done.Load(), pieces)
		}
	})
}

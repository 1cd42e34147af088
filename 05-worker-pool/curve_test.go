package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTasksWithinOneTickOfTheClockAreTooQuick measures tasks that take no time
// at all. The clock of a bubble does not advance meanwhile, and a coarse clock
// may not: no row of the curve divides by zero.
func TestTasksWithinOneTickOfTheClockAreTooQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		each, err := TimePerTask(t.Context(), 4, 64, func(context.Context, struct{}) (struct{}, error) {
			return struct{}{}, nil
		})
		if each != 0 || err != nil {
			t.Fatalf("tasks that take no time took %v each, %v", each, err)
		}
		for _, alone := range []time.Duration{0, time.Millisecond} {
			if row := drawGain(4, alone, each); strings.Count(row, tooQuick) != 2 {
				t.Errorf("the throughput and the gain are not measurable, but the row is %q", row)
			}
		}
	})
	if row := drawGain(4, 0, time.Millisecond); !strings.Contains(row, "1,000/s") || strings.Count(row, tooQuick) != 1 {
		t.Errorf("the gain over a time of zero is not measurable, but the row is %q", row)
	}
}

// TestTimePerTaskIsTheTimeOfAllByTheirNumber has two workers do three tasks of 3 s:
// they take 6 s together.
func TestTimePerTaskIsTheTimeOfAllByTheirNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		each, err := TimePerTask(t.Context(), 2, 3, func(context.Context, struct{}) (struct{}, error) {
			time.Sleep(3 * time.Second)
			return struct{}{}, nil
		})
		if each != 2*time.Second || err != nil {
			t.Errorf("got %v for each task, %v; want 2s", each, err)
		}
	})
}

// TestCurveTakesTheBestOfItsRuns has three runs for each number of workers, with as
// many tasks, whose tasks take 2 s, 1 s and 3 s, and looks at the rows.
func TestCurveTakesTheBestOfItsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seconds time.Duration
		tasks := func(workers int) int {
			seconds = map[time.Duration]time.Duration{0: 2, 2: 1, 1: 3, 3: 2}[seconds]
			return workers
		}
		var alone, each time.Duration
		var err error
		rows := printed(t, func() {
			alone, each, err = drawCurve(t.Context(), 3, tasks, func(context.Context, struct{}) (struct{}, error) {
				time.Sleep(seconds * time.Second)
				return struct{}{}, nil
			})
		})
		if err != nil || alone != time.Second || each != time.Second/32 {
			t.Errorf("a task took %v with one worker and %v with 32 (%v), want 1s and 31.25ms", alone, each, err)
		}
		if got, want := strings.Join(strings.Fields(rows), " "), "1 █ 1/s 1.0× 2 ██ 2/s 2.0× 4 ████ 4/s 4.0× 8 ████████ 8/s 8.0× "+
			"16 ████████████████ 16/s 16.0× 32 ████████████████████████████████ 32/s 32.0×"; got != want {
			t.Errorf("the rows are %s, want %s", got, want)
		}
		if seconds != 3 {
			t.Errorf("the last run's tasks took %d s, want 3 s, those of the third run", seconds)
		}
	})
}

// TestCurveShowsALoss has a task take a second for each worker: the best run of fewer
// workers does not count.
func TestCurveShowsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var takes time.Duration
		one := func(workers int) int { takes = time.Duration(workers) * time.Second; return 1 }
		rows := printed(t, func() {
			alone, each, err := drawCurve(t.Context(), 1, one, func(context.Context, struct{}) (struct{}, error) {
				time.Sleep(takes)
				return struct{}{}, nil
			})
			if alone != time.Second || each != 32*time.Second || err != nil {
				t.Errorf("a task took %v with one worker and %v with 32 (%v), want 1s and 32s", alone, each, err)
			}
		})
		if !strings.Contains(rows, " 0.5×\n") {
			t.Errorf("two workers take twice as long as one, want 0.5× in\n%s", rows)
		}
	})
}

// TestCurveReturnsTheErrorOfATask has the first task fail: there is no row.
func TestCurveReturnsTheErrorOfATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := printed(t, func() {
			one := func(int) int { return 1 }
			alone, each, err := drawCurve(t.Context(), 1, one, func(context.Context, struct{}) (struct{}, error) { return struct{}{}, errFull })
			if alone != 0 || each != 0 || !errors.Is(err, errFull) {
				t.Errorf("a task failed, and drawCurve returned %v, %v, %v", alone, each, err)
			}
		})
		if rows != "" {
			t.Errorf("a task failed, but there is a row:\n%s", rows)
		}
	})
}

// TestBarIsAsLongAsTheGain has rows with and without space for the bar.
func TestBarIsAsLongAsTheGain(t *testing.T) {
	for gain, columns := range map[int]int{1: 1, 2: 2, 16: 16, 36: 36, 40: 36} {
		row := drawGain(64, time.Duration(gain)*time.Millisecond, time.Millisecond)
		if strings.Count(row, "█") != columns {
			t.Errorf("a gain of %d× has the bar %q, want %d columns", gain, row, columns)
		}
	}
	if row := drawGain(64, time.Millisecond, time.Second); strings.Count(row, "█") != 1 {
		t.Errorf("a loss has the bar %q, want 1 column", row)
	}
}

// TestCurvesOfBothKindsOfWork scales on one of two CPUs, in 1 ms, and makes calls that
// take 20 ms, in fake time (claim 5.5).
func TestCurvesOfBothKindsOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cpus := make(chan struct{}, 2)
		var failing error
		scale := func(context.Context, struct{}) (struct{}, error) {
			cpus <- struct{}{}
			time.Sleep(time.Millisecond)
			<-cpus
			return struct{}{}, failing
		}
		call := func(context.Context, struct{}) (struct{}, error) {
			time.Sleep(20 * time.Millisecond)
			return struct{}{}, nil
		}
		var alone, each time.Duration
		var err error
		rows := printed(t, func() { alone, each, err = drawCurves(t.Context(), scale, call, 20*time.Millisecond) })
		const want = `workers scaling images: CPU-bound (other programs use the CPUs, too)
1 █ 1,000/s 1.0×
2 ██ 2,000/s 2.0×
4 ██ 2,000/s 2.0×
8 ██ 2,000/s 2.0×
16 ██ 2,000/s 2.0×
32 ██ 2,000/s 2.0×
workers calls to a server that takes 20.0 ms: blocking
1 █ 50/s 1.0×
2 ██ 100/s 2.0×
4 ████ 200/s 4.0×
8 ████████ 400/s 8.0×
16 ████████████████ 800/s 16.0×
32 ████████████████████████████████ 1,600/s 32.0×`
		var lines []string
		for line := range strings.Lines(rows) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		if got := strings.Join(lines, "\n"); got != want || err != nil {
			t.Errorf("the curves are (%v)\n%s\nwant\n%s", err, got, want)
		}
		if alone != 20*time.Millisecond || each != alone/32 {
			t.Errorf("a call took %v with one worker and %v with 32, want 20ms and 625µs", alone, each)
		}
		failing = errFull
		printed(t, func() { _, _, err = drawCurves(t.Context(), scale, call, 0) })
		if !errors.Is(err, errFull) {
			t.Errorf("an image cannot be scaled, and drawCurves returned %v, want %v", err, errFull)
		}
	})
}

// TestGainSupportsAnAnswer has 32 workers do 30 times as much, half as much again, and
// 8 times as much: as many CPUs could explain that, or a busy machine.
func TestGainSupportsAnAnswer(t *testing.T) {
	for gain, want := range map[float64]string{30: "a", 1.5: "c", 8: ""} {
		if got := gained(time.Duration(gain*float64(time.Second)), time.Second); got != want {
			t.Errorf("32 workers do %.1f times as much as one: got the answer %q, want %q", gain, got, want)
		}
	}
}

package main

import (
	"context"
	"runtime/trace"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestChartIsDrawnToScale records the work of three stages in fake time.
func TestChartIsDrawnToScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChart("first", "second", "third")
		c.run(func() error {
			for i := range c.lanes {
				for range i {
					watched(c, i, taking(time.Second))(t.Context(), 0)
				}
			}
			return nil
		})
		if took := c.took(); took != 3*time.Second {
			t.Errorf("the run took %v, want 3 s", took)
		}
		for i, want := range []string{"······", "██····", "··████"} {
			lane := &c.lanes[i]
			if got := shades(lane.Cells(c.whole, 6)); got != want || lane.Busy() != time.Duration(i)*time.Second {
				t.Errorf("stage %d: got %s, busy for %v; want %s, %d s", i, got, lane.Busy(), want, i)
			}
		}
	})
	if got, want := shades([]float64{0, 0.01, 0.34, 0.36, 0.64, 0.66, 0.94, 0.96, 1}), "·░░▒▒▓▓██"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWorkOfAChartIsARegionOfTheTrace starts a second trace during the work: the region
// begins in the first one and ends in the second one. Both traces have its name.
func TestWorkOfAChartIsARegionOfTheTrace(t *testing.T) {
	var before, after strings.Builder
	if err := trace.Start(&before); err != nil {
		t.Skipf("there is a trace already: %v", err)
	}
	watched(newChart("", "region-of-a-stage", ""), 1, func(context.Context, int) (int, error) {
		trace.Stop()
		return 0, trace.Start(&after)
	})(t.Context(), 0)
	trace.Stop()
	if !strings.Contains(before.String(), "region-of-a-stage") || !strings.Contains(after.String(), "region-of-a-stage") {
		t.Error("no region of the execution trace begins before the work of a stage and ends after it")
	}
}

// TestRunWithinOneTickOfTheClockIsDrawnEmpty does work that takes no time at all.
// The clock of a bubble does not advance meanwhile, and a coarse clock may not.
func TestRunWithinOneTickOfTheClockIsDrawnEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChart("first", "second", "third")
		c.run(func() error {
			watched(c, 0, same)(t.Context(), 0)
			return nil
		})
		if c.took() != 0 {
			t.Fatalf("work that takes no time took %v", c.took())
		}
		for _, width := range []int{1, 46} {
			if got, want := shades(c.lanes[0].Cells(c.whole, width)), strings.Repeat("·", width); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

// TestFanOutWithinOneTickOfTheClockIsTooQuick has rows whose time is 0, whose
// time with one worker is 0, and without files.
func TestFanOutWithinOneTickOfTheClockIsTooQuick(t *testing.T) {
	files := []string{"a", "b", "c", "d"}
	for _, test := range []struct {
		alone, took time.Duration
		walked      []string
		want        string
	}{
		{0, 0, nil, "all 0 s too quick too quick no files"},
		{0, time.Second, files, "all 1.00 s too quick 0% 50%"},
		{time.Second, 0, files, "all 0 s too quick too quick 50%"},
		{2 * time.Second, time.Second, files, "all 1.00 s 2.0× 0% 50%"},
	} {
		row := &fanned{name: "all", workers: 4, took: test.took, walked: test.walked}
		if test.walked != nil {
			row.arrived = []string{"a", "c", "b", "d"}
		}
		if got := strings.Join(strings.Fields(row.row(test.alone)), " "); got != test.want {
			t.Errorf("took %v, and %v with one worker: got %q, want %q", test.took, test.alone, got, test.want)
		}
	}
	busy := &fanned{workers: 2, took: time.Second}
	Watch(&busy.lane, func(context.Context, int) (int, error) { return 0, nil })(t.Context(), 0)
	busy.lane.busy[0].To = busy.lane.busy[0].From.Add(time.Second)
	if got := busy.row(time.Second); !strings.Contains(got, " 50% ") {
		t.Errorf("one of two workers is busy all the time, want 50%%: %q", got)
	}
}

// TestSummaryUsesTheSingularForOne has one file, and one group of identical files.
func TestSummaryUsesTheSingularForOne(t *testing.T) {
	r := NewReport()
	r.Add(File{Path: "a", Size: 1 << 10})
	if got := summary("pipeline", r); !strings.Contains(got, " 1 file ") || !strings.Contains(got, "0 files in 0 groups") {
		t.Errorf("one file: got %q", got)
	}
	r.Add(File{Path: "b", Size: 1 << 10})
	if got := summary("pipeline", r); !strings.Contains(got, "2 files in 1 group ") || !strings.Contains(got, "1.0 KB") {
		t.Errorf("two identical files: got %q", got)
	}
	r.Add(File{Path: "c", Size: 1 << 10})
	if got := summary("pipeline", r); !strings.Contains(got, "3 files in 1 group ") || !strings.Contains(got, " 2.0 KB") {
		t.Errorf("three identical files waste the bytes of two: got %q", got)
	}
}

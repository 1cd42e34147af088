package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// TimePerTask runs tasks with the given number of workers. It returns the time for all
// of them divided by their number: the inverse of the throughput. It is 0 if all
// are done within one tick of the clock.
func TimePerTask(ctx context.Context, workers, tasks int, do func(context.Context, struct{}) (struct{}, error)) (time.Duration, error) {
	began := time.Now()
	_, err := Map(ctx, workers, make([]struct{}, tasks), do)
	return time.Since(began) / time.Duration(tasks), err
}

// drawCurves returns the time per call with one worker, and with 32.
func drawCurves(ctx context.Context, scale, call func(context.Context, struct{}) (struct{}, error), takes time.Duration) (alone, each time.Duration, err error) {
	fmt.Println("     workers  scaling images: CPU-bound (other programs use the CPUs, too)")
	if _, _, err := drawCurve(ctx, 3, func(int) int { return 128 }, scale); err != nil {
		return 0, 0, err
	}
	fmt.Printf("     workers  calls to a server that takes %s: blocking\n", short(takes))
	return drawCurve(ctx, 1, func(workers int) int { return 5 * workers }, call)
}

// drawCurve draws a row for each number of workers. Of several runs the best counts:
// other programs can only slow one down.
func drawCurve(ctx context.Context, runs int, tasks func(workers int) int, do func(context.Context, struct{}) (struct{}, error)) (alone, each time.Duration, err error) {
	for _, workers := range []int{1, 2, 4, 8, 16, 32} {
		each = time.Hour
		for range runs {
			d, err := TimePerTask(ctx, workers, tasks(workers), do)
			if err != nil {
				return 0, 0, err
			}
			each = min(each, d)
		}
		if workers == 1 {
			alone = each
		}
		fmt.Println(drawGain(workers, alone, each))
	}
	return alone, each, nil
}

// gained returns the answer to the question of 5.5 that the times per task with one
// worker and with 32 support: much more, or nothing more.
func gained(alone, each time.Duration) string {
	switch {
	case alone > 16*each:
		return "a"
	case alone < 2*each:
		return "c"
	}
	return ""
}

// drawGain draws a row of the curve: its bar has a column for each time that the
// throughput is the throughput of one worker alone.
func drawGain(workers int, alone, each time.Duration) string {
	const width = 36
	bar := strings.Repeat("█", max(1, column(alone+each/2, width*each, width)))
	gain := tooQuick
	if alone > 0 {
		gain = times(alone, each)
	}
	return fmt.Sprintf("     %7d  %-*s %11s %9s", workers, width, bar, measured(rate(1, each)), measured(gain))
}

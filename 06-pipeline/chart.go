package main

import (
	"context"
	"fmt"
	"runtime/trace"
	"strings"
	"time"
)

// A chart is one run of three stages: what each of them did, and when.
type chart struct {
	names [3]string
	lanes [3]Lane
	whole Span
}

func newChart(names ...string) *chart { return &chart{names: [3]string(names)} }

func (c *chart) took() time.Duration { return c.whole.To.Sub(c.whole.From) }

// run runs the stages and records when they began and ended.
func (c *chart) run(stages func() error) {
	c.whole.From = time.Now()
	if err := stages(); err != nil {
		fail(err)
	}
	c.whole.To = time.Now()
}

// watched returns work that does the same for stage i of the chart, records it in
// the lane of the stage, and makes it a region of the execution trace.
func watched[In, Out any](c *chart, i int, work func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return Watch(&c.lanes[i], func(ctx context.Context, v In) (Out, error) {
		defer trace.StartRegion(ctx, c.names[i]).End()
		return work(ctx, v)
	})
}

// draw draws the lanes in width columns, with the time for which each was busy.
func (c *chart) draw(title any, width int) {
	fmt.Printf("\n     %-46s  took %-7s  busy\n", title, measured(short(c.took())))
	for i, name := range c.names {
		fmt.Printf("     %-7s %-46s  %10s\n", name, shades(c.lanes[i].Cells(c.whole, width)), measured(short(c.lanes[i].Busy())))
	}
}

// shades draws how full each cell is.
func shades(cells []float64) string {
	var b strings.Builder
	for _, c := range cells {
		switch {
		case c == 0:
			b.WriteRune('·')
		case c < 0.35:
			b.WriteRune('░')
		case c < 0.65:
			b.WriteRune('▒')
		case c < 0.95:
			b.WriteRune('▓')
		default:
			b.WriteRune('█')
		}
	}
	return b.String()
}

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// drawLanes draws each lane as a line, up to 16 of them, above an axis of time.
func drawLanes(lanes [][]Span, began time.Time, took time.Duration) {
	for i, lane := range lanes[:min(len(lanes), 16)] {
		fmt.Printf("     %2d  %s\n", i+1, drawLane(lane, began, took, 60))
	}
	if len(lanes) > 16 {
		fmt.Printf("     and %d more\n", len(lanes)-16)
	}
	fmt.Printf("         0%59s\n", measured(short(took)))
}

// drawLane draws the tasks of a lane in width columns, alternately dark and light.
func drawLane(lane []Span, began time.Time, took time.Duration, width int) string {
	cells := []rune(strings.Repeat("·", width))
	for i, task := range lane {
		first, last := column(task.From.Sub(began), took, width), column(task.To.Sub(began), took, width)
		for c := first; c < min(last+1, width); c++ {
			cells[c] = []rune("█▒")[i%2]
		}
	}
	return string(cells)
}

func drawBacklog(lengths ...int) {
	type message [4 << 10]byte
	var queue Unbounded[*message]
	before := memory()
	for _, n := range lengths {
		for queue.Len() < n {
			queue.Submit(new(message))
		}
		fmt.Printf("     %29s messages of 4 KB  %12s\n", count(n), measured(size(memory()-before)))
	}
	runtime.KeepAlive(&queue)
}

// drawFailing shows what Close returns, and returns how many tasks were begun.
func drawFailing(ctx context.Context, what string, keepGoing bool, cancelAt int) (begun int) {
	ctx, cancel := context.WithCancelCause(ctx) // cancel takes the reason; context.Cause returns it
	defer cancel(nil)
	p := NewPool(ctx, Config{Queue: 8, KeepGoing: keepGoing}, func(_ context.Context, task int) error {
		begun++ // by one worker at a time, and read after Close
		switch {
		case task == cancelAt:
			cancel(errors.New("the client has left"))
		case cancelAt > 0:
		case task == 3:
			return errors.New("mailbox full")
		case task == 6:
			panic("no such user")
		case task == 7:
			runtime.Goexit()
		}
		return nil
	})
	for task := 1; task <= 8; task++ {
		if p.Submit(ctx, task) != nil {
			break // it has stopped: Close returns the reason
		}
	}
	lines := []string{"nil"}
	if err := p.Close(); err != nil {
		lines = strings.Split(err.Error(), "\n")
	}
	const row = "     %-28s %11s    %s\n"
	fmt.Printf(row, what, measured(fmt.Sprint(begun)), measured(lines[0]))
	for _, line := range lines[1:] {
		fmt.Printf(row, "", "", measured(line))
	}
	return begun
}

// site returns a page with two links, of which each page has two links, and so on.
func site(levels int) *Page {
	page := new(Page)
	if levels > 1 {
		page.Links = []*Page{site(levels - 1), site(levels - 1)}
	}
	return page
}

func crawl(f func(visit func(*Page)) error) (visited string, err error) {
	var n atomic.Int64
	err = f(func(*Page) { n.Add(1) })
	return plural(int(n.Load()), "page"), err
}

func drawUntil(ctx context.Context, what any, f func(context.Context) (string, error)) {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	result, err := f(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		result = strings.TrimPrefix(result+", then blocked for "+short(time.Since(began)), ", then ")
	} else {
		check(err)
	}
	fmt.Printf("       %-34s %s\n", what, measured(result))
}

func drawQuery(ctx context.Context, what any, db *sql.DB, query func(context.Context, *sql.DB) ([]string, error)) {
	drawUntil(ctx, what, func(ctx context.Context) (string, error) {
		names, err := query(ctx, db)
		return strings.Join(names, ", "), err
	})
}

// goroutinesOf runs n tasks that block, and returns how many goroutines are in the
// function when there are no more than a moment before.
func goroutinesOf(n int, limited func(int, []func()), function string) (goroutines int) {
	free, done := make(chan struct{}), make(chan struct{})
	tasks := make([]func(), n)
	for i := range tasks {
		tasks[i] = func() { <-free }
	}
	go func() {
		defer close(done)
		limited(4, tasks)
	}()
	for last := -1; goroutines < 4 || goroutines != last; time.Sleep(20 * time.Millisecond) {
		last, goroutines = goroutines, Inside(function)
	}
	close(free)
	<-done
	return goroutines
}

func drawLimit(row, what string, limit func([]func())) {
	var cells []any
	for _, each := range []time.Duration{5 * time.Millisecond, 95 * time.Millisecond} {
		peak, took := measureLimit(20, each, limit)
		cells = append(cells, measured(fmt.Sprintf("%d, %s", peak, rate(20, took))))
	}
	fmt.Printf(row, what, cells[0], cells[1])
}

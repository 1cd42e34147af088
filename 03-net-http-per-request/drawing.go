package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What main.go prints of spans, events and goroutines.

// A lane is a stretch of time drawn in characters.
type lane struct {
	cells []rune
	end   time.Duration
}

func newLane(width int, end time.Duration) lane {
	return lane{[]rune(strings.Repeat("·", width)), end}
}

// fill draws from one time to the other, at least one cell.
func (l lane) fill(from, to time.Duration, with rune) {
	width := len(l.cells)
	first := min(column(from, l.end, width), width-1)
	for i := first; i < max(column(to, l.end, width), first+1); i++ {
		l.cells[i] = with
	}
}

func (l lane) String() string { return string(l.cells) }

// drawSpans draws requests, of which the first is the slow one, in a chart that ends at end.
func drawSpans(title painted, spans []Span, end time.Duration) {
	const width = 48
	fmt.Printf("     %-57s  answered after\n", title)
	for i, s := range spans {
		name := "slow"
		if i > 0 {
			name = fmt.Sprint("fast ", i)
		}
		l := newLane(width, end)
		l.fill(s.Sent, s.Answered, '░')
		if s.Began-s.Sent < end/width { // too short to be drawn
			s.Began = s.Sent
		}
		l.fill(s.Began, s.Ended, '█')
		fmt.Printf("     %-7s  %s  %14s\n", name, l, measured(short(s.Answered-s.Sent)))
	}
}

// lastAnswer returns when the last of the requests was answered.
func lastAnswer(spans []Span) (last time.Duration) {
	for _, s := range spans {
		last = max(last, s.Answered)
	}
	return last
}

// whileFirst returns how many requests were answered before the first one was.
func whileFirst(spans []Span) (n int) {
	for _, s := range spans {
		if s.Answered < spans[0].Answered {
			n++
		}
	}
	return n
}

// drawEvents draws when events were written and read, between start and end.
func drawEvents(title painted, events []Event, start, end time.Time) {
	written, read := newLane(24, end.Sub(start)), newLane(24, end.Sub(start))
	var latest time.Duration
	for _, event := range events {
		written.fill(event.Written.Sub(start), event.Written.Sub(start), '█')
		read.fill(event.Read.Sub(start), event.Read.Sub(start), '█')
		latest = max(latest, event.Read.Sub(event.Written))
	}
	fmt.Printf("     %-15s  written  %s\n", title, written)
	fmt.Printf("     %-15s  read     %s at most %s later\n", "", read, measured(short(latest)))
}

func drawStreams(ctx context.Context, title painted, h http.Handler, clients int) [][]Event {
	start := time.Now()
	all := followAll(ctx, h, clients)
	drawEvents(title, slices.Concat(all...), start, time.Now())
	return all
}

// drawWork draws pieces of work: those done before some moment, and after it.
func drawWork(title painted, before, after, pieces int, result string) {
	fmt.Printf("     %-20s %s%s%s  %v\n", title, strings.Repeat("██", before),
		strings.Repeat("░░", after), strings.Repeat("··", max(0, pieces-before-after)), measured(result))
}

func drawOrigins(ctx context.Context, how string, h http.Handler, conns, requests int, http2 bool) []Origin {
	origins, err := Ask(ctx, h, conns, requests, http2, how == "concurrently")
	check(err)
	protocol := map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2]
	fmt.Printf("     %-10s %-13d %-14s %s\n", protocol, connections(origins), how, measured(letters(origins)))
	return origins
}

func drawSales(ctx context.Context, name painted, t *Tickets, sell func(string) (int, error), n int) (blocked int) {
	answered, blocked, health := sellAfterPanic(ctx, t, sell, n)
	fmt.Printf("     %-24s %-10d %-21s %s\n", name, answered, measured(fmt.Sprint(blocked)), health)
	return blocked
}

func drawLimited(ctx context.Context, name painted, protect func(*http.Server), make func(int, time.Duration, func()) http.Handler) (after int) {
	const pieces, each = 18, 20 * time.Millisecond
	gets, before, after := limited(ctx, protect, func(done func()) http.Handler { return make(pieces, each, done) })
	drawWork(name, before, after, pieces, gets)
	return after
}

func drawBroadcast(name painted, h *Hub, function string, publish func(string)) (newcomer string) {
	publisher, newcomer := broadcast(h, function, publish, 6)
	fmt.Printf("     %-34s %-13s %s\n", name, measured(publisher), measured(newcomer))
	return newcomer
}

func drawStop(ctx context.Context, name painted, with bool, deadline time.Duration) (hijacked string) {
	took, stopped, stream, hijacked := stopLasting(ctx, with, deadline)
	fmt.Printf("     %-20s %-10s after %7s   %-12s %s\n", name, stopped, measured(short(took)), stream, measured(hijacked))
	return hijacked
}

// letters names the goroutines A, B, C in the order in which they first occur.
func letters(origins []Origin) string {
	var known, names []string
	for _, o := range origins {
		i := slices.Index(known, o.Goroutine)
		if i < 0 {
			i, known = len(known), append(known, o.Goroutine)
		}
		names = append(names, string(rune('A'+i)))
	}
	return strings.Join(names, " ")
}

func connections(origins []Origin) int {
	conns := make(map[string]bool)
	for _, o := range origins {
		conns[o.Conn] = true
	}
	return len(conns)
}

func printCreator(ctx context.Context, protocol string, o Origin) {
	line, err := o.SourceLine(ctx)
	if err != nil { // then only what the stack says
		line = o.Creator
	}
	fmt.Printf("     %-11s %-38s %s\n", protocol, o.Where(), line)
	if err != nil {
		fmt.Printf("     (the line itself cannot be shown:\n      %v)\n", err)
	}
}

func printCalls(o Origin) {
	for _, call := range o.Calls {
		what := ""
		switch {
		case strings.HasSuffix(call, "(*conn).serve"):
			what = "the server reads the request"
		case strings.HasSuffix(call, "(*Router).ServeHTTP"):
			what = "the whole framework"
		case strings.HasSuffix(call, ".WhoAmI"):
			what = "your handler"
		}
		if what != "" {
			fmt.Printf("       %-34s %s\n", call, what)
		}
		if what == "your handler" {
			break
		}
	}
}

// printLog prints the first line of an entry of the server's log, without the
// client's port, which differs in every run.
func printLog(entry string) {
	line, _, _ := strings.Cut(entry, "\n")
	before, after, _ := strings.Cut(line, "127.0.0.1:")
	_, after, _ = strings.Cut(after, ": ")
	fmt.Printf("     the server's log  %s(client)\n                       %s\n", before, after)
}

package main

import (
	"context"
	"fmt"
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
	written, read := newLane(46, end.Sub(start)), newLane(46, end.Sub(start))
	var latest time.Duration
	for _, event := range events {
		written.fill(event.Written.Sub(start), event.Written.Sub(start), '█')
		read.fill(event.Read.Sub(start), event.Read.Sub(start), '█')
		latest = max(latest, event.Read.Sub(event.Written))
	}
	fmt.Printf("     %-15s  written  %s\n", title, written)
	fmt.Printf("     %-15s  read     %s\n", "", read)
	fmt.Printf("     %-15s  from written to read at most %s\n", "", measured(short(latest)))
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

// connections returns how many connections the requests came on.
func connections(origins []Origin) int {
	conns := make(map[string]bool)
	for _, o := range origins {
		conns[o.Conn] = true
	}
	return len(conns)
}

// printCreator prints the go statement that started the goroutine.
func printCreator(ctx context.Context, protocol string, o Origin) {
	line, err := o.SourceLine(ctx)
	if err != nil { // then only what the stack says
		line = o.Creator
	}
	fmt.Printf("     %-11s %-28s %s\n", protocol, o.Where(), line)
	if err != nil {
		fmt.Printf("     (the line itself cannot be shown:\n      %v)\n", err)
	}
}

// printCalls prints the handler's stack.
func printCalls(o Origin) {
	for _, call := range o.Calls {
		what := ""
		switch {
		case strings.HasSuffix(call, "(*conn).serve"):
			what = "the server reads the request"
		case strings.HasSuffix(call, "(*limitBody).ServeHTTP"):
			what = "limits the request's body"
		case strings.HasSuffix(call, "(*Router).ServeHTTP"):
			what = "the whole framework"
		case strings.HasSuffix(call, "(*together).ServeHTTP"):
			what = "blocks until all four are here"
		case strings.HasSuffix(call, "main.WhoAmI"):
			what = "your handler"
		}
		fmt.Println(strings.TrimRight(fmt.Sprintf("       %-34s %s", call, what), " "))
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
	fmt.Printf("\n     the server's log  %s(client)\n                       %s\n", before, after)
}

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// printed returns what f prints, without colors.
func printed(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer func(stdout *os.File, c bool) { os.Stdout, colored = stdout, c }(os.Stdout, colored)
	os.Stdout, colored = file, false
	f()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDrawings compares what is drawn of given numbers.
func TestDrawings(t *testing.T) {
	const ms = time.Millisecond
	start := time.Now()
	at := func(d time.Duration) time.Time { return start.Add(d * ms) }
	for _, c := range []struct {
		name string
		draw func()
		want string
	}{
		{"the first span is the slow one; a time that is too short is not drawn; the chart ends later", func() {
			drawSpans(painted{text: "three requests"}, []Span{
				{0, 460 * ms, 5 * ms, 450 * ms},
				{100 * ms, 120 * ms, 101 * ms, 119 * ms},
				{200 * ms, 480 * ms, 450 * ms, 470 * ms},
			}, 528*ms)
		}, `
     three requests                                             answered after
     slow     ████████████████████████████████████████░·······          460 ms
     fast 1   ·········█······································         20.0 ms
     fast 2   ··················░░░░░░░░░░░░░░░░░░░░░░██░·····          280 ms
`},
		{"when events were written and read, and the longest time between", func() {
			drawEvents(painted{text: "three events"}, []Event{{at(0), at(5)}, {at(100), at(150)}, {at(200), at(210)}}, start, at(240))
		}, `
     three events     written  █·········█·········█···
                      read     █··············█·····█·· at most 50.0 ms later
`},
		{"pieces before and after a moment, and the ones that were not done", func() {
			drawWork(painted{text: "work"}, 2, 3, 6, "canceled")
		}, `
     work                 ████░░░░░░··  canceled
`},
		{"without the Go source only what the stack says", func() {
			printCreator(t.Context(), "HTTP/1.1", Origin{Creator: "net/http.(*Server).Serve", File: "/nowhere/src/net/nowhere.go", Line: 3})
		}, `
     HTTP/1.1    net/nowhere.go:3                       net/http.(*Server).Serve
     (the line itself cannot be shown:
      the Go source is not installed here)
`},
		{"calls from the server to the handler", func() {
			printCalls(Origin{Calls: []string{"net/http.(*conn).serve", "net/http.serverHandler.ServeHTTP", "main.(*Router).ServeHTTP", "main.WhoAmI", "main.Self", "main.(*Router).ServeHTTP"}})
		}, `
       net/http.(*conn).serve             the server reads the request
       main.(*Router).ServeHTTP           the whole framework
       main.WhoAmI                        your handler
`},
		{"the first line of a log entry without the client's port", func() {
			printLog("http: panic serving 127.0.0.1:54321: runtime error: integer divide by zero\ngoroutine 7 [running]:\n")
		}, `
     the server's log  http: panic serving (client)
                       runtime error: integer divide by zero
`},
	} {
		if got := "\n" + printed(t, c.draw); got != c.want {
			t.Errorf("%s: got%swant%s", c.name, got, c.want)
		}
	}
}

func TestLaneShowsEvenTheShortestSpan(t *testing.T) {
	const ms = time.Millisecond
	for _, x := range []struct {
		from, to, end time.Duration
		want          string
	}{
		{0, 50 * ms, 100 * ms, "█████·····"},
		{50 * ms, 50 * ms, 100 * ms, "·····█····"},
		{100 * ms, 100 * ms, 100 * ms, "·········█"},
		{-5 * ms, 200 * ms, 100 * ms, "██████████"},
		{0, 0, 0, "█·········"}, // less than a tick of a coarse clock
	} {
		l := newLane(10, x.end)
		l.fill(x.from, x.to, '█')
		if got := l.String(); got != x.want {
			t.Errorf("%v to %v of %v is drawn as %s, want %s", x.from, x.to, x.end, got, x.want)
		}
	}
}

// TestAnswersAreCompared checks what decides the answer of 3.1's question.
func TestAnswersAreCompared(t *testing.T) {
	spans := []Span{{Answered: 600}, {Answered: 80}, {Answered: 650}, {Answered: 600}}
	if n := whileFirst(spans); n != 1 {
		t.Errorf("got %d requests answered before the first, want 1", n)
	}
	if last := lastAnswer(spans); last != 650 {
		t.Errorf("the last answer came at %d, want 650", last)
	}
}

func TestLettersNameGoroutinesInOrder(t *testing.T) {
	origins := []Origin{{Goroutine: "7", Conn: "x"}, {Goroutine: "3", Conn: "y"}, {Goroutine: "7", Conn: "x"}, {Goroutine: "9", Conn: "y"}}
	if got, want := letters(origins), "A B A C"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := connections(origins); n != 2 {
		t.Errorf("got %d connections, want 2", n)
	}
}

// Command 03-net-http-per-request shows how net/http runs handlers, with a real
// server and real clients on this machine's loopback interface.
//
//	go run ./03-net-http-per-request            the lesson
//	go run ./03-net-http-per-request 3.4        one section
//	go run ./03-net-http-per-request -ask       the lesson, with a question before each section
//	go test -race -v ./03-net-http-per-request  the tests of its claims
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	neturl "net/url"
	"runtime/trace"
	"slices"
	"strings"
	"time"
)

func main() {
	addr := flag.String("addr", "", "instead of the lesson, run a server at this `host:port`, such as localhost:8080;\nit prints what to try, and Ctrl-C shuts it down")
	l := &lesson{
		folder: "03-net-http-per-request",
		title:  "03 · net/http: your handlers already run concurrently",
		about:  "Shows in which goroutines a Go web server runs handlers, and what follows from it.",
		next:   "go run ./04-handler-goroutine-pitfall",
		ask:    quizzes,
		sections: []section{
			{"3.1", "Handlers run concurrently; a slow request does not delay the others.",
				code{"OneLock", "mu.Lock()", 3}, overlap},
			{"3.2", "HTTP/1.x: one goroutine per connection. HTTP/2: one goroutine per request.",
				code{"Self", "stack := make", 2}, whoseGoroutine},
			{"3.3", "A thousand clients wait concurrently, not one after another.",
				code{"Visit", "for i := range n", 4}, highTraffic},
			{"3.4", "So handlers share memory: an unsynchronized counter is a data race.",
				code{"(c *MutexCounter) ServeHTTP", "c.mu.Lock()", 4}, sharedMemory},
			{"3.5", "A framework built on net/http inherits all this: Gin too.",
				code{"(rt *Router) ServeHTTP", "for _, m := range", 4}, framework},
			{"3.6", "When the client disconnects, r.Context() is canceled.",
				code{"Listening", "case <-r.Context().Done()", 2}, clientGone},
			{"3.7", "net/http recovers a panic in a handler: one response is lost, no more.",
				code{"Share", "100/among", 1}, onePanic},
			{"3.8", "A streamed event arrives while the handler is running, if it is flushed.",
				code{"Stream", "out.Flush()", 3}, streaming},
			{"3.9", "Shutdown waits for in-flight requests; Close cuts them off.",
				code{"Drain", "srv.Shutdown(ctx)", 4}, stopping},
		},
	}
	l.parse()
	if isSet("addr") {
		if _, _, err := net.SplitHostPort(*addr); err != nil {
			l.usageError("-addr must be host:port, such as localhost:8080, got %q", *addr)
		}
		if l.chosen != nil || l.asking || l.traceTo != "" {
			l.usageError("-addr runs a server instead of the lesson, so it takes no sections, no -ask and no -trace")
		}
		check(Playground(*addr))
		return
	}
	l.teach(context.Background())
}

// overlap draws one slow and many fast requests, first unmodified and then behind one lock.
func overlap(ctx context.Context) string {
	const unmodified, oneLock = "as net/http runs them", "the same handlers behind one lock (wrong)"
	send := func(row string, protect func(http.Handler) http.Handler) []Span {
		ctx, task := trace.NewTask(ctx, row)
		defer task.End()
		spans, err := SlowThenFast(ctx, 600*time.Millisecond, 20*time.Millisecond, 60*time.Millisecond, 8,
			func(h http.Handler) http.Handler { return protect(traced(ctx, h)) })
		check(err)
		return spans
	}
	concurrent := send(unmodified, func(h http.Handler) http.Handler { return h })
	locked := send(oneLock, OneLock)
	end := max(lastAnswer(concurrent), lastAnswer(locked))
	drawSpans(painted{text: unmodified}, concurrent, end)
	fmt.Println()
	drawSpans(wrong(oneLock), locked, end)
	takeaway("█ the handler runs; ░ only its client waits. Time goes to the right: bars",
		"in the same column are in progress at the same time. With the lock above",
		"around all handlers one runs at a time, and fast ones wait for slow ones.")
	switch answered := whileFirst(concurrent); {
	case answered > len(concurrent)/2:
		return "b"
	case answered == 0:
		return "a"
	}
	return ""
}

// whoseGoroutine asks handlers for their goroutine, over three kinds of connections.
func whoseGoroutine(ctx context.Context) string {
	const requests = 4
	const row = "     %-10s %-13d %-21s %s\n"
	fmt.Printf("     %-10s %-13s %d %-19s %s\n", "protocol", "connections", requests, "requests", "their goroutines")
	ask := func(h http.Handler, connections int, http2, together bool) []Origin {
		origins, err := Ask(ctx, h, connections, requests, http2, together)
		check(err)
		return origins
	}
	whoAmI := http.HandlerFunc(WhoAmI)
	one := ask(whoAmI, 1, false, false)
	fmt.Printf(row, "HTTP/1.1", connections(one), "one after another", measured(letters(one)))
	// Together: no handler returns before all of them run.
	many := ask(Together(requests, whoAmI), requests, false, true)
	fmt.Printf(row, "HTTP/1.1", connections(many), "concurrently", measured(letters(many)))
	h2 := ask(Together(requests, whoAmI), 1, true, true)
	fmt.Printf(row, "HTTP/2", connections(h2), "concurrently", measured(letters(h2)))
	fmt.Print("\n     The go statement that started them, found in the handler's own stack:\n\n")
	printCreator(ctx, "HTTP/1.1", many[0])
	printCreator(ctx, "HTTP/2", h2[0])
	takeaway("Each letter is one goroutine. HTTP/1.x starts one when a client connects,",
		"and requests on that connection run in it sequentially. On an HTTP/2",
		"connection requests run concurrently, so each has a goroutine of its own.")
	switch letters(one) {
	case "A A A A":
		return "a"
	case "A B C D":
		return "b"
	}
	return ""
}

// highTraffic lets a thousand clients come at the same time.
func highTraffic(ctx context.Context) string {
	const clients, takes = 1000, 50 * time.Millisecond
	took := visit(ctx, Work(takes), clients)
	const row = "     %-38s %8s\n"
	fmt.Printf(row, "clients at the same time", count(clients))
	fmt.Printf(row, "each handler waits", short(takes))
	fmt.Printf(row, "one after another they would take", short(clients*takes))
	fmt.Printf(row, "all were answered within", measured(short(took)))
	takeaway("A blocked handler uses no CPU. What exceeds its 50 ms is the work of",
		"opening and serving 1,000 connections, and both ends of them are here.")
	switch {
	case took < clients*takes/4:
		return "c"
	case took > clients*takes/2:
		return "a"
	}
	return ""
}

// sharedMemory counts concurrent requests in three ways.
func sharedMemory(ctx context.Context) string {
	const requests = 100
	fmt.Printf("     %d concurrent requests, counted with\n", requests)
	row := func(how painted, h http.Handler, counted func() int64) int64 {
		visit(ctx, Together(requests, h), requests)
		fmt.Printf("     %-52s %4s\n", how, measured(fmt.Sprint(counted())))
		return counted()
	}
	byAtomic, byMutex, slow := new(AtomicCounter), new(MutexCounter), NewSlowMotionCounter(requests)
	row(painted{text: "an atomic"}, byAtomic, byAtomic.n.Load)
	row(painted{text: "an int and a mutex"}, byMutex, func() int64 { byMutex.mu.Lock(); defer byMutex.mu.Unlock(); return int64(byMutex.n) })
	lowest := row(wrong("n++ step by step: all load, then all store (wrong)"), slow, slow.n.Load)
	takeaway("n++ loads, adds and stores. If another handler stores in between, its",
		"update is lost. That is rare, so a test that checks the total may pass.",
		"The race detector reports it even then:",
		"go test -race -v -run PlainCounter ./03-net-http-per-request",
		"(That test requires the report, so it passes.)")
	if lowest == 1 {
		return "a"
	}
	return ""
}

// framework puts a router between the server and the handler.
func framework(ctx context.Context) string {
	var rt Router
	rt.Handle("GET", "/whoami", Together(4, http.HandlerFunc(WhoAmI)).ServeHTTP)
	origins, err := Ask(ctx, &rt, 4, 4, false, true)
	check(err)
	fmt.Printf("     4 concurrent requests through this chapter's router: goroutines %s\n\n", measured(letters(origins)))
	printCreator(ctx, "started by", origins[0])
	fmt.Println()
	printCalls(origins[0])
	takeaway("This is the handler's stack, outermost call first. The framework is one",
		"call in it, and net/http started the goroutine, as in 3.2. The program in",
		"03-net-http-per-request/gin shows the same of Gin.")
	if strings.HasPrefix(origins[0].Creator, "net/http.") {
		return "b"
	}
	return "a"
}

// clientGone lets a client leave early, with a handler that observes it and one that does not.
func clientGone(ctx context.Context) string {
	const pieces, each, leavesAfter = 18, 20 * time.Millisecond, 5
	var useless int // pieces that the last handler did
	for _, row := range []struct {
		name painted
		make func(pieces int, each time.Duration, done func()) http.Handler
	}{
		{painted{text: "observes it"}, Listening},
		{wrong("ignores it (wrong)"), Deaf},
	} {
		before, after, cause, err := LeaveAfter(ctx, leavesAfter, func(done func()) http.Handler {
			return row.make(pieces, each, done)
		})
		check(err)
		useless = after
		fmt.Printf("     %-18s  %s%s%s  %v\n", row.name, strings.Repeat("██", before),
			strings.Repeat("░░", after), strings.Repeat("··", pieces-before-after), measured(cause.Error()))
	}
	takeaway("█ work while the client is connected; ░ useless work after it has left.",
		"Both contexts were canceled, but nothing stops a handler that ignores it.")
	if useless == pieces-leavesAfter {
		return "c"
	}
	return "a"
}

// onePanic shows what a panic costs, as the client and as the server's log see it.
func onePanic(ctx context.Context) string {
	srv := NewServer(http.HandlerFunc(Share))
	logged := make(Log, 10)
	srv.ErrorLog = log.New(logged, "", 0)
	url, lost := up(srv), 0
	defer srv.Close()
	for _, query := range []string{"/share?among=0", "/share?among=4"} {
		sees, err := Get(ctx, newCrowd(), url+query)
		if failed, ok := errors.AsType[*neturl.Error](err); ok {
			sees, lost = failed.Err.Error(), lost+1
		} else {
			check(err)
		}
		fmt.Printf("     GET %-15s the client gets  %s\n", query, measured(strings.TrimSpace(sees)))
	}
	printLog(<-logged)
	takeaway("EOF: the server closed the connection without a response. net/http",
		"recovers the panic in the handler's goroutine, logs it with its stack",
		"and goes on. It cannot recover one in a goroutine that a handler starts.")
	if lost == 1 {
		return "b"
	}
	return ""
}

// streaming draws when events were written and when their clients read them.
func streaming(ctx context.Context) string {
	const clients, events, every = 50, 6, 60 * time.Millisecond
	fmt.Printf("     %d clients at the same time, %d events each\n\n", clients, events)
	var all [][]Event
	for _, row := range []struct {
		name painted
		make func(events int, every time.Duration) http.Handler
	}{
		{painted{text: "with Flush"}, Stream},
		{wrong("without (wrong)"), Unflushed},
	} {
		start := time.Now()
		all = followAll(ctx, row.make(events, every), clients)
		drawEvents(row.name, slices.Concat(all...), start, time.Now())
	}
	takeaway("█: some of the 50 clients' events were written, or read, at that moment.",
		"A line ends when all handlers have returned. Without Flush events wait in",
		"the server's buffer until their handler returns.")
	if slices.ContainsFunc(all, func(e []Event) bool { return e[0].Read.Before(e[len(e)-1].Written) }) {
		return ""
	}
	return "c"
}

// stopping stops a server in the middle of a response, in two ways.
func stopping(context.Context) string {
	supported := "c"
	for _, row := range []struct {
		name painted
		stop func(*http.Server) error
	}{
		{painted{text: "Shutdown"}, func(srv *http.Server) error { return Drain(srv, 10*time.Second) }},
		{wrong("Close (wrong)"), CutOff},
	} {
		first, rest, complete := stopInTheMiddle(row.stop)
		if complete {
			supported = "a"
		}
		fmt.Printf("     %-14s  the client gets  %s + %s\n", row.name, first, measured(rest))
	}
	takeaway("Each was called when the first half had arrived and the second was not",
		"yet written. For a graceful shutdown call Shutdown with a deadline first,",
		"and Close only when the deadline has passed.")
	return supported
}

// isSet reports whether that flag is on the command line, even if its value is empty.
func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// Command 03-net-http-per-request shows how net/http runs handlers, with a real
// server and real clients on this machine's loopback interface.
//
//	go run ./03-net-http-per-request            the core sections
//	go run ./03-net-http-per-request 3.4        one section
//	go run ./03-net-http-per-request -all       every section
//	go run ./03-net-http-per-request -ask       the demo, with a question before each section
//	go test -race -v ./03-net-http-per-request  the tests of its claims
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"
)

func main() {
	if playRole() { // a child process of this program: see roles.go
		return
	}
	l := &lesson{
		folder: "03-net-http-per-request",
		title:  "03 · net/http: which goroutine runs your handler",
		about:  "Shows in which goroutines a Go web server runs handlers, and what follows from it.",
		next:   "go run ./04-handler-goroutine-pitfall",
		ask:    quizzes,
		sections: []section{
			{"3.1", "Handlers run concurrently; a slow request does not delay the others.",
				code{"OneLock", "mu.Lock()", 3}, overlap},
			{"3.2", "HTTP/1.x: one goroutine per connection. HTTP/2: one goroutine per request.",
				code{"Self", "runtime.Stack", 1}, whoseGoroutine},
			{"3.3", "A thousand clients wait concurrently, not one after another.",
				code{"Visit", "wg.Go", 1}, highTraffic},
			{"3.4", "So handlers share memory: an unsynchronized counter is a data race.",
				code{"(c *AtomicCounter) ServeHTTP", "c.n.Add", 1}, sharedMemory},
			{"3.5", "A framework built on net/http inherits all this: Gin too.",
				code{"(rt *Router) ServeHTTP", "	h.ServeHTTP(w, r)", 1}, framework},
			{"3.6", "When the client disconnects, r.Context() is canceled.",
				code{"Observing", "case <-r.Context().Done()", 2}, clientGone},
			{"3.7", "net/http recovers a panic in a handler: the server goes on.",
				code{"Share", "100/among", 1}, onePanic},
			{"3.8", "A streamed event arrives while the handler is running, if it is flushed.",
				code{"Stream", "out.Flush()", 3}, streaming},
			{"3.9", "Shutdown waits for in-flight requests; Close cuts them off.",
				code{"Drain", "srv.Shutdown(ctx)", 1}, stopping},
			{"3.10", "A lock that is not released blocks every later request. Unlock with defer.",
				code{"(t *Tickets) Sell", "t.mu.Lock()", 2}, heldLock},
			{"3.11", "A map used by two handlers can end the server; recover cannot stop it.",
				code{"(ws *Words) Copy", "ws.mu.Lock()", 3}, sharedMap},
		},
		further: []section{
			{"3.12", "A time limit stops only a handler that observes its context.",
				code{"LimitTime", "http.TimeoutHandler", 1}, timeLimit},
			{"3.13", "A hundred requests for a missing cache entry need one fetch.",
				code{"(c *SharedFetch) Get", "case <-current.done", 4}, caching},
			{"3.14", "One slow subscriber must not block a broadcast.",
				code{"(h *Hub) Publish", "case c <- event", 3}, broadcasting},
			{"3.15", "Shutdown does not wait for hijacked connections; a stream delays it.",
				code{"(l *Lasting) Handler", "defer context.AfterFunc", 2}, stopLong},
		},
	}
	addr := addressFlag()
	l.parse()
	if *addr != unset {
		playground(l, *addr)
		return
	}
	l.teach(context.Background())
}

func overlap(ctx context.Context) string {
	const unmodified, oneLock = "as net/http runs them", "the same handlers behind one lock (wrong)"
	concurrent := spans(ctx, unmodified, func(h http.Handler) http.Handler { return h })
	locked := spans(ctx, oneLock, OneLock)
	end := max(lastAnswer(concurrent), lastAnswer(locked))
	drawSpans(painted{text: unmodified}, concurrent, end)
	drawSpans(wrong(oneLock), locked, end)
	takeaway("█ the handler runs; ░ only its client waits. Behind the lock above, only",
		"one handler runs at a time.")
	return map[bool]string{true: "b", false: "a"}[whileFirst(concurrent) > len(concurrent)/2]
}

func whoseGoroutine(ctx context.Context) string {
	const requests = 4
	fmt.Println("     protocol   connections   4 requests     their goroutines")
	whoAmI := http.HandlerFunc(WhoAmI)
	one := drawOrigins(ctx, "sequentially", whoAmI, 1, requests, false)
	many := drawOrigins(ctx, "concurrently", Together(requests, whoAmI), requests, requests, false)
	h2 := drawOrigins(ctx, "concurrently", Together(requests, whoAmI), 1, requests, true)
	fmt.Println("     The go statement that started them, found in the handler's own stack:")
	printCreator(ctx, "HTTP/1.1", many[0])
	printCreator(ctx, "HTTP/2", h2[0])
	takeaway("Each letter is a goroutine. HTTP/1.x has one more while a handler runs:",
		"it reads from the connection, and so notices when the client leaves.")
	return map[string]string{"A A A A": "a", "A B C D": "b"}[letters(one)]
}

func highTraffic(ctx context.Context) string {
	const clients, takes = 1000, 50 * time.Millisecond
	took := visit(ctx, Work(takes), clients)
	fmt.Printf("     %s clients, a handler of %s: sequentially that takes %s\n", count(clients), short(takes), short(clients*takes))
	fmt.Printf("     all were answered within %s\n", measured(short(took)))
	takeaway("A blocked handler uses no CPU. The rest is the work of 1,000 connections.")
	return map[bool]string{true: "c", false: "a"}[took < clients*takes/2]
}

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
	takeaway("n++ loads, adds and stores; updates in between are lost. A lost update is",
		"rare, but the race detector reports the race even if the total is right:",
		"go test -race -v -run PlainCounter ./03-net-http-per-request")
	return map[int64]string{1: "a"}[lowest]
}

func framework(ctx context.Context) string {
	var rt Router
	rt.Handle("GET", "/whoami", Together(4, http.HandlerFunc(WhoAmI)).ServeHTTP)
	origins, err := Ask(ctx, &rt, 4, 4, false, true)
	check(err)
	fmt.Printf("     4 concurrent requests through this chapter's router: goroutines %s\n", measured(letters(origins)))
	printCreator(ctx, "started by", origins[0])
	printCalls(origins[0])
	takeaway("A part of the handler's stack, outermost call first. It is the same with",
		"Gin (in the folder gin). Fiber is not built on net/http.")
	return map[bool]string{true: "b", false: "a"}[strings.HasPrefix(origins[0].Creator, "net/http.")]
}

func clientGone(ctx context.Context) string {
	const pieces, each, leavesAfter = 18, 20 * time.Millisecond, 5
	var useless int
	for _, handler := range observers {
		before, after, cause, err := LeaveAfter(ctx, leavesAfter, func(done func()) http.Handler {
			return handler.make(pieces, each, done)
		})
		check(err)
		useless = after
		drawWork(handler.name, before, after, pieces, cause.Error())
	}
	takeaway("█ work while the client is connected; ░ useless work after it has left.")
	return map[bool]string{true: "c", false: "a"}[useless == pieces-leavesAfter]
}

func onePanic(ctx context.Context) string {
	srv := NewServer(http.HandlerFunc(Share))
	logged := make(Log, 10)
	srv.ErrorLog = log.New(logged, "", 0)
	url, lost := up(srv), 0
	defer srv.Close()
	for _, query := range []string{"/share?among=0", "/share?among=4"} {
		gets, err := get(ctx, url+query)
		if err != nil {
			gets, lost = err.Error(), lost+1
		}
		fmt.Printf("     GET %-15s the client gets  %s\n", query, measured(gets))
	}
	printLog(<-logged)
	takeaway("EOF: the server closed the connection. net/http recovers a panic in the",
		"handler's goroutine, but not in a goroutine that the handler starts.")
	return map[int]string{1: "b"}[lost]
}

func streaming(ctx context.Context) string {
	const clients, events, every = 50, 6, 60 * time.Millisecond
	fmt.Printf("     %d clients at the same time, %d events each\n", clients, events)
	with := drawStreams(ctx, painted{text: "with Flush"}, Stream(events, every), clients)
	without := drawStreams(ctx, wrong("without (wrong)"), Unflushed(events, every), clients)
	takeaway("█ events are written, or read. Without Flush they stay in a buffer.")
	early := func(e []Event) bool { return e[0].Read.Before(e[len(e)-1].Written) }
	return map[bool]string{true: "c"}[slices.ContainsFunc(with, early) && !slices.ContainsFunc(without, early)]
}

func stopping(context.Context) string {
	first, rest, complete := stopInTheMiddle(func(srv *http.Server) error { return Drain(srv, time.Minute) })
	fmt.Printf("     %-14s  the client gets  %s + %s\n", "Shutdown", first, measured(rest))
	first, rest, _ = stopInTheMiddle(CutOff)
	fmt.Printf("     %-14s  the client gets  %s + %s\n", wrong("Close (wrong)"), first, measured(rest))
	takeaway("Each was called between the halves. Hijacked connections no longer belong",
		"to the server, so Shutdown does not wait for them (3.15).")
	return map[bool]string{true: "a", false: "c"}[complete]
}

func heldLock(ctx context.Context) string {
	const later = 5
	fmt.Printf("     a handler panics; then   answered   blocked in Lock       GET /health\n")
	right, forgetful := NewTickets("concert", 100), NewTickets("concert", 100)
	drawSales(ctx, painted{text: "5 orders, with defer"}, right, right.Sell, later)
	blocked := drawSales(ctx, wrong("without defer (wrong)"), forgetful, forgetful.SellForgetting, later)
	takeaway("net/http recovers the panic, but the lock stays locked: every later order",
		"blocks forever, and nothing reports it. An early return does the same.")
	return map[int]string{later: "c", 0: "a"}[blocked]
}

func sharedMap(ctx context.Context) string {
	counts := countWords(ctx, NewWords(), strings.Repeat("to be or not to be ", 1000))
	fmt.Printf("     %-26s %s\n", "a lock around each write", measured(fmt.Sprintf(`"to" %s times, as sent`, count(counts["to"]))))
	out, status, err := runRole("two writers", "", "GOMAXPROCS=2")
	check(err)
	message, _, _ := strings.Cut(out, "\n")
	fmt.Printf("     %-26s %s; status %d\n", wrong("no lock (wrong)"), measured(message), status)
	takeaway("A fatal error is not a panic: recover has no effect. Copy a map under the",
		"lock before you return it: v := m copies only a reference.")
	return map[int]string{2: "b"}[status]
}

func timeLimit(ctx context.Context) string {
	const limit = 110 * time.Millisecond
	inner := func(srv *http.Server) { srv.Handler = LimitTime(srv.Handler, limit) }
	drawLimited(ctx, painted{text: "LimitTime"}, inner, Observing)
	after := drawLimited(ctx, wrong("ignored (wrong)"), inner, Ignoring)
	drawLimited(ctx, wrong("WriteTimeout (wrong)"), func(srv *http.Server) { srv.WriteTimeout = limit }, Observing)
	takeaway("█ work until the client has its answer; ░ useless work after that. On",
		"HTTP/1.x WriteTimeout notifies no handler until a write fails; the client",
		"gets EOF when the handler returns. A limit made by hand is a data race:",
		"go test -race -v -run TimeLimitByHand ./03-net-http-per-request")
	return map[bool]string{true: "b", false: "a"}[after > 0]
}

func caching(ctx context.Context) string {
	const callers = 100
	var fetches, answered int
	var other string
	fmt.Printf("     %d callers, one key; the first leaves   fetches   answered   another key\n", callers)
	for _, version := range caches {
		fetches, answered, other = stampede(ctx, callers, version.make)
		fmt.Printf("     %-40s %7d %10d   %s\n", version.name, fetches, answered, measured(other))
	}
	takeaway("Each version fixes a fault of the one before, and only the last has none.",
		"Combining concurrent calls for one key is the idea of",
		"golang.org/x/sync/singleflight.")
	return map[int]string{1: "a", callers: "c"}[fetches]
}

func broadcasting(context.Context) string {
	fmt.Println("     one subscriber does not read       Publish       a new Subscribe")
	drops, blocks := NewHub(4), NewHub(4)
	drawBroadcast(painted{text: "drops it"}, drops, "(*Hub).Publish", drops.Publish)
	newcomer := drawBroadcast(wrong("sends with the lock held (wrong)"), blocks, "(*Hub).PublishLocked", blocks.PublishLocked)
	takeaway("A send blocks until there is a free slot. With the lock held, every call",
		"of the hub then blocks, too. A send with a default never blocks.")
	return map[bool]string{true: "c", false: "a"}[newcomer != "returns"]
}

func stopLong(ctx context.Context) string {
	const deadline = 300 * time.Millisecond
	fmt.Println("                          Shutdown                   the stream   hijacked")
	drawStop(ctx, painted{text: "RegisterOnShutdown"}, true, deadline)
	hijacked := drawStop(ctx, wrong("without (wrong)"), false, deadline)
	takeaway("RegisterOnShutdown calls a function when Shutdown begins. Here it cancels",
		"the contexts of the stream and of the hijacked connection, and no others:",
		"BaseContext, the parent of all, is canceled only after the deadline.")
	return map[string]string{"closed": "a", "still answers": "c"}[hijacked]
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The servers and clients that the sections of main.go need.

// observers are a handler that observes its context, and one that ignores it.
var observers = []struct {
	name painted
	make func(pieces int, each time.Duration, done func()) http.Handler
}{
	{painted{text: "observes it"}, Observing},
	{wrong("ignores it (wrong)"), Ignoring},
}

// caches are the versions of 3.13.
var caches = []struct {
	name painted
	make func(Fetch) Cache
}{
	{wrong("1 look, then fetch (wrong)"), func(f Fetch) Cache { return &LookThenFetch{fetch: f, values: map[string]string{}} }},
	{wrong("2 fetch with the lock held (wrong)"), func(f Fetch) Cache { return &LockedFetch{fetch: f, values: map[string]string{}} }},
	{wrong("3 fetch with a caller's context (wrong)"), func(f Fetch) Cache { return &FirstCallerFetches{fetch: f, calls: map[string]*call{}} }},
	{painted{text: "4 fetch with a context of its own"}, func(f Fetch) Cache { return NewSharedFetch(f, time.Minute) }},
}

func newCrowd() *http.Client { return Crowd((&net.Dialer{}).DialContext) }

func up(srv *http.Server) (url string) {
	addr, err := Start(srv)
	check(err)
	return "http://" + addr
}

// visit sends n concurrent requests to a server for h and returns the time until all are answered.
func visit(ctx context.Context, h http.Handler, n int) time.Duration {
	srv := NewServer(h)
	defer srv.Close()
	url, start := up(srv), time.Now()
	check(Visit(ctx, newCrowd(), url, n))
	return time.Since(start)
}

// spans is SlowThenFast with the times of 3.1, as a task of the execution trace (-trace).
func spans(ctx context.Context, row string, protect func(http.Handler) http.Handler) []Span {
	ctx, task := trace.NewTask(ctx, row)
	defer task.End()
	spans, err := SlowThenFast(ctx, 600*time.Millisecond, 20*time.Millisecond, 60*time.Millisecond, 2,
		func(h http.Handler) http.Handler { return protect(traced(ctx, h)) })
	check(err)
	return spans
}

// traced makes each run of h a region of the execution trace, in the task of ctx.
func traced(ctx context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "slow handler"
		if i := r.FormValue("i"); i != "0" {
			name = "fast handler " + i
		}
		defer trace.StartRegion(ctx, name).End()
		h.ServeHTTP(w, r)
	})
}

// get returns what a client gets from url: the body, or the error of its connection.
func get(ctx context.Context, url string) (body string, err error) {
	body, err = Get(ctx, newCrowd(), url)
	if failed, ok := errors.AsType[*neturl.Error](err); ok {
		err = failed.Err
	}
	return strings.TrimSpace(body), err
}

// followAll has n clients read the stream of h at the same time, and returns the events of each.
func followAll(ctx context.Context, h http.Handler, n int) [][]Event {
	srv := NewServer(h)
	defer srv.Close()
	url, client := up(srv), newCrowd()
	all, errs := make([][]Event, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i], errs[i] = Follow(ctx, client, url) })
	}
	wg.Wait()
	check(errors.Join(errs...))
	return all
}

// stopInTheMiddle calls stop between the two halves of a response. The handler goes on
// when Shutdown begins, which unlike Close calls what RegisterOnShutdown registers.
func stopInTheMiddle(stop func(*http.Server) error) (first, second string, complete bool) {
	stopping := make(chan struct{})
	srv := NewServer(TwoHalves(stopping))
	srv.RegisterOnShutdown(func() { close(stopping) })
	resp, err := newCrowd().Get(up(srv))
	check(err)
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	first, err = body.ReadString('\n') // from here on the request is in flight
	check(err)
	stopped := make(chan error, 1)
	go func() { stopped <- stop(srv) }()
	rest, err := io.ReadAll(body)
	check(<-stopped)
	if err != nil {
		rest = fmt.Appendf(rest, "error: %v", err)
	}
	return strings.TrimSpace(first), strings.TrimSpace(string(rest)), err == nil
}

// sellAfterPanic sends an order that makes sell panic, and then n more orders.
func sellAfterPanic(ctx context.Context, t *Tickets, sell func(string) (int, error), n int) (answered, blocked int, health string) {
	srv := NewServer(Shop(sell))
	srv.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	url := up(srv)
	order := func(event string) error {
		_, err := Send(ctx, newCrowd(), http.MethodPost, url+"/tickets/"+event, nil)
		return err
	}
	order("unknown")
	var answers atomic.Int64
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() { check(order("concert")); answers.Add(1) })
	}
	for answered+blocked < n { // if a request still holds the lock, at most n-1 of the n are blocked
		runtime.Gosched()
		answered, blocked = int(answers.Load()), 0
		if all := Blocked(".Shop.func1")["sync.Mutex.Lock"]; all == n {
			blocked = all
		}
	}
	health, err := get(ctx, url+"/health")
	check(err)
	if blocked > 0 {
		t.mu.Unlock() // only so that this program can go on
	}
	clients.Wait()
	return answered, blocked, health
}

// countWords has two clients send words at the same time.
func countWords(ctx context.Context, ws *Words, text string) map[string]int {
	srv := NewServer(Count(ws.Add))
	defer srv.Close()
	url := up(srv)
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			_, err := Send(ctx, newCrowd(), http.MethodPost, url, strings.NewReader(text))
			check(err)
		})
	}
	clients.Wait()
	return ws.Copy()
}

// limited sends a request to a handler that newHandler makes and protect limits.
// It returns what the client gets, and the pieces of work done before and after that.
func limited(ctx context.Context, protect func(*http.Server), newHandler func(done func()) http.Handler) (gets string, before, after int) {
	var pieces atomic.Int64
	ended := make(chan struct{})
	worker := newHandler(func() { pieces.Add(1) })
	srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		worker.ServeHTTP(w, r)
	}))
	protect(srv)
	url := up(srv)
	defer srv.Close()
	gets, err := get(ctx, url)
	before = int(pieces.Load())
	if err != nil {
		gets, _, _ = strings.Cut(err.Error(), " ") // 503 or EOF
	}
	<-ended
	return gets, before, int(pieces.Load()) - before
}

// stampede has n callers ask cache for a key that it does not have, and the first
// one leaves during its fetch. It returns how many fetches of that key there were,
// how many callers got the value, and how a call for another key ends meanwhile.
func stampede(ctx context.Context, n int, newCache func(Fetch) Cache) (fetches, answered int, other string) {
	var fetched, got atomic.Int64
	began, release := make(chan struct{}, n), make(chan struct{})
	cache := newCache(func(ctx context.Context, key string) (string, error) {
		if key == "other" {
			return "quick", nil
		}
		fetched.Add(1)
		began <- struct{}{}
		select {
		case <-release:
			return "slow", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	var callers sync.WaitGroup
	call := func(ctx context.Context) {
		if _, err := cache.Get(ctx, "front page"); err == nil {
			got.Add(1)
		}
	}
	first, leave := context.WithCancel(ctx)
	gone := make(chan struct{})
	go func() { call(first); close(gone) }()
	<-began
	for range n - 1 {
		callers.Go(func() { call(ctx) })
	}
	for blockedInGet() < n {
		runtime.Gosched()
	}
	done := make(chan struct{})
	go func() { cache.Get(ctx, "other"); close(done) }()
	for other == "" {
		runtime.Gosched()
		select {
		case <-done:
			other = "answered"
		default:
			// The lock that a fetch holds blocks the n-1 callers and this one. A call
			// that only waits for its own fetch is not in Lock.
			if Blocked(").Get")["sync.Mutex.Lock"] == n {
				other = "blocked"
			}
		}
	}
	leave()
	<-gone
	close(release)
	callers.Wait()
	<-done
	return int(fetched.Load()), int(got.Load()), other
}

func blockedInGet() (n int) {
	for _, count := range Blocked(").Get") {
		n += count
	}
	return n
}

// broadcast publishes n events to two subscribers that read and to one that does
// not, and then subscribes once more. It returns what blocks the publisher and the
// new subscriber, or "returns".
func broadcast(h *Hub, publishName string, publish func(string), n int) (publisher, newcomer string) {
	read := make(chan struct{})
	for range 2 {
		events, _ := h.Subscribe()
		go func() {
			for range events {
				read <- struct{}{}
			}
		}()
	}
	slow, _ := h.Subscribe()
	publisher, published := runOrBlock(publishName, func() {
		for i := range n {
			publish(fmt.Sprint("event ", i))
			<-read
			<-read
		}
	})
	// n is small enough for the buffer of the new subscriber, which does not read either.
	newcomer, subscribed := runOrBlock("(*Hub).Subscribe", func() { h.Subscribe() })
	go func() { // only so that this program can go on
		for range slow {
		}
	}()
	<-published
	<-subscribed
	h.Close()
	return publisher, newcomer
}

// runOrBlock runs f until it returns, or a call of function in it blocks.
func runOrBlock(function string, f func()) (state string, done <-chan struct{}) {
	returned := make(chan struct{})
	go func() { f(); close(returned) }()
	for {
		select {
		case <-returned:
			return "returns", returned
		default:
			runtime.Gosched()
		}
		for state := range Blocked(function) {
			return "[" + state + "]", returned
		}
	}
}

// stopLasting stops a server that has a stream and a hijacked connection in
// progress, with or without Lasting.
func stopLasting(ctx context.Context, with bool, deadline time.Duration) (took time.Duration, stopped, stream, hijacked string) {
	mux := http.NewServeMux()
	srv := NewServer(mux)
	lasting, protect, drain := AddLasting(srv), func(h http.Handler) http.Handler { return h }, Drain
	if with {
		protect, drain = lasting.Handler, lasting.Drain
	}
	mux.Handle("/stream", protect(Stream(100_000, 10*time.Millisecond)))
	mux.Handle("/echo", protect(http.HandlerFunc(Echo)))
	url := up(srv)
	resp, err := newCrowd().Get(url + "/stream")
	check(err)
	defer resp.Body.Close()
	conn, lines, err := dialEcho(ctx, (&net.Dialer{}).DialContext, strings.TrimPrefix(url, "http://"))
	check(err)
	defer conn.Close()
	start := time.Now()
	err = drain(srv, deadline)
	took, stopped = time.Since(start), "complete"
	if err != nil {
		stopped = "cut off"
	}
	stream, hijacked = "complete", "closed"
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		stream = "cut off"
	}
	fmt.Fprintln(conn, "still there?")
	if _, err := lines.ReadString('\n'); err == nil {
		hijacked = "still answers"
	}
	return took, stopped, stream, hijacked
}

// dialEcho opens a connection to Echo and waits for its answer to one line.
func dialEcho(ctx context.Context, dial Dial, addr string) (conn net.Conn, lines *bufio.Reader, err error) {
	if conn, err = dial(ctx, "tcp", addr); err != nil {
		return nil, nil, err
	}
	fmt.Fprint(conn, "GET /echo HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	lines = bufio.NewReader(conn)
	if _, err = http.ReadResponse(lines, nil); err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(conn, " hello ")
	line, err := lines.ReadString('\n')
	if err == nil && line != " hello \n" {
		err = fmt.Errorf("got %q, want the line that was sent", line)
	}
	return conn, lines, err
}

// check ends the program with status 1 if the demo cannot go on.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "03-net-http-per-request:", err)
		os.Exit(1)
	}
}

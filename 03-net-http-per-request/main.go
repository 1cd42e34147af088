// Command 03-net-http-per-request shows how net/http runs handlers, with a real server and real
// clients on this machine's loopback interface.
//
//	go run ./03-net-http-per-request            the lesson
//	go test -race -v ./03-net-http-per-request  its proofs
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	addr := flag.String("addr", "", "keep a server up at this `host:port`, such as localhost:8080, instead of the lesson;\nwhat to try is printed, and Ctrl-C ends it when all requests are answered")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./03-net-http-per-request [flags]\n\n"+
			"Shows how a Go web server runs many requests at once, in whose goroutine, and\nwhat follows for handlers.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("takes no arguments, got %q", flag.Args())
	}
	if isSet("addr") {
		if _, _, err := net.SplitHostPort(*addr); err != nil {
			usageError("-addr must be host:port, such as localhost:8080, got %q", *addr)
		}
		if err := Playground(*addr); err != nil {
			fail(err)
		}
		return
	}

	// A safety net: on a machine where the lesson takes absurdly long, it fails instead of hanging.
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("the lesson took over a minute"))
	defer cancel()
	fmt.Println("03 · net/http: your handlers already run concurrently")
	overlap(ctx)        // 3.1
	whoseGoroutine(ctx) // 3.2
	highTraffic(ctx)    // 3.3
	sharedMemory(ctx)   // 3.4
	framework(ctx)      // 3.5
	clientGone(ctx)     // 3.6
	onePanic(ctx)       // 3.7
	streaming(ctx)      // 3.8
	stopping()          // 3.9
	fmt.Print("\nProof:  go test -race -v ./03-net-http-per-request\nRead:   03-net-http-per-request/README.md, and do its exercise\nNext:   go run ./04-handler-goroutine-pitfall\n")
}

// overlap draws one slow and many fast requests, as they are and behind one lock.
func overlap(ctx context.Context) {
	claim("3.1", "A slow request holds up nobody, and no handler had to ask for that.")
	send := func(protect func(http.Handler) http.Handler) []Span {
		spans, err := SlowThenFast(ctx, 600*time.Millisecond, 20*time.Millisecond, 60*time.Millisecond, 8, protect)
		if err != nil {
			fail(err)
		}
		return spans
	}
	asTheyAre, locked := send(func(h http.Handler) http.Handler { return h }), send(OneLock)
	last := slices.MaxFunc(slices.Concat(asTheyAre, locked), func(a, b Span) int { return cmp.Compare(a.Answered, b.Answered) })
	draw := func(title string, spans []Span) {
		fmt.Printf("     %-57s  answered after\n", title)
		for i, s := range spans {
			name := "slow"
			if i > 0 {
				name = fmt.Sprint("fast ", i)
			}
			l := newLane(48, last.Answered)
			l.fill(s.Sent, s.Answered, '░')
			if cell := last.Answered / 48; s.Began-s.Sent < cell { // too short a wait to be drawn
				s.Began = s.Sent
			}
			l.fill(s.Began, s.Ended, '█')
			fmt.Printf("     %-7s  %s  %14s\n", name, l, short(s.Answered-s.Sent))
		}
	}
	draw("as net/http runs them", asTheyAre)
	fmt.Println()
	draw("the same handlers behind one lock (wrong)", locked)
	read("█ the handler runs, ░ only its client waits. Time goes to the right:",
		"bars above one another are under way at the same moment.")
}

// whoseGoroutine asks handlers for their goroutine, over three kinds of connections.
func whoseGoroutine(ctx context.Context) {
	claim("3.2", "HTTP/1: a goroutine per connection. HTTP/2: a goroutine per request.")
	const requests = 4
	var h1, h2 Origin
	fmt.Printf("     %-10s %-13s %d %-19s %s\n", "protocol", "connections", requests, "requests", "their goroutines")
	for _, row := range []struct {
		protocol    string
		connections int
		together    bool
		http2       bool
		one         *Origin
	}{
		{"HTTP/1.1", 1, false, false, nil},
		{"HTTP/1.1", requests, true, false, &h1},
		{"HTTP/2", 1, true, true, &h2},
	} {
		h := http.Handler(http.HandlerFunc(WhoAmI))
		if row.together {
			h = Together(requests, h) // all are under way before the first is answered
		}
		origins, err := Ask(ctx, h, row.connections, requests, row.http2, row.together)
		if err != nil {
			fail(err)
		}
		conns := make(map[string]bool)
		for _, o := range origins {
			conns[o.Conn] = true
		}
		how := "one after the other"
		if row.together {
			how = "at the same time"
		}
		fmt.Printf("     %-10s %-13d %-21s %s\n", row.protocol, len(conns), how, letters(origins))
		if row.one != nil {
			*row.one = origins[0]
		}
	}
	fmt.Print("\n     The go statement that started them, found from the handler's own stack:\n\n")
	printCreator(ctx, "HTTP/1.1", h1)
	printCreator(ctx, "HTTP/2", h2)
	read("A letter is one goroutine. HTTP/1 starts one when a client connects, and",
		"the requests on that connection take turns in it. On an HTTP/2 connection",
		"requests are under way side by side, so each gets its own.")
}

// letters names the goroutines A, B, C in the order in which they are first met.
func letters(origins []Origin) string {
	var met, names []string
	for _, o := range origins {
		i := slices.Index(met, o.Goroutine)
		if i < 0 {
			i, met = len(met), append(met, o.Goroutine)
		}
		names = append(names, string(rune('A'+i)))
	}
	return strings.Join(names, " ")
}

func printCreator(ctx context.Context, protocol string, o Origin) {
	line, err := o.SourceLine(ctx)
	if err != nil { // the stack alone, then
		line = o.Creator
	}
	fmt.Printf("     %-11s %-28s %s\n", protocol, o.Where(), line)
	if err != nil {
		fmt.Printf("     (the line itself can't be shown:\n      %v)\n", err)
	}
}

// highTraffic lets a thousand clients come at once.
func highTraffic(ctx context.Context) {
	claim("3.3", "A thousand clients wait at the same time, not one after the other.")
	const clients, takes = 1000, 50 * time.Millisecond
	srv := NewServer(Work(takes))
	addr, err := Start(srv)
	if err != nil {
		fail(err)
	}
	defer srv.Close()
	start := time.Now()
	if err := Visit(ctx, Crowd((&net.Dialer{}).DialContext), "http://"+addr, clients); err != nil {
		fail(err)
	}
	took := time.Since(start)
	fmt.Printf("     1,000 clients come at once; the handler takes  %8s\n", short(takes))
	fmt.Printf("     one after the other that would take            %8s\n", short(clients*takes))
	fmt.Printf("     all were answered within                       %8s\n", short(took))
	read("Waiting costs no processor. The rest, beyond the handler's 50 ms, is the",
		"work of opening and serving 1,000 connections, both ends of them here.")
}

// sharedMemory counts requests that come at once, in three ways.
func sharedMemory(ctx context.Context) {
	claim("3.4", "So handlers share memory: a plain counter in one is a data race.")
	const requests = 100
	fmt.Printf("     %d requests at the same time, counted by\n", requests)
	count := func(how string, h http.Handler, counted func() int64) {
		srv := NewServer(Together(requests, h))
		addr, err := Start(srv)
		if err != nil {
			fail(err)
		}
		defer srv.Close()
		if err := Visit(ctx, Crowd((&net.Dialer{}).DialContext), "http://"+addr, requests); err != nil {
			fail(err)
		}
		fmt.Printf("     %-52s %4d\n", how, counted())
	}
	byAtomic, byMutex, slow := new(AtomicCounter), new(MutexCounter), NewSlowMotionCounter(requests)
	count("an atomic", byAtomic, byAtomic.n.Load)
	count("an int and a mutex", byMutex, func() int64 { byMutex.mu.Lock(); defer byMutex.mu.Unlock(); return int64(byMutex.n) })
	count("n++ step by step: all load, then all store (wrong)", slow, slow.n.Load)
	read("n++ is load, add, store, and another handler can come in between. That is",
		"rare, so a test of the sum may find nothing. The race detector does:",
		"go test -race -v -run PlainCounter ./03-net-http-per-request",
		"(the wrong version's report is what that test wants, so it passes)")
}

// framework puts a router between the server and the handler.
func framework(ctx context.Context) {
	claim("3.5", "A framework is an http.Handler, so it inherits all this.")
	var rt Router
	rt.Handle("GET", "/whoami", Together(4, http.HandlerFunc(WhoAmI)).ServeHTTP)
	origins, err := Ask(ctx, &rt, 4, 4, false, true)
	if err != nil {
		fail(err)
	}
	fmt.Printf("     4 requests at the same time through our own router   goroutines: %s\n\n", letters(origins))
	printCreator(ctx, "started by", origins[0])
	fmt.Println()
	for _, call := range origins[0].Calls {
		what := ""
		switch {
		case strings.HasSuffix(call, "(*conn).serve"):
			what = "the server reads the request"
		case strings.HasSuffix(call, "(*limitBody).ServeHTTP"):
			what = "the lesson's limit on bodies"
		case strings.HasSuffix(call, "(*Router).ServeHTTP"):
			what = "the whole framework"
		case strings.HasSuffix(call, "(*together).ServeHTTP"):
			what = "waits until all four are there"
		case strings.HasSuffix(call, "main.WhoAmI"):
			what = "your handler"
		}
		fmt.Println(strings.TrimRight(fmt.Sprintf("       %-34s %s", call, what), " "))
		if what == "your handler" {
			break
		}
	}
	read("The handler's stack, outermost call first. The framework is a call in",
		"the middle, and the goroutine is the server's, the same as in 3.2.")
}

// clientGone lets a client leave early, once with a handler that listens and once with a deaf one.
func clientGone(ctx context.Context) {
	claim("3.6", "A client that goes away cancels r.Context(): a handler can listen.")
	const pieces, each, leavesAfter = 18, 20 * time.Millisecond, 5
	for _, row := range []struct {
		name string
		make func(pieces int, each time.Duration, done func()) http.Handler
	}{
		{"listens", Listening},
		{"does not (wrong)", Deaf},
	} {
		before, after, cause, err := LeaveAfter(ctx, leavesAfter, func(done func()) http.Handler {
			return row.make(pieces, each, done)
		})
		if err != nil {
			fail(err)
		}
		fmt.Printf("     %-16s  %s%s%s  %v\n", row.name, strings.Repeat("██", before),
			strings.Repeat("░░", after), strings.Repeat("··", pieces-before-after), cause)
	}
	read("█ work while the client is there, ░ work after it has gone: nobody will",
		"get that. Both contexts were cancelled; a handler must look at its own.")
}

// onePanic shows what a panic costs, as the client and as the server's log see it.
func onePanic(ctx context.Context) {
	claim("3.7", "A panic in a handler costs one response, not the server.")
	srv := NewServer(http.HandlerFunc(Share))
	logged := make(Log, 10)
	srv.ErrorLog = log.New(logged, "", 0)
	addr, err := Start(srv)
	if err != nil {
		fail(err)
	}
	defer srv.Close()
	client := Crowd((&net.Dialer{}).DialContext)
	for _, query := range []string{"/share?among=0", "/share?among=4"} {
		sees, err := Get(ctx, client, "http://"+addr+query)
		if failed, ok := errors.AsType[*url.Error](err); ok {
			sees = failed.Err.Error()
		} else if err != nil {
			fail(err)
		}
		fmt.Printf("     GET %-15s the client gets  %s\n", query, strings.TrimSpace(sees))
	}
	first, _, _ := strings.Cut(<-logged, "\n")
	before, after, _ := strings.Cut(first, "127.0.0.1:") // the client's port is another one in every run
	_, after, _ = strings.Cut(after, ": ")
	fmt.Printf("\n     the server's log  %s(client)\n                       %s\n", before, after)
	read("EOF: the connection was closed without an answer. net/http recovers the",
		"panic in its own goroutine, logs it with the stack, and goes on serving.")
}

// streaming draws when events were written and when the clients had them, with Flush and without.
func streaming(ctx context.Context) {
	claim("3.8", "A streamed event reaches its client while the handler still runs.")
	const clients, events, every = 50, 6, 60 * time.Millisecond
	fmt.Printf("     %d clients at the same time, %d events each\n\n", clients, events)
	for _, row := range []struct {
		name string
		make func(events int, every time.Duration) http.Handler
	}{
		{"with Flush", Stream},
		{"without (wrong)", Unflushed},
	} {
		srv := NewServer(row.make(events, every))
		addr, err := Start(srv)
		if err != nil {
			fail(err)
		}
		all := make([][]Event, clients)
		errs := make([]error, clients)
		client := Crowd((&net.Dialer{}).DialContext)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() { all[i], errs[i] = Follow(ctx, client, "http://"+addr) })
		}
		wg.Wait()
		end := time.Since(start)
		srv.Close()
		if err := errors.Join(errs...); err != nil {
			fail(err)
		}
		written, got := newLane(46, end), newLane(46, end)
		var latest time.Duration
		for _, event := range slices.Concat(all...) {
			written.fill(event.Written.Sub(start), event.Written.Sub(start), '█')
			got.fill(event.Read.Sub(start), event.Read.Sub(start), '█')
			latest = max(latest, event.Read.Sub(event.Written))
		}
		fmt.Printf("     %-15s  written  %s\n", row.name, written)
		fmt.Printf("     %-15s  read     %s\n", "", got)
		fmt.Printf("     %-15s  from written to read at most %s\n", "", short(latest))
	}
	read("█: events of some of the 50 were written, or read, at that moment. A line",
		"ends when all handlers have ended. Without Flush the news waits until",
		"then, in the server's buffer.")
}

// stopping stops a server in the middle of an answer, in two ways.
func stopping() {
	claim("3.9", "Shutdown waits for the requests under way; Close cuts them off.")
	for _, row := range []struct {
		name string
		stop func(*http.Server) error
	}{
		{"Shutdown", func(srv *http.Server) error { return Drain(srv, 10*time.Second) }},
		{"Close (wrong)", CutOff},
	} {
		stopping := make(chan struct{})
		srv := NewServer(TwoHalves(stopping))
		srv.RegisterOnShutdown(func() { close(stopping) }) // so the second half is written after Shutdown was called; Close calls nobody
		addr, err := Start(srv)
		if err != nil {
			fail(err)
		}
		resp, err := Crowd((&net.Dialer{}).DialContext).Get("http://" + addr)
		if err != nil {
			fail(err)
		}
		body := bufio.NewReader(resp.Body)
		got, err := body.ReadString('\n') // the request is under way
		if err != nil {
			fail(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- row.stop(srv) }()
		rest, err := io.ReadAll(body)
		if err != nil {
			rest = fmt.Appendf(rest, "error: %v", err)
		}
		resp.Body.Close()
		if err := <-stopped; err != nil {
			fail(err)
		}
		fmt.Printf("     %-14s  the client gets  %s + %s\n", row.name, strings.TrimSpace(got), strings.TrimSpace(string(rest)))
	}
	read("Both were called when the first half had arrived, before the second was",
		"written. To stop politely: Shutdown first, Close only when time is up.")
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// lane is a stretch of time drawn in characters.
type lane struct {
	cells []rune
	end   time.Duration
}

func newLane(width int, end time.Duration) lane {
	return lane{[]rune(strings.Repeat("·", width)), end}
}

// fill draws from one instant to the other, at least one cell.
func (l lane) fill(from, to time.Duration, with rune) {
	width := time.Duration(len(l.cells))
	first := min(max(0, from*width/l.end), width-1)
	for i := first; i < min(max(to*width/l.end, first+1), width); i++ {
		l.cells[i] = with
	}
}

func (l lane) String() string { return string(l.cells) }

// short writes d with three figures and its unit.
func short(d time.Duration) string {
	value, unit := float64(d), "ns"
	for _, larger := range []string{"µs", "ms", "s"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, larger
	}
	figures := 0
	for limit := 99.95; figures < 2 && value < limit; limit /= 10 {
		figures++
	}
	return fmt.Sprintf("%.*f %s", figures, value, unit)
}

// isSet reports whether that flag was given, even if given empty.
func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "03-net-http-per-request: "+format+"\n", args...)
	os.Exit(2)
}

// fail ends the program when the machine does not let it do its work.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "03-net-http-per-request:", err)
	os.Exit(1)
}

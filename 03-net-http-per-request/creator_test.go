package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// ask calls WhoAmI over n connections, and returns the numbers of the different
// goroutines and connections that answered.
func ask(t *testing.T, connections, requests int, http2, concurrently bool) (goroutines, conns map[string]bool, origins []Origin) {
	t.Helper()
	h := http.Handler(http.HandlerFunc(WhoAmI))
	if concurrently {
		h = Together(requests, h)
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest(t)) // for requests that do not meet
	defer cancel()
	origins, err := Ask(ctx, h, connections, requests, http2, concurrently)
	if err != nil {
		t.Fatalf("%d requests over %d connections, concurrently %t: %v", requests, connections, concurrently, err)
	}
	goroutines, conns = make(map[string]bool), make(map[string]bool)
	for _, o := range origins {
		goroutines[o.Goroutine], conns[o.Conn] = true, true
	}
	return goroutines, conns, origins
}

// TestRequestsOnOneConnectionShareOneGoroutine is the first half of HTTP/1.x (claim 3.2).
func TestRequestsOnOneConnectionShareOneGoroutine(t *testing.T) {
	goroutines, conns, _ := ask(t, 1, 5, false, false)
	if len(conns) != 1 || len(goroutines) != 1 {
		t.Errorf("5 requests on one HTTP/1.1 connection: got %d connections and %d goroutines, want 1 and 1", len(conns), len(goroutines))
	}
}

// TestRequestsOnOneConnectionRunSequentially, even if the client sends the second
// one before the first is answered (claim 3.2).
func TestRequestsOnOneConnectionRunSequentially(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, end := make(chan struct{}, 2), make(chan struct{})
		srv, pipes := serveInBubble(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			begin <- struct{}{}
			<-end
		}))
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, conn)
		const get = "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
		fmt.Fprint(conn, get+get)

		synctest.Wait() // until every goroutine is blocked
		if len(begin) != 1 {
			t.Errorf("two requests on one connection: %d handlers run concurrently, want 1", len(begin))
		}
		end <- struct{}{}
		synctest.Wait()
		if len(begin) != 2 {
			t.Error("the first request is answered, and the second one's handler has not begun")
		}
		close(end)
		conn.Close()
		srv.Close()
	})
}

// TestOneMoreGoroutineNoticesThatTheClientLeaves: on HTTP/1.1 it reads from the
// connection while the handler runs (claim 3.2).
func TestOneMoreGoroutineNoticesThatTheClientLeaves(t *testing.T) {
	const reader = "net/http.(*connReader).backgroundRead"
	synctest.Test(t, func(t *testing.T) {
		began, end := make(chan struct{}), make(chan struct{})
		srv, pipes := serveInBubble(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(began)
			<-end
		}))
		answered := async(func() error { _, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe"); return err })
		<-began
		synctest.Wait()
		during := len(Blocked(reader))
		close(end)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if after := len(Blocked(reader)); during != 1 || after != 0 {
			t.Errorf("goroutines that read from the connection: %d during the handler, %d after it; want 1, 0", during, after)
		}
		srv.Close()
	})
}

// TestEveryConnectionHasItsOwnGoroutine is the second half of HTTP/1.x (claim 3.2).
func TestEveryConnectionHasItsOwnGoroutine(t *testing.T) {
	// First sequentially: concurrently the handlers meet, and would wait forever for a
	// request on another connection.
	if _, conns, _ := ask(t, 5, 5, false, false); len(conns) != 5 {
		t.Fatalf("5 requests, one at a time: got %d connections, want 5", len(conns))
	}
	_, _, origins := ask(t, 2, 6, false, false)
	requests := make(map[string]int)
	for _, o := range origins {
		requests[o.Conn]++
	}
	for conn, n := range requests {
		if n != 3 {
			t.Errorf("6 requests over two connections: got %d on that of %s, want 3 on each", n, conn)
		}
	}
	goroutines, conns, _ := ask(t, 5, 5, false, true)
	if len(conns) != 5 || len(goroutines) != 5 {
		t.Errorf("got %d connections and %d goroutines, want 5 and 5", len(conns), len(goroutines))
	}
}

// TestEveryHTTP2RequestHasItsOwnGoroutine, whether they run concurrently or
// sequentially (claim 3.2).
func TestEveryHTTP2RequestHasItsOwnGoroutine(t *testing.T) {
	for _, concurrently := range []bool{false, true} {
		goroutines, conns, _ := ask(t, 1, 5, true, concurrently)
		if len(conns) != 1 || len(goroutines) != 5 {
			t.Fatalf("5 requests on one HTTP/2 connection, concurrently %t: got %d connections and %d goroutines, want 1 and 5", concurrently, len(conns), len(goroutines))
		}
	}
}

// TestHandlerGoroutineIsStartedByNetHTTP reads the go statement that started a
// handler's goroutine from the installed Go source (claim 3.2).
func TestHandlerGoroutineIsStartedByNetHTTP(t *testing.T) {
	_, _, origins := ask(t, 1, 1, false, false)
	h1 := origins[0]
	_, _, origins = ask(t, 1, 1, true, false)
	h2 := origins[0]

	if want := "net/http.(*Server).Serve"; h1.Creator != want {
		t.Errorf("the goroutine of an HTTP/1.1 handler is started by %s, want %s", h1.Creator, want)
	}
	// HTTP/2 is in net/http, or since Go 1.27 in net/http/internal/http2.
	if !strings.HasPrefix(h2.Where(), "net/http/") || h2.Creator == h1.Creator {
		t.Errorf("the goroutine of an HTTP/2 handler is started by %s, %s; want another function of net/http", h2.Creator, h2.Where())
	}
	if len(h1.Calls) < 2 || h1.Calls[0] != "net/http.(*conn).serve" || !strings.HasSuffix(h1.Calls[len(h1.Calls)-2], ".WhoAmI") {
		t.Errorf("the calls of an HTTP/1.1 handler are %q; want net/http.(*conn).serve first and WhoAmI last but one", h1.Calls)
	}
	line1, err := h1.SourceLine(context.Background())
	if errors.Is(err, errNoSource) {
		t.Skip("the line itself cannot be shown: ", err)
	}
	if want := "go c.serve(…)"; line1 != want || err != nil {
		t.Errorf("%s has %q, %v; want %q", h1.Where(), line1, err, want)
	}
	line2, err := h2.SourceLine(context.Background())
	if want := "go sc.runHandler(…)"; line2 != want || err != nil {
		t.Errorf("%s has %q, %v; want %q", h2.Where(), line2, err, want)
	}
	t.Logf("HTTP/1.1  %s  %s", h1.Where(), line1)
	t.Logf("HTTP/2    %s  %s", h2.Where(), line2)
}

// TestSourceLineHasAGoStatement or is an error. Without the folder of the Go source,
// as -trimpath builds it, the go command finds the source.
func TestSourceLineHasAGoStatement(t *testing.T) {
	_, _, origins := ask(t, 1, 1, false, false)
	o := origins[0]
	want, err := o.SourceLine(t.Context())
	if errors.Is(err, errNoSource) {
		t.Skip(err)
	}
	for _, line := range []int{0, 1, o.Line - 3, o.Line - 2, o.Line - 1, o.Line + 1, 1 << 30} {
		other := o
		other.Line = line
		if got, err := other.SourceLine(t.Context()); err == nil || errors.Is(err, errNoSource) {
			t.Errorf("line %d has %q, %v; want an error, since there is no go statement", line, got, err)
		}
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
	o.File, _, _ = strings.Cut(o.Where(), ":")
	if got, err := o.SourceLine(t.Context()); got != want || err != nil {
		t.Errorf("%s has %q, %v; want %q", o.File, got, err, want)
	}
}

// TestStackIsTakenApart has the example of Self's comment, and stacks that have no
// creator.
func TestStackIsTakenApart(t *testing.T) {
	const head, call = "goroutine 7 [running]:\n", "main.WhoAmI({0x8e2f40, 0xc000122000}, 0xc000128000)\n\t/home/me/course/creator.go:31 +0x2c\n"
	const outer = "net/http.(*conn).serve(0xc000128000)\n\t/usr/local/go/src/net/http/server.go:2000 +0x1\n"
	const creator = "created by net/http.(*Server).Serve in goroutine 6\n\t/usr/local/go/src/net/http/server.go:3464 +0x485\n"
	got, err := originOf(head + call + outer + creator)
	want := Origin{Goroutine: "7", Calls: []string{"net/http.(*conn).serve", "main.WhoAmI"}, Creator: "net/http.(*Server).Serve", File: "/usr/local/go/src/net/http/server.go", Line: 3464}
	if !reflect.DeepEqual(got, want) || err != nil || got.Where() != "net/http/server.go:3464" {
		t.Errorf("got %+v, %v at %s; want %+v", got, err, got.Where(), want)
	}
	got.File = "/home/me/src/go/src/net/http/server.go"
	if where := got.Where(); where != "net/http/server.go:3464" {
		t.Errorf("Go is in a folder src, and the go statement at %s; want it without the folder in which Go is", where)
	}
	windows, err := originOf(strings.Replace(head+call+creator, "/usr/local/go", "C:/Program Files/Go", 1))
	if want := "C:/Program Files/Go/src/net/http/server.go"; windows.File != want || windows.Line != 3464 || err != nil {
		t.Errorf("a path with a colon: got %q and line %d, %v; want %q and 3464", windows.File, windows.Line, err, want)
	}
	for _, stack := range []string{"", head + call, strings.Replace(head+call+creator, ":3464", "", 1)} {
		if got, err := originOf(stack); err == nil {
			t.Errorf("%q: got %+v, want an error", stack, got)
		}
	}
}

// TestSelfReadsADeepStack of which the runtime leaves calls out.
func TestSelfReadsADeepStack(t *testing.T) {
	for _, depth := range []int{10, 90, 500} {
		var o Origin
		err := <-async(func() (err error) { o, err = selfIn(depth); return err })
		if err != nil || !strings.HasSuffix(o.Creator, ".async") {
			t.Errorf("%d calls deep: got %v, and that %q started the goroutine, want async", depth, err, o.Creator)
			continue
		}
		if first, last := o.Calls[0], o.Calls[len(o.Calls)-1]; !strings.HasSuffix(first, ".async.func1") || !strings.HasSuffix(last, ".Self") {
			t.Errorf("%d calls deep: the first call is %q and the last %q, want that of async and Self", depth, first, last)
		}
	}
}

func selfIn(depth int) (Origin, error) {
	if depth > 0 {
		return selfIn(depth - 1)
	}
	return Self()
}

// TestWhoAmIAnswersAsJSON with the client's address.
func TestWhoAmIAnswersAsJSON(t *testing.T) {
	rec, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	WhoAmI(rec, r)
	var o Origin
	if err := json.NewDecoder(rec.Body).Decode(&o); err != nil || o.Conn != r.RemoteAddr || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %q %+v, %v; want JSON from the connection of %s", rec.Header().Get("Content-Type"), o, err, r.RemoteAddr)
	}
}

// TestAskReturnsTheErrorsOfItsRequests, and ends its server.
func TestAskReturnsTheErrorsOfItsRequests(t *testing.T) {
	var addr atomic.Value
	for _, answer := range []string{"{}", "no JSON", ""} {
		_, err := Ask(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			addr.Store(r.Host)
			if answer == "" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			io.WriteString(w, answer)
		}), 1, 1, false, false)
		if want := answer != "{}"; want != (err != nil) {
			t.Errorf("the handler answers %q: got the error %v", answer, err)
		}
	}
	if conn, err := net.Dial("tcp", addr.Load().(string)); err == nil {
		conn.Close()
		t.Error("the server accepts connections after Ask")
	}
}

// TestAskAsksAgainWhenItLosesAConnection, but not more than three times, and not for
// any other error. The server closes a connection when its handler panics.
func TestAskAsksAgainWhenItLosesAConnection(t *testing.T) {
	for _, c := range []struct{ lost, calls int64 }{{0, 1}, {2, 3}, {3, 3}} {
		var calls atomic.Int64
		origins, err := Ask(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) <= c.lost {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, `{"Line":7}`)
		}), 2, 1, false, false) // the request is on the first of two connections
		if ok := err == nil && len(origins) == 1 && origins[0].Line == 7; calls.Load() != c.calls || ok != (c.lost < 3) {
			t.Errorf("%d connections are lost: got %v, %v after %d calls, want %d calls, and an answer to the last if it came", c.lost, origins, err, calls.Load(), c.calls)
		}
	}
	var calls atomic.Int64
	if _, err := Ask(t.Context(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }), 1, 1, false, false); err == nil || calls.Load() != 1 {
		t.Errorf("an answer is no JSON: got %v after %d calls, want an error after 1", err, calls.Load())
	}
}

// TestAskUsesNewConnectionsWhenItAsksAgain, also if it lost another one than the first.
func TestAskUsesNewConnectionsWhenItAsksAgain(t *testing.T) {
	var calls atomic.Int64
	var conns sync.Map // of the addresses of clients
	_, err := Ask(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns.Store(r.RemoteAddr, true)
		if calls.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "{}")
	}), 2, 2, false, false)
	used := 0
	conns.Range(func(any, any) bool { used++; return true })
	if err != nil || calls.Load() != 4 || used != 4 {
		t.Errorf("the second of two connections is lost: got %v after %d requests on %d connections, want both again, on two new ones", err, calls.Load(), used)
	}
}

// TestAskReturnsAnswersInTheOrderOfItsRequests. Whether it sends them sequentially
// shows in what it is blocked in while a handler runs: in a request, or in Wait.
func TestAskReturnsAnswersInTheOrderOfItsRequests(t *testing.T) {
	for _, concurrently := range []bool{false, true} {
		want := map[bool]string{false: "select", true: "sync.WaitGroup.Wait"}[concurrently]
		var requests atomic.Int64
		origins, err := Ask(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"Line":%d}`, requests.Add(1))
			for asks := Blocked(".askOver"); asks[want] == 0; asks = Blocked(".askOver") {
				if len(asks) > 0 && asks["select"]+asks["sync.WaitGroup.Wait"] > 0 {
					t.Errorf("concurrently %t: during a request Ask is blocked in %v, want %s", concurrently, asks, want)
					break
				}
				runtime.Gosched()
			}
		}), 2, 4, true, concurrently)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range origins {
			if !concurrently && o.Line != i+1 {
				t.Errorf("request %d got the answer %d, want its own", i+1, o.Line)
			}
		}
	}
}

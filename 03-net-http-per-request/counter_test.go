package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// numbers has n requests in h at the same time and returns what it answers, sorted.
func numbers(t *testing.T, h http.Handler, n int) []int {
	t.Helper()
	url, client := serve(t, Together(n, h)), newClients()
	got, errs := make([]int, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body, err := Get(t.Context(), client, url)
			if err == nil {
				_, err = fmt.Sscan(body, &got[i])
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	return got
}

func oneTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// TestAtomicCounterGivesEachRequestItsNumber without a data race (claim 3.4).
func TestAtomicCounterGivesEachRequestItsNumber(t *testing.T) {
	if got := numbers(t, new(AtomicCounter), 50); !slices.Equal(got, oneTo(50)) {
		t.Errorf("50 concurrent requests got the numbers %v; want each of 1 to 50 once", got)
	}
}

// TestMutexCounterGivesEachRequestItsNumber without a data race (claim 3.4).
func TestMutexCounterGivesEachRequestItsNumber(t *testing.T) {
	if got := numbers(t, new(MutexCounter), 50); !slices.Equal(got, oneTo(50)) {
		t.Errorf("50 concurrent requests got the numbers %v; want each of 1 to 50 once", got)
	}
}

// pairs let their callers go on two at a time, so that what they do next overlaps. A caller
// whose partner does not come soon goes on alone: the machine may be busy.
type pairs struct{ came, met atomic.Int64 }

func (p *pairs) meet() {
	if n := p.came.Add(1); n%2 == 1 {
		for range 10_000 {
			if p.came.Load() != n {
				p.met.Add(1)
				return
			}
		}
	}
}

// until calls f until two hundred pairs have met. On a single CPU hardly any do.
func (p *pairs) until(f func()) {
	for range 300 {
		if f(); p.met.Load() >= 200 || runtime.GOMAXPROCS(0) == 1 {
			return
		}
	}
}

// TestAtomicCounterTakesOneStep: if its method used the number twice, even with two atomic
// operations, another request could come between them and get the same number (claim 3.4).
// Nor can one come between two critical sections of MutexCounter.
func TestAtomicCounterTakesOneStep(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "counter.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var uses, locks []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		counter := f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
		ast.Inspect(f.Body, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && counter == "AtomicCounter" && s.Sel.Name == "n" {
				uses = append(uses, set.Position(s.Pos()).String())
			}
			if ok && counter == "MutexCounter" && s.Sel.Name == "Lock" {
				locks = append(locks, set.Position(s.Pos()).String())
			}
			return true
		})
	}
	if len(uses) != 1 {
		t.Errorf("the method uses the number %d times, want once: %v", len(uses), uses)
	}
	if len(locks) != 1 {
		t.Errorf("MutexCounter's method locks %d times, want one critical section: %v", len(locks), locks)
	}
}

// TestAtomicCounterLosesNoRequest: without a network, and in pairs, so that the calls
// overlap often. If Add were a load and a store, some would be lost.
func TestAtomicCounterLosesNoRequest(t *testing.T) {
	const goroutines, calls = 2, 5000
	var together pairs
	c, requests := new(AtomicCounter), int64(0)
	together.until(func() {
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				w := new(response)
				for call := range calls {
					if call%100 == 0 {
						together.meet()
					}
					c.ServeHTTP(w, nil)
				}
			})
		}
		all.Wait()
		requests += goroutines * calls
	})
	if n := c.n.Load(); n != requests {
		t.Errorf("after %d requests the counter is %d: two got the same number", requests, n)
	}
}

// TestCountTwiceHasBothRequestsThere when it calls the handler, each on a connection
// that stays open.
func TestCountTwiceHasBothRequestsThere(t *testing.T) {
	var asked atomic.Int64
	countTwice(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		me, err := Self()
		if together := func(call string) bool { return strings.HasSuffix(call, ".(*together).ServeHTTP") }; !slices.ContainsFunc(me.Calls, together) {
			t.Errorf("the handler is called by %q, %v; want Together, so that both requests are there", me.Calls, err)
		}
		if r.Close {
			t.Error("the client closes the connection after the response, want it open")
		}
	}))
	if n := asked.Load(); n != 2 {
		t.Errorf("%d requests were sent, want 2", n)
	}
}

// A slowReader is a ResponseWriter whose Write requires that a lock is free.
type slowReader struct {
	http.ResponseWriter
	free func() bool
	t    *testing.T
}

func (s slowReader) Write(p []byte) (int, error) {
	if !s.free() {
		s.t.Error("the lock is held during the write; a client that reads slowly blocks all others")
	}
	return len(p), nil
}

// TestMutexCounterWritesWithoutTheLock (claim 3.4).
func TestMutexCounterWritesWithoutTheLock(t *testing.T) {
	c := new(MutexCounter)
	c.ServeHTTP(slowReader{free: func() bool {
		if !c.mu.TryLock() {
			return false
		}
		c.mu.Unlock()
		return true
	}, t: t}, nil)
}

// TestMutexCounterReadsItsNumberWithTheLock: only the lock orders the two requests, so the
// race detector reports a number that is read after Unlock.
func TestMutexCounterReadsItsNumberWithTheLock(t *testing.T) {
	c := new(MutexCounter)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { c.ServeHTTP(httptest.NewRecorder(), nil) })
	}
	if both.Wait(); c.n != 2 {
		t.Errorf("two requests were counted as %d", c.n)
	}
}

// TestSharedStateIsUsedWithTheLock: while another goroutine holds it, each operation blocks.
func TestSharedStateIsUsedWithTheLock(t *testing.T) {
	counter, ws, tickets := new(MutexCounter), NewWords(), NewTickets("concert", 1)
	for _, c := range []struct {
		function string
		mu       *sync.Mutex
		use      func()
	}{
		{".(*MutexCounter).ServeHTTP", &counter.mu, func() { counter.ServeHTTP(httptest.NewRecorder(), nil) }},
		{".(*Words).Add", &ws.mu, func() { ws.Add("to") }},
		{".(*Words).Copy", &ws.mu, func() { ws.Copy() }},
		{".(*Words).Assigned", &ws.mu, func() { ws.Assigned() }},
		{".(*Tickets).Sell", &tickets.mu, func() { tickets.Sell("concert") }},
	} {
		c.mu.Lock()
		done := async(func() error { c.use(); return nil })
		for len(done) == 0 && Blocked(c.function)["sync.Mutex.Lock"] == 0 {
			runtime.Gosched()
		}
		if len(done) > 0 {
			t.Errorf("%s returned while another goroutine held the lock, want it to block", c.function[1:])
		}
		c.mu.Unlock()
		<-done
	}
}

// TestSlowMotionCounterLosesUpdates: all requests load 0 before one of them stores,
// so all of them store 1 (negative control of 3.4).
func TestSlowMotionCounterLosesUpdates(t *testing.T) {
	c := NewSlowMotionCounter(50)
	got := numbers(t, c, 50)
	if n := c.n.Load(); n != 1 || got[0] != 1 || got[49] != 1 {
		t.Errorf("50 requests load before the first one stores: the counter is %d, want 1, as for each request: %v", n, got)
	}
}

// TestSlowMotionCounterStoresNothingBeforeAllHaveLoaded: one of two requests is not
// enough. Its context is canceled, so it does not wait for the other one.
func TestSlowMotionCounterStoresNothingBeforeAllHaveLoaded(t *testing.T) {
	c, answer := NewSlowMotionCounter(2), httptest.NewRecorder()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	c.ServeHTTP(answer, httptest.NewRequestWithContext(canceled, http.MethodGet, "/", nil))
	if n := c.n.Load(); n != 0 || answer.Body.Len() != 0 {
		t.Errorf("one of two requests: the counter is %d and the answer %q, want 0 and no answer", n, answer.Body)
	}
}

// TestPlainCounterIsADataRace requires a report that names the handler (negative
// control of 3.4). The race is certain: two requests meet, and then nothing orders
// them.
func TestPlainCounterIsADataRace(t *testing.T) {
	wantRace(t, "plain counter", ".(*PlainCounter).ServeHTTP()")
}

// wantRace runs a role and requires a report of the race detector that names the
// given functions.
func wantRace(t *testing.T, role string, functions ...string) {
	t.Helper()
	needsRaceDetector(t)
	report, status, err := runRole(role, "", "GOMAXPROCS=1") // so that the report is the same each time
	t.Logf("exit status %d\n%s", status, report)
	if status != 66 || err != nil {
		t.Errorf("got exit status %d, %v; want 66, that of a program with a data race", status, err)
	}
	for _, want := range append(functions, "WARNING: DATA RACE") {
		if !strings.Contains(report, want) {
			t.Errorf("the race detector's report does not contain %q", want)
		}
	}
}

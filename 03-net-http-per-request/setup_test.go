package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestVisitLastsUntilAllAreAnswered: each handler takes some time.
func TestVisitLastsUntilAllAreAnswered(t *testing.T) {
	const takes = 50 * time.Millisecond
	answered := make(chan struct{}, 3)
	took := visit(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Work(takes).ServeHTTP(w, r)
		answered <- struct{}{}
	}), 3)
	if n := len(answered); n != 3 || took < takes {
		t.Errorf("%d requests were answered after %s, want 3 after at least %s", n, took, takes)
	}
}

// TestRegionIsInTheTaskOfItsContext: to find the task, runtime/trace asks the context that it
// is given for a value.
func TestRegionIsInTheTaskOfItsContext(t *testing.T) {
	if trace.Start(io.Discard) == nil { // or go test -trace has started it
		defer trace.Stop()
	}
	ctx := &asked{Context: t.Context()}
	ran := 0
	traced(ctx, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = ctx.values })).ServeHTTP(nil, httptest.NewRequest("GET", "/?i=0", nil))
	if ran == 0 {
		t.Error("the region of a handler was not started with the context of its task")
	}
}

// asked counts how often it is asked for a value.
type asked struct {
	context.Context
	values int
}

func (a *asked) Value(key any) any { a.values++; return a.Context.Value(key) }

// TestFollowAllHasTheEventsOfEachClient: the first request gets one event, the second two, and
// the third three.
func TestFollowAllHasTheEventsOfEachClient(t *testing.T) {
	var requests atomic.Int64
	var got []int
	for _, events := range followAll(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Stream(int(requests.Add(1)), 0).ServeHTTP(w, r)
	}), 3) {
		got = append(got, len(events))
	}
	if slices.Sort(got); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("three clients got %v events, want 1, 2 and 3", got)
	}
}

// TestStopIsCalledInTheMiddle: while the handler is blocked between the two halves.
func TestStopIsCalledInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name     string
		stop     func(*http.Server) error
		complete bool
	}{
		{"Drain", func(srv *http.Server) error { return Drain(srv, time.Hour) }, true},
		{"CutOff", CutOff, false},
	} {
		_, _, complete := stopInTheMiddle(func(srv *http.Server) error {
			for Blocked(".(*limitBody).ServeHTTP")["select"] == 0 {
				stacks := make([]byte, 1<<20)
				if !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), ".(*limitBody).ServeHTTP(") {
					t.Errorf("the handler has returned before %s is called; want it blocked between the halves", c.name)
					break
				}
				runtime.Gosched()
			}
			return c.stop(srv)
		})
		if complete != c.complete {
			t.Errorf("with %s the response is complete: %t, want %t", c.name, complete, c.complete)
		}
	}
}

// TestClientsComeAtTheSameTime: while their requests are in progress, the function that
// sends them is blocked in Wait, and not in one of them.
func TestClientsComeAtTheSameTime(t *testing.T) {
	var requests atomic.Int64
	sent := func(function string, n int64) {
		for requests.Add(1); ; runtime.Gosched() {
			in := Blocked(function)
			if in["select"] > 0 {
				t.Errorf("%s is blocked in request %d, want it to send all %d at the same time", function, requests.Load(), n)
				return
			}
			if in["sync.WaitGroup.Wait"] > 0 && requests.Load() >= n {
				return
			}
		}
	}
	followAll(t.Context(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent(".followAll", 3) }), 3)
	requests.Store(0)
	visit(t.Context(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent(".visit", 3) }), 3)
	ws := NewWords()
	ws.mu.Lock() // until both handlers are blocked in Add
	counted := async(func() error { countWords(t.Context(), ws, "to be"); return nil })
	for Blocked(".(*Words).Add")["sync.Mutex.Lock"] < 2 {
		if Blocked(".countWords")["select"] > 0 {
			t.Error("countWords is blocked in one request, want it to send both at the same time")
			break
		}
		runtime.Gosched()
	}
	ws.mu.Unlock()
	<-counted
}

// TestStopLastingReturnsHowLongItTook: without Lasting the stream is still in progress at the
// deadline. It would last 1,000 s.
func TestStopLastingReturnsHowLongItTook(t *testing.T) {
	const deadline = 50 * time.Millisecond
	began := time.Now()
	took, stopped, _, _ := stopLasting(t.Context(), false, deadline)
	if all := time.Since(began); took < deadline || took > all || stopped != "cut off" {
		t.Errorf("with a deadline of %s the server was %q after %s of %s, want it cut off, not before the deadline", deadline, stopped, took, all)
	}
}

// TestLastingEndsTheStreamOfStopLasting before its deadline: the stream alone would last longer.
func TestLastingEndsTheStreamOfStopLasting(t *testing.T) {
	took, stopped, stream, hijacked := stopLasting(t.Context(), true, time.Minute)
	if stopped != "complete" || stream != "complete" || hijacked != "closed" {
		t.Errorf("with Lasting the server was %q after %s, the stream %q, the hijacked connection %q; want complete, complete, closed", stopped, took, stream, hijacked)
	}
}

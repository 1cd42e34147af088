package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowAndFast has a slow handler at /slow, which blocks until end is closed, and a
// fast one at /fast.
type slowAndFast struct{ began, end chan struct{} }

func newSlowAndFast() *slowAndFast {
	return &slowAndFast{make(chan struct{}), make(chan struct{})}
}

func (s *slowAndFast) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/slow" {
		close(s.began)
		<-s.end
	}
}

// fastDuringSlow sends a slow request and, while its handler runs, a fast one. It
// returns when the fast request is answered or blocks in OneLock, and lets both end.
func fastDuringSlow(t *testing.T, h *slowAndFast, protected http.Handler) (blocked bool) {
	url, client := serve(t, protected), newClients()
	slow := async(func() error { _, err := Get(t.Context(), client, url+"/slow"); return err })
	within(t, h.began, "the slow handler begins")
	fast := async(func() error { _, err := Get(t.Context(), client, url+"/fast"); return err })
	for len(fast) == 0 && !blocked {
		blocked = Blocked(".OneLock.func1")["sync.Mutex.Lock"] == 1
		runtime.Gosched()
	}
	close(h.end)
	if err := errors.Join(within(t, slow, "the slow request is answered"), within(t, fast, "the fast request is answered")); err != nil {
		t.Error(err)
	}
	return blocked
}

// TestFastRequestIsNotDelayedBySlowOne: the slow handler returns only after a fast
// request was answered (claim 3.1).
func TestFastRequestIsNotDelayedBySlowOne(t *testing.T) {
	handlers := newSlowAndFast()
	if fastDuringSlow(t, handlers, handlers) {
		t.Error("the fast request blocks in Lock while the slow handler runs; want it answered")
	}
}

// TestBehindOneLockFastRequestWaitsForSlowOne: with a lock around the handlers, the
// fast request's goroutine blocks in Lock (negative control of 3.1).
func TestBehindOneLockFastRequestWaitsForSlowOne(t *testing.T) {
	handlers := newSlowAndFast()
	if !fastDuringSlow(t, handlers, OneLock(handlers)) {
		t.Error("the fast request was answered while the slow one was in progress; want it blocked by the lock")
	}
}

// TestWorkReturnsWhenTheClientLeaves in fake time.
func TestWorkReturnsWhenTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start, rec := time.Now(), httptest.NewRecorder()
		Work(time.Hour).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		if took := time.Since(start); took != time.Minute || rec.Body.Len() != 0 {
			t.Errorf("the client left after 1m0s, and the handler returned after %s, and answered %q", took, rec.Body)
		}
		start = time.Now()
		Work(time.Hour).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		if took := time.Since(start); took != time.Hour || rec.Body.String() != "done after 1h0m0s\n" {
			t.Errorf("the client stayed, and the handler answered %q after %s, want done after 1h0m0s", rec.Body, took)
		}
	})
}

// TestMeetingIsCompleteWhenAllAreThere: a goroutine that left with an error does not
// count as present.
func TestMeetingIsCompleteWhenAllAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeeting(2)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("a cause"))
		defer cancel()
		if err := m.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("alone in a meeting of 2: got %v, want the context's error", err)
		}
		second := async(func() error { return m.Wait(t.Context()) })
		time.Sleep(time.Minute) // fake time
		if len(second) != 0 {
			t.Error("the second goroutine has met one that left before")
		}
		if err := errors.Join(m.Wait(t.Context()), <-second); err != nil {
			t.Errorf("two goroutines in a meeting of 2: got %v", err)
		}
	})
}

// TestTogetherNeedsAllRequests: a request whose client has left is not passed on,
// and does not count.
func TestTogetherNeedsAllRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := 0
		h := Together(2, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
			cancel()
		}
		if passed != 0 {
			t.Errorf("%d requests were passed on although there was never more than one", passed)
		}
	})
}

// TestMeetingCountsWithTheLock: goroutines leave it at the same time.
func TestMeetingCountsWithTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeeting(5)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wait := func() error { return m.Wait(ctx) }
		for _, left := range []<-chan error{async(wait), async(wait), async(wait), async(wait)} {
			if err := <-left; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("4 goroutines in a meeting of 5: got %v, want the context's error", err)
			}
		}
		if m.missing != 5 {
			t.Errorf("all have left a meeting of 5, and %d are missing", m.missing)
		}
	})
}

// TestCompleteMeetingReturnsNil although the context is done: both cases of the select
// are ready, and it picks one at random.
func TestCompleteMeetingReturnsNil(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		m := NewMeeting(1)
		if err := errors.Join(m.Wait(ctx), m.Wait(ctx)); err != nil {
			t.Fatalf("two goroutines in a meeting of 1: got %v, want nil", err)
		}
	}
}

// TestSlowThenFastMeasuresEachRequest: the slow one first, and the others when its
// handler has begun, at intervals. Here protect delays each handler, and its response; that
// of the slow one until all fast requests are answered.
func TestSlowThenFastMeasuresEachRequest(t *testing.T) {
	const slow, fast, pause, fasts, delay = 3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond, 3, 20 * time.Millisecond
	var protected atomic.Int64
	var handler http.Handler
	start := time.Now()
	test, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	fastAnswered := func() bool {
		in := Blocked(".SlowThenFast")
		stacks := make([]byte, 1<<20)
		clients := strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "created by sync.(*WaitGroup).Go in goroutine "+test.Goroutine+"\n")
		if in["select"] > 0 {
			t.Error("during the slow request SlowThenFast is blocked in another one, want it to send all of them")
		}
		return in["select"] > 0 || in["sync.WaitGroup.Wait"] > 0 && clients == 1
	}
	spans, err := SlowThenFast(t.Context(), slow, fast, pause, fasts, func(h http.Handler) http.Handler {
		handler = h
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			protected.Add(1)
			time.Sleep(delay)
			h.ServeHTTP(w, r)
			for r.URL.Query().Get("i") == "0" && !fastAnswered() {
				runtime.Gosched()
			}
			time.Sleep(delay) // the response is in a buffer until protect returns
		})
	})
	if n := protected.Load(); err != nil || n != 1+fasts || len(spans) != 1+fasts {
		t.Fatalf("got %d spans, %v; protect was around %d of %d requests", len(spans), err, n, 1+fasts)
	}
	took := time.Since(start)
	if n := whileFirst(spans); n != fasts {
		t.Errorf("%d fast requests were answered before the slow one, want %d: %+v", n, fasts, spans)
	}
	for i, s := range spans {
		if s.Sent < 0 || s.Answered > took {
			t.Errorf("request %d is from %s to %s; want the time since the start of the first one, and all took %s", i, s.Sent, s.Answered, took)
		}
		takes := fast
		if i == 0 {
			takes = slow
		} else if s.Sent < spans[0].Began || s.Sent < spans[i-1].Sent+pause {
			t.Errorf("request %d was sent at %s; want it after %s, when the slow handler began, and %s after %s", i, s.Sent, spans[0].Began, pause, spans[i-1].Sent)
		}
		if s.Began < s.Sent+delay || s.Ended < s.Began+takes || s.Answered < s.Ended+delay {
			t.Errorf("request %d, delayed by %s, takes %s: got %+v", i, delay, takes, s)
		}
	}
	if _, err := SlowThenFast(t.Context(), 0, 0, 0, 1, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("i") == "1" {
				http.Error(w, "failed", http.StatusInternalServerError)
				return
			}
			h.ServeHTTP(w, r)
		})
	}); err == nil {
		t.Error("a fast request got status 500, and SlowThenFast returned no error")
	}
	rec := httptest.NewRecorder()
	if handler.ServeHTTP(rec, httptest.NewRequest("GET", "/?i=1", nil)); rec.Body.String() != "done after 1ms\n" {
		t.Errorf("a fast request is answered with %q, want the work of %s", rec.Body, fast)
	}
	for _, i := range []int{-1, 1 + fasts} {
		rec := httptest.NewRecorder()
		if handler.ServeHTTP(rec, httptest.NewRequest("GET", "/?i="+strconv.Itoa(i), nil)); rec.Code != http.StatusBadRequest {
			t.Errorf("request %d: got status %d, want 400", i, rec.Code)
		}
	}
}

package exercise_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/03-net-http-per-request/exercise"
)

//go:embed limit.go
var limitSource string

var tasks = []task{{
	file: "limit.go", source: limitSource, untouched: 0xb567b552,
	solution:   "SOLUTION.md",
	learned:    "The check of a limit and the count must be one critical section, which ends before the work begins. A deferred release runs when the handler returns and when it panics.",
	interleave: true,
}}

// A site has a handler in which requests stay until the check releases them.
type site struct {
	handler  http.Handler
	entered  chan struct{} // a request has entered next
	leave    chan struct{} // a request may leave next
	answered chan answer   // a request has left the handler
	clients  atomic.Int64
}

// An answer is what net/http gets back for a request.
type answer struct {
	*httptest.ResponseRecorder
	panicked any
}

func newSite(limit int) *site {
	s := &site{entered: make(chan struct{}, 1000), leave: make(chan struct{}), answered: make(chan answer, 1000)}
	s.handler = LimitPerUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.entered <- struct{}{}
		<-s.leave
		switch r.URL.Path {
		case "/panic":
			panic("a bug in next")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	}), limit)
	return s
}

// request returns a request of the user on a connection of its own.
func (s *site) request(ctx context.Context, user, path string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
	n := s.clients.Add(1)
	r.RemoteAddr = fmt.Sprintf("192.0.2.%d:%d", n%250+1, 1024+n)
	if user != "" {
		r.Header.Set("X-User", user)
	}
	return r
}

// serve calls the handler, as net/http does in the goroutine of the connection.
func (s *site) serve(w http.ResponseWriter, rec *httptest.ResponseRecorder, r *http.Request) {
	defer func() { s.answered <- answer{rec, recover()} }()
	s.handler.ServeHTTP(w, r)
}

const (
	admitted = "admitted"
	rejected = "answered with 429"
)

// send sends a request, and requires that it is admitted or answered as wanted.
func (s *site) send(t *testing.T, user, path, which, want string) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	go s.serve(rec, rec, s.request(t.Context(), user, path))
	return s.require(t, which, want)
}

// require waits for what happens to the request that has been sent last.
func (s *site) require(t *testing.T, which, want string) (a answer) {
	t.Helper()
	otherwise("%s blocks, want it %s%s", which, want, whyBlocked)
	got := admitted
	select {
	case <-s.entered:
	case a = <-s.answered:
		if got = fmt.Sprint("answered with ", a.Code); a.panicked != nil {
			got = fmt.Sprint("ended by a panic: ", a.panicked)
		}
	}
	if got != want {
		t.Fatalf("%s was %s, want it %s", which, got, want)
	}
	return a
}

const whyBlocked = "\n→ points 1 and 2 of the task: a request waits neither for a slot nor for a lock that is held during next or an answer (onelock.go)"

// release lets one of the requests leave next.
func (s *site) release() answer {
	otherwise("a request has left next, but the handler does not return%s", whyBlocked)
	s.leave <- struct{}{}
	return <-s.answered
}

func TestRequestOverTheLimitIsRejected(t *testing.T) {
	alone(t, "point 1 of the task: which requests are admitted, and what is the answer to any further one?", func(t *testing.T) {
		s := newSite(2)
		s.send(t, "ada", "/", "the first of 2 allowed requests", admitted)
		s.send(t, "ada", "/", "the second of 2 allowed requests", admitted)
		a := s.send(t, "ada", "/", "a user had 2 of 2 allowed requests in next; the third", rejected)
		if retry := a.Result().Header.Get("Retry-After"); retry != "1" {
			t.Errorf("the answer 429 has Retry-After %q, want \"1\": set the header before WriteHeader or Write", retry)
		}
	})
}

// inFakeTime runs a check in a bubble. If it passes, the process ends there: a
// goroutine that owns the map may run as long as its handler, but a bubble requires
// that all of its goroutines end.
func inFakeTime(t *testing.T, check func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		check(t)
		if !t.Failed() {
			os.Exit(0)
		}
	})
}

func TestRejectionIsImmediate(t *testing.T) {
	alone(t, "point 1 of the task: \"immediately\"", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T) {
			s := newSite(1)
			s.send(t, "ada", "/", "the first request", admitted)
			began := time.Now()
			s.send(t, "ada", "/", "a user had 1 of 1 allowed requests in next; the second", rejected)
			if took := time.Since(began); took > 0 {
				t.Errorf("a request was rejected after %v, want it rejected immediately", took)
			}
			s.release()
		})
	})
}

func TestOtherUsersAreNotAffected(t *testing.T) {
	alone(t, "point 2 of the task: each user has a count of its own", func(t *testing.T) {
		s := newSite(1)
		for range 2 { // the second time shows whose slot was freed
			s.send(t, "ada", "/", "ada had no request in next; her request", admitted)
			s.send(t, "grace", "/", "ada had a request in next, grace had none; grace's request", admitted)
			otherwise("two requests have left next, but the handler does not return%s", whyBlocked)
			s.leave <- struct{}{} // both leave concurrently: the race detector sees an unlocked map
			s.leave <- struct{}{}
			<-s.answered
			<-s.answered
		}
	})
}

func TestManyUsersHaveManyCounts(t *testing.T) {
	alone(t, "point 2 of the task: a hash may choose a lock, but two users can have the same hash, so it must not choose the count", func(t *testing.T) {
		s := newSite(1)
		const users = 500
		for n := range users {
			s.send(t, fmt.Sprint("user ", n), "/", fmt.Sprintf("%d users had one request each in next; the first request of another user", n), admitted)
		}
	})
}

func TestSlotIsFreeAfterTheRequestHasLeft(t *testing.T) {
	alone(t, "point 3 of the task: each request frees one slot, its own", func(t *testing.T) {
		s := newSite(1)
		for range 3 {
			s.send(t, "ada", "/", "all earlier requests of the user had left; the next one", admitted)
			s.release()
		}
		s = newSite(2)
		s.send(t, "ada", "/", "the first of 2 allowed requests", admitted)
		s.send(t, "ada", "/", "the second of 2 allowed requests", admitted)
		s.release()
		s.send(t, "ada", "/", "one of 2 allowed requests had left; the next one", admitted)
		s.send(t, "ada", "/", "one of 2 allowed requests had left, and another was admitted; one more", rejected)
	})
}

func TestSlotIsFreeAfterAPanic(t *testing.T) {
	alone(t, "section 3.7: net/http recovers a panic in the goroutine that called the handler. Which of your statements run when next panics there?", func(t *testing.T) {
		for _, path := range []string{"/panic", "/abort"} {
			want := any("a bug in next")
			if path == "/abort" {
				want = http.ErrAbortHandler
			}
			s := newSite(1)
			for range 3 {
				s.send(t, "ada", path, "all earlier requests of the user had panicked; the next one", admitted)
				switch got := s.release().panicked; {
				case got == nil:
					t.Fatalf("next panicked (%v), but the handler returned without a panic: net/http answers as if next had succeeded", want)
				case got != want:
					t.Fatalf("next panicked (%v), but the handler panics with another value (%v), and net/http logs every panic except http.ErrAbortHandler", want, got)
				}
			}
		}
	})
}

func TestRejectedRequestTakesAndFreesNoSlot(t *testing.T) {
	alone(t, "hint 3: only an admitted request takes a slot, and only an admitted one frees it", func(t *testing.T) {
		s := newSite(1)
		s.send(t, "ada", "/", "the first request", admitted)
		for range 3 {
			s.send(t, "ada", "/", "one request was admitted, others were rejected; one more", rejected)
		}
		s.release()
		s.send(t, "ada", "/", "one request was admitted and has left, others were rejected; the next one", admitted)
	})
}

// A slowClient takes its time to read an answer: the handler blocks while it writes.
type slowClient struct {
	*httptest.ResponseRecorder
	once           sync.Once
	writes, readOn chan struct{}
}

func (c *slowClient) WriteHeader(code int) {
	c.wait()
	c.ResponseRecorder.WriteHeader(code)
}

func (c *slowClient) Write(b []byte) (int, error) {
	c.wait()
	return c.ResponseRecorder.Write(b)
}

func (c *slowClient) wait() {
	c.once.Do(func() {
		close(c.writes)
		<-c.readOn
	})
}

func TestSlowClientOfARejectionHoldsNoSlotAndNoLock(t *testing.T) {
	alone(t, "what a rejected request holds while its answer is written: it must hold no lock (as in counter.go) and no slot (take one only if there is one)", func(t *testing.T) {
		s := newSite(1)
		s.send(t, "ada", "/", "the first request", admitted)
		slow := &slowClient{ResponseRecorder: httptest.NewRecorder(), writes: make(chan struct{}), readOn: make(chan struct{})}
		go s.serve(slow, slow.ResponseRecorder, s.request(t.Context(), "ada", "/"))
		otherwise("a user had 1 of 1 allowed requests in next; the second blocks, want it %s%s", rejected, whyBlocked)
		select {
		case <-slow.writes:
		case <-s.entered:
			t.Fatalf("a user had 1 of 1 allowed requests in next; the second was admitted, want it %s", rejected)
		case a := <-s.answered:
			t.Fatalf("a user had 1 of 1 allowed requests in next; the second was answered with %d (panic: %v) without a write, want it %s", a.Code, a.panicked, rejected)
		}
		s.send(t, "grace", "/", "a client reads its 429 slowly; the request of another user", admitted)
		s.release()
		s.release()
		s.send(t, "ada", "/", "a client reads its 429 slowly, and the user's slot is free again; the next request", admitted)
		close(slow.readOn)
		if a := <-s.answered; a.Code != http.StatusTooManyRequests {
			t.Errorf("a request over the limit was answered with %d, want 429", a.Code)
		}
	})
}

func TestClientThatDisconnectsKeepsItsSlotUntilNextReturns(t *testing.T) {
	alone(t, "point 3 of the task, and ignoring.go: does next return when its client disconnects?", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T) {
			s := newSite(1)
			ctx, disconnect := context.WithCancel(t.Context())
			rec := httptest.NewRecorder()
			go s.serve(rec, rec, s.request(ctx, "ada", "/"))
			s.require(t, "the first request", admitted)
			disconnect()
			synctest.Wait()
			if len(s.answered) > 0 {
				t.Fatal("the client disconnected, and the handler returned, but next is still running")
			}
			s.send(t, "ada", "/", "a client disconnected, but its request was still in next; one more request of this user", rejected)
			s.release()
		})
	})
}

// TestRequestsArriveAtTheSameTime also runs on a copy with runtime.Gosched() between
// the statements. There all requests check the count before one of them changes it,
// if these are two steps.
func TestRequestsArriveAtTheSameTime(t *testing.T) {
	alone(t, "section 3.4, and plaincounter.go: which steps must be one critical section?", func(t *testing.T) {
		const rounds, requests, limit = 20, 8, 2
		s := newSite(limit)
		for round := range rounds {
			var ready atomic.Int64
			for range requests {
				rec, r := httptest.NewRecorder(), s.request(t.Context(), fmt.Sprint("user ", round), "/")
				go func() {
					for ready.Add(1); ready.Load() < requests; {
						runtime.Gosched()
					}
					s.serve(rec, rec, r)
				}()
			}
			otherwise("%d requests of a user arrive at the same time, and one of them blocks%s", requests, whyBlocked)
			in := 0
			for range requests {
				select {
				case <-s.entered:
					in++
				case <-s.answered:
				}
			}
			if in != limit {
				t.Fatalf("%d requests of a user arrived at the same time: admitted %d, want %d", requests, in, limit)
			}
			for range limit {
				s.release()
			}
		}
	})
}

// TestRequestsArriveWhileOthersLeave also runs on the copy: there a request that
// arrives has found its count or its slots, and then another one leaves.
func TestRequestsArriveWhileOthersLeave(t *testing.T) {
	alone(t, "section 3.4, and plaincounter.go: which steps must be one critical section, also when a request leaves?", func(t *testing.T) {
		var running, peak atomic.Int64
		handler := LimitPerUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if now := running.Add(1); now > 1 {
				peak.Store(now)
			}
			for range 3 {
				runtime.Gosched()
			}
			running.Add(-1)
		}), 1)
		otherwise("requests of a user arrive while others leave, and one of them blocks%s", whyBlocked)
		var clients sync.WaitGroup
		for n := range 8 {
			clients.Go(func() {
				for round := range 40 {
					for range (n * round) % 7 { // so that they meet at different steps
						runtime.Gosched()
					}
					r := httptest.NewRequest("GET", "/", nil)
					r.Header.Set("X-User", "ada")
					handler.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
		clients.Wait()
		if n := peak.Load(); n > 0 {
			t.Errorf("requests of a user arrived and left at the same time: admitted %d, want 1", n)
		}
	})
}

// TestSlotIsFreeForTheNextRequest: a request over the limit takes no slot, not even
// for the moment until it is rejected.
func TestSlotIsFreeForTheNextRequest(t *testing.T) {
	alone(t, "point 1 of the task: a request may take a slot only if there is one. Does yours take one first, and give it back?", func(t *testing.T) {
		for round := range 400 {
			var admissions atomic.Int64
			entered, leave := make(chan bool, 5), make(chan bool)
			handler := LimitPerUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				admissions.Add(1)
				entered <- true
				<-leave
			}), 1)
			serve := func() {
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("X-User", "ada")
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
			otherwise("a user's only request leaves while others arrive, and one of them blocks%s", whyBlocked)
			var all sync.WaitGroup
			all.Go(func() {
				serve()
				serve() // the first one has left: this one is rejected only if another one is admitted
			})
			<-entered
			for n := range 3 {
				all.Go(func() {
					for range n {
						runtime.Gosched()
					}
					serve()
				})
			}
			for range round % 16 {
				runtime.Gosched()
			}
			close(leave)
			all.Wait()
			if admissions.Load() == 1 {
				t.Fatal("a user's only request left, and 4 others arrived at the same time: admitted 0, want 1")
			}
		}
	})
}

func TestRequestWithoutUserIsABadRequest(t *testing.T) {
	alone(t, "point 5 of the task", func(t *testing.T) {
		newSite(1).send(t, "", "/", "a request without X-User", "answered with 400")
	})
}

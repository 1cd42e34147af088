package exercise

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

//go:embed limit.go
var limitSource string

var tasks = []task{{
	file: "limit.go", source: limitSource, untouched: 0xe02a6a53,
	solution:   "SOLUTION.md",
	learned:    "Checking a limit and counting against it must be one step, in one critical section. A deferred release also runs when the handler panics.",
	interleave: true,
}}

// A site has a handler in which requests stay until they are let go.
type site struct {
	handler  http.Handler
	entered  chan struct{} // a request has come in
	leave    chan struct{} // one may go
	answered chan answer   // a request is over, in whatever way
}

// An answer is what net/http gets back for a request.
type answer struct {
	*httptest.ResponseRecorder
	panicked any
}

func newSite(atOnce int) *site {
	s := &site{entered: make(chan struct{}, 100), leave: make(chan struct{}), answered: make(chan answer, 100)}
	s.handler = LimitPerUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.entered <- struct{}{}
		if r.URL.Path == "/stay" {
			select {} // as long as this process is there
		}
		<-s.leave
		if r.URL.Path == "/panic" {
			panic("a bug in next")
		}
	}), atOnce)
	return s
}

// request returns a function that has a request of that user answered, as net/http does.
func (s *site) request(user, path string) func() {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
	if user != "" {
		r.Header.Set("X-User", user)
	}
	return func() {
		defer func() { s.answered <- answer{w, recover()} }()
		s.handler.ServeHTTP(w, r)
	}
}

const (
	letIn   = "let in"
	refused = "answered with 429"
)

// sends sends a request and requires what is right to happen to it.
func (s *site) sends(t *testing.T, user, path, which, right string) (a answer) {
	t.Helper()
	hint := aLock
	if right == refused {
		hint = noPlace
	}
	otherwise("%s waits, and should have been %s%s", which, right, hint)
	go s.request(user, path)()
	happened := letIn
	select {
	case <-s.entered:
	case a = <-s.answered:
		happened = fmt.Sprint("answered with ", a.Code)
	}
	if happened != right {
		t.Fatalf("%s was %s, and should have been %s", which, happened, right)
	}
	return a
}

const (
	aLock   = "\n→ hint 2: is a lock held while next works or an answer is written (onelock.go), or not given back on some way out?"
	noPlace = "\n→ point 1 of the task: does it wait for a place, where it should say no? Or is a lock held, or not given back (hint 2)?"
)

// oneEnds lets one of the requests in next end.
func (s *site) oneEnds() answer {
	s.leave <- struct{}{}
	return <-s.answered
}

func TestOneTooManyIsRefusedAtOnce(t *testing.T) {
	alone(t, "the task: point 1, and 3.4 in the program", func(t *testing.T) {
		s := newSite(2)
		s.sends(t, "ada", "/", "the first of 2 requests", letIn)
		s.sends(t, "ada", "/", "the second of 2 requests", letIn)
		a := s.sends(t, "ada", "/", "a user had 2 requests under way, and the third", refused)
		if retry := a.Result().Header.Get("Retry-After"); retry != "1" {
			t.Errorf("the third request was refused, and its client got Retry-After %q, not \"1\": set it before anything is written", retry)
		}
	})
}

// inFakeTime runs a check in a bubble, where the clock stands still unless somebody
// waits for it. When all is well the check's process ends there: a goroutine that
// owns the map may live as long as its handler, and the bubble would call it a leak.
func inFakeTime(t *testing.T, check func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		check(t)
		if !t.Failed() {
			os.Exit(0)
		}
	})
}

func TestARefusalDoesNotWait(t *testing.T) {
	alone(t, "the task: point 1", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T) {
			s := newSite(1)
			s.sends(t, "ada", "/", "the first request of all", letIn)
			began := time.Now()
			s.sends(t, "ada", "/", "a user had a request under way, and one more", refused)
			if took := time.Since(began); took > 0 {
				t.Errorf("a request was refused, and not before %v had passed: it waits first", took)
			}
			s.oneEnds()
		})
	})
}

func TestARefusalChangesNothing(t *testing.T) {
	alone(t, "the task: point 1. Who has not come in takes no place, and gives none back", func(t *testing.T) {
		s := newSite(1)
		s.sends(t, "ada", "/", "the first request of all", letIn)
		for range 3 {
			s.sends(t, "ada", "/", "one had been let in, others were refused, and one more", refused)
		}
		s.oneEnds()
		s.sends(t, "ada", "/", "one had been let in and has ended, others were refused, and the next", letIn)
	})
}

// A slow client takes its time to read a refusal.
type slowClient struct {
	*httptest.ResponseRecorder
	reads, goOn chan struct{}
}

func (c *slowClient) Write(b []byte) (int, error) {
	close(c.reads)
	<-c.goOn
	return c.ResponseRecorder.Write(b)
}

func TestARefusalTakesNoPlaceAndNoLock(t *testing.T) {
	alone(t, "counter.go: when is the answer written? And the task: points 1 and 2", func(t *testing.T) {
		s := newSite(1)
		s.sends(t, "ada", "/", "the first request of all", letIn)
		slow := &slowClient{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-User", "ada")
		refusedOne := make(chan struct{})
		go func() { defer close(refusedOne); s.handler.ServeHTTP(slow, r) }()
		otherwise("a user had a request under way, and one more waits, and should have been %s%s", refused, noPlace)
		<-slow.reads
		s.sends(t, "grace", "/", "a client was slow to read its refusal, and grace's request", letIn)
		s.oneEnds()
		s.oneEnds()
		s.sends(t, "ada", "/", "a client was slow to read its refusal, the user's place was free again, and the next", letIn)
		close(slow.goOn)
		<-refusedOne
	})
}

func TestAClientThatLeavesGivesNoPlaceBack(t *testing.T) {
	alone(t, "the task: point 3, and ignoring.go: what does next do when its client has gone?", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T) {
			s := newSite(1)
			ctx, leave := context.WithCancel(t.Context())
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil)
			r.Header.Set("X-User", "ada")
			go func() { s.handler.ServeHTTP(w, r); s.answered <- answer{ResponseRecorder: w} }()
			<-s.entered
			leave()
			synctest.Wait()
			if len(s.answered) > 0 {
				t.Error("the client has left, and the handler has returned while next is still at work")
			}
			s.sends(t, "ada", "/", "a client had left, its request was still in next, and one more", refused)
			s.oneEnds()
		})
	})
}

func TestOtherUsersDoNotNotice(t *testing.T) {
	alone(t, "the task: point 2. Each user has a count of its own", func(t *testing.T) {
		s := newSite(1)
		for range 2 { // the second time it shows who has given back whose place
			s.sends(t, "ada", "/", "ada had none under way, and her request", letIn)
			s.sends(t, "grace", "/", "ada had a request under way, and grace's", letIn)
			s.leave <- struct{}{} // and now both leave: the race detector would see that nothing puts them in order
			s.leave <- struct{}{}
			<-s.answered
			<-s.answered
		}
	})
}

func TestAPlaceIsFreeWhenItsRequestHasEnded(t *testing.T) {
	alone(t, "the task: point 3", func(t *testing.T) {
		s := newSite(1)
		for range 3 {
			s.sends(t, "ada", "/", "a request that came when the user's last one had ended", letIn)
			s.oneEnds()
		}
		s = newSite(2)
		s.sends(t, "ada", "/", "the first of 2 requests", letIn)
		s.sends(t, "ada", "/", "the second of 2 requests", letIn)
		s.oneEnds()
		s.sends(t, "ada", "/", "one of 2 requests had ended, and the next", letIn)
		s.sends(t, "ada", "/", "one of 2 requests had ended, another had come in, and one more", refused)
	})
}

func TestAPlaceIsFreeWhenItsHandlerHasPanicked(t *testing.T) {
	alone(t, "3.7 in the program: what net/http does with a panic. And what runs in a function that panics?", func(t *testing.T) {
		s := newSite(1)
		for range 3 {
			s.sends(t, "ada", "/panic", "a request that came when the user's last one had panicked", letIn)
			switch s.oneEnds().panicked {
			case http.ErrAbortHandler:
				t.Fatal("next panicked, and net/http was told http.ErrAbortHandler instead: it ends the connection, and logs nothing")
			case nil:
				t.Fatal("next panicked, and net/http did not hear of it: the client has an answer as if all were well, and the log has nothing")
			}
		}
	})
}

// admits returns how many of so many requests are let in. All others are answered.
func (s *site) admits(t *testing.T, requests int) (in int) {
	t.Helper()
	otherwise("many requests came at the same time, and one of them waits%s", aLock)
	for range requests {
		select {
		case <-s.entered:
			in++
		case <-s.answered:
		}
	}
	return in
}

// TestManyComeAtTheSameTime also runs on a copy with runtime.Gosched() between the
// statements. There all requests look at the count before one of them adds to it,
// if these are two steps.
func TestManyComeAtTheSameTime(t *testing.T) {
	alone(t, "3.4 in the program, and plaincounter.go: what must be one step?", func(t *testing.T) {
		const rounds, requests, places = 20, 8, 2
		s := newSite(places)
		for round := range rounds {
			var there atomic.Int64
			for range requests {
				send := s.request(fmt.Sprint("user ", round), "/")
				go func() {
					for there.Add(1); there.Load() < requests; {
						runtime.Gosched()
					}
					send()
				}()
			}
			if in := s.admits(t, requests); in != places {
				t.Fatalf("%d requests of a user came at the same time, and %d were let in; the limit is %d", requests, in, places)
			}
			for range places {
				s.oneEnds()
			}
		}
	})
}

func TestNobodyWithoutAName(t *testing.T) {
	alone(t, "the task: point 5", func(t *testing.T) {
		newSite(1).sends(t, "", "/", "a request without X-User", "answered with 400")
	})
}

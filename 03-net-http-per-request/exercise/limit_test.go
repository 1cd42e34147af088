package exercise

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// The file to change, and its checksum as it came: the exercise is open until it differs.
//
//go:embed limit.go
var source string

const (
	file      = "limit.go"
	untouched = 0xe02a6a53
)

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
	letIn   = "was let in"
	refused = "was answered with 429"
)

// sends sends a request and requires what is right to happen to it. The limit is for wrong code only.
func (s *site) sends(t *testing.T, user, path, which, right string) (a answer) {
	t.Helper()
	go s.request(user, path)()
	happened := letIn
	select {
	case <-s.entered:
	case a = <-s.answered:
		happened = fmt.Sprint("was answered with ", a.Code)
	case <-time.After(10 * time.Second):
		happened = "waits"
	}
	if happened != right {
		t.Fatalf("%s %s; right is: %s", which, happened, right)
	}
	return a
}

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
		if retry := a.Header().Get("Retry-After"); retry != "1" {
			t.Errorf("the third request was refused with Retry-After %q, and should be with \"1\"", retry)
		}
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

func TestOtherUsersDoNotNotice(t *testing.T) {
	alone(t, "onelock.go: what happens when a lock is held while a handler works", func(t *testing.T) {
		s := newSite(1)
		s.sends(t, "ada", "/", "the first request of all", letIn)
		s.sends(t, "grace", "/", "ada had a request under way, and grace's", letIn)
		s.leave <- struct{}{} // and now both leave: the race detector would see that nothing puts them in order
		s.leave <- struct{}{}
		<-s.answered
		<-s.answered
	})
}

func TestAPlaceIsFreeWhenItsRequestHasEnded(t *testing.T) {
	alone(t, "the task: point 3", func(t *testing.T) {
		s := newSite(1)
		for range 3 {
			s.sends(t, "ada", "/", "a request that came when the user's last one had ended", letIn)
			s.oneEnds()
		}
	})
}

func TestAPlaceIsFreeWhenItsHandlerHasPanicked(t *testing.T) {
	alone(t, "3.7 in the program: what net/http does with a panic. And what runs in a function that panics?", func(t *testing.T) {
		s := newSite(1)
		for range 3 {
			s.sends(t, "ada", "/panic", "a request that came when the user's last one had panicked", letIn)
			if s.oneEnds().panicked == nil {
				t.Fatal("next panicked, and net/http did not hear of it: the client has an answer as if all were well, and the log has nothing")
			}
		}
	})
}

// Memory without a lock is seen for sure. A request between two locks is not: so
// they come round after round, all at once, until two of them have met there. On
// one processor they may never do.
func TestManyComeAtTheSameTime(t *testing.T) {
	alone(t, "3.4 in the program, and plaincounter.go: what must be one step?", func(t *testing.T) {
		const rounds, requests = 1000, 8
		s := newSite(1)
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
			in := 0
			for range requests {
				select {
				case <-s.entered:
					in++
				case <-s.answered:
				case <-time.After(10 * time.Second):
					t.Fatal("many requests came at the same time, and one of them waits")
				}
			}
			if in != 1 {
				t.Fatalf("%d requests of a user came at the same time, and %d were let in where there is one place", requests, in)
			}
			s.oneEnds()
		}
	})
}

func TestNobodyWithoutAName(t *testing.T) {
	alone(t, "the task: point 5", func(t *testing.T) {
		newSite(1).sends(t, "", "/", "a request without X-User", "was answered with 400")
	})
}

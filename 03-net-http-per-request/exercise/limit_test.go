package exercise

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// The file to change, and its checksum as it came: the exercise is open until it differs.
//
//go:embed limit.go
var source string

const (
	file      = "limit.go"
	untouched = 0x693c6a95
)

// A site has a handler in which requests stay until they are let go.
type site struct {
	handler http.Handler
	entered chan string   // the user of each request that comes in
	leave   chan struct{} // one may go
}

func newSite(atOnce int) *site {
	s := &site{entered: make(chan string, 100), leave: make(chan struct{}, 100)}
	s.handler = LimitPerUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.entered <- r.Header.Get("X-User")
		<-s.leave
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
	}), atOnce)
	return s
}

// ask sends a request. The answer comes on the channel; 0 means that its handler panicked.
func (s *site) ask(user, path string) <-chan *httptest.ResponseRecorder {
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		defer func() {
			recover() // as net/http does
			answer <- w
		}()
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("X-User", user)
		s.handler.ServeHTTP(w, r)
	}()
	return answer
}

// soon returns what comes on c. Only code that is wrong makes it wait for long.
func soon[T any](t *testing.T, c <-chan T, otherwise string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatal(otherwise)
	}
	return v
}

// in waits until a request is inside, which must not be refused.
func (s *site) in(t *testing.T, answer <-chan *httptest.ResponseRecorder, otherwise string) {
	t.Helper()
	select {
	case <-s.entered:
	case w := <-answer:
		t.Fatalf("%s: it was answered with %d", otherwise, w.Code)
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: it waits", otherwise)
	}
}

func TestOneTooManyIsRefusedAtOnce(t *testing.T) {
	alone(t, "3.1 and 3.4 in the program", func(t *testing.T) {
		s := newSite(2)
		for range 2 {
			s.in(t, s.ask("ada", "/"), "a user has a request that should be let in")
		}
		w := soon(t, s.ask("ada", "/"), "a user has two requests inside, and the third one waits instead of being refused")
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
			t.Errorf("a user has two requests inside, and the third one was answered with %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
	})
}

func TestOtherUsersDoNotNotice(t *testing.T) {
	alone(t, "onelock.go: what happens when a lock is held while a handler works", func(t *testing.T) {
		s := newSite(1)
		s.in(t, s.ask("ada", "/"), "the first request of all should be let in")
		s.in(t, s.ask("grace", "/"), "ada has a request inside, and grace should not notice")
	})
}

func TestAPlaceIsFreeAgain(t *testing.T) {
	alone(t, "3.7 in the program, and panics.go: what runs when a handler panics?", func(t *testing.T) {
		for path, how := range map[string]string{"/": "has ended", "/panic": "has ended in a panic"} {
			s := newSite(1)
			for i := range 3 {
				answer := s.ask("ada", path)
				s.in(t, answer, fmt.Sprintf("request %d of a user comes when the one before %s, and its place should be free", i+1, how))
				s.leave <- struct{}{}
				soon(t, answer, "a request that was let go is not answered")
			}
		}
	})
}

func TestManyUsersAtTheSameTime(t *testing.T) {
	needsRaceDetector(t)
	alone(t, "3.4 in the program, and plaincounter.go", func(t *testing.T) {
		s := newSite(1)
		start := make(chan struct{})
		var all sync.WaitGroup
		for i := range 100 {
			s.leave <- struct{}{}
			all.Go(func() {
				<-start
				<-s.ask(fmt.Sprint("user ", i), "/")
			})
		}
		close(start)
		all.Wait()
	})
}

func TestNobodyWithoutAName(t *testing.T) {
	alone(t, "the task: point 5", func(t *testing.T) {
		s := newSite(1)
		if w := soon(t, s.ask("", "/"), "a request without X-User was let in"); w.Code != http.StatusBadRequest {
			t.Errorf("a request without X-User was answered with %d, want 400", w.Code)
		}
	})
}

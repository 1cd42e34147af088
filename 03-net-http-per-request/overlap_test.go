package main

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// slowAndFast has a slow handler at /slow, which says when it begins and ends only when told
// to, and a fast one at /fast.
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

// TestFastRequestIsNotHeldUpBySlowOne checks that requests are under way at the same time without
// the handlers' doing (claim 3.1): the slow handler ends only after a fast request was answered.
func TestFastRequestIsNotHeldUpBySlowOne(t *testing.T) {
	handlers := newSlowAndFast()
	url, client := serve(t, handlers), newClients()
	slow := make(chan error, 1)
	go func() {
		_, err := Get(t.Context(), client, url+"/slow")
		slow <- err
	}()
	within(t, handlers.began, "the slow handler should begin")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := Get(ctx, client, url+"/fast"); err != nil {
		t.Errorf("a fast request was not answered while a slow one was under way: %v", err)
	}
	close(handlers.end)
	if err := within(t, slow, "the slow request should be answered"); err != nil {
		t.Error("the slow request: ", err)
	}
}

// TestBehindOneLockFastRequestWaitsForSlowOne checks that one lock around the handlers takes that
// away (negative control of 3.1): the fast request's goroutine is stuck in OneLock's Lock.
func TestBehindOneLockFastRequestWaitsForSlowOne(t *testing.T) {
	handlers := newSlowAndFast()
	url, client := serve(t, OneLock(handlers)), newClients()
	slow, fast := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := Get(t.Context(), client, url+"/slow")
		slow <- err
	}()
	within(t, handlers.began, "the slow handler should begin")
	go func() {
		_, err := Get(t.Context(), client, url+"/fast")
		fast <- err
	}()

	// The slow handler has the lock until this test lets it end. So the fast request can only be
	// answered now if there is no lock, and with the lock its goroutine must come to wait.
	start := time.Now()
	for !waitsForOneLock(t) {
		select {
		case <-fast:
			t.Fatal("the fast request was answered while the slow one was under way: there is no one lock any more")
		default:
			runtime.Gosched()
		}
		if time.Since(start) > patience {
			t.Fatal("the fast request should wait for the lock")
		}
	}
	close(handlers.end)
	if err := within(t, slow, "the slow request should be answered"); err != nil {
		t.Error("the slow request: ", err)
	}
	if err := within(t, fast, "the fast request should be answered after the slow one"); err != nil {
		t.Error("the fast request: ", err)
	}
}

// waitsForOneLock reports whether a goroutine waits for the mutex in OneLock, and logs its stack.
func waitsForOneLock(t *testing.T) bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		head, calls, _ := strings.Cut(stack, "\n")
		if strings.Contains(head, "[sync.Mutex.Lock") && strings.Contains(calls, ".OneLock.") {
			t.Log("the fast request while the slow one is under way:\n" + stack)
			return true
		}
	}
	return false
}

package exercise_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/04-handler-goroutine-pitfall/fixes"
)

// page is fetched in d, whether the context is done or not.
func page(d time.Duration, title string, err error) func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) {
		time.Sleep(d)
		return title, err
	}
}

func TestPreviewReturnsTheTitleOrTheError(t *testing.T) {
	alone(t, "section 4.9, abandoned.go: the send must neither block forever nor be skipped", func(t *testing.T) {
		notFound := errors.New("not found")
		for n := range 100 { // if two cases are ready, the first choice may be right by luck
			d := []time.Duration{0, time.Second}[n%2]
			synctest.Test(t, func(t *testing.T) {
				if title, err := Preview(t.Context(), "http://page.test/", page(d, "A page", nil)); title != "A page" || err != nil {
					t.Fatalf("the title arrives after %v: Preview returned %q, %v", d, title, err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				if _, err := Preview(t.Context(), "http://page.test/", page(d, "", notFound)); !errors.Is(err, notFound) {
					t.Fatalf("fetch fails after %v: Preview returned the error %v, want %q", d, err, notFound)
				}
			})
		}
	})
}

func TestPreviewLeavesNoGoroutineBehind(t *testing.T) {
	alone(t, "section 4.9, abandoned.go: no goroutine receives after Preview has returned. Which of the sends can then block?", func(t *testing.T) {
		left := errors.New("the client disconnected")
		for _, fetch := range []func(context.Context, string) (string, error){
			page(time.Hour, "A page", nil),
			page(time.Hour, "", errors.New("not found")),
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(left) })
				began := time.Now()
				_, err := Preview(ctx, "http://page.test/", fetch)
				if took := time.Since(began); took != time.Second {
					t.Fatalf("the client disconnects after 1s, fetch takes an hour: Preview returned after %v, want 1s\n→ section 2.5 in chapter 02: a select blocks for a result or for ctx.Done()", took)
				}
				if !errors.Is(err, left) {
					t.Fatalf("the client disconnected: Preview returned %v, want the cause, %q\n→ context.Cause(ctx) returns why ctx is done, ctx.Err() only that it is", err, left)
				}
				time.Sleep(time.Hour) // now fetch has returned, and its goroutine must end
			})
		}
	})
}

func TestPreviewLeavesNoGoroutineBehindIfFetchReturnsWhenTheClientLeaves(t *testing.T) {
	alone(t, "section 4.9, abandoned.go: what if Preview returns just before the send?", func(t *testing.T) {
		left, notFound := errors.New("the client disconnected"), errors.New("not found")
		for n := range 100 {
			title, err := "A page", error(nil)
			if n%2 == 1 {
				title, err = "", notFound
			}
			synctest.Test(t, func(t *testing.T) { // at the same instant, or some steps later
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() {
					for range n / 4 {
						runtime.Gosched()
					}
					cancel(left)
				})
				Preview(ctx, "http://page.test/", page(time.Second, title, err))
			})
			synctest.Test(t, func(t *testing.T) { // just after the fetching goroutine has looked at ctx
				ctx := newLeaving(t.Context(), left)
				Preview(ctx, "http://page.test/", func(context.Context, string) (string, error) {
					time.Sleep(time.Second)
					ctx.leaveIfAskedHere()
					return title, err
				})
				time.Sleep(time.Minute) // now its goroutine must end
			})
		}
	})
}

// leaving is the context of a request whose client disconnects just after one goroutine
// has looked whether ctx is done: what this goroutine does next is too late.
type leaving struct {
	context.Context
	cancel context.CancelCauseFunc
	left   error
	asked  atomic.Pointer[string] // the goroutine
}

func newLeaving(parent context.Context, left error) *leaving {
	ctx, cancel := context.WithCancelCause(parent)
	return &leaving{Context: ctx, cancel: cancel, left: left}
}

// leaveIfAskedHere selects the calling goroutine.
func (l *leaving) leaveIfAskedHere() {
	l.asked.Store(new(thisGoroutine()))
}

func (l *leaving) Err() error {
	err := l.Context.Err()
	l.leave()
	return err
}

func (l *leaving) Done() <-chan struct{} {
	if !l.leave() {
		return l.Context.Done()
	}
	done := make(chan struct{}) // not closed yet when a select looks at it
	time.AfterFunc(time.Second, func() { close(done) })
	return done
}

// leave cancels ctx, if the selected goroutine calls it and has not done so, and returns
// after the others have seen it.
func (l *leaving) leave() bool {
	here := l.asked.Load()
	if here == nil || *here != thisGoroutine() || l.Context.Err() != nil {
		return false
	}
	l.cancel(l.left)
	time.Sleep(time.Millisecond)
	return true
}

// thisGoroutine returns the number of the calling goroutine.
func thisGoroutine() string {
	b := make([]byte, 64)
	number, _, _ := strings.Cut(string(b[:runtime.Stack(b, false)]), " [")
	return number
}

func TestPreviewPassesTheContextOn(t *testing.T) {
	alone(t, "section 4.5: this work is for the request, so it gets the request's context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			var canceled time.Duration
			began := time.Now()
			Preview(ctx, "http://page.test/", func(ctx context.Context, _ string) (string, error) {
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				canceled = time.Since(began)
				return "", ctx.Err()
			})
			synctest.Wait()
			switch {
			case canceled == 0:
				t.Error("the client has disconnected, but the context of fetch is not done: fetch goes on for no client")
			case canceled != time.Second:
				t.Errorf("the client disconnects after 1s, but the context of fetch was done after %v", canceled)
			}
		})
	})
}

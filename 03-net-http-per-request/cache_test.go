package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFetchDoesNotDelayOtherKeys, except in the version that holds the lock.
func TestFetchDoesNotDelayOtherKeys(t *testing.T) {
	for i, version := range caches {
		if i == 1 {
			continue
		}
		began, release := make(chan struct{}), make(chan struct{})
		c := version.make(func(_ context.Context, key string) (string, error) {
			if key == "slow" {
				close(began)
				<-release
			}
			return "value of " + key, nil
		})
		slow := async(func() error { _, err := c.Get(t.Context(), "slow"); return err })
		<-began
		var value string
		quick := async(func() (err error) { value, err = c.Get(t.Context(), "quick"); return err })
		for len(quick) == 0 {
			if Blocked(").Get")["sync.Mutex.Lock"] > 0 || Blocked(").Get")["chan receive"] > 1 || Blocked(").run")["chan receive"] > 1 {
				t.Errorf("%s: a call for another key blocks during a fetch, want it to return", version.name.text)
				break
			}
			runtime.Gosched()
		}
		close(release)
		if err := errors.Join(<-slow, <-quick); err != nil || value != "value of quick" {
			t.Errorf("%s: the call for another key got %q, %v; want its own value", version.name.text, value, err)
		}
	}
}

// TestSharedFetchFetchesOnce: a hundred callers of a missing key need one fetch, the
// value is kept, and another key is not delayed (claim 3.13).
func TestSharedFetchFetchesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends the test if the first caller stays
		fetches, answered, other := stampede(t.Context(), 100, caches[3].make)
		if fetches != 1 || answered != 99 || other != "answered" {
			t.Errorf("100 callers of which the first leaves: got %d fetches, %d values, another key %s; want 1, 99, answered", fetches, answered, other)
		}
		fetched, fetching := 0, t.Context()
		c := NewSharedFetch(func(ctx context.Context, _ string) (string, error) {
			fetched, fetching = fetched+1, ctx
			return "v", nil
		}, time.Second)
		for range 3 {
			if value, err := c.Get(t.Context(), "k"); value != "v" || err != nil {
				t.Errorf("got %q, %v; want the value", value, err)
			}
		}
		if fetched != 1 {
			t.Errorf("three calls needed %d fetches, want 1", fetched)
		}
		if synctest.Wait(); fetching.Err() != context.Canceled {
			t.Errorf("a fetch is done, and its context has the error %v: its timer runs until the limit", fetching.Err())
		}
	})
}

// TestFirstCallerLeavesAndTheFetchGoesOn: that caller returns immediately with its
// context's cause, and so does a later one; the fetch keeps the first context's
// values, and has a time limit of its own (claim 3.13).
func TestFirstCallerLeavesAndTheFetchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var fetchValue any
		var fetchEnded time.Duration
		const limit = 3 * time.Minute
		start := time.Now()
		c := NewSharedFetch(func(ctx context.Context, _ string) (string, error) {
			fetchValue = ctx.Value(key{})
			<-ctx.Done()
			fetchEnded = time.Since(start)
			return "", ctx.Err()
		}, limit)
		left := errors.New("the client has left")
		ctx, leave := context.WithTimeoutCause(context.WithValue(t.Context(), key{}, "trace 7"), time.Second, left)
		defer leave()
		second := async(func() error { time.Sleep(time.Millisecond); _, err := c.Get(t.Context(), "k"); return err })
		third := async(func() error {
			time.Sleep(time.Millisecond)
			ctx, leave := context.WithDeadlineCause(t.Context(), start.Add(2*time.Second), left)
			defer leave()
			_, err := c.Get(ctx, "k")
			if took := time.Since(start); took != 2*time.Second {
				t.Errorf("the third caller left after 2s and returned after %s", took)
			}
			return err
		})
		if _, err := c.Get(ctx, "k"); !errors.Is(err, left) || time.Since(start) != time.Second {
			t.Errorf("the first caller got %v after %s, want %v after 1s", err, time.Since(start), left)
		}
		if err := <-third; !errors.Is(err, left) {
			t.Errorf("the third caller left during the fetch and got %v, want %v", err, left)
		}
		if err := <-second; !errors.Is(err, context.DeadlineExceeded) || fetchEnded != limit || fetchValue != "trace 7" {
			t.Errorf("the second caller got %v; the fetch ended after %s with the value %v; want %v, %s, trace 7", err, fetchEnded, fetchValue, context.DeadlineExceeded, limit)
		}
		start = time.Now()
		if _, err := c.Get(t.Context(), "k"); !errors.Is(err, context.DeadlineExceeded) || fetchEnded != limit {
			t.Errorf("the next fetch ended after %s with %v, want a time limit of its own, %s", fetchEnded, err, limit)
		}
	})
}

// TestFetchIgnoringItsContextKeepsItsKey: beyond its limit it is still the only fetch, and each
// caller waits for it until the caller's own context is done (claim 3.13).
func TestFetchIgnoringItsContextKeepsItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int64
		c := NewSharedFetch(func(context.Context, string) (string, error) {
			fetches.Add(1)
			time.Sleep(time.Hour) // fake time
			return "v", nil
		}, time.Second)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if value, err := c.Get(ctx, "k"); err != context.DeadlineExceeded {
				t.Errorf("during the fetch got %q, %v; want %v", value, err, context.DeadlineExceeded)
			}
			cancel()
		}
		if value, err := c.Get(t.Context(), "k"); value != "v" || err != nil || fetches.Load() != 1 {
			t.Errorf("got %q, %v after %d fetches; want the value of the only fetch", value, err, fetches.Load())
		}
	})
}

// The role "fetch panics" prints the error of a fetch that panics.
func init() {
	roles["fetch panics"] = func(string) {
		c := NewSharedFetch(func(context.Context, string) (string, error) { panic("a bug") }, time.Minute)
		_, err := c.Get(context.Background(), "k")
		fmt.Print(err)
	}
}

// TestPanicOfAFetchIsItsError, and does not end the process.
func TestPanicOfAFetchIsItsError(t *testing.T) {
	if out, status, err := runRole("fetch panics", ""); out != `fetching "k": panic: a bug` || status != 0 || err != nil {
		t.Errorf("exit status %d, %v, want 0 and the panic as an error, got\n%s", status, err, out)
	}
}

// TestFailedFetchIsNotKept: its error, that of a panic, or of a fetch that ends its
// goroutine, goes to all callers; the next caller fetches again (claim 3.13).
func TestFailedFetchIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("the database is down")
		fetches := []func() (string, error){
			func() (string, error) { return "", down },
			func() (string, error) { panic("a bug") },
			func() (string, error) { runtime.Goexit(); return "", nil },
			func() (string, error) { return "v", nil },
		}
		c := NewSharedFetch(func(context.Context, string) (string, error) {
			time.Sleep(time.Second)
			fetch := fetches[0]
			fetches = fetches[1:]
			return fetch()
		}, time.Minute)
		for i, want := range []string{"the database is down", `fetching "k": panic: a bug`, "the fetch did not return"} {
			second := async(func() error { _, err := c.Get(t.Context(), "k"); return err })
			_, err := c.Get(t.Context(), "k")
			if other := <-second; err == nil || err.Error() != want || other != err {
				t.Errorf("fetch %d: two callers got %v and %v, want both %q", i+1, err, other, want)
			}
		}
		if value, err := c.Get(t.Context(), "k"); value != "v" || err != nil {
			t.Errorf("after three failures got %q, %v; want the value of a new fetch", value, err)
		}
	})
}

// TestErrorIsForgottenBeforeItIsReturned: a caller that has the error and calls again
// must not find the call that failed. Here the lock delays its removal.
func TestErrorIsForgottenBeforeItIsReturned(t *testing.T) {
	release := make(chan struct{})
	down := errors.New("the database is down")
	c := NewSharedFetch(func(context.Context, string) (string, error) { <-release; return "", down }, time.Hour)
	answered := async(func() error { _, err := c.Get(t.Context(), "k"); return err })
	for Blocked(".(*SharedFetch).Get")["select"] == 0 {
		runtime.Gosched()
	}
	c.mu.Lock()
	close(release)
	for len(answered) == 0 && Blocked(".(*SharedFetch).run")["sync.Mutex.Lock"] == 0 {
		runtime.Gosched()
	}
	if failed := c.calls["k"]; failed == nil {
		t.Error("the cache forgets the call while another goroutine holds the lock")
	} else {
		select {
		case <-failed.done:
			t.Error("the callers get the error before the cache has forgotten the call")
		default:
		}
	}
	c.mu.Unlock()
	if err := <-answered; err != down {
		t.Errorf("got %v, want %v", err, down)
	}
}

// TestLookThenFetchIsAStampede: each of a hundred callers fetches (negative control
// of 3.13).
func TestLookThenFetchIsAStampede(t *testing.T) {
	if fetches, _, _ := stampede(t.Context(), 100, caches[0].make); fetches != 100 {
		t.Errorf("100 callers looked before the first one stored: got %d fetches, want 100", fetches)
	}
}

// TestStampedeWaitsForTheFetchOfItsFirstCaller, which here begins a second after its call:
// otherwise the caller that leaves may not be the one that fetches.
func TestStampedeWaitsForTheFetchOfItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := new(lateFetch)
		fetches, answered, _ := stampede(t.Context(), 3, func(f Fetch) Cache { cache.fetch = f; return cache })
		if n := cache.early.Load(); n != 0 || fetches != 3 || answered != 2 {
			t.Errorf("%d calls came before the first fetch; %d fetches, %d values; want 0, 3 and 2", n, fetches, answered)
		}
	})
}

// A lateFetch is a cache that keeps nothing, and whose first fetch begins a second late.
type lateFetch struct {
	fetch        Fetch
	calls, early atomic.Int64 // early: before the first fetch
	fetching     atomic.Bool
}

func (c *lateFetch) Get(ctx context.Context, key string) (string, error) {
	if c.calls.Add(1) == 1 {
		time.Sleep(time.Second)
		c.fetching.Store(true)
	} else if !c.fetching.Load() {
		c.early.Add(1)
	}
	return c.fetch(ctx, key)
}

// TestFetchWithTheLockHeldBlocksOtherKeys (negative control of 3.13).
func TestFetchWithTheLockHeldBlocksOtherKeys(t *testing.T) {
	if _, _, other := stampede(t.Context(), 100, caches[1].make); other != "blocked" {
		t.Errorf("a call for another key was %s during the fetch, want it blocked by the lock", other)
	}
	began, release := make(chan struct{}, 2), make(chan struct{})
	c := caches[1].make(func(context.Context, string) (string, error) { began <- struct{}{}; <-release; return "v", nil })
	first := async(func() error { _, err := c.Get(t.Context(), "k"); return err })
	<-began
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	second := async(func() error { _, err := c.Get(canceled, "k"); return err })
	for len(second) == 0 && len(began) == 0 && Blocked(".(*LockedFetch).Get")["sync.Mutex.Lock"] == 0 {
		runtime.Gosched()
	}
	if len(began) > 0 {
		t.Error("a second call fetched during the fetch, want it blocked in Lock")
	}
	if len(second) > 0 {
		t.Error("a call whose context is canceled returned during the fetch, want it blocked in Lock, which observes no context")
	}
	close(release)
	if err := errors.Join(<-first, <-second); err != nil {
		t.Errorf("got %v, want both calls to get the value", err)
	}
}

// TestFetchWithTheFirstCallersContextFailsForAll when that caller leaves (negative
// control of 3.13).
func TestFetchWithTheFirstCallersContextFailsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends the test if the first caller stays
		if fetches, answered, _ := stampede(t.Context(), 100, caches[2].make); fetches != 1 || answered != 0 {
			t.Errorf("the first of 100 callers left: got %d fetches and %d values, want 1 and 0", fetches, answered)
		}
	})
}

// TestOthersWaitForTheFetchOfTheFirstCaller, which runs in that caller's goroutine. They
// ignore their own contexts.
func TestOthersWaitForTheFetchOfTheFirstCaller(t *testing.T) {
	began, release := make(chan struct{}, 2), make(chan struct{})
	var fetching Origin
	c := caches[2].make(func(context.Context, string) (string, error) {
		fetching, _ = Self()
		began <- struct{}{}
		<-release
		return "v", nil
	})
	first := async(func() error { _, err := c.Get(t.Context(), "k"); return err })
	<-began
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var value string
	second := async(func() (err error) { value, err = c.Get(canceled, "k"); return err })
	for in := map[string]int{}; len(second) == 0 && in["sync.Mutex.Lock"] == 0 && in["chan receive"] < 2; in = Blocked(".(*FirstCallerFetches).Get") {
		runtime.Gosched()
	}
	if len(second) > 0 {
		t.Error("a second caller, whose context is canceled, returned during the fetch; want it to wait for the result")
	}
	close(release)
	if err := errors.Join(<-first, <-second); err != nil || value != "v" {
		t.Errorf("the second caller got %q, %v; want the value", value, err)
	}
	if !slices.ContainsFunc(fetching.Calls, func(call string) bool { return strings.HasSuffix(call, ".(*FirstCallerFetches).Get") }) {
		t.Errorf("the goroutine that fetches is in %q, want it to be in Get, as the first caller is", fetching.Calls)
	}
}

// TestFirstCallerForgetsAnErrorWithTheLockHeld: the map of calls is guarded by the
// lock, also when a failed call leaves it. Here the test holds the lock.
func TestFirstCallerForgetsAnErrorWithTheLockHeld(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	down := errors.New("the database is down")
	c := &FirstCallerFetches{
		fetch: func(context.Context, string) (string, error) { close(began); <-release; return "", down },
		calls: make(map[string]*call),
	}
	answered := async(func() error { _, err := c.Get(t.Context(), "k"); return err })
	<-began
	c.mu.Lock()
	close(release)
	for len(answered) == 0 && Blocked(".(*FirstCallerFetches).Get")["sync.Mutex.Lock"] == 0 {
		runtime.Gosched()
	}
	if len(answered) > 0 {
		t.Error("a failed call left the map while another goroutine held the lock")
	}
	c.mu.Unlock()
	if err := <-answered; err != down {
		t.Errorf("got %v, want %v", err, down)
	}
}

// TestEveryCacheKeepsItsValues forever: used sequentially, the wrong versions are right.
func TestEveryCacheKeepsItsValues(t *testing.T) {
	synctest.Test(t, everyCacheKeepsItsValues)
}

func everyCacheKeepsItsValues(t *testing.T) {
	for _, version := range caches {
		fetched, failing := 0, true
		c := version.make(func(_ context.Context, key string) (string, error) {
			fetched++
			if failing {
				return "", errors.New("down")
			}
			return "value of " + key, nil
		})
		if _, err := c.Get(t.Context(), "a"); err == nil {
			t.Errorf("%s: the error of the fetch is lost", version.name.text)
		}
		failing = false
		for range 2 {
			if value, err := c.Get(t.Context(), "a"); value != "value of a" || err != nil {
				t.Errorf("%s: got %q, %v", version.name.text, value, err)
			}
			time.Sleep(10 * 365 * 24 * time.Hour) // fake time
		}
		if fetched != 2 {
			t.Errorf("%s: %d fetches, want 2: one that failed, and one whose value is kept", version.name.text, fetched)
		}
		for key := range 2_000 {
			c.Get(t.Context(), fmt.Sprint(key))
		}
		if c.Get(t.Context(), "a"); fetched != 2_002 {
			t.Errorf("%s: after 2,000 other keys there were %d fetches, want 2,002: the first value is kept", version.name.text, fetched)
		}
	}
}

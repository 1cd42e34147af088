package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Fetch gets the value of a key from a place that is slow, such as a database.
type Fetch func(ctx context.Context, key string) (string, error)

// A Cache gets a value from memory or, the first time, with a Fetch. The four
// caches of this file keep every value forever; add an expiry and a limit to
// yours.
type Cache interface {
	Get(ctx context.Context, key string) (string, error)
}

// LookThenFetch, version 1, is wrong: check-then-act. All requests that look before the first
// one stores fetch the same value: a cache stampede.
type LookThenFetch struct {
	fetch  Fetch
	mu     sync.Mutex
	values map[string]string // guarded by mu
}

func (c *LookThenFetch) Get(ctx context.Context, key string) (string, error) {
	c.mu.Lock()
	value, ok := c.values[key]
	c.mu.Unlock()
	if ok {
		return value, nil
	}
	value, err := c.fetch(ctx, key)
	if err == nil {
		c.mu.Lock()
		c.values[key] = value
		c.mu.Unlock()
	}
	return value, err
}

// LockedFetch, version 2, is wrong: one caller fetches at a time, but with the lock held.
// Requests for all other keys block, and Lock does not observe a context.
type LockedFetch struct {
	fetch  Fetch
	mu     sync.Mutex
	values map[string]string // guarded by mu
}

func (c *LockedFetch) Get(ctx context.Context, key string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok := c.values[key]; ok {
		return value, nil
	}
	value, err := c.fetch(ctx, key)
	if err == nil {
		c.values[key] = value
	}
	return value, err
}

// A call is one fetch, in flight or complete.
type call struct {
	done  chan struct{} // closed when value and err are set
	value string
	err   error
}

// FirstCallerFetches, version 3, is wrong: the first caller stores a call and
// fetches without the lock; the others wait for its result. But the fetch has the
// first caller's context. When that client leaves, the call fails for all.
type FirstCallerFetches struct {
	fetch Fetch
	mu    sync.Mutex
	calls map[string]*call // guarded by mu
}

func (c *FirstCallerFetches) Get(ctx context.Context, key string) (string, error) {
	c.mu.Lock()
	current, ok := c.calls[key]
	if ok {
		c.mu.Unlock()
		<-current.done
		return current.value, current.err
	}
	current = &call{done: make(chan struct{})}
	c.calls[key] = current
	c.mu.Unlock()
	current.value, current.err = c.fetch(ctx, key)
	if current.err != nil {
		c.mu.Lock()
		delete(c.calls, key)
		c.mu.Unlock()
	}
	close(current.done)
	return current.value, current.err
}

// SharedFetch, version 4, is right: one fetch for each key, in a goroutine of its
// own, with a time limit instead of a caller's cancellation. Each caller waits for
// the result or until its own context is done. golang.org/x/sync/singleflight has
// the same idea without the values: it combines calls that are in flight.
type SharedFetch struct {
	fetch Fetch
	limit time.Duration
	mu    sync.Mutex
	calls map[string]*call // guarded by mu
}

// NewSharedFetch returns a cache whose fetches may each take limit: then their context is
// done. A fetch that ignores its context keeps its key until it returns; no other begins.
func NewSharedFetch(fetch Fetch, limit time.Duration) *SharedFetch {
	return &SharedFetch{fetch: fetch, limit: limit, calls: make(map[string]*call)}
}

func (c *SharedFetch) Get(ctx context.Context, key string) (string, error) {
	c.mu.Lock()
	current, ok := c.calls[key]
	if !ok {
		current = &call{done: make(chan struct{}), err: errors.New("the fetch did not return")}
		c.calls[key] = current
		go c.run(context.WithoutCancel(ctx), key, current)
	}
	c.mu.Unlock()
	select {
	case <-current.done:
		return current.value, current.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// run fetches a value. An error, also that of a panic, goes to all who wait for
// this call. It is not kept: the next caller starts a new fetch.
func (c *SharedFetch) run(ctx context.Context, key string, current *call) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil { // net/http does not recover here (3.7)
			current.err = fmt.Errorf("fetching %q: panic: %v", key, v)
		}
		if current.err != nil {
			c.mu.Lock()
			delete(c.calls, key)
			c.mu.Unlock()
		}
		close(current.done)
	}()
	current.value, current.err = c.fetch(ctx, key)
}

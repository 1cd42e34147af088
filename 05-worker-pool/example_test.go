package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Each address is a task. An error does not stop the others, but the deadline does.
func ExamplePool() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := NewPool(ctx, Config{Workers: 4, Queue: 16, KeepGoing: true}, func(ctx context.Context, address string) error {
		if address == "carol@" {
			return errors.New("no such mailbox")
		}
		return nil // the email is sent, with ctx
	})
	for _, address := range []string{"alice@example.com", "bob@example.com", "carol@"} {
		if p.Submit(ctx, address) != nil {
			break // the pool has stopped: Close returns the reason
		}
	}
	if err := p.Close(); err != nil {
		fmt.Println(err)
	}
	// Output: task carol@: no such mailbox
}

// One pool for a whole server. Each task has the context of its request and a channel for
// its result. When the pool's context is canceled, so are the contexts of the running tasks:
// cancel bounds the time that Close takes. The pool drops the queued tasks, which get no
// answer. A task recovers its panics and returns nil, because the pool keeps every error until Close. Without KeepGoing, an error or runtime.Goexit in one task would
// stop the pool for all requests.
func ExamplePool_shared() {
	type result struct {
		text string
		err  error
	}
	type task struct {
		ctx    context.Context
		image  string
		answer chan<- result // of capacity 1: the worker need not wait for the handler
	}
	poolCtx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := NewPool(poolCtx, Config{Workers: 4, Queue: 16, KeepGoing: true}, func(pool context.Context, t task) error {
		ctx, cancel := context.WithCancel(t.ctx)
		defer cancel()
		defer context.AfterFunc(pool, cancel)()
		r := result{err: errors.New("the task has not returned")} // after runtime.Goexit
		defer func() {
			if v := recover(); v != nil {
				r.err = fmt.Errorf("panic: %v", v)
			}
			t.answer <- r
		}()
		if err := ctx.Err(); err != nil { // the client has left, or cancel was called
			r.err = err
			return nil
		}
		if t.image == "exit.jpg" { // as t.FailNow in a test's fake does
			runtime.Goexit()
		}
		r = result{text: "thumbnail of " + t.image[:len(t.image)-len(".jpg")]}
		return nil
	})
	handle := func(ctx context.Context, image string) (string, error) {
		answer := make(chan result, 1)
		if err := p.Submit(ctx, task{ctx, image, answer}); err != nil {
			return "", err
		}
		select {
		case r := <-answer:
			return r.text, r.err
		case <-ctx.Done():
			return "", ctx.Err()
		case <-poolCtx.Done(): // a worker may never begin the task
			return "", poolCtx.Err()
		}
	}
	for _, image := range []string{"cat.jpg", "jpg", "exit.jpg", "dog.jpg"} {
		fmt.Println(handle(context.Background(), image))
	}
	fmt.Println(p.Close() == nil)
	// Output:
	// thumbnail of cat <nil>
	//  panic: runtime error: slice bounds out of range [:-1]
	//  the task has not returned
	// thumbnail of dog <nil>
	// false
}

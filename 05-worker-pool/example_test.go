package main

import (
	"context"
	"errors"
	"fmt"
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

// One pool for a whole server. A task has the context of its request, since the pool's
// does not end with it, and a channel for its result. It recovers and returns nil: a
// panic or an error would stop the pool for all.
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
	p := NewPool(context.Background(), Config{Workers: 4, Queue: 16}, func(_ context.Context, t task) error {
		r := result{err: errors.New("the task has not returned")} // after runtime.Goexit
		defer func() {
			if v := recover(); v != nil {
				r.err = fmt.Errorf("panic: %v", v)
			}
			t.answer <- r
		}()
		if err := t.ctx.Err(); err != nil { // the client has left
			r.err = err
			return nil
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
		}
	}
	for _, image := range []string{"cat.jpg", "jpg", "dog.jpg"} {
		fmt.Println(handle(context.Background(), image))
	}
	fmt.Println(p.Close())
	// Output:
	// thumbnail of cat <nil>
	//  panic: runtime error: slice bounds out of range [:-1]
	// thumbnail of dog <nil>
	// <nil>
}

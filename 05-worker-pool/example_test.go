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

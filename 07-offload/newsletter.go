package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// Newsletter is a handler in which chapters 05 and 06 come together: a pool of senders
// delivers an email to each address in the payload. The first error stops all of it, and
// so does canceling ctx. Each email has its own key: a redelivered job sends none again.
func (m Maildir) Newsletter(ctx context.Context, t *Task) error {
	var addresses []string
	err := json.Unmarshal(t.Payload, &addresses)
	for _, address := range addresses { // before the first email is sent
		err = cmp.Or(err, checkAddress(address))
	}
	if err != nil {
		return fmt.Errorf("%w: malformed payload: %w", ErrPermanent, err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int) // index of an address
	var mu sync.Mutex
	sent := 0 // guarded by mu
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for i := range next {
				text := fmt.Sprintf("To: %s\r\nSubject: News\r\n\r\nNews!\r\n", addresses[i])
				if err := m.Deliver(fmt.Sprint(t.ID, "-", i), text); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				sent++
				t.Progress(sent, len(addresses))
				mu.Unlock()
			}
		})
	}
	for i := 0; i < len(addresses) && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	senders.Wait()
	return context.Cause(ctx)
}

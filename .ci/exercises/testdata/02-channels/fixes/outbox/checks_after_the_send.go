// Fails with: ctx was canceled before RunOutbox was called, but it took

package exercise

import (
	"context"
)

// RunOutbox sends the emails in queue, one at a time, until queue is closed or
// ctx is done. It takes no email from queue after it has found ctx done: those
// that are left stay in queue for the next start of the server.
func RunOutbox(ctx context.Context, queue <-chan string, send func(email string)) {
	for {
		select {
		case <-ctx.Done():
			return
		case email, ok := <-queue:
			if !ok {
				return
			}
			send(email)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

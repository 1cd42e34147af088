// Fails with: does not stop sending

package exercise

import "context"

// RunOutbox sends the emails in queue, one at a time, until queue is closed or
// ctx is done. It takes no email from queue after it has found ctx done: those
// that are left stay in queue for the next start of the server.
func RunOutbox(ctx context.Context, queue <-chan string, send func(email string)) {
	for ctx.Err() == nil { // select alone takes either case if both are ready
		select {
		case <-ctx.Done():
			return
		case email := <-queue:
			send(email)
		}
	}
}

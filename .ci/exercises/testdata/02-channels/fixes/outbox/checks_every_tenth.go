// Fails with: ctx was canceled during email 3 of 10, and RunOutbox sent

package exercise

import "context"

// RunOutbox sends the emails in queue, one at a time, until queue is closed or
// ctx is done. It takes no email from queue after it has found ctx done: those
// that are left stay in queue for the next start of the server.
func RunOutbox(ctx context.Context, queue <-chan string, send func(email string)) {
	for n := 0; ; n++ {
		if n%10 == 0 && ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case email, ok := <-queue:
			if !ok {
				return
			}
			send(email)
		}
	}
}

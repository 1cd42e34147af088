package exercise_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	. "concurrency/02-channels/fixes"
)

// queued returns a queue with n emails that stays open.
func queued(n int) chan string {
	queue := make(chan string, n)
	for range n {
		queue <- "welcome"
	}
	return queue
}

func TestOutboxSendsNothingAfterShutdown(t *testing.T) {
	alone(t, "section 2.5: of several cases that are ready, select takes one at random", func(t *testing.T) {
		for range 200 { // a random choice goes right by luck, but not 200 times
			ctx, cancel := context.WithCancel(t.Context())
			queue := queued(10)
			sent := 0
			RunOutbox(ctx, queue, func(string) {
				if sent++; sent == 3 {
					cancel()
				}
			})
			cancel()
			if sent != 3 {
				t.Fatalf("ctx was canceled during email 3 of 10, and RunOutbox sent %d emails, want 3", sent)
			}
			if len(queue) != 7 {
				t.Fatalf("ctx was canceled during email 3 of 10, and %d emails are left in queue, want 7: "+
					"one that was received and not sent is lost", len(queue))
			}
		}
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			queue := queued(10)
			if RunOutbox(ctx, queue, func(string) {}); len(queue) != 10 {
				t.Fatalf("ctx was canceled before RunOutbox was called, but it took %d of 10 emails from queue", 10-len(queue))
			}
		}
	})
}

func TestOutboxReturnsWhenShutDownWhileIdle(t *testing.T) {
	alone(t, "section 2.5: a receive alone blocks until a value arrives; a select can also observe ctx.Done()", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			queue, ended := make(chan string), false
			go func() {
				RunOutbox(ctx, queue, func(string) {})
				ended = true
			}()
			synctest.Wait()
			if ended {
				t.Fatal("queue is empty but open, and ctx is not done: RunOutbox returned, want it to block until there is an email")
			}
			cancel()
			synctest.Wait()
			if !ended {
				close(queue)
				t.Fatal("queue is empty, ctx is canceled, and RunOutbox still blocks: it does not observe ctx.Done() while it waits for an email")
			}
		})
	})
}

func TestOutboxSendsAllUntilQueueIsClosed(t *testing.T) {
	alone(t, "section 2.3: what a receive from a closed channel returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			queue := make(chan string, 3)
			for _, email := range []string{"ada", "bob", "eve"} {
				queue <- email
			}
			close(queue)
			var sent []string
			RunOutbox(t.Context(), queue, func(email string) {
				if sent = append(sent, email); len(sent) > 9 {
					t.Fatalf("3 emails were in queue before it was closed, and RunOutbox does not stop sending: %q", sent)
				}
			})
			if !slices.Equal(sent, []string{"ada", "bob", "eve"}) {
				t.Errorf("RunOutbox sent %q, want ada, bob, eve", sent)
			}
		})
	})
}

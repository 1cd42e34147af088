package exercise_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/07-offload/fixes"
)

var errDown = errors.New("503 Service Unavailable")

// limits are those before the retries 1, 2, …
func limits() (all []time.Duration) {
	limit := 100 * time.Millisecond
	for range 11 {
		all = append(all, limit)
		limit = min(2*limit, 30*time.Second)
	}
	return all
}

// waits calls Webhook n times concurrently, with a send that always fails, and
// returns the waits of each call.
func waits(n int) (all [][]time.Duration) {
	all = make([][]time.Duration, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			last := time.Now()
			first := true
			Webhook(context.Background(), func(context.Context) error {
				if now := time.Now(); !first {
					all[i] = append(all[i], now.Sub(last))
					last = now
				}
				first = false
				return errDown
			})
		})
	}
	calls.Wait()
	return all
}

func TestWebhookWaitsAtMostTheLimit(t *testing.T) {
	alone(t, "section 7.3: exponential backoff with a cap", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, call := range waits(100) {
				if len(call) != 11 {
					t.Fatalf("send always failed: it was called %d times, want 12", len(call)+1)
				}
				for i, limit := range limits() {
					if call[i] > limit {
						t.Fatalf("before retry %d Webhook waited %v, want at most %v", i+1, call[i], limit)
					}
				}
			}
		})
	})
}

// TestWebhookWaitsAreRandom: of 200 random waits, one is in the first tenth of the
// limit and one in the last, except in one of a billion runs.
func TestWebhookWaitsAreRandom(t *testing.T) {
	alone(t, "section 7.3: full jitter. The whole wait is random, for each webhook and each retry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			calls := waits(200)
			for i, limit := range limits() {
				lowest, highest := limit, time.Duration(0)
				different := make(map[time.Duration]bool)
				for _, call := range calls {
					if i >= len(call) {
						t.Fatalf("send always failed: it was called %d times, want 12", len(call)+1)
					}
					lowest, highest = min(lowest, call[i]), max(highest, call[i])
					different[call[i]] = true
				}
				switch {
				case len(different) < 100:
					t.Fatalf("200 webhooks failed together: before retry %d they have %d different waits: they come back together", i+1, len(different))
				case lowest > limit/10, highest < limit-limit/10:
					t.Fatalf("200 webhooks failed together: before retry %d they waited between %v and %v, want between 0 and %v", i+1, lowest, highest, limit)
				}
			}
		})
	})
}

func TestWebhookReturnsWhenContextIsDone(t *testing.T) {
	alone(t, "section 2.5 in chapter 02: a timer or ctx.Done(), in a select", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("the worker drains")
			for range 20 {
				ctx, cancel := context.WithCancelCause(t.Context())
				sent := 0
				var canceled time.Time
				err := Webhook(ctx, func(context.Context) error {
					if sent++; sent == 9 {
						canceled = time.Now().Add(time.Nanosecond)
						time.AfterFunc(time.Nanosecond, func() { cancel(cause) })
					}
					return errDown
				})
				switch took := time.Since(canceled); {
				case canceled.IsZero():
					t.Fatalf("send always failed, but Webhook called it only %d times, want 12", sent)
				case sent > 9:
					t.Fatal("ctx was canceled during a wait, but Webhook called send once more")
				case took > 0:
					t.Fatalf("ctx was canceled during a wait, but Webhook returned %v later: it sleeps and ignores cancellation", took)
				case !errors.Is(err, cause):
					t.Fatalf("ctx was canceled with the cause %q, but Webhook returned %v", cause, err)
				}
				cancel(nil)
			}
		})
	})
}

func TestWebhookDoesNotWaitInVain(t *testing.T) {
	alone(t, "the doc comment of Webhook: it waits before each retry, and there is none after success or the last attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, succeeds := range []int{1, 3, 100} {
				var last time.Time
				sent := 0
				err := Webhook(t.Context(), func(context.Context) error {
					last = time.Now()
					switch sent++; sent {
					case succeeds:
						return nil
					case 1: // of this attempt; ctx is not done
						return context.DeadlineExceeded
					}
					return errDown
				})
				switch took := time.Since(last); {
				case took > 0:
					t.Fatalf("Webhook returned %v after its last attempt, want immediately", took)
				case succeeds == 100 && !errors.Is(err, errDown):
					t.Fatalf("send failed 12 times with %q, but Webhook returned %v", errDown, err)
				case succeeds < 100 && (err != nil || sent != succeeds):
					t.Fatalf("attempt %d succeeded, but Webhook called send %d times and returned %v", succeeds, sent, err)
				}
			}
		})
	})
}

package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeakyGrowsWithTheTraffic counts goroutines while the mail server hangs (negative control of 4.3).
func TestLeakyGrowsWithTheTraffic(t *testing.T) {
	for _, requests := range []int{10, 200} {
		synctest.Test(t, func(t *testing.T) {
			server := NewMailServer()
			server.Hangs = true
			accepted(t, &Leaky{Mailer{server.DialPipe}}, requests)
			synctest.Wait()
			if peak := StartedBy("(*Leaky).ServeHTTP"); peak != requests {
				t.Errorf("after %d requests %d goroutines send emails; the leaky handler must have one for each request", requests, peak)
			}
			server.Recover()
		})
	}
}

// TestFixedAcceptsUpToItsCapacity sends more sign-ups than the fixed handler
// accepts while the mail server hangs (claim 4.3).
func TestFixedAcceptsUpToItsCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		const senders, capacity, requests = 4, 12, 60
		fixed := NewFixed(Mailer{server.DialPipe}, senders, capacity, time.Hour, slog.New(slog.DiscardHandler))
		statuses := make(map[int]int)
		for range requests {
			resp := post(fixed, ada)
			synctest.Wait() // until the senders are blocked: what they are sending counts, too
			statuses[resp.StatusCode]++
			if body, _ := io.ReadAll(resp.Body); resp.StatusCode == http.StatusServiceUnavailable &&
				(resp.Header.Get("Retry-After") != "1" || string(body) != ErrFull.Error()+"\n") {
				t.Errorf("a refusal needs a Retry-After and must not welcome the client, got %q and %q", resp.Header.Get("Retry-After"), body)
			}
		}
		synctest.Wait()
		if statuses[http.StatusAccepted] != capacity || statuses[http.StatusServiceUnavailable] != requests-capacity {
			t.Errorf("got responses %v to %d sign-ups; the capacity is %d", statuses, requests, capacity)
		}
		if peak := Inside("(*Fixed).send"); peak != senders {
			t.Errorf("%d goroutines send emails at the same time; the limit is %d", peak, senders)
		}

		server.Recover()
		synctest.Wait()
		accepted(t, fixed, 1) // slots are free again
		fixed.Shutdown(t.Context())
		if n, all := len(server.Delivered()), statuses[http.StatusAccepted]+1; n != all {
			t.Errorf("%d emails were accepted, but %d were delivered", all, n)
		}
	})
}

// TestFixedHasAtLeastOneSenderAndOneSlot makes handlers with numbers below one.
func TestFixedHasAtLeastOneSenderAndOneSlot(t *testing.T) {
	for _, c := range []struct{ senders, capacity int }{{0, 0}, {-1, -1}, {1, 0}, {0, 1}, {0, 3}, {-3, 3}, {1, 3}, {3, 0}, {3, 1}} {
		synctest.Test(t, func(t *testing.T) {
			server := NewMailServer()
			server.Hangs = true
			fixed := NewFixed(Mailer{server.DialPipe}, c.senders, c.capacity, time.Hour, slog.New(slog.DiscardHandler))
			slots := max(c.capacity, 1)
			accepted(t, fixed, slots)
			if got := post(fixed, ada).StatusCode; got != http.StatusServiceUnavailable {
				t.Errorf("%+v: after %d emails the next one was answered with %d, want 503", c, slots, got)
			}
			synctest.Wait()
			if n := server.connected(); n != 1 {
				t.Errorf("%+v: %d emails are being sent at the same time, want one", c, n)
			}
			server.Recover()
			synctest.Wait()
			if n := len(server.Delivered()); n != slots {
				t.Errorf("%+v: %d emails were accepted, but %d were delivered", c, slots, n)
			}
			fixed.Shutdown(t.Context())
		})
	}
}

// TestFixedKeepsNothingOfAnEmailThatIsDone counts the functions that the context
// of the whole handler keeps.
func TestFixedKeepsNothingOfAnEmailThatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		fixed := NewFixed(Mailer{server.DialPipe}, 2, 10, time.Hour, slog.New(slog.DiscardHandler))
		kept := &keeping{Context: fixed.abandoned}
		fixed.abandoned = kept
		accepted(t, fixed, 10)
		fixed.Shutdown(t.Context())
		if n, all := kept.now.Load(), kept.ever.Load(); n != 0 || all != 10 {
			t.Errorf("10 emails are done, but the context keeps %d functions of %d", n, all)
		}
	})
}

// keeping counts the functions that context.AfterFunc registers with a context.
type keeping struct {
	context.Context
	now, ever atomic.Int64
}

func (k *keeping) Value(any) any { return nil } // so that context calls AfterFunc below

func (k *keeping) AfterFunc(f func()) (stop func() bool) {
	k.now.Add(1)
	k.ever.Add(1)
	inner := context.AfterFunc(k.Context, f)
	return func() bool { k.now.Add(-1); return inner() }
}

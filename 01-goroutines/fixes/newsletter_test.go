package exercise_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/01-goroutines/fixes"
)

func TestNewsletterCloseBlocksUntilAllEmailsAreSent(t *testing.T) {
	alone(t, "section 1.5: Wait waits only for the goroutines that were counted before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int32
			const hour = time.Hour + time.Nanosecond // a poll every second or millisecond misses its end
			n := Newsletter{Send: func(string) error {
				time.Sleep(hour)
				sent.Add(1)
				return errors.New("mailbox full") // a failed email has been tried, and counts
			}}
			for _, address := range []string{"ada", "bob", "eve"} {
				n.Deliver(address)
			}
			began := time.Now()
			n.Close()
			took := time.Since(began)
			if got := sent.Load(); got != 3 {
				t.Errorf("Close returned when Send had returned for %d of 3 emails: the others are lost when the program ends", got)
			} else if took%hour != 0 {
				t.Errorf("Close returned %v after the last email was sent: it should return immediately, without polling or sleeping", took%hour)
			}
			time.Sleep(time.Hour)
			if got := sent.Load(); got != 3 {
				t.Errorf("Deliver was called for 3 addresses, and Send for %d", got)
			}
		})
	})
}

func TestNewsletterDeliverDoesNotBlock(t *testing.T) {
	alone(t, "section 1.5: start the goroutine, go on, and wait at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := Newsletter{Send: func(string) error { time.Sleep(time.Second); return nil }}
			began := time.Now()
			for i := range 1500 { // more than a limit or a buffer allows
				n.Deliver("ada")
				if d := time.Since(began); d != 0 {
					t.Fatalf("call %d of Deliver blocked for %v: the caller must not wait for the mail server", i+1, d)
				}
			}
			n.Close()
			time.Sleep(time.Hour)
		})
	})
}

func TestNewsletterCountsEmailsBeforeTheyAreSent(t *testing.T) {
	alone(t, "section 1.5: count a goroutine before it starts; after that it may end first", func(t *testing.T) {
		for range 100 {
			n := Newsletter{Send: func(string) error { return nil }} // so quick that the goroutine can end before Deliver
			n.Deliver("ada")
			n.Deliver("bob")
			n.Close()
		}
	})
}

func TestNewsletterCloseReturnsWhenNoEmailIsLeft(t *testing.T) {
	alone(t, "section 1.5: how does Close learn that no email is in flight, before the first one and between two?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, emails := range []int{0, 2} {
				n := Newsletter{Send: func(string) error { return nil }}
				for range emails {
					n.Deliver("ada")
					synctest.Wait() // until this email is sent
				}
				n.Close()
			}
		})
	})
}

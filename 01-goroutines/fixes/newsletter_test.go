package exercise

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewsletterCloseBlocksUntilAllEmailsAreSent(t *testing.T) {
	alone(t, "section 1.5: Wait waits only for the goroutines that were counted before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int32
			n := Newsletter{Send: func(string) error {
				time.Sleep(time.Second)
				sent.Add(1)
				return errors.New("mailbox full") // a failed email has been tried, and counts
			}}
			for _, address := range []string{"ada", "bob", "eve"} {
				n.Deliver(address)
			}
			n.Close()
			if got := sent.Load(); got != 3 {
				t.Errorf("Close returned when Send had returned for %d of 3 emails: the others are lost when the program ends", got)
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
			n.Deliver("ada")
			n.Deliver("bob")
			if d := time.Since(began); d != 0 {
				t.Errorf("Deliver was called twice and blocked for %v: the caller must not wait for the mail server", d)
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

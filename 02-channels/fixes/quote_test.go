package exercise_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/02-channels/fixes"
)

// supplier answers after d.
func supplier(d time.Duration, cents int, err error) func(string) (int, error) {
	return func(string) (int, error) {
		time.Sleep(d)
		return cents, err
	}
}

func TestQuoteReturnsTheAnswer(t *testing.T) {
	alone(t, "the send and the select: is an answer dropped that arrives before Quote receives (2.2)? select takes the case that is ready first (2.5)", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			unknown := errors.New("unknown item")
			for range 50 { // if two cases are ready, the first choice may be right by luck
				for _, d := range []time.Duration{0, time.Second - time.Nanosecond} {
					if cents, err := Quote("tea", supplier(d, 499, nil)); cents != 499 || err != nil {
						t.Fatalf("the supplier answers 499 after %v: got %d, %v", d, cents, err)
					}
					if _, err := Quote("tea", supplier(d, 0, unknown)); !errors.Is(err, unknown) {
						t.Fatalf("the supplier answers %q after %v: got error %v", unknown, d, err)
					}
				}
			}
		})
	})
}

func TestQuoteTimesOutAndLeavesNoGoroutineBehind(t *testing.T) {
	alone(t, "sections 2.1 and 2.2: when a send blocks, and what a buffer changes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := Quote("tea", supplier(time.Hour, 499, nil))
			if after := time.Since(began); after != time.Second || !errors.Is(err, ErrNoQuote) {
				t.Errorf("the supplier answers after an hour: Quote returned after %v with error %v, want ErrNoQuote after 1s", after, err)
			}
			Quote("tea", supplier(time.Hour, 0, errors.New("unknown item")))
			time.Sleep(time.Hour) // now ask has returned, and its goroutine must have ended
		})
	})
}

func TestQuoteLeavesNoGoroutineBehindIfTheAnswerArrivesAtTheTimeout(t *testing.T) {
	alone(t, "the statement that sends the answer: what if the receiver leaves just before it?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for range 50 {
				cents, err := Quote("tea", supplier(time.Second, 499, nil))
				if (cents != 499 || err != nil) && !errors.Is(err, ErrNoQuote) {
					t.Fatalf("the supplier answers 499 after 1s: got %d, %v, want the answer or ErrNoQuote", cents, err)
				}
			}
			time.Sleep(time.Hour)
		})
	})
}

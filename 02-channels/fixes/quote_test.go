package exercise

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// supplier answers after d.
func supplier(d time.Duration, cents int, err error) func(string) (int, error) {
	return func(string) (int, error) {
		time.Sleep(d)
		return cents, err
	}
}

func TestQuoteReturnsTheAnswer(t *testing.T) {
	alone(t, "section 2.5: select takes the case that is ready first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			unknown := errors.New("unknown item")
			for _, d := range []time.Duration{0, time.Second - time.Nanosecond} {
				if cents, err := Quote("tea", supplier(d, 499, nil)); cents != 499 || err != nil {
					t.Errorf("the supplier answers 499 after %v: got %d, %v", d, cents, err)
				}
				if _, err := Quote("tea", supplier(d, 0, unknown)); !errors.Is(err, unknown) {
					t.Errorf("the supplier answers %q after %v: got error %v", unknown, d, err)
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
			time.Sleep(time.Hour) // now ask has returned, and its goroutine must have ended
		})
	})
}

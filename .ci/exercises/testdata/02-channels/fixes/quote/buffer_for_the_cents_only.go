// Fails with: goroutines that it started are still blocked

package exercise

import (
	"errors"
	"time"
)

// ErrNoQuote is the error if a supplier does not answer in time.
var ErrNoQuote = errors.New("the supplier does not answer")

// Quote asks a supplier for the price of item and returns its answer. After one
// second without an answer it returns ErrNoQuote. ask has no way to be canceled,
// but it always returns eventually.
func Quote(item string, ask func(item string) (cents int, err error)) (int, error) {
	cents, failed := make(chan int, 1), make(chan error)
	go func() {
		c, err := ask(item)
		if err != nil {
			failed <- err
			return
		}
		cents <- c
	}()
	select {
	case c := <-cents:
		return c, nil
	case err := <-failed:
		return 0, err
	case <-time.After(time.Second):
		return 0, ErrNoQuote
	}
}

// Fails with: section 2.3 in chapter 02:

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
	type answer struct {
		cents int
		err   error
	}
	answers := make(chan answer)
	go func() {
		cents, err := ask(item)
		answers <- answer{cents, err}
	}()
	select {
	case a := <-answers:
		return a.cents, a.err
	case <-time.After(time.Second):
		close(answers)
		return 0, ErrNoQuote
	}
}

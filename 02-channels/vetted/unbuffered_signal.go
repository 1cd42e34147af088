//go:build ignore

package vetted

import (
	"os"
	"os/signal"
)

// wrongInterrupt loses a signal that arrives while no goroutine receives.
func wrongInterrupt() <-chan os.Signal {
	c := make(chan os.Signal)
	signal.Notify(c, os.Interrupt)
	return c
}

func rightInterrupt() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	return c
}

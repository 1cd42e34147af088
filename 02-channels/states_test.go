package main

import (
	"testing"
	"testing/synctest"
)

// TestStateDecidesWhatAnOperationDoes tries every operation in every state (claim 2.3).
func TestStateDecidesWhatAnOperationDoes(t *testing.T) {
	want := map[string][3]string{
		"nil":                {"waits", "waits", "panics: close of nil channel"},
		"open, empty":        {"passes", "waits", "passes"},
		"open, one inside":   {"passes", "gives 7, true", "passes"},
		"open, full":         {"waits", "gives 7, true", "passes"},
		"closed, one inside": {"panics: send on closed channel", "gives 7, true", "panics: close of closed channel"},
		"closed, empty":      {"panics: send on closed channel", "gives 0, false", "panics: close of closed channel"},
	}
	for _, state := range States {
		for i, operation := range []func(chan int) string{Send, Receive, Close} {
			name := [3]string{"send", "receive", "close"}[i]
			got, message := Try(operation, state.Make())
			if message != "" {
				got += ": " + message
			}
			if got != want[state.Name][i] {
				t.Errorf("%s on a channel that is %s: %s, and should be: %s", name, state.Name, got, want[state.Name][i])
			}
		}
	}
	if len(States) != len(want) {
		t.Errorf("%d states are tried, and there are %d", len(States), len(want))
	}
}

// TestWhatWaitsReallyWaits does not trust the default of a select (claim 2.3):
// it starts each operation that is said to wait and requires that its goroutine
// is blocked on it.
func TestWhatWaitsReallyWaits(t *testing.T) {
	for _, state := range States {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{}) // a goroutine on a nil channel could not be told to leave
			passed := make(chan string, 2)
			if outcome, _ := Try(Send, state.Make()); outcome == "waits" {
				go func() {
					select {
					case state.Make() <- 1:
						passed <- "send"
					case <-release:
					}
				}()
			}
			if outcome, _ := Try(Receive, state.Make()); outcome == "waits" {
				go func() {
					select {
					case <-state.Make():
						passed <- "receive"
					case <-release:
					}
				}()
			}
			synctest.Wait() // until every goroutine of the bubble is blocked or has ended
			if len(passed) > 0 {
				t.Errorf("a %s on a channel that is %s passed, and should wait", <-passed, state.Name)
			}
			close(release)
		})
	}
}

// TestClosingEndsARange ranges over a channel before and after it is closed (claim 2.3).
func TestClosingEndsARange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letters := filled(3, 3)
		values := make(chan int, 1)
		go func() { values <- Drain(letters) }()
		synctest.Wait()
		if len(values) > 0 {
			t.Fatalf("the range ended after %d values, though nobody closed the channel", <-values)
		}
		close(letters)
		if n := <-values; n != 3 {
			t.Errorf("the range gave %d values, and 3 were inside", n)
		}
	})
}

package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStateDecidesWhatAnOperationDoes tries every operation in every state (claim 2.3).
func TestStateDecidesWhatAnOperationDoes(t *testing.T) {
	want := map[string][3]string{
		"nil":                 {"blocks", "blocks", "panics: close of nil channel"},
		"unbuffered":          {"blocks", "blocks", "proceeds"},
		"buffered, empty":     {"proceeds", "blocks", "proceeds"},
		"buffered, one value": {"proceeds", "7, true", "proceeds"},
		"buffered, full":      {"blocks", "7, true", "proceeds"},
		"closed, one value":   {"panics: send on closed channel", "7, true", "panics: close of closed channel"},
		"closed, empty":       {"panics: send on closed channel", "0, false", "panics: close of closed channel"},
	}
	for _, state := range States {
		for i, operation := range Operations {
			name := [3]string{"send", "receive", "close"}[i]
			got, message := Try(operation, state.Make())
			if message != "" {
				got += ": " + message
			}
			if got != want[state.Name][i] {
				t.Errorf("%s on a channel that is %s: got %q, want %q", name, state.Name, got, want[state.Name][i])
			}
		}
	}
	if len(States) != len(want) {
		t.Errorf("the table has %d states, want %d", len(States), len(want))
	}
}

// TestTryingAnOperationTakesNoTime: one that cannot proceed returns without waiting (claim 2.3).
func TestTryingAnOperationTakesNoTime(t *testing.T) {
	for _, state := range States {
		for _, operation := range Operations {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				outcome, _ := Try(operation, state.Make())
				if took := time.Since(began); took != 0 {
					t.Errorf("on a channel that is %s an operation %s after %v, want immediately", state.Name, outcome, took)
				}
			})
		}
	}
}

// TestBlockedOperationStaysBlocked does not rely on the default of a select
// (claim 2.3): it starts a goroutine for each operation that is said to block
// and requires that the goroutine is blocked.
func TestBlockedOperationStaysBlocked(t *testing.T) {
	for _, state := range States {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{}) // or a goroutine that is blocked on a nil channel would stay
			proceeded := make(chan string, 2)
			if outcome, _ := Try(Send, state.Make()); outcome == "blocks" {
				go func() {
					select {
					case state.Make() <- 1:
						proceeded <- "send"
					case <-release:
					}
				}()
			}
			if outcome, _ := Try(Receive, state.Make()); outcome == "blocks" {
				go func() {
					select {
					case <-state.Make():
						proceeded <- "receive"
					case <-release:
					}
				}()
			}
			synctest.Wait() // until every goroutine of the bubble is blocked or has ended
			if len(proceeded) > 0 {
				t.Errorf("a %s on a channel that is %s proceeded; it should block", <-proceeded, state.Name)
			}
			close(release)
		})
	}
}

// TestRangeEndsWhenTheChannelIsClosed ranges over a channel before and after it
// is closed (claim 2.3).
func TestRangeEndsWhenTheChannelIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letters := filled(3, 3)
		values := make(chan int, 1)
		go func() { values <- Drain(letters) }()
		synctest.Wait()
		if len(values) > 0 {
			t.Fatalf("the range ended after %d values, but the channel is open", <-values)
		}
		close(letters)
		if n := <-values; n != 3 {
			t.Errorf("the range received %d values, want 3", n)
		}
	})
}

// TestZeroIsAValueLikeAnyOther sends 0: ok, and not the value, tells it from a closed channel.
func TestZeroIsAValueLikeAnyOther(t *testing.T) {
	c := make(chan int, 2)
	c <- 0
	if got := Receive(c); got != "0, true" {
		t.Errorf("a receive of 0 returned %q, want \"0, true\"", got)
	}
	c <- 0
	c <- 7
	close(c)
	if n := Drain(c); n != 2 {
		t.Errorf("a range over 0 and 7 received %d values", n)
	}
}

// TestStatesHaveTheValuesOfTheirNames looks into their buffers.
func TestStatesHaveTheValuesOfTheirNames(t *testing.T) {
	for _, state := range States {
		c := state.Make()
		values := 0
		if strings.HasSuffix(state.Name, "one value") || strings.HasSuffix(state.Name, "full") {
			values = 1
		}
		if len(c) != values || (cap(c) > 0) != strings.Contains(state.Name, ",") || strings.HasSuffix(state.Name, "full") && cap(c) != 1 {
			t.Errorf("the channel that is %s has %d values and a capacity of %d", state.Name, len(c), cap(c))
		}
	}
}

// TestFilledHasNSevens looks into the buffer of filled.
func TestFilledHasNSevens(t *testing.T) {
	c := filled(3, 2)
	if got := fmt.Sprint(cap(c), len(c), <-c, <-c); got != "3 2 7 7" {
		t.Errorf("capacity, length and values are %s, want 3 2 7 7", got)
	}
}

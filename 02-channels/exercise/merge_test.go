package exercise_test

import (
	"context"
	_ "embed"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/02-channels/exercise"
)

//go:embed merge.go
var mergeSource string

var tasks = []task{{
	file: "merge.go", source: mergeSource, untouched: 0x9937ebe9,
	solution:   "SOLUTION.md",
	learned:    "Close a channel on the sending side, once, after the last sender has returned. Every send or receive that could block forever needs a select with ctx.Done().",
	interleave: true,
}}

// The clock in most checks is fake: an hour passes as soon as all goroutines are
// blocked. A goroutine that waits for a mutex stops this clock. So no check lets time
// pass while several values wait: there, a Merge with a lock around each send is correct.

// every returns an input that sends one value per interval and is then closed.
func every(d time.Duration, values ...string) <-chan string {
	c := make(chan string)
	go func() {
		defer close(c)
		for _, v := range values {
			time.Sleep(d)
			c <- v
		}
	}()
	return c
}

// full returns an input that has the values in its buffer.
func full(values ...string) chan string {
	c := make(chan string, len(values))
	for _, v := range values {
		c <- v
	}
	return c
}

// left reports whether a goroutine is still in Merge, or was started there.
func left() bool {
	settle()
	return strings.Contains(stacks(), ".Merge[")
}

const zeroValue = "Merge sent a zero value that no input has: a receive from a closed channel returns it immediately, every time"

func TestValueIsDeliveredAsSoonAsAnInputHasIt(t *testing.T) {
	alone(t, "section 2.1: a receive blocks for one channel, so each input needs a goroutine of its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const ready = time.Second + time.Nanosecond // a poll every second or millisecond does not hit it
			start := time.Now()
			out := Merge(t.Context(), every(time.Hour, "slow"), every(ready, "fast"))
			first := <-out
			switch after := time.Since(start); {
			case first == "slow":
				t.Fatalf("the second input had a value after 1 s, but Merge first delivered that of the first input, after %v: it reads one input at a time", after)
			case after >= time.Hour:
				t.Fatalf("an input had a value after 1 s, but Merge delivered it after %v, when all inputs were closed: it collects the values first", after)
			case after != ready:
				t.Fatalf("an input had a value after %v, but Merge delivered it after %v: it polls. Block in a receive instead", ready, after)
			}
			switch v, ok := <-out; {
			case !ok:
				t.Error("the result was closed when the first input was closed, but the other one still had a value to send")
			case v == "":
				t.Error(zeroValue)
			case v != "slow":
				t.Errorf("after %q Merge delivered %q, want the value of the other input: each value exactly once", first, v)
			}
		})
	})
}

func TestEachOfManyInputsIsReadWhileTheOthersAreSilent(t *testing.T) {
	alone(t, "the loop over the inputs: is each one read from the start, however many there are?", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		inputs := make([]chan string, 100)
		var in []<-chan string
		for i := range inputs {
			inputs[i] = make(chan string)
			in = append(in, inputs[i])
		}
		out := Merge(ctx, in...)
		for i := range inputs {
			i = len(inputs) - 1 - i
			otherwise("input %d of %d has a value and the others are silent, but Merge does not receive it", i+1, len(inputs))
			inputs[i] <- "news"
			otherwise("Merge received a value of input %d of %d and the others are silent, but Merge does not deliver it\n→ section 2.1: a send blocks until the value is received. Does Merge drop a value for which no goroutine waits yet?", i+1, len(inputs))
			if v := <-out; v != "news" {
				t.Fatal(zeroValue)
			}
		}
	})
}

func TestSilentInputIsStillOpen(t *testing.T) {
	alone(t, "section 2.3: only close ends an input. How does a receive report it?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const year = 365 * 24 * time.Hour
			if v, ok := <-Merge(t.Context(), every(year, "late"), every(time.Second)); v != "late" || !ok {
				t.Errorf("an input was silent for a year and then had a value, but Merge delivered %q, open %t, want \"late\", open true: silence does not mean that an input is closed", v, ok)
			}
		})
	})
}

func TestEachValueIsDeliveredOnceInTheOrderOfItsInput(t *testing.T) {
	alone(t, "section 2.3: what a receive returns, and when", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			inputs := []string{"a1 a2 a3 a4 a5 a6 a7 a8 a9", "b1 b2 b3", "c1"}
			got := make(map[byte][]string) // by input
			for v := range Merge(t.Context(), every(time.Second, strings.Fields(inputs[0])...), every(time.Second, strings.Fields(inputs[1])...), every(time.Minute, inputs[2])) {
				if v == "" {
					t.Fatal(zeroValue)
				}
				got[v[0]] = append(got[v[0]], v)
			}
			for _, input := range inputs {
				if delivered := strings.Join(got[input[0]], " "); delivered != input {
					t.Fatalf("an input sent %q, but Merge delivered %q of it: values were lost, duplicated or reordered", input, delivered)
				}
			}
		})
	})
}

func TestSlowReceiverGetsEveryValue(t *testing.T) {
	alone(t, "section 2.1: a send blocks until the value is received, however long that takes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const values = 20
			burst := make(chan string, values)
			go func() {
				for n := range values {
					if n%5 == 0 {
						time.Sleep(time.Minute) // then five values without a pause
					}
					burst <- fmt.Sprint(n)
				}
				close(burst)
			}()
			receiveSlowly(t, func() { time.Sleep(time.Minute) }, values, burst)
		})
		const inputs, values = 10, 20 // and now many inputs at the same time, without a clock
		var in []<-chan string
		for range inputs {
			c := make(chan string, values)
			for n := range values {
				c <- fmt.Sprint(n)
			}
			close(c)
			in = append(in, c)
		}
		receiveSlowly(t, settle, inputs*values, in...)
	})
}

// receiveSlowly pauses 20 times, and requires all values.
func receiveSlowly(t *testing.T, pause func(), want int, inputs ...<-chan string) {
	t.Helper()
	counts := make(map[string]int)
	last, got := -1, 0
	pauses := max(1, want/20) // values between two pauses
	for v := range Merge(t.Context(), inputs...) {
		n := 0
		if fmt.Sscan(v, &n); v == "" {
			t.Fatal(zeroValue)
		}
		if len(inputs) == 1 && n != last+1 {
			t.Fatalf("a slow receiver got value %d of an input after value %d: values were lost, duplicated or reordered", n, last)
		}
		last = n
		got++
		if counts[v]++; counts[v] > len(inputs) {
			t.Fatalf("a slow receiver got value %d of %d inputs %d times: values were duplicated", n, len(inputs), counts[v])
		}
		if got%pauses == 0 {
			pause()
		}
	}
	if got != want {
		t.Fatalf("a slow receiver got %d of %d values: the others were lost", got, want)
	}
}

func TestReceiverSetsThePace(t *testing.T) {
	alone(t, "section 2.2: backpressure, and what a buffer does to it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		input := full(strings.Fields(strings.Repeat("news ", 100))...)
		out := Merge(ctx, input)
		settle()
		if taken := 100 - len(input); out == input {
			t.Error("there is one input, and Merge returned it: it stays open when ctx is canceled, and its buffer is not the receiver's pace")
		} else if cap(out) > 0 {
			t.Errorf("the result has a buffer of %d values, want none: a slow receiver would get old values", cap(out))
		} else if taken > 4 {
			t.Errorf("no goroutine receives from the result, but Merge took %d of 100 values from its input: with a slow receiver they fill the memory, or are lost", taken)
		}
		cancel()
	})
}

func TestResultIsClosedWhenAllInputsAre(t *testing.T) {
	alone(t, "section 2.3: which goroutine closes the result, and how does it know that no other one sends any more?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := Merge(ctx, every(time.Second, "a"), every(time.Second), every(time.Hour, "b"))
			for i := range 2 {
				if _, ok := <-out; !ok {
					t.Fatalf("the result was closed after %d of 2 values: one input was closed, but another one was still open", i)
				}
			}
			requireClosed(t, out, "all inputs are closed")
			requireClosed(t, Merge[string](ctx), "there are no inputs")
			if left() {
				t.Error("all inputs are closed, but a goroutine of Merge remains: it would stay until ctx is done")
			}
		})
	})
}

// requireClosed reports an error if the result is still open when all goroutines are blocked.
func requireClosed(t *testing.T, out <-chan string, when string) {
	t.Helper()
	settle()
	select {
	case v, ok := <-out:
		if ok {
			t.Errorf("%s, but the result delivered %q, want it closed", when, v)
		}
	default:
		t.Errorf("%s, but the result is still open and no goroutine closes it: a range over it blocks forever", when)
	}
}

// afterCancel cancels ctx while no goroutine receives, and requires that Merge has ended.
func afterCancel(t *testing.T, blocked string, inputs ...<-chan string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := Merge(ctx, inputs...)
	settle()
	cancel()
	if left() {
		t.Errorf("ctx is canceled, but a goroutine of Merge remains: it %s", blocked)
		return
	}
	requireClosed(t, out, "ctx is canceled")
}

func TestCancelEndsMergeWhileAnInputIsSilent(t *testing.T) {
	alone(t, "section 2.5: a receive blocks for one channel, a select for several", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			afterCancel(t, "ignores ctx while it receives from a silent input", make(chan string), nil)
		})
	})
}

func TestCancelEndsMergeWhileNothingReceives(t *testing.T) {
	alone(t, "section 2.5: a send can be a case of a select, too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			afterCancel(t, "ignores ctx while it sends, and no goroutine receives", full("some", "more", "news"), full("others"))
		})
	})
}

// TestCancelWhileValuesFlow cancels at any moment: at any line of Merge.
func TestCancelWhileValuesFlow(t *testing.T) {
	alone(t, "section 2.3: which goroutine closes the result, and how does it know that no other one sends any more?", func(t *testing.T) {
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			stop := make(chan struct{})
			busy := func() <-chan string {
				c := make(chan string)
				go func() {
					for {
						select {
						case c <- "news":
						case <-stop:
							return
						}
					}
				}()
				return c
			}
			out := Merge(ctx, busy(), busy(), busy(), busy())
			for range 50 {
				<-out
			}
			go cancel()
			n := 0
			for range out {
				if n++; n == 20_000 {
					t.Fatal("ctx is canceled, but Merge delivered 20,000 more values: it does not check ctx while its inputs have values and a goroutine receives them")
				}
				runtime.Gosched() // to the goroutine that cancels
			}
			close(stop)
		}
	})
}

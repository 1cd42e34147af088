package exercise

import (
	"context"
	_ "embed"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

//go:embed merge.go
var mergeSource string

var tasks = []task{{
	file: "merge.go", source: mergeSource, untouched: 0x3e9fed7b,
	solution:   "SOLUTION.md",
	learned:    "LEARNED.",
	interleave: true,
}}

// every sends the values so far apart, and then closes.
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

// full has the values already, so that nothing but Merge waits for anything.
func full(values ...string) chan string {
	c := make(chan string, len(values))
	for _, v := range values {
		c <- v
	}
	return c
}

// left reports whether a goroutine is still in Merge, or was started there. After
// synctest.Wait that is no question of time: those that can end have ended.
func left() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), ".Merge[")
}

func TestAnUpdateIsHandedOnWhenItIsThere(t *testing.T) {
	alone(t, "2.1 in the program: a receive waits for one channel, so each input needs somebody who waits for it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const there = time.Second + time.Nanosecond // nobody looks again at that very moment by accident
			began := time.Now()
			out := Merge(t.Context(), every(time.Hour, "slow"), every(there, "quick"))
			first := <-out
			switch after := time.Since(began); {
			case first == "slow":
				t.Errorf("the quick input had a value after a second, and what came out first was that of the slow one, after %v: they are read one after the other", after)
			case after >= time.Hour:
				t.Errorf("an input had a value after a second, and it came out after %v, when all inputs were closed: the values are collected first", after)
			case after != there:
				t.Errorf("an input had a value after %v, and it came out after %v: whoever looks now and then comes late, so wait for it", there, after)
			}
			switch v, ok := <-out; {
			case !ok:
				t.Error("the result was closed when one input was: the other still had a value to come")
			case v == "":
				t.Error("what came out is not what went in, but the zero value: a closed input gives that, for ever")
			case v != "slow":
				t.Errorf("after %q of the quick input came %q: each value once", first, v)
			}
		})
	})
}

func TestEveryValueComesOnceInTheOrderOfItsInput(t *testing.T) {
	alone(t, "2.3 in the program: what a receive gives, and when", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			inputs := []string{"a1 a2 a3 a4 a5 a6 a7 a8 a9", "b1 b2 b3", "c1"}
			got := make(map[byte][]string) // by input
			for v := range Merge(t.Context(), every(time.Second, strings.Fields(inputs[0])...), every(time.Second, strings.Fields(inputs[1])...), every(time.Minute, inputs[2])) {
				if v == "" {
					t.Fatal("what came out is not what went in, but the zero value: a closed input gives that, for ever")
				}
				got[v[0]] = append(got[v[0]], v)
			}
			for _, input := range inputs {
				if came := strings.Join(got[input[0]], " "); came != input {
					t.Errorf("an input had %q, and what came of it is %q: some values were lost, came twice, or have changed places", input, came)
				}
			}
		})
	})
}

func TestASlowReaderLosesNothing(t *testing.T) {
	alone(t, "2.1 in the program: a send waits for its receiver, however long that takes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const inputs, values = 10, 20
			var in []<-chan string
			for i := range inputs {
				c := make(chan string, values)
				go func() {
					for n := range values {
						if n%5 == 0 {
							time.Sleep(time.Minute) // and then five at once
						}
						c <- fmt.Sprint(i, " ", n)
					}
					close(c)
				}()
				in = append(in, c)
			}
			next := make([]int, inputs)
			for v := range Merge(t.Context(), in...) {
				var i, n int
				if fmt.Sscan(v, &i, &n); v == "" {
					t.Fatal("what came out is not what went in, but the zero value: a closed input gives that, for ever")
				}
				if n != next[i] {
					t.Fatalf("a slow reader got value %d of an input, and value %d was to come: some were lost, came twice, or have changed places", n, next[i])
				}
				next[i]++
				if n > values/2 {
					time.Sleep(time.Minute)
				}
			}
			for i, n := range next {
				if n != values {
					t.Fatalf("a slow reader got %d of %d values of input %d of %d: the others were lost", n, values, i+1, inputs)
				}
			}
		})
	})
}

func TestTheEndOfCtxMayComeInTheMiddle(t *testing.T) {
	alone(t, "2.3 in the program: who closes, and when does nobody send any more?", func(t *testing.T) {
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			stop := make(chan struct{})
			talk := func() <-chan string {
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
			out := Merge(ctx, talk(), talk(), talk(), talk())
			for range 50 {
				<-out
			}
			go cancel()
			n := 0
			for range out {
				if n++; n == 100_000 {
					t.Fatal("ctx has ended, the inputs talk and the reader reads, and the result is never closed: nobody looks at ctx")
				}
			}
			close(stop)
		}
	})
}

func TestTheReaderSetsThePace(t *testing.T) {
	alone(t, "2.2 in the program: backpressure, and what a buffer does to it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			input := full(strings.Fields(strings.Repeat("news ", 100))...)
			out := Merge(ctx, input)
			synctest.Wait()
			if taken := 100 - len(input); cap(out) > 0 {
				t.Errorf("the result has room for %d values: that is old news by the time when a slow reader gets it", cap(out))
			} else if taken > 4 {
				t.Errorf("nobody reads, and %d of 100 values were taken all the same: with a slow reader they would fill the memory, or be lost", taken)
			}
			cancel()
			close(input)
			for range 100 { // whoever waits to send may do so, and end
				synctest.Wait()
				select {
				case <-out:
				default:
				}
			}
		})
	})
}

func TestTheResultIsClosedWhenAllInputsAre(t *testing.T) {
	alone(t, "2.3 in the program: who closes, and when does nobody send any more?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			out := Merge(t.Context(), every(time.Second, "a"), every(time.Second), every(time.Hour, "b"))
			for i := range 2 {
				if _, ok := <-out; !ok {
					t.Errorf("the result was closed when %d of 2 values were through: one input was done, and another was not", i)
					return
				}
			}
			isClosed(t, out, "all inputs are closed")
			if left() {
				t.Error("all inputs are closed and the result is, and a goroutine of Merge is still there: ctx may go on for a long time")
			}
			isClosed(t, Merge[string](t.Context()), "there are no inputs at all")
		})
	})
}

// isClosed reports an error if the result is not closed when nothing more happens by itself.
func isClosed(t *testing.T, out <-chan string, when string) {
	synctest.Wait()
	select {
	case v, ok := <-out:
		if ok {
			t.Errorf("%s, and %q still comes out", when, v)
		}
	default:
		t.Errorf("%s, and the result is still open when nothing more happens at that moment: whoever ranges over it waits", when)
	}
}

// end cancels ctx while nobody reads, and reports who stays all the same.
func end(t *testing.T, who string, inputs ...<-chan string) {
	ctx, cancel := context.WithCancel(t.Context())
	out := Merge(ctx, inputs...)
	synctest.Wait() // all that Merge has started waits for something now
	cancel()
	synctest.Wait()
	if left() {
		t.Errorf("ctx has ended, and a goroutine of Merge still waits for %s", who)
		return
	}
	isClosed(t, out, "ctx has ended")
}

func TestNobodyWaitsForASilentInputWhenCtxEnds(t *testing.T) {
	alone(t, "2.5 in the program: select waits for several things, a receive for one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			end(t, "an input that stays silent", make(chan string), nil)
		})
	})
}

func TestNobodyWaitsForAReaderWhoHasLeft(t *testing.T) {
	alone(t, "2.5 in the program: a send can stand in a select, too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			end(t, "a reader who has left", full("some", "more", "news"), full("others"))
		})
	})
}

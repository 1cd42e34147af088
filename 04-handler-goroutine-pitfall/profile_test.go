package main

import (
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
)

// The lines where goroutines block.
var (
	send   = lineOf("leaky.go", "l.Mailer.Send(")
	answer = lineOf("abandoned.go", "answer <- ask()")
)

// lineOf returns the place of the first line of a source file that contains the text.
func lineOf(file, text string) string {
	all, _ := source.ReadFile(file)
	before, _, _ := strings.Cut(string(all), text)
	return fmt.Sprintf("%s:%d", file, strings.Count(before, "\n")+1)
}

// leaks runs the child process that leaks goroutines in two ways, and returns
// the rows that it prints: what each profile says of them.
func leaks(t *testing.T, env ...string) string {
	t.Helper()
	out, status, err := runRole("leaks", "", env...)
	if status != 0 || err != nil {
		t.Fatalf("status %d, %v\n%s", status, err, out)
	}
	rows := "goroutine goroutine"
	if pprof.Lookup("goroutineleak") != nil {
		rows += " goroutineleak goroutineleak"
	}
	var got []string
	for line := range strings.Lines(out) {
		profile, _, _ := strings.Cut(line, " ")
		got = append(got, profile)
	}
	if strings.Join(got, " ") != rows {
		t.Errorf("got rows of the profiles %q, want %q:\n%s", got, rows, out)
	}
	return out
}

// TestGoroutineProfileNamesTheLineAndTheNumber finds both leaks (claim 4.9), on one CPU, too:
// there the goroutines have not reached their send when the program has started them.
func TestGoroutineProfileNamesTheLineAndTheNumber(t *testing.T) {
	for _, env := range [][]string{nil, {"GOMAXPROCS=1"}} {
		out := leaks(t, env...)
		for _, want := range []string{"goroutine network " + send + " 10\n", "goroutine channel " + answer + " 10\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s the goroutine profile must have %q, got:\n%s", env, want, out)
			}
		}
	}
}

// TestGoroutineLeakProfileFindsBlockedSenders (claim 4.9).
func TestGoroutineLeakProfileFindsBlockedSenders(t *testing.T) {
	needsLeakProfile(t)
	if out := leaks(t); !strings.Contains(out, "goroutineleak channel "+answer+" 10\n") {
		t.Errorf("the goroutineleak profile must list the 10 blocked senders, got:\n%s", out)
	}
}

// TestGoroutineLeakProfileMissesTheNetwork has goroutines that are blocked on a
// connection (negative control of 4.9). Data may still arrive, so the runtime
// cannot know that they leak.
func TestGoroutineLeakProfileMissesTheNetwork(t *testing.T) {
	needsLeakProfile(t)
	if out := leaks(t); !strings.Contains(out, "goroutineleak network - 0\n") {
		t.Errorf("the goroutineleak profile must not list goroutines blocked on the network, got:\n%s", out)
	}
}

func needsLeakProfile(t *testing.T) {
	t.Helper()
	if pprof.Lookup("goroutineleak") == nil {
		t.Skip("needs Go 1.27, or Go 1.26 with GOEXPERIMENT=goroutineleakprofile")
	}
}

// TestBlockedCountsEachGoroutineOnce, although the function is in its stack many times.
func TestBlockedCountsEachGoroutineOnce(t *testing.T) {
	const goroutines = 3
	parked, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for i := range goroutines { // each with another stack, so each has a record of its own
		wg.Go(func() { recurse(5+i, func() { parked <- struct{}{}; <-leave }) })
	}
	for range goroutines {
		<-parked
	}
	if got, _, _ := Blocked("goroutine", "recurse+"); got != goroutines {
		t.Errorf("%d goroutines have the function in their stacks, but Blocked found %d", goroutines, got)
	}
	if got, _, _ := Blocked("goroutine", "curse+"); got != 0 {
		t.Errorf("no function has this prefix, but Blocked found %d", got)
	}
	close(leave)
	wg.Wait()
}

// TestUnknownProfileIsReported by Blocked, as one that this Go does not have.
func TestUnknownProfileIsReported(t *testing.T) {
	if n, line, ok := Blocked("nosuchprofile", "recurse"); n != 0 || line != "" || ok {
		t.Errorf("got %d, %q, %t; want 0, nothing, false", n, line, ok)
	}
}

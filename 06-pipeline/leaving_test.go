package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// takeThree is a consumer that returns after three items of an endless source,
// with two stages in between.
func takeThree(p *Pipeline) error {
	taken := 0
	for range Stage(p, 1, Stage(p, 1, Source(p, endless), taking(time.Second)), taking(time.Second)) {
		if taken++; taken == 3 {
			break
		}
	}
	return nil
}

// TestConsumerThatReturnsEarlyCancelsAllStages returns after three items (claim
// 6.4). That is no error, it takes no time, and no goroutine remains: otherwise
// the end of the bubble would be a panic.
func TestConsumerThatReturnsEarlyCancelsAllStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Run(t.Context(), takeThree); err != nil {
			t.Errorf("the consumer returned early, and Run returned %v; want nil", err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("three items take 4s, and Run returned after %v: a stage did not stop", took)
		}
		if n := StagesAlive(); n != 0 {
			t.Errorf("the consumer has returned, but %d goroutines of the stages remain", n)
		}
	})
}

// TestConsumerThatPanicsCancelsAllStages leaves body by a panic, which goes on
// afterwards, and by runtime.Goexit, as t.FailNow does (claim 6.4). One more stage takes
// a second to end.
func TestConsumerThatPanicsCancelsAllStages(t *testing.T) {
	for name, leave := range map[string]func(){"panics": func() { panic("a bug") }, "calls Goexit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			value := make(chan any)
			go func() {
				defer func() { value <- recover() }()
				Run(t.Context(), func(p *Pipeline) error {
					takeThree(p)
					Source(p, func(ctx context.Context, _ func(int) error) error { <-ctx.Done(); time.Sleep(time.Second); return nil })
					leave()
					return nil
				})
			}()
			if v := <-value; (v == "a bug") != (name == "panics") {
				t.Errorf("the consumer %s: recover returned %v", name, v)
			}
			if n := StagesAlive(); n != 0 {
				t.Errorf("the consumer %s, and %d goroutines of the stages remain", name, n)
			}
		})
	}
}

// TestStagesAliveCountsThousandsOfGoroutines has a stage of more workers than one
// megabyte of stacks shows, and with deeper stacks of more than two (claim 6.4).
func TestStagesAliveCountsThousandsOfGoroutines(t *testing.T) {
	const workers = 2500
	for _, depth := range []int{0, 20} {
		if err := Run(t.Context(), func(p *Pipeline) error {
			var here sync.WaitGroup
			here.Add(workers)
			Stage(p, workers, countTo(p, workers+1), func(ctx context.Context, n int) (int, error) {
				if n <= workers {
					here.Done()
				}
				blockIn(ctx, depth)
				return n, nil
			})
			here.Wait()
			if n := StagesAlive(); n < workers || n > workers+1 { // and perhaps the source
				t.Errorf("depth %d: StagesAlive returned %d, want %d workers and the source", depth, n, workers)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// blockIn blocks until ctx is done, in a stack that has more calls by depth.
func blockIn(ctx context.Context, depth int) {
	if depth > 0 {
		blockIn(ctx, depth-1)
	}
	<-ctx.Done()
}

// TestUncanceledStagesBlockForever runs the wrong version in a child process
// (negative control of 6.4). The three goroutines block in a send, and the runtime,
// which sees the whole bubble, reports that no goroutine will ever receive.
func TestUncanceledStagesBlockForever(t *testing.T) {
	const role = "PIPELINE_ROLE"
	for _, want := range []error{nil, errBroken} {
		if err := RunUncanceled(func(*Pipeline) error { return want }); err != want {
			t.Errorf("body returned %v, and RunUncanceled %v", want, err)
		}
	}
	if os.Getenv(role) == "uncanceled" {
		synctest.Test(t, func(t *testing.T) {
			RunUncanceled(takeThree)
			time.Sleep(24 * time.Hour) // the stages fill the buffers
			if n := StagesAlive(); n != 3 {
				t.Errorf("StagesAlive returned %d, want 3", n)
			}
		})
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), role+"=uncanceled", "GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0")
	out, _ := child.CombinedOutput()
	if status := child.ProcessState.ExitCode(); status != 2 {
		t.Errorf("exit status %d, want 2: the stages should block forever\n%s", status, out)
	}
	if want := "deadlock: main bubble goroutine has exited but blocked goroutines remain"; !strings.Contains(string(out), want) {
		t.Errorf("the runtime does not report %q\n%s", want, out)
	}
	if strings.Contains(string(out), "StagesAlive returned") {
		t.Errorf("%s", out)
	}
	blocked := 0
	for stack := range strings.SplitSeq(string(out), "\n\n") {
		if strings.Contains(stack, "[select (durable)") && strings.Contains(stack, ".send[") {
			blocked++
		}
	}
	if blocked != 3 {
		t.Errorf("%d goroutines block in send, want 3: the source and the two stages\n%s", blocked, out)
	}
}

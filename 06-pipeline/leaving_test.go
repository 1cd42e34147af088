package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// takeThree is a consumer that leaves after three items of an endless source, with
// two stages in between.
func takeThree(p *Pipeline) error {
	numbers := Source(p, func(_ context.Context, emit func(int) error) error {
		for n := 0; ; n++ {
			if err := emit(n); err != nil {
				return err
			}
		}
	})
	taken := 0
	for range Stage(p, 1, Stage(p, 1, numbers, taking(time.Second)), taking(time.Second)) {
		if taken++; taken == 3 {
			break
		}
	}
	return nil
}

// TestConsumerThatLeavesEndsAllStages leaves after three items (claim 6.4). That
// is no error, it takes no time, and no goroutine remains: if one did, the end of
// the bubble would be a panic.
func TestConsumerThatLeavesEndsAllStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Run(t.Context(), takeThree); err != nil {
			t.Errorf("leaving early is no error, and Run returned %v", err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("three items take 4 s, and Run returned after %v: some stage did not hear of the stop", took)
		}
		if n := StagesAlive(); n != 0 {
			t.Errorf("the consumer has left, and %d goroutines of the stages remain", n)
		}
	})
}

// TestPanickingConsumerEndsAllStages leaves by a panic (claim 6.4): the stages
// are told all the same.
func TestPanickingConsumerEndsAllStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		func() {
			defer func() { recover() }()
			Run(t.Context(), func(p *Pipeline) error {
				takeThree(p)
				panic("a bug in the consumer")
			})
		}()
		if n := StagesAlive(); n != 0 {
			t.Errorf("the consumer panicked, and %d goroutines of the stages remain", n)
		}
	})
}

// TestConsumerThatTellsNobodyLeavesThemStuck runs the wrong version in a child
// process (negative control of 6.4). All three goroutines upstream are stuck, and the
// runtime, which sees the whole bubble, says that it is for ever.
func TestConsumerThatTellsNobodyLeavesThemStuck(t *testing.T) {
	const role = "PIPELINE_ROLE"
	if os.Getenv(role) == "untold" {
		synctest.Test(t, func(t *testing.T) {
			RunUntold(takeThree)
			time.Sleep(24 * time.Hour) // in which the stages fill what room there is
		})
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), role+"=untold", "GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0")
	out, _ := child.CombinedOutput()
	t.Logf("a consumer that tells nobody:\n%s", out)
	if status := child.ProcessState.ExitCode(); status != 2 {
		t.Errorf("exit status %d, not 2: the stages should be stuck, and the runtime should say so", status)
	}
	if want := "deadlock: main bubble goroutine has exited but blocked goroutines remain"; !strings.Contains(string(out), want) {
		t.Errorf("the runtime does not say %q: the stages are not stuck", want)
	}
	stuck := 0
	for stack := range strings.SplitSeq(string(out), "\n\n") {
		if strings.Contains(stack, "[select (durable)") && strings.Contains(stack, ".send[") {
			stuck++
		}
	}
	if stuck != 3 {
		t.Errorf("%d goroutines are stuck in a send, not those of the source and the two stages", stuck)
	}
}

package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test binary play the roles that end a process: see roles.go.
func TestMain(m *testing.M) {
	if playRole() {
		return
	}
	buildDir, _ = os.MkdirTemp("", "goroutines")
	status := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(status)
}

var buildDir string // for what the tests build, removed when they end

// TestWaitGroupWaitsForItsGoroutines runs the main that waits (claim 1.5).
func TestWaitGroupWaitsForItsGoroutines(t *testing.T) {
	out, status, err := runRole("waits", "")
	if out != "mail sent\n" || status != 0 || err != nil {
		t.Errorf("main did not wait for its goroutine: it printed %q, exit status %d, %v", out, status, err)
	}
}

// TestMainThatReturnsFirstLosesTheOutput runs the main that does not wait (counter-proof of 1.5).
func TestMainThatReturnsFirstLosesTheOutput(t *testing.T) {
	out, status, err := runRole("returns first", "")
	if out != "" || status != 0 || err != nil {
		t.Errorf("want the work lost without a word: it printed %q, exit status %d, %v", out, status, err)
	}
}

// TestPanicRecoveredInItsGoroutineBecomesAnError is the mend (claim 1.7).
func TestPanicRecoveredInItsGoroutineBecomesAnError(t *testing.T) {
	err := <-Result(func() error { return openMailbox(nil) })
	p, ok := errors.AsType[*PanicError](err)
	if !ok {
		t.Fatalf("got %v, and wanted the panic as an error", err)
	}
	if !strings.Contains(string(p.Stack), "openMailbox") {
		t.Errorf("the stack does not lead to the function that panicked:\n%s", p.Stack)
	}
	if err := <-Result(func() error { return nil }); err != nil {
		t.Errorf("a function that does not panic gave %v", err)
	}
}

// TestPanicInAGoroutineEndsTheProgram runs the program whose recover stands in
// the wrong goroutine (counter-proof of 1.7).
func TestPanicInAGoroutineEndsTheProgram(t *testing.T) {
	out, status, err := runRole("panics", "")
	t.Logf("exit status %d\n%s", status, out)
	if status != 2 || err != nil {
		t.Errorf("want the whole process dead with status 2, got %d, %v", status, err)
	}
	if !strings.HasPrefix(out, "panic: assignment to entry in nil map\n") || strings.Contains(out, "never printed") {
		t.Error("want the panic as its first words, and nothing from main")
	}
}

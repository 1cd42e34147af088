package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDirectionsThatAreKeptCompile type-checks the right program (claim 2.6).
func TestDirectionsThatAreKeptCompile(t *testing.T) {
	if err := Check(RightDirection); err != nil {
		t.Errorf("a worker that receives jobs and sends results should compile: %v", err)
	}
}

// TestReceivingFromASendOnlyChannelDoesNotCompile type-checks the wrong one (counter-proof of 2.6).
func TestReceivingFromASendOnlyChannelDoesNotCompile(t *testing.T) {
	err := Check(WrongDirection)
	if err == nil || !strings.Contains(err.Error(), "cannot receive from send-only channel") {
		t.Errorf("a receive from a send-only channel should not compile, and the compiler says: %v", err)
	}
}

// TestRuntimeSaysWhenEveryGoroutineWaits runs a program that waits for itself
// (counter-proof of 2.7).
func TestRuntimeSaysWhenEveryGoroutineWaits(t *testing.T) {
	out, status, err := runRole(withoutRaceDetector(t), "everyone waits", time.Minute)
	if err != nil {
		t.Fatalf("the child neither went on nor ended: %v", err)
	}
	t.Logf("exit status %d\n%s", status, out)
	if status != 2 || !strings.HasPrefix(out, "fatal error: all goroutines are asleep - deadlock!\n") {
		t.Errorf("every goroutine waited, and the runtime did not say so: exit status %d", status)
	}
}

// withoutRaceDetector returns this program built without it, since the runtime
// does not look for deadlocks under it: the test binary itself if it has none.
func withoutRaceDetector(t *testing.T) (program string) {
	t.Helper()
	program, err := os.Executable()
	if raceDetector() {
		program = filepath.Join(t.TempDir(), "lesson.exe")
		var out []byte
		if out, err = exec.Command("go", "build", "-race=false", "-o", program, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		t.Skip("needs the go command, to build this program without the race detector: ", err)
	}
	return program
}

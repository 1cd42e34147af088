package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestMain lets the test binary play the roles of children.go. This file, like
// roles.go, is the same in every chapter that needs it.
func TestMain(m *testing.M) {
	if playRole() {
		return
	}
	buildDir, _ = os.MkdirTemp("", "lesson")
	status := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(status)
}

var buildDir string

// needsRaceDetector skips a test that requires a report of the race detector.
func needsRaceDetector(t *testing.T) {
	t.Helper()
	if !raceDetector() {
		t.Skip("needs the race detector: go test -race (on Linux and Windows with a C compiler, such as gcc)")
	}
}

// withoutRaceDetector returns a build of this program without the race
// detector, which makes stacks larger and hides deadlocks from the runtime.
func withoutRaceDetector(t *testing.T) string {
	t.Helper()
	program, err := plainBuild()
	if err != nil {
		t.Skip("needs the go command, to build this program without the race detector: ", err)
	}
	return program
}

var plainBuild = sync.OnceValues(func() (string, error) {
	if !raceDetector() {
		return os.Executable()
	}
	program := filepath.Join(buildDir, "lesson.exe")
	out, err := exec.Command("go", "build", "-race=false", "-o", program, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return program, err
})

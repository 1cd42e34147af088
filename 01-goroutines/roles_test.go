package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary play the roles of children.go. This file, like
// roles.go, is the same in every chapter that needs it.
func TestMain(m *testing.M) {
	roles["ends with 7"] = func(argument string) {
		fmt.Print(argument)
		fmt.Fprint(os.Stderr, ", and an error")
		os.Exit(7)
	}
	roles["ends late"] = func(string) { <-time.After(30 * time.Second) }
	roles["prints its environment"] = func(string) {
		fmt.Printf("%q %q %q", os.Getenv("GOTRACEBACK"), os.Getenv("GODEBUG"), os.Getenv("LESSON_TEST"))
	}
	roles["main"] = func(role string) {
		os.Setenv(roleVariable, role)
		main()
	}
	role := os.Getenv(roleVariable)
	if playRole() && role != "" { // without a role the tests run
		return
	}
	if role != "" { // otherwise a child would run all tests, and start children of its own
		fmt.Fprintf(os.Stderr, "playRole reports that there is no role %q\n", role)
		os.Exit(3)
	}
	buildDir, _ = os.MkdirTemp("", "lesson")
	status := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(status)
}

var buildDir string

// TestRunRoleReturnsOutputStatusAndErrors runs a child that ends, one that ends too
// late, and one that does not start.
func TestRunRoleReturnsOutputStatusAndErrors(t *testing.T) {
	if out, status, err := runRole("ends with 7", "a=b"); out != "a=b, and an error" || status != 7 || err != nil {
		t.Errorf("got %q, status %d, %v; want what the child printed on both outputs, and status 7", out, status, err)
	}
	if _, _, err := runRoleOf(filepath.Join(t.TempDir(), "missing"), "ends with 7", ""); err == nil {
		t.Error("there is no such program, but runRoleOf returned no error")
	}
	defer func(limit time.Duration) { roleLimit = limit }(roleLimit)
	roleLimit = 50 * time.Millisecond
	if _, _, err := runRole("ends late", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the child takes 30 s and the limit is %v; got the error %v, want the deadline's", roleLimit, err)
	}
}

// TestMainPlaysItsRoleAndNoMore: the demo does not run.
func TestMainPlaysItsRoleAndNoMore(t *testing.T) {
	if out, status, err := runRole("main", "prints its environment"); out != `"" "" ""` || status != 0 || err != nil {
		t.Errorf("got status %d, %v, and %q; want what the role prints", status, err, out)
	}
}

// TestRoleHasTheVariablesOfItsCaller, but not those of this process that would change
// what the child prints.
func TestRoleHasTheVariablesOfItsCaller(t *testing.T) {
	t.Setenv("GOTRACEBACK", "none")
	t.Setenv("GODEBUG", "inittrace=1")
	if out, _, err := runRole("prints its environment", "", "LESSON_TEST=set"); out != `"" "" "set"` || err != nil {
		t.Errorf("the child printed %s, %v; want two variables as if they were not set, and that of the caller", out, err)
	}
}

// TestPlayRoleReportsWhetherThereIsOne plays a role of its own in this process.
func TestPlayRoleReportsWhetherThereIsOne(t *testing.T) {
	var got string
	roles["keeps"] = func(argument string) { got = argument }
	defer delete(roles, "keeps")
	for _, want := range []struct {
		variable, argument string
		played             bool
	}{{"", "", false}, {"no such role=a", "", false}, {"keeps=a=b", "a=b", true}} {
		t.Setenv(roleVariable, want.variable)
		if played := playRole(); played != want.played || got != want.argument {
			t.Errorf("with %s=%q playRole returned %t, and the argument was %q, want %t and %q",
				roleVariable, want.variable, played, got, want.played, want.argument)
		}
	}
}

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

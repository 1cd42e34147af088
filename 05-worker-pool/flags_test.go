package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFlagOutOfRangeExitsWithStatus2 starts the program with numbers just outside
// the limits: it must say what the limits are, and run nothing. Those at the limits run.
func TestFlagOutOfRangeExitsWithStatus2(t *testing.T) {
	const role = "POOL_ARGS"
	if args := os.Getenv(role); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
		return
	}
	for _, test := range []struct{ args, want string }{
		{"-workers 0 5.2", "-workers must be from 1 to 64, got 0"},
		{"-workers 65 5.2", "-workers must be from 1 to 64, got 65"},
		{"-tasks 0 5.2", "-tasks must be from 1 to 2000, got 0"},
		{"-tasks 2001 5.2", "-tasks must be from 1 to 2000, got 2001"},
	} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), role+"="+test.args, "GORACE=atexit_sleep_ms=0")
		out, err := child.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v, want exit status 2 and %q\n%s", test.args, err, test.want, out)
		}
	}
	for _, args := range []string{"-workers 1 -tasks 1 5.2", "-workers 64 -tasks 2000 5.2"} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), role+"="+args, "GORACE=atexit_sleep_ms=0")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%s: %v, want numbers at the limits accepted\n%s", args, err, out)
		}
	}
}

// TestFailureOfTheMachineExitsWithStatus1 has a child process report one.
func TestFailureOfTheMachineExitsWithStatus1(t *testing.T) {
	const role = "POOL_FAILS"
	if os.Getenv(role) != "" {
		check(nil)
		check(errFull)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), role+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := child.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || string(out) != "05-worker-pool: disk full\n" {
		t.Errorf("%v, want exit status 1 and the error\n%s", err, out)
	}
}

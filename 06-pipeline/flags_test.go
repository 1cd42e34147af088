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
	const role = "PIPELINE_ARGS"
	if args := os.Getenv(role); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
		return
	}
	for _, test := range []struct{ args, want string }{
		{"-workers 0 -dir . 6.2", "-workers must be from 1 to 1000, got 0"},
		{"-workers 1001 -dir . 6.2", "-workers must be from 1 to 1000, got 1001"},
		{"-dir no-such-directory 6.2", "-dir: "},
		{"-dir= 6.2", `-dir: "": `},
	} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), role+"="+test.args, "GORACE=atexit_sleep_ms=0")
		out, err := child.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v, want exit status 2 and %q\n%s", test.args, err, test.want, out)
		}
	}
	for _, workers := range []string{"1", "1000"} {
		child(t, t.TempDir(), "-workers "+workers+" -dir . 6.4", 0)
	}
}

// TestHelpHasTheDefaultOfWorkersInWords looks at the last flag: its default is a number
// that the machine decides.
func TestHelpHasTheDefaultOfWorkersInWords(t *testing.T) {
	out := child(t, t.TempDir(), "-h", 0)
	if _, help, _ := strings.Cut(out, "  -workers goroutines\n"); !strings.Contains(help, "from 1 to 1000 (default GOMAXPROCS)\n") || strings.Count(help, "(default") != 1 {
		t.Errorf("want the default GOMAXPROCS, once, in\n%s", out)
	}
}

//go:build !windows

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// interruptGroup interrupts a process and all others of its group.
func interruptGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }

// TestChildHasItsOwnProcessGroup: a terminal sends a Ctrl-C to all processes of a group, but
// a child must not end before its parent.
func TestChildHasItsOwnProcessGroup(t *testing.T) {
	p, err := Start("broker", "-addr", "127.0.0.1:0", "-data", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if group, err := syscall.Getpgid(p.cmd.Process.Pid); err != nil || group != p.cmd.Process.Pid {
		t.Errorf("the child is in the process group %d, %v; want its own, %d", group, err, p.cmd.Process.Pid)
	}
}

// TestIncompleteEmailIsNotMoved to new: a file may have 1 MB here, and the email is longer.
func TestIncompleteEmailIsNotMoved(t *testing.T) {
	if os.Getenv("OFFLOAD_LIMITED") == "" { // in a process of its own: in this one go test keeps a log, which may be longer
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "OFFLOAD_LIMITED=1", "GORACE=atexit_sleep_ms=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	box := Maildir(t.TempDir())
	mustIn(t)(box.Deliver("first", "text"))
	var all syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &all); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // so that a write beyond the limit is an error
	defer signal.Reset(syscall.SIGXFSZ)
	limited := all
	limited.Cur = min(limited.Cur, 1<<20)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal(err)
	}
	err := box.Deliver("long", strings.Repeat("x", 1<<20+1))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &all); err != nil {
		t.Fatal(err)
	}
	if len(box.Delivered()) != 1 || !errors.Is(err, syscall.EFBIG) {
		t.Errorf("half of an email was written: got %v, and new has %q; want %v and the first email", err, box.Delivered(), syscall.EFBIG)
	}
}

// The troubles of a broker, each until it is asked to end: a full disk, and no more file descriptors.
var troubles = []struct {
	name       string
	begin, end os.Signal
	limit      int // of which resource, and to what
	to         uint64
}{
	{"full disk", syscall.SIGUSR1, syscall.SIGUSR2, syscall.RLIMIT_FSIZE, 1},
	{"no descriptors", syscall.SIGHUP, syscall.SIGALRM, syscall.RLIMIT_NOFILE, 3},
}

// inTrouble has this process lower its limits when it receives a signal, and raise them with another one.
func inTrouble() {
	signal.Ignore(syscall.SIGXFSZ) // so that a write beyond the limit is an error
	for _, trouble := range troubles {
		signals := make(chan os.Signal, 10)
		signal.Notify(signals, trouble.begin, trouble.end)
		var all syscall.Rlimit
		if err := syscall.Getrlimit(trouble.limit, &all); err != nil {
			panic(err)
		}
		go func() {
			for s := range signals {
				now := all
				if s == trouble.begin {
					now.Cur = min(now.Cur, trouble.to)
				}
				if err := syscall.Setrlimit(trouble.limit, &now); err != nil {
					panic(err)
				}
			}
		}()
	}
}

func pause(p *Process)  { p.cmd.Process.Signal(syscall.SIGSTOP) }
func resume(p *Process) { p.cmd.Process.Signal(syscall.SIGCONT) }

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Some of what this chapter shows ends the process it happens in. So this
// program (and its test, see TestMain) starts itself again as a child, and
// this variable tells the child which role to play.
const roleVariable = "GOROUTINES_ROLE"

var roles = map[string]func(argument string){
	"returns first": func(string) { MainReturnsFirst() },
	"waits":         func(string) { MainWaits() },
	"panics":        func(string) { PanicEndsProgram() },
	// Prints bytes for each, how many are alive, and the threads they added.
	"crowd": func(argument string) {
		n, _ := strconv.Atoi(argument)
		usedMemory, usedThreads := memory(), threads()
		crowd := NewCrowd()
		crowd.Grow(n)
		fmt.Println((memory()-usedMemory)/uint64(n), crowd.Alive(), threads()-usedThreads)
		crowd.Leave()
	},
	// Prints the threads in use and the time to start them, or is ended by
	// the runtime where the system refuses so many.
	"thread each": func(argument string) {
		n, _ := strconv.Atoi(argument)
		crowd := NewThreadCrowd()
		took := crowd.Grow(n)
		fmt.Println(threads(), took.Nanoseconds())
	},
}

// playRole plays the role this process was started for, and reports whether there was one.
func playRole() bool {
	name, argument, _ := strings.Cut(os.Getenv(roleVariable), "=")
	role, ok := roles[name]
	if ok {
		role(argument)
	}
	return ok
}

// runRole starts this program again in a role and returns all that it printed
// and its exit status. The error is not nil only if no such process could be
// had or it never ended.
func runRole(role, argument string) (output string, status int, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	return runRoleOf(self, role, argument)
}

func runRoleOf(program, role, argument string) (output string, status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, program)
	child.Env = append(os.Environ(), roleVariable+"="+role+"="+argument,
		"GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0") // as if nobody had set them
	out, err := child.CombinedOutput()
	if ctx.Err() != nil {
		return string(out), 0, fmt.Errorf("role %q: %w", role, ctx.Err())
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}

// threadEach starts n goroutines that keep a thread each, in a child process,
// and returns how many threads that process then had and the time to start them all.
func threadEach(n int) (threads int, took time.Duration, err error) {
	out, status, err := runRole("thread each", strconv.Itoa(n))
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(out, &threads, (*int64)(&took)); err != nil || status != 0 {
		first, _, _ := strings.Cut(out, "\n")
		return 0, 0, fmt.Errorf("refused by this system: %s", first)
	}
	return threads, took, nil
}

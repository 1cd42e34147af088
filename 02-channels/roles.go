package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// A deadlock ends the process it happens in, and so may a data race. So this
// program (and its test, see TestMain) starts itself again as a child, and this
// variable tells the child which role to play.
const roleVariable = "CHANNELS_ROLE"

var roles = map[string]func(){
	"everyone waits": EveryoneWaits,
	"shared":         func() { CountShared([]int{1, 2}, []int{3, 4}) },
}

// playRole plays the role this process was started for, and reports whether there was one.
func playRole() bool {
	role, ok := roles[os.Getenv(roleVariable)]
	if ok {
		role()
	}
	return ok
}

// runRole starts program, which is this one, in a role, and returns all that it
// printed and its exit status. If it has not ended within the patience, or could
// not be started, the error says so.
func runRole(program, role string, patience time.Duration) (output string, status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, program)
	child.Env = append(os.Environ(), roleVariable+"="+role,
		"GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0") // as if nobody had set them
	out, err := child.CombinedOutput()
	if ctx.Err() != nil {
		return string(out), 0, ctx.Err()
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}

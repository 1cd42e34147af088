package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// This file is the same in every chapter that needs it. Some of what a chapter
// shows ends the process that does it: a panic, a deadlock, a data race. So the
// program (and its test binary, see roles_test.go) starts itself again as a
// child, and this variable names the role that the child plays. The chapter's
// roles are in children.go.
const roleVariable = "LESSON_ROLE"

var roleLimit = 10 * time.Minute // a busy machine is slow; a variable for tests

// playRole plays the role that this process was started for, and reports
// whether there was one.
func playRole() bool {
	name, argument, _ := strings.Cut(os.Getenv(roleVariable), "=")
	role, ok := roles[name]
	if ok {
		role(argument)
	}
	return ok
}

// runRole starts this program again in a role and returns what it printed and
// its exit status. The error is not nil if the child did not start, or was
// killed because it did not end within roleLimit.
func runRole(role, argument string, env ...string) (output string, status int, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	return runRoleOf(self, role, argument, env...)
}

// runRoleOf is runRole for another build of this program.
func runRoleOf(program, role, argument string, env ...string) (output string, status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), roleLimit)
	defer cancel()
	child := exec.CommandContext(ctx, program)
	child.Env = append(os.Environ(), roleVariable+"="+role+"="+argument,
		"GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0") // as if they were not set
	child.Env = append(child.Env, env...)
	out, err := child.CombinedOutput()
	if ctx.Err() != nil {
		return string(out), 0, fmt.Errorf("the child in the role %q did not end: %w", role, ctx.Err())
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}

// raceDetector reports whether this program was built with -race.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

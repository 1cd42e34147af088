package main

import (
	"bufio"
	"context"
	"debug/buildinfo"
	"errors"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

const allAsleep = "fatal error: all goroutines are asleep - deadlock!\n"

// TestOnlyTheStuckServerImportsNet: a program that imports net may use cgo, with which the
// runtime reports no deadlock, so the tests below would not end.
func TestOnlyTheStuckServerImportsNet(t *testing.T) {
	files, err := source.ReadDir(".")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := source.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file.Name(), text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range syntax.Imports {
			if path, _, _ := strings.Cut(strings.Trim(spec.Path.Value, `"`), "/"); path == "net" {
				t.Errorf("%s imports %s", file.Name(), spec.Path.Value)
			}
		}
	}
}

// TestRuntimeReportsWhenAllGoroutinesAreBlocked runs a program that blocks
// forever (claim 2.7).
func TestRuntimeReportsWhenAllGoroutinesAreBlocked(t *testing.T) {
	out, status, err := runRoleOf(withoutRaceDetector(t), "deadlock", "")
	t.Logf("exit status %d\n%s", status, out)
	states := goroutineState.FindAllStringSubmatch(out, -1)
	if status != 2 || err != nil || !strings.HasPrefix(out, allAsleep) || len(states) != 1 || states[0][1] != "[chan receive]" {
		t.Errorf("the only goroutine is blocked; got exit status %d, %v, the states %q, want 2 and the runtime's report of one goroutine", status, err, states)
	}
}

// TestStuckServerIsBuiltWithoutCgo: with cgo the runtime is silent in any case. The server
// answers each connection with the state of its main goroutine.
func TestStuckServerIsBuiltWithoutCgo(t *testing.T) {
	withoutRaceDetector(t) // skips the test if there is no go command
	program := filepath.Join(t.TempDir(), "server.exe")
	t.Setenv("CGO_ENABLED", "1")
	if err := buildStuckServer(program); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "0"}) {
		t.Errorf("the server was built with %v, want CGO_ENABLED=0", info.Settings)
	}

	server := exec.Command(program)
	stdout, err := server.StdoutPipe()
	if err := errors.Join(err, server.Start()); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	address := bufio.NewScanner(stdout)
	address.Scan()
	for connections := 1; ; connections++ {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		answer, err := exec.CommandContext(ctx, program, address.Text()).Output()
		cancel()
		state := string(answer)
		if err != nil {
			t.Fatalf("connection %d: got the answer %q, %v", connections, state, err)
		}
		if strings.Contains(state, "[run") { // running or runnable: not blocked yet
			continue
		}
		if state != "goroutine 1 [chan receive]\n" {
			t.Fatalf("connection %d: got the answer %q, want that the main goroutine is blocked in a receive", connections, state)
		}
		if connections > 1 {
			return
		}
	}
}

// TestRuntimeIsSilentWhileAListenerIsOpen runs the same deadlock in a program
// with a listener (negative control of 2.7).
func TestRuntimeIsSilentWhileAListenerIsOpen(t *testing.T) {
	withoutRaceDetector(t) // skips the test if there is no go command
	state, reported, err := RunStuckServer()
	if err != nil {
		t.Fatal(err)
	}
	if state != "goroutine 1 [chan receive]" || reported != "" {
		t.Errorf("got state %q and report %q; want main blocked in a receive, and no report", state, reported)
	}
}

// TestStuckServerIsAskedUntilItHasBlockedTwice runs section 2.7 with a server that answers
// with another state at first, counts the questions, and reports something.
func TestStuckServerIsAskedUntilItHasBlockedTwice(t *testing.T) {
	withoutRaceDetector(t) // skips the test if there is no go command
	defer func(before string) { stuckServer = before }(stuckServer)
	stuckServer = `package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) == 2 { // a client
		asked, _ := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		asked.WriteString("?")
		info, _ := asked.Stat()
		fmt.Println("goroutine 1", []string{"[running]", "[chan receive]"}[min(1, info.Size()-1)])
		return
	}
	fmt.Fprint(os.Stderr, "a report")
	fmt.Println(os.Getenv("ASKED"))
	<-time.After(time.Hour) // until it is killed
}
`
	path := filepath.Join(t.TempDir(), "asked")
	t.Setenv("ASKED", path)
	var answer string
	out := printed(t, func() { answer = deadlock(t.Context()) })
	asked, _ := os.ReadFile(path)
	if !strings.Contains(out, "\n       main stays in goroutine 1 [chan receive]; the runtime reports a report\n") || string(asked) != "???" {
		t.Errorf("after %d questions section 2.7 prints\n%swant main blocked in two of 3, and the report", len(asked), out)
	}
	if answer != "a" {
		t.Errorf("the runtime reports the deadlock, and section 2.7 supports the answer %q, want \"a\"", answer)
	}
}

// TestDirectionsThatAreKeptCompile type-checks the right program (claim 2.6).
func TestDirectionsThatAreKeptCompile(t *testing.T) {
	if err := Check(RightDirection); err != nil {
		t.Errorf("a worker that receives jobs and sends results does not compile: %v", err)
	}
}

// TestReceiveFromSendOnlyChannelDoesNotCompile type-checks the wrong program
// (negative control of 2.6).
func TestReceiveFromSendOnlyChannelDoesNotCompile(t *testing.T) {
	if err := Check(WrongDirection); err == nil || !strings.Contains(err.Error(), "cannot receive from send-only channel") {
		t.Errorf("a receive from a send-only channel: got the error %v, want that it does not compile", err)
	}
	for misuse, message := range map[string]string{"<-results": "cannot receive from send-only channel", "jobs <- 1": "cannot send to receive-only channel"} {
		for _, program := range []string{RightDirection, WrongDirection} {
			if err := Check(strings.Replace(program, "{\n", "{\n\t"+misuse+"\n", 1)); err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("a worker with %s: got the error %v, want %q", misuse, err, message)
			}
		}
	}
	if err := Check("package p\nvar a int = \"\"\nvar b string = 1"); err == nil || !strings.Contains(err.Error(), "p.go:2:") {
		t.Errorf("two lines do not compile; got %v, want the first of them", err)
	}
	if err := Check("package"); err == nil {
		t.Error("a program with a syntax error is said to compile")
	}
}
